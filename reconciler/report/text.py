"""Plans and proofs as text for a terminal or a log."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from reconciler.model.plan import Change, Plan
from reconciler.model.proof import Outcome, Proof
from reconciler.report.blocks import (
    HEADINGS,
    Block,
    Line,
    blocked,
    blocks,
    changed,
    quoted,
    short,
    shown,
    summary,
    symbol,
    title,
)
from reconciler.report.terminal import PLAIN, Style, clean

__all__ = [
    "blocked",
    "changes",
    "proofs_summary",
    "quoted",
    "render",
    "render_proofs",
    "short",
    "summary",
    "symbol",
    "told",
]


def render(plan: Plan, style: Style = PLAIN) -> str:
    """The whole plan: who, drift, observed differences, changes with their reasons, actions, summary."""
    parts = [_header(plan, style), *body(plan, style), f"{style.bold}{summary(plan)}{style.reset}"]
    return "\n\n".join(parts) + "\n"


def body(plan: Plan, style: Style = PLAIN) -> Iterator[str]:
    """The blocks between the header and the summary."""
    return told(blocks(plan), style)


def told(of: Iterable[Block], style: Style) -> Iterator[str]:
    """Each block with its title over its lines."""
    return ("\n".join([_title(block), *(_line(line, style) for line in block.lines)]) for block in of)


def changes(found: Iterable[Change], style: Style = PLAIN) -> Iterator[str]:
    """A block of lines for each resource that changes."""
    return told(changed(found), style)


def _header(plan: Plan, style: Style) -> str:
    where = f"{clean(plan.config_directory)}, Postfix {clean(plan.mail_version)}"
    against = f"{short(plan.revision)} of {shown(plan.origin)}" if plan.revision else shown(plan.origin)
    return f"{style.bold}{title(plan)}{style.reset} ({where}) against {against}"


def _title(block: Block) -> str:
    return f"# {block.title}" if block.topic in HEADINGS else f"{block.title}:"


def _line(line: Line, style: Style) -> str:
    lead = f"{style.red}{line.lead}{style.reset} " if line.lead else ""
    text = style.paint(line.sign, f"  {line.sign} {line.text}") if line.sign else f"  {lead}{line.text}"
    return f"{text}  {style.dim}# {line.note}{style.reset}" if line.note else text


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
