"""What a person, or `--auto-approve`, has to say before live files change; and what is told after it."""

from __future__ import annotations

import argparse
import sys
from typing import TYPE_CHECKING

from reconciler.cli.output import warn
from reconciler.errors import ApprovalNeeded
from reconciler.model.receipt import Receipt

if TYPE_CHECKING:
    from reconciler.model.journal import Journal


def add_argument(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--auto-approve", action="store_true", help="do not ask; needed where there is no terminal")


def add_skip_canary(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--skip-canary",
        action="store_true",
        help="do not try the change in a private instance first: what Postfix starts with but does not serve mail "
        "or TLS with is then found only when it is live, and taken back; recorded",
    )


def ask(command: str) -> None:
    """Raises ApprovalNeeded where nobody is there to say yes, or somebody says something else."""
    if not sys.stdin.isatty():
        raise ApprovalNeeded(f"there is no terminal to ask on; run plan first, then {command} --auto-approve")
    print("\nOnly 'yes' is taken for an approval.")
    if answer("Apply this plan? ") != "yes":
        raise ApprovalNeeded("not approved; nothing was changed")


def answer(question: str) -> str:
    """What somebody types; nothing where they end the input instead."""
    try:
        return input(question).strip()
    except EOFError:
        print()
        return ""


def ended(journal: Journal | None) -> None:
    """Says how a transaction ended that a crash had interrupted."""
    from reconciler.model.journal import Phase

    if journal is None or journal.phase is Phase.RELEASED:  # which somebody did
        return
    from reconciler.report.blocks import shown

    how = {
        Phase.DONE: "the change is in place and proven",
        Phase.ABORTED: "no live file had been touched",
        Phase.ROLLED_BACK: f"the old files are back ({shown(journal.why)})",
    }.get(journal.phase, journal.phase.value)
    warn(f"transaction {journal.number} was interrupted, and has been ended: {how}")


def told(receipt: Receipt) -> str:
    """What was done, in a line; then the notes."""
    done = [f"{len(receipt.written)} written"] if receipt.written else []
    done += [f"{len(receipt.removed)} removed"] if receipt.removed else []
    done += [f"postmap {len(receipt.built)}"] if receipt.built else []
    done += ["reloaded"] if receipt.reloaded else []
    text = f"Applied: {', '.join(done) or 'the record only'}."
    if receipt.after:
        from reconciler.report.text import proofs_summary

        text += f" {proofs_summary(receipt.after)}"
    given_up = (
        ("The canary was left out: had it served no mail or no TLS, that would have been found only when it was live.",)
        if receipt.skipped_trial
        else ()
    )
    return "\n".join((text, *given_up, *receipt.notes))
