"""[instance]: which Postfix, and where this program keeps what it knows of it."""

from __future__ import annotations

from pydantic import Field

from reconciler.settings.base import Section
from reconciler.settings.fields import HostName, Path, Text


class Instance(Section):
    """Which Postfix, and where this program keeps what it knows of it."""

    config_directory: Path = Field("/etc/postfix", description="The Postfix configuration directory.")
    host: HostName = Field("", description="The host file to use. Default: the myhostname of that directory.")
    name: Text = Field("", description="The instance of a host that has several. Default: its multi_instance_name.")
    state_directory: Path = Field(
        "/var/lib/reconciler", description="What was last applied, what is trusted, and journals. 0700."
    )
    cache_directory: Path = Field("/var/cache/reconciler", description="Clones. It may be removed at any time. 0700.")
