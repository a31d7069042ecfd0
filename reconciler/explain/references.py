"""Who names a table or a file: the parameters, in main.cf and in the options of services."""

from __future__ import annotations

from collections.abc import Iterator

from reconciler.frozen import dataclass
from reconciler.live.config import LiveConfig
from reconciler.postfix.effective import View
from reconciler.postfix.master_cf import Service
from reconciler.postfix.table import TableType
from reconciler.postfix.values import split_list

_TYPES = frozenset(kind.value for kind in TableType)


@dataclass(frozen=True, slots=True)
class Reference:
    """One place that names a path; `service` is None for main.cf, `kind` empty for a file that is no table."""

    parameter: str
    kind: str
    service: Service | None = None

    def __str__(self) -> str:
        if self.service is None:
            return f"main.cf/{self.parameter}"
        name, kind = self.service.key
        return f"master.cf/{name}/{kind}/-o/{self.parameter}"


def references(path: str, live: LiveConfig) -> Iterator[Reference]:
    """The places that name the absolute `path`, main.cf first."""
    for name in live.explicit:
        yield from (Reference(name, kind) for kind in _kinds(path, name, live.view, live))
    for service in live.master.by_key.values():
        view = live.view_of(service)
        for name in service.overrides:
            yield from (Reference(name, kind, service) for kind in _kinds(path, name, view, live))


def _kinds(path: str, name: str, view: View, live: LiveConfig) -> Iterator[str]:
    for word in split_list(view.get(name)):
        kind, colon, where = word.removeprefix("proxy:").partition(":")
        if colon and where and kind in _TYPES and live.path(where) == path:
            yield kind
        elif word.startswith("/") and live.path(word) == path:
            yield ""


def kind_of(path: str, live: LiveConfig) -> str:
    """The type of a table as the host names it, or empty where nothing names it."""
    return next((it.kind for it in references(path, live) if it.kind), "")
