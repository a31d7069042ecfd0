"""An explanation as data: every line of it is a fact with its place."""

from __future__ import annotations

from reconciler.frozen import dataclass
from reconciler.model.address import Address, OptionAddress
from reconciler.model.applied import Applied
from reconciler.model.desired import Declaration


@dataclass(frozen=True, slots=True)
class Fact:
    """Something true of the thing itself: `name` is a stable word such as `type`, `since`, `default`."""

    name: str
    text: str


@dataclass(frozen=True, slots=True)
class Declared:
    """What the state says. `value` is what this host shall have, None where it shall be absent.

    `layers` are all that say something, the one that wins first.
    """

    value: str | None
    part: str
    enforced: bool
    layers: tuple[Declaration, ...]
    detail: str = ""


@dataclass(frozen=True, slots=True)
class Standing:
    """A place in a file of the host, `line` 1-based. `in_force` is false where a later place wins."""

    path: str
    line: int
    text: str
    expanded: str
    in_force: bool = True


@dataclass(frozen=True, slots=True)
class Override:
    """An option in force: its service runs with it instead of main.cf's value."""

    address: OptionAddress
    standing: Standing


@dataclass(frozen=True, slots=True)
class Session:
    """What a session through one service sees: `subject` is a listener, a client, or a destination."""

    subject: str
    sees: str


@dataclass(frozen=True, slots=True)
class Explanation:
    """All there is to say about one address of one instance. `declared` is None where the state says nothing.

    `has_state` is whether a state was read at all. `effective` is the value in force, expanded; None is absence.
    """

    address: Address
    config_directory: str
    mail_version: str
    facts: tuple[Fact, ...]
    has_state: bool
    declared: Declared | None
    standing: tuple[Standing, ...]
    effective: str | None
    last: Applied | None
    overrides: tuple[Override, ...] = ()
    sessions: tuple[Session, ...] = ()
    notes: tuple[str, ...] = ()
