"""The rows of TLS policy tables, read as Postfix reads them.

Source: `tls_policy_lookup_one()` in smtp/smtp_tls_policy.c.
"""

from __future__ import annotations

from collections.abc import Iterator

from reconciler.audit.references import POLICY_MAPS, table_uses
from reconciler.audit.scene import Said, Scene
from reconciler.errors import Position
from reconciler.frozen import dataclass
from reconciler.live.paths import in_address
from reconciler.model.address import RowAddress
from reconciler.postfix import policy
from reconciler.postfix.policy import Policy
from reconciler.postfix.table import Row, Table

SMTP = POLICY_MAPS[0]


@dataclass(frozen=True, slots=True)
class PolicyRow:
    """A row in force. `key` is a nexthop, or a pattern where `is_pattern`; `read` is why Postfix cannot use it."""

    key: str
    text: str
    read: Policy | str
    path: str
    in_address: str
    line: int
    is_pattern: bool
    of_smtp: bool  # and not of lmtp alone

    @property
    def said(self) -> Said:
        text = f"{self.key} {' '.join(self.text.split())}"
        return Said(RowAddress(self.in_address, self.key), Position(self.path, self.line), text)


_SOME_MATCH = f"match={':'.join(['00'] * 32)}"


def rows(scene: Scene) -> Iterator[PolicyRow]:
    """Every row in force of the policy tables that can be read; what is no nexthop and no policy by itself left out."""
    memory: dict[str, Policy | str] = {}  # large tables say few different things
    match = scene.live.view.get("smtp_tls_fingerprint_cert_match")
    for path, (table, of_smtp) in _tables(scene).items():
        where = in_address(path, scene.directory)
        for row in table.rows.values():
            key, text = _text(row.key), _text(row.value)
            if not table.indexed and (key.lower() == "if" or "$" in text):
                continue
            if text not in memory:
                memory[text] = _read(text, has_match=bool(match))
            yield PolicyRow(key, text, memory[text], path, where, row.line, not table.indexed, of_smtp)


def levels(scene: Scene) -> frozenset[str]:
    """The levels that rows of smtp's tables begin with."""
    first = (_level(row) for table, of_smtp in _tables(scene).values() if of_smtp for row in table.rows.values())
    return frozenset(first)


def _tables(scene: Scene) -> dict[str, tuple[Table, bool]]:
    uses = [use for use in table_uses(scene) if use.parameter in POLICY_MAPS and use.path in scene.live.tables]
    smtp = {use.path for use in uses if use.parameter == SMTP}
    return {use.path: (scene.live.tables[use.path], use.path in smtp) for use in uses if use.path}


def _level(row: Row) -> str:
    return _text(row.value.replace(b",", b" ").split(None, 1)[0]).lower() if row.value.strip(b", ") else ""


def _read(text: str, *, has_match: bool) -> Policy | str:
    """The policy, as far as Postfix reads it, or why it cannot."""
    words = text.replace(",", " ").split()
    level = words[0].lower() if words else ""
    try:
        if level == "none":
            return Policy("none")
        if level == "fingerprint" and has_match:
            words.append(_SOME_MATCH)  # what main.cf says is taken where the row says nothing
        return policy.parse(" ".join(_last_of_each(words)))
    except ValueError as error:
        return str(error)


def _last_of_each(words: list[str]) -> list[str]:
    """Of an attribute that stands twice the last counts; some may stand several times."""
    kept: dict[str, str] = {}
    for number, word in enumerate(words):
        name = word.partition("=")[0].lower()
        kept[name if "=" in word and name not in policy.REPEATABLE else str(number)] = word
    return list(kept.values())


def _text(raw: bytes) -> str:
    return raw.decode("utf-8", "surrogateescape")
