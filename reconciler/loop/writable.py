"""Where the two halves write by the settings of this host, beyond what their units allow them in any case."""

from __future__ import annotations

import posixpath
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from reconciler.settings.model import Settings

_SQLITE = "sqlite:///"
_APPLIER = ("/etc/postfix", "/var/lib/reconciler", "/var/lib/reconciler-spool")
_PULLER = ("/var/cache/reconciler", "/var/lib/reconciler-puller", "/var/lib/reconciler-spool")


def by_the_applier(settings: Settings) -> tuple[str, ...]:
    """Directories: of the configuration, of what is remembered, of a SQLite store, of the text file."""
    url = settings.store.url.get_secret_value() if settings.store.url else ""
    store = url.removeprefix(_SQLITE).partition("?")[0] if url.startswith(_SQLITE) else ""
    own = (settings.instance.config_directory, settings.instance.state_directory)
    return _beyond(_APPLIER, (*own, *(posixpath.dirname(it) for it in (store, settings.metrics.textfile))))


def by_the_puller(settings: Settings) -> tuple[str, ...]:
    """Directories: of its clones, and where snapshots are published, if that is one."""
    target = settings.publish.target
    return _beyond(_PULLER, (settings.instance.cache_directory, target if target.startswith("/") else ""))


def _beyond(allowed: tuple[str, ...], paths: tuple[str, ...]) -> tuple[str, ...]:
    named = (posixpath.normpath(it) for it in paths if it.startswith("/"))
    return tuple(dict.fromkeys(it for it in named if not any(f"{it}/".startswith(f"{own}/") for own in allowed)))
