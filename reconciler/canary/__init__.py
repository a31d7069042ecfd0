"""The canary: a candidate runs in a private Postfix before a live file is touched. docs/canary.md"""

from reconciler.canary.identity import identity
from reconciler.canary.trial import sweep, try_out

__all__ = ["identity", "sweep", "try_out"]
