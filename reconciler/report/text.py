"""Plans and proofs as text for a terminal or a log."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator
from datetime import datetime, timedelta
from itertools import groupby

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
from reconciler.model.proof import Outcome, Proof
from reconciler.report.terminal import PLAIN, Style, clean

_WAIVED = timedelta(days=30)  # what a waiver that is copied unread gets


def render(plan: Plan, style: Style = PLAIN) -> str:
    """The whole plan: who, drift, observed differences, changes with their reasons, actions, summary."""
    blocks = [
        _header(plan, style),
        *_block("Changed outside of git since the last apply:", (_drift(it, style) for it in plan.drift)),
        *_block("Differs, but is only observed here:", (_difference(it) for it in plan.observed)),
        *_block("To note:", (_warning(it) for it in plan.warnings)),
        *_changes(plan, style),
        *_block("Guards:", (_guard(it, style) for it in plan.guards)),
        *_block("To let it pass all the same, with the true reason and an end:", _waivers(plan)),
        *_block("Actions:", (f"  {number}. {_action(it)}" for number, it in enumerate(plan.actions, start=1))),
        f"{style.bold}{summary(plan)}{style.reset}",
    ]
    return "\n\n".join(blocks) + "\n"


def summary(plan: Plan) -> str:
    """The last line; text, JSON and exit code all follow from the same plan."""
    if plan.is_empty:
        if not plan.observed:
            return f"No changes. {plan.host} matches {short(plan.revision)}."
        only = "1 difference is" if len(plan.observed) == 1 else f"{len(plan.observed)} differences are"
        return f"No changes. What is enforced matches {short(plan.revision)}; {only} only observed."
    doing = [change for change in plan.changes if not change.forget]
    added = sum(1 for change in doing if symbol(change) == "+")
    removed = sum(1 for change in doing if symbol(change) == "-")
    forgotten = len(plan.changes) - len(doing)
    text = f"Plan: {added} to add, {len(doing) - added - removed} to change, {removed} to remove"
    text += f", {forgotten} to forget" if forgotten else ""
    text = f"{text}; then {_steps(plan)}."
    return f"{text} {blocked(plan)}" if plan.blockers else text


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
    kind, colon, digest = revision.partition(":")
    return f"{kind}:{digest[:12]}" if colon else revision[:12]


def _header(plan: Plan, style: Style) -> str:
    name = f"{plan.host}@{plan.instance}" if plan.instance else plan.host
    where = f"{plan.config_directory}, Postfix {plan.mail_version}"
    return f"{style.bold}{name}{style.reset} ({where}) against {short(plan.revision)} of {plan.origin}"


def _block(title: str, lines: Iterable[str]) -> Iterator[str]:
    body = "\n".join(lines)
    if body:
        yield f"{title}\n{body}"


def _drift(drift: Drift, style: Style) -> str:
    sign = "-" if drift.live is None else "+" if drift.written is None else "~"
    was = "absent" if drift.written is None else quoted(drift.written)
    now = "absent" if drift.live is None else quoted(drift.live)
    return style.paint(sign, f"  {sign} {clean(str(drift.address))}: was {was}, is {now}")


def _difference(difference: Difference) -> str:
    live = "absent" if difference.live is None else quoted(difference.live)
    desired = "absent" if difference.desired is None else quoted(difference.desired)
    return f"  {clean(str(difference.address))}: is {live}, declared {desired}"


def _guard(guard: Tripped, style: Style) -> str:
    text = f"{guard.rule} at {clean(str(guard.address))}: {clean(guard.text)}"
    if guard.waiver is None:
        return f"  {style.red}stopped by{style.reset} {text}"
    return f"  waived until {guard.waiver.until}: {text} ({clean(guard.waiver.reason)})"


def _waivers(plan: Plan) -> Iterator[str]:
    """What the host file would say, ready to be copied."""
    if plan.blockers:
        yield "  waivers:"
    until = datetime.fromisoformat(plan.now).date() + _WAIVED
    for guard in plan.blockers:
        at = json.dumps(clean(str(guard.address)), ensure_ascii=False)
        yield f"    - {{guard: {guard.rule}, at: {at}, reason: …, until: {until}}}"


def _warning(warning: Warned) -> str:
    return f"  {warning.rule}: {clean(warning.text)}"


def _changes(plan: Plan, style: Style) -> Iterator[str]:
    for resource, group in groupby(plan.changes, key=lambda change: _resource(change.address)):
        changes = list(group)
        lines = [f"# {clean(resource)}: {_reasons(changes)}"]
        lines += [_change(change, style) for change in changes]
        yield "\n".join(lines)


def _resource(address: Address) -> str:
    """What a block of changes is about: a service with its options, a table with its rows, one parameter."""
    match address:
        case OptionAddress(service):
            return str(service)
        case RowAddress(path):
            return str(TableAddress(path))
        case _:
            return str(address)


def _reasons(changes: list[Change]) -> str:
    reasons = dict.fromkeys(f"{change.why.value}, {change.reason.value}" for change in changes)
    strongest = max((change.disruption for change in changes), key=list(Disruption).index)
    needs = "" if strongest is Disruption.NONE else f" ({strongest.value})"
    return " and ".join(reasons) + needs


def _change(change: Change, style: Style) -> str:
    sign = symbol(change)
    name = clean(str(change.address))
    match "[]" if isinstance(change.address, ElementAddress) and sign in "+-" else sign:
        case "[]":
            text = name
        case "+":
            text = f"{name} = {quoted(change.after or '')}"
        case "-":
            text = f"{name} = {quoted(change.before or '')}"
        case "~":
            text = f"{name} = {quoted(change.before or '')} → {quoted(change.after or '')}"
        case _:
            state = "absent" if change.before is None else quoted(change.before)
            text = f"{name}: no longer managed, stays as it is ({state})"
    line = style.paint(sign, f"  {sign} {text}")
    notes = [change.detail, str(change.origin.position) if change.origin and change.reason is Reason.DECLARED else ""]
    note = "; ".join(clean(it) for it in notes if it)
    return f"{line}  {style.dim}# {note}{style.reset}" if note else line


def _action(action: BuildTable | Reload) -> str:
    if isinstance(action, Reload):
        return f"reload: {clean(action.why)}"
    return f"postmap {action.type}:{clean(action.path)}: {action.why}"


def quoted(value: str) -> str:
    """A value as it stands; an empty one visibly so."""
    return clean(value) if value else "(empty)"


# --- proofs -------------------------------------------------------------------------------------------------------

_MARKS = {Outcome.PASSED: "passed", Outcome.FAILED: "FAILED", Outcome.LEFT_OUT: "left out"}


def render_proofs(proofs: Iterable[Proof], style: Style = PLAIN) -> str:
    """A table: outcome, proof, subject, and what was seen; where one failed also what was expected."""
    shown = list(proofs)
    width = max((len(proof.name) for proof in shown), default=0)
    lines = []
    for proof in shown:
        sign = {Outcome.PASSED: "+", Outcome.FAILED: "-", Outcome.LEFT_OUT: "."}[proof.outcome]
        mark = style.paint(sign, f"{_MARKS[proof.outcome]:<8}")
        lines.append(f"{mark}  {proof.name:<{width}}  {clean(proof.subject)}: {clean(proof.observed)}")
        if proof.outcome is Outcome.FAILED:
            lines.append(f"{'':<8}  {'':<{width}}  expected: {clean(proof.expected)}")
    return "\n".join([*lines, proofs_summary(shown)]) + "\n"


def proofs_summary(proofs: Iterable[Proof]) -> str:
    outcomes = [proof.outcome for proof in proofs]
    counts = (outcomes.count(outcome) for outcome in (Outcome.PASSED, Outcome.FAILED, Outcome.LEFT_OUT))
    return "Proofs: {} passed, {} failed, {} left out.".format(*counts)
