"""One setting of this program, for showing."""

from __future__ import annotations

from reconciler.frozen import dataclass


@dataclass(frozen=True, slots=True)
class Setting:
    """`value` is as JSON has it, `written` as TOML writes it; both with secrets masked."""

    section: str
    key: str
    value: object
    written: str
    origin: str
