"""`reconciler apply`: the plan, then the transaction."""

from __future__ import annotations

import argparse
import sys

from reconciler.cli import where
from reconciler.cli.output import progress, style, write
from reconciler.errors import ApprovalNeeded, GuardTripped
from reconciler.model.receipt import Receipt


def add_arguments(parser: argparse.ArgumentParser) -> None:
    where.add_repo(parser)
    where.add_instance(parser)
    where.add_format(parser)
    parser.add_argument("--auto-approve", action="store_true", help="do not ask; needed where there is no terminal")


def run(arguments: argparse.Namespace) -> int:
    from reconciler.loop.carry_out import apply
    from reconciler.loop.look import look, plan_of
    from reconciler.loop.recover import recover
    from reconciler.report import text

    recover(where.of(arguments), progress)
    sight = look(where.of(arguments))
    made = plan_of(sight)
    if arguments.format == "text":
        write(text.render(made, style()))
    if made.blockers:
        raise GuardTripped(text.blocked(made))
    if not made.is_empty and not arguments.auto_approve:
        _ask()
    receipt = apply(sight, made, progress)
    if arguments.format == "json":
        from reconciler.report import json

        write(json.render_receipt(made, receipt))
    elif not made.is_empty:
        write(f"\n{_told(receipt)}\n")
    return 0


def _ask() -> None:
    if not sys.stdin.isatty():
        raise ApprovalNeeded("there is no terminal to ask on; run plan first, then apply --auto-approve")
    print("\nOnly 'yes' is taken for an approval.")
    if input("Apply this plan? ").strip() != "yes":
        raise ApprovalNeeded("not approved; nothing was changed")


def _told(receipt: Receipt) -> str:
    done = [f"{len(receipt.written)} written"] if receipt.written else []
    done += [f"{len(receipt.removed)} removed"] if receipt.removed else []
    done += [f"postmap {len(receipt.built)}"] if receipt.built else []
    done += ["reloaded"] if receipt.reloaded else []
    text = f"Applied: {', '.join(done) or 'the record only'}."
    if receipt.after:
        from reconciler.report.text import proofs_summary

        text += f" {proofs_summary(receipt.after)}"
    return "\n".join((text, *receipt.notes))
