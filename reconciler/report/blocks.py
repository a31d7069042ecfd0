"""What a plan says, line by line, before any form: text, Markdown and HTML are made from these same lines.

Whatever comes from a host or a repository is masked and made visible here (see `masking`, `terminal.clean`); what a
form needs beyond that, its renderer adds.
"""

from __future__ import annotations

import json
from collections.abc import Collection, Iterable, Iterator
from datetime import datetime, timedelta
from enum import Enum
from itertools import groupby

from reconciler.frozen import dataclass
from reconciler.model.address import Address, ElementAddress, OptionAddress, RowAddress, TableAddress
from reconciler.model.plan import (
    BuildTable,
    Change,
    Difference,
    Disruption,
    Drift,
    Plan,
    Reason,
    Reload,
    Tripped,
    Warned,
)
from reconciler.report.masking import masked, masked_address, masked_value
from reconciler.report.terminal import clean

_LONGEST = 2000  # characters
_WAIVED = timedelta(days=30)  # what a waiver that is copied unread gets


class Topic(Enum):
    """What a block is about."""

    REMARKS = "remarks"
    PROBLEMS = "problems"
    OWED = "owed"
    DROPPED = "dropped"
    DRIFT = "drift"
    OBSERVED = "observed"
    WARNINGS = "warnings"
    CHANGES = "changes"
    GUARDS = "guards"
    WAIVERS = "waivers"
    ACTIONS = "actions"


# What stands over blocks that have a resource for their title
HEADINGS = {
    Topic.OWED: "Owed already, not caused by this change",
    Topic.CHANGES: "Changes",
    Topic.DROPPED: "Owed until now, and no longer with this change",
}


@dataclass(frozen=True, slots=True)
class Line:
    """`sign` is `+` create, `~` update, `-` remove, `.` forget, or none; `lead` stands before the text, loudly."""

    text: str
    sign: str = ""
    note: str = ""
    lead: str = ""


@dataclass(frozen=True, slots=True)
class Block:
    topic: Topic
    title: str
    lines: tuple[Line, ...]


def blocks(plan: Plan) -> Iterator[Block]:
    """Drift in a block of its own and first, then what is only observed, changes with reasons, guards, actions."""
    yield from before(plan)
    yield from changed(plan.changes)
    yield from after(plan)


def before(plan: Plan) -> Iterator[Block]:
    """What is true of the host already."""
    yield from block(Topic.DRIFT, "Changed outside of git since the last apply", map(_drift, plan.drift))
    yield from block(Topic.OBSERVED, "Differs, but is only observed here", map(_difference, plan.observed))
    yield from block(Topic.WARNINGS, "To note", map(_warning, plan.warnings))


def changed(changes: Iterable[Change], topic: Topic = Topic.CHANGES) -> Iterator[Block]:
    """A block for each resource, titled with the reasons."""
    for resource, group in groupby(changes, key=lambda change: _resource(change.address)):
        of_it = list(group)
        yield Block(topic, f"{shown(resource)}: {_reasons(of_it)}", tuple(map(_change, of_it)))


def after(plan: Plan, said: Collection[tuple[str, Address | None]] = ()) -> Iterator[Block]:
    """What stops the plan, but for guards already `said`; what would let it pass; what carrying it out takes."""
    guards = (guard for guard in plan.guards if (guard.rule, guard.address) not in said)
    yield from block(Topic.GUARDS, "Guards", map(_guard, guards))
    yield from block(Topic.WAIVERS, "To let it pass all the same, with the true reason and an end", _waivers(plan))
    actions = (Line(f"{number}. {_action(it)}") for number, it in enumerate(plan.actions, start=1))
    yield from block(Topic.ACTIONS, "Actions", actions)


def block(topic: Topic, title: str, lines: Iterable[Line]) -> Iterator[Block]:
    """A block, unless there is nothing to say in it."""
    body = tuple(lines)
    if body:
        yield Block(topic, title, body)


# --- sentences ----------------------------------------------------------------------------------------------------


def title(plan: Plan) -> str:
    """The host, with its instance where it has several."""
    return clean(f"{plan.host}@{plan.instance}" if plan.instance else plan.host)


def summary(plan: Plan) -> str:
    """The last line; every form and the exit code follow from the same plan."""
    if plan.is_empty:
        return f"No changes. {matching(plan, clean(plan.host), short(plan.revision))}"
    return counted(plan)


def matching(plan: Plan, host: str, revision: str) -> str:
    """What an empty plan says, with the foreign parts as a form writes them."""
    if not plan.observed:
        return f"{host} matches {revision}."
    only = "1 difference is" if len(plan.observed) == 1 else f"{len(plan.observed)} differences are"
    return f"What is enforced matches {revision}; {only} only observed."


def counted(plan: Plan) -> str:
    """How much a plan that is not empty does, and what stops it; no word of it comes from elsewhere."""
    text = f"Plan: {tally(plan.changes)}; then {_steps(plan)}."
    return f"{text} {blocked(plan)}" if plan.blockers else text


def tally(changes: Iterable[Change]) -> str:
    """How many of each kind."""
    signs = [symbol(change) for change in changes]
    text = f"{signs.count('+')} to add, {signs.count('~')} to change, {signs.count('-')} to remove"
    return f"{text}, {signs.count('.')} to forget" if "." in signs else text


def blocked(plan: Plan) -> str:
    """Why the plan is not carried out, naming the rules."""
    rules = ", ".join(dict.fromkeys(guard.rule for guard in plan.blockers))
    return f"Stopped by {rules}: it takes a waiver in the host file."


def _steps(plan: Plan) -> str:
    tables = sum(1 for action in plan.actions if isinstance(action, BuildTable))
    steps = [f"postmap {tables}"] if tables else []
    steps += ["reload"] if any(isinstance(action, Reload) for action in plan.actions) else []
    return ", ".join(steps) or "nothing to run"


def symbol(change: Change) -> str:
    """`+` create, `~` update in place, `-` remove, `.` forget."""
    if change.forget:
        return "."
    if change.before is None:
        return "+"
    return "-" if change.after is None else "~"


def short(revision: str) -> str:
    """A commit as people name it; other revisions as they are, cut to a readable length."""
    kind, colon, digest = clean(revision).partition(":")
    return f"{kind}:{digest[:12]}" if colon else kind[:12]


def shown(text: str) -> str:
    """A sentence from elsewhere: without secrets, and with what steers a terminal made visible."""
    return clean(masked(text))


def cut(text: str) -> str:
    """A sentence about an error; what it quotes can be as long as a file."""
    return text if len(text) <= _LONGEST else f"{text[:_LONGEST]}…"


def quoted(value: str) -> str:
    """A value as it stands; an empty one visibly so."""
    return shown(value) if value else "(empty)"


def _value(address: Address, value: str | None) -> str:
    if value is None:
        return "absent"
    return clean(masked_value(address, value)) if value else "(empty)"


def name_of(address: Address) -> str:
    return clean(masked_address(address))


# --- lines --------------------------------------------------------------------------------------------------------


def _drift(drift: Drift) -> Line:
    was, now = _value(drift.address, drift.written), _value(drift.address, drift.live)
    sign = "-" if drift.live is None else "+" if drift.written is None else "~"
    return Line(f"{name_of(drift.address)}: was {was}, is {now}", sign)


def _difference(found: Difference) -> Line:
    live, desired = _value(found.address, found.live), _value(found.address, found.desired)
    return Line(f"{name_of(found.address)}: is {live}, declared {desired}")


def _guard(guard: Tripped) -> Line:
    text = f"{guard.rule} at {name_of(guard.address)}: {shown(guard.text)}"
    if guard.waiver is None:
        return Line(text, lead="stopped by")
    return Line(f"waived until {guard.waiver.until}: {text} ({shown(guard.waiver.reason)})")


def _waivers(plan: Plan) -> Iterator[Line]:
    """What the host file would say, ready to be copied."""
    if plan.blockers:
        yield Line("waivers:")
    until = datetime.fromisoformat(plan.now).date() + _WAIVED
    for guard in plan.blockers:
        at = json.dumps(name_of(guard.address), ensure_ascii=False)
        yield Line(f"  - {{guard: {guard.rule}, at: {at}, reason: …, until: {until}}}")


def _warning(warning: Warned) -> Line:
    return Line(f"{warning.rule}: {shown(warning.text)}")


def _resource(address: Address) -> str:
    """What a block of changes is about: a service with its options, a table with its rows, one parameter."""
    match address:
        case OptionAddress(service):
            return str(service)
        case RowAddress(path):
            return str(TableAddress(path))
        case _:
            return masked_address(address)


def _reasons(changes: list[Change]) -> str:
    reasons = dict.fromkeys(f"{change.why.value}, {change.reason.value}" for change in changes)
    strongest = max((change.disruption for change in changes), key=list(Disruption).index)
    needs = "" if strongest is Disruption.NONE else f" ({strongest.value})"
    return " and ".join(reasons) + needs


def _change(change: Change) -> Line:
    sign, name = symbol(change), name_of(change.address)
    before, after = _value(change.address, change.before), _value(change.address, change.after)
    match "[]" if isinstance(change.address, ElementAddress) and sign in "+-" else sign:
        case "[]":
            text = name
        case "+":
            text = f"{name} = {after}"
        case "-":
            text = f"{name} = {before}"
        case "~":
            text = f"{name} = {before} → {after}"
        case _:
            text = f"{name}: no longer managed, stays as it is ({before})"
    notes = [change.detail, str(change.origin.position) if change.origin and change.reason is Reason.DECLARED else ""]
    return Line(text, sign, "; ".join(shown(it) for it in notes if it))


def _action(action: BuildTable | Reload) -> str:
    if isinstance(action, Reload):
        return f"reload: {shown(action.why)}"
    return f"postmap {action.type}:{shown(action.path)}: {shown(action.why)}"
