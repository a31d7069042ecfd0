"""Transactions for people: what was done to an instance, when, from which revision, and how it ended."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator
from typing import Any

from reconciler.model.journal import Journal, Passage, Purpose
from reconciler.model.proof import Outcome, Proof
from reconciler.report.blocks import short, shown
from reconciler.report.json import proof_body
from reconciler.report.masking import masked, masked_address, masked_value
from reconciler.report.terminal import PLAIN, Style, clean
from reconciler.report.text import changes, proofs_summary

FORMAT_VERSION = "1.0"
_ILLEGIBLE = "its journal cannot be read"


def render_list(journals: Iterable[Journal], illegible: Iterable[int] = ()) -> str:
    """One line a transaction, newest first; the `illegible` ones by their IDs."""
    rows = {it.number: (str(it.number), it.begun, _ending(it), short(it.revision), _summary(it)) for it in journals}
    rows |= {it: (str(it), "", "", "", f"{_ILLEGIBLE}; `reconciler history show {it}` says why") for it in illegible}
    if not rows:
        return "No transactions yet.\n"
    table = [("ID", "begun", "ended", "revision", "what"), *(rows[number] for number in sorted(rows, reverse=True))]
    widths = [max(len(row[column]) for row in table) for column in range(4)]
    lines = ("  ".join((*map(str.ljust, row[:4], widths), row[4])) for row in table)
    return "\n".join(lines) + "\n"


def _ending(journal: Journal) -> str:
    """Its end in a word or two; one that is under way, or was cut off, by its phase."""
    if not journal.phase.is_end:
        return f"unfinished: {journal.phase.value}"
    return f"{journal.phase.value}, {journal.reason}" if journal.reason else journal.phase.value


def _summary(journal: Journal) -> str:
    text = shown(journal.summary)
    if journal.purpose is Purpose.ROLLBACK:
        text = f"Back to {shown(journal.origin)}. {text}"
    return f"{text} (canary skipped)" if journal.skipped_trial else text


def render(journal: Journal, diff: str, style: Style = PLAIN) -> str:
    """Everything about one transaction."""
    blocks = [
        "\n".join(_head(journal, style)),
        *changes(journal.changes, style),
        *_block("Files:", (_file(passage) for passage in journal.passages)),
        *_block("Difference:", (_coloured(line, style) for line in diff.rstrip("\n").split("\n") if diff)),
        *_block("Proofs before:", (_proof(proof) for proof in journal.before)),
        *_block("Proofs after:", (_proof(proof) for proof in journal.after)),
        *_block("Notes:", (f"  {shown(note)}" for note in journal.notes)),
    ]
    return "\n\n".join(blocks) + "\n"


def _head(journal: Journal, style: Style) -> Iterator[str]:
    where = f"{clean(journal.host)} ({clean(journal.config_directory)})"
    yield f"{style.bold}Transaction {journal.number}{style.reset} of {where}: {_ending(journal)}"
    yield f"  begun     {journal.begun}, by version {journal.version}"
    if journal.ended:
        yield f"  ended     {journal.ended}"
    yield (
        f"  revision  {clean(journal.revision)} of {shown(journal.origin)}" if journal.revision else "  revision  none"
    )
    yield f"  summary   {_summary(journal)}"
    yield f"  reload    {'done' if journal.reloaded else 'planned' if journal.reload else 'none needed'}"
    if journal.trial:
        yield f"  canary    {shown(journal.trial)}"
    if journal.after:
        yield f"  {proofs_summary(journal.after)}"
    for line in journal.why.split("\n") if journal.why else ():
        yield f"  why       {shown(line)}"


def _block(title: str, lines: Iterable[str]) -> Iterator[str]:
    body = "\n".join(lines)
    if body:
        yield f"{title}\n{body}"


def _file(passage: Passage) -> str:
    match passage.before, passage.after:
        case None, _:
            word = "made"
        case _, None:
            word = "removed"
        case _:
            word = "built" if passage.compiled else "replaced"
    return f"  {word:<8}  {clean(passage.path)}"


def _proof(proof: Proof) -> str:
    mark = {Outcome.PASSED: "passed", Outcome.FAILED: "FAILED", Outcome.LEFT_OUT: "left out"}[proof.outcome]
    return f"  {mark:<8}  {proof.name}  {clean(proof.subject)}: {shown(proof.observed)}"


def _coloured(line: str, style: Style) -> str:
    text = f"  {clean(line)}"
    return style.paint(line[0], text) if line[:1] in {"+", "-"} and line[:3] not in {"+++", "---"} else text


def as_json(journals: Iterable[Journal], illegible: Iterable[int] = ()) -> str:
    return _dump(
        {
            "format_version": FORMAT_VERSION,
            "transactions": [_body(journal) for journal in journals],
            "illegible": list(illegible),
        }
    )


def one_as_json(journal: Journal, diff: str) -> str:
    return _dump({"format_version": FORMAT_VERSION, "transaction": {**_body(journal), "diff": diff}})


def _body(journal: Journal) -> dict[str, Any]:
    return {
        "id": journal.number,
        "purpose": journal.purpose.value,
        "undoes": journal.undoes or None,
        "phase": journal.phase.value,
        "finished": journal.phase.is_end,
        "host": journal.host,
        "instance": journal.instance,
        "config_directory": journal.config_directory,
        "revision": journal.revision,
        "origin": masked(journal.origin),
        "digest": journal.digest,
        "reconciler_version": journal.version,
        "begun": journal.begun,
        "ended": journal.ended or None,
        "summary": masked(journal.summary),
        "changes": [
            {
                "address": masked_address(it.address),
                "before": None if it.before is None else masked_value(it.address, it.before),
                "after": None if it.after is None else masked_value(it.address, it.after),
                "why": it.why.value,
                "reason": it.reason.value,
            }
            for it in journal.changes
        ],
        "files": [
            {
                "path": it.path,
                "target": it.target,
                "before": it.before.sha256 if it.before else None,
                "after": it.after.sha256 if it.after else None,
            }
            for it in journal.passages
        ],
        "built": list(journal.built),
        "reload": journal.reload,
        "reloaded": journal.reloaded,
        "canary": {"skipped": journal.skipped_trial, "result": masked(journal.trial)},
        "proofs_before": [proof_body(proof) for proof in journal.before],
        "proofs_after": [proof_body(proof) for proof in journal.after],
        "notes": [masked(note) for note in journal.notes],
        "reason": journal.reason or None,
        "why": masked(journal.why) or None,
    }


def _dump(value: object) -> str:
    return json.dumps(value, indent=2) + "\n"
