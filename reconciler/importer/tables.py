"""Lookup tables that main.cf names and that could become ours without a change."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from reconciler.frozen import dataclass
from reconciler.live.config import LiveConfig
from reconciler.live.paths import absolute, in_address
from reconciler.model.address import ElementAddress, TableAddress
from reconciler.postfix import restrictions
from reconciler.postfix.expand import ExpansionFailed
from reconciler.postfix.table import Row, TableType

TYPES = frozenset(kind.value for kind in TableType)
_WRITTEN_OUT = ("static:", "inline:", "{")
INDEXED = frozenset(kind.value for kind in TableType if kind.indexed)


@dataclass(frozen=True, slots=True)
class Listed:
    """A table as an element of a list names it. `path` is as addresses have it; `written` is the reference expanded."""

    parameter: str
    before: str
    kind: str
    path: str
    written: str

    @property
    def address(self) -> TableAddress | ElementAddress:
        """The table; of what is no file, the element, without what may stand written out in it."""
        if self.kind in TYPES:
            return TableAddress(self.path)
        inside = any(mark in self.written for mark in _WRITTEN_OUT)
        return ElementAddress(self.parameter, f"{self.kind}:…" if inside else self.written)

    @property
    def element(self) -> ElementAddress:
        text = f"{self.before} {self.kind}:$config_directory/{self.path}".strip()
        return ElementAddress(self.parameter, text)


def listed(live: LiveConfig, parameter: str, before: str = "") -> Iterator[Listed]:
    """The tables in a list, in order; `before` is the restriction they must be the argument of."""
    raw = live.explicit.get(parameter, "")
    for element in restrictions.elements(raw, with_arguments=bool(before)):
        try:
            words = live.view.expand(element.text).split()
        except ExpansionFailed:
            continue
        if before and (len(words) != 2 or words[0].lower() != before):
            continue
        kind, _, path = words[-1].partition(":") if words else ("", "", "")
        where = in_address(path, live.snapshot.config_directory) if path else ""
        yield Listed(parameter, before, kind, where, words[-1] if words else "")


def readable(tables: Iterable[Listed]) -> dict[str, str]:
    """Path → type of the sources to read: those of our types below the configuration directory."""
    return {it.path: it.kind for it in tables if it.kind in TYPES and it.path and not it.path.startswith("/")}


def why_not(it: Listed, live: LiveConfig, types: frozenset[str]) -> str:
    """Why a table cannot be declared as it stands; empty where it can."""
    if it.kind not in types:
        return f"a table of type {it.kind or 'none'} is not one this program writes"
    if not it.path or it.path.startswith("/"):
        return "it lies outside the configuration directory, where this program writes no tables"
    path = it.written.partition(":")[2]
    if path != absolute(path, live.snapshot.config_directory):
        return "its path is not written out; daemons run in the queue, and a list finds it only by its full path"
    if live.path(it.path) not in live.tables:
        return "its source cannot be read"
    if it.kind not in live.snapshot.table_types:
        return f"this Postfix has no tables of type {it.kind}"
    standing = live.at(it.address)
    if standing != it.kind:
        return f"it is {standing}; run postmap, and import again"
    if live.at(it.element) == it.element.element:
        return ""
    raw = live.explicit.get(it.parameter, "")
    blocker = restrictions.blocker(it.parameter, raw, it.element.element, live.same_element)
    return f"declaring it would move it to the front, before {blocker}" if blocker else "main.cf names it otherwise"


def rows(it: Listed, live: LiveConfig) -> Iterator[tuple[str, str]]:
    """Key and value of each row in force, in the order of the source."""
    source = live.tables[live.path(it.path)]
    for node in source.nodes:
        if isinstance(node, Row) and source.rows.get(node.key) is node:
            key, value = (text.decode("utf-8", "surrogateescape") for text in (node.key, node.value))
            yield key, " ".join(value.split())


def reference(it: Listed, everything: Iterable[Listed], default: str) -> str:
    """The table as the host file names it: empty for the default name, with its type only where it takes one."""
    kinds = {other.kind for other in everything if other.path == it.path}
    if len(kinds) > 1:
        return f"{it.kind}:{it.path}"
    return "" if it.path == default else it.path
