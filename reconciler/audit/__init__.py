"""HostSnapshot → findings: what is weak, broken, stale or without effect on a host, before any state exists."""

from reconciler.audit.checks import audit
from reconciler.audit.references import Interests, interests, sni_files, without_keys
from reconciler.audit.rules import RULES
from reconciler.audit.scene import Scene, scene_of

__all__ = ["RULES", "Interests", "Scene", "audit", "interests", "scene_of", "sni_files", "without_keys"]
