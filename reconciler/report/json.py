"""Plans and proofs as JSON. The shape is versioned: a minor only adds, a reader refuses a major it does not know."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable
from json.encoder import encode_basestring
from typing import Any

from reconciler import __version__
from reconciler.errors import PlanRefused, Problem, ReconcilerError, SettingsInvalid, StateInvalid
from reconciler.model.address import Address
from reconciler.model.desired import DesiredState
from reconciler.model.plan import Action, BuildTable, Change, Plan, Tripped
from reconciler.model.proof import Outcome, Proof
from reconciler.model.receipt import Receipt
from reconciler.report.blocks import cut, summary, symbol
from reconciler.report.masking import masked, masked_address, masked_value
from reconciler.report.terminal import CONTROL

FORMAT_VERSION = "1.0"
_STEERING = re.compile(CONTROL.pattern.replace(r"\x0a-\x1f", r"\x0b-\x1f"))  # all but the newlines of the layout
_ACTIONS = {"+": ["create"], "~": ["update"], "-": ["delete"], ".": ["forget"]}


def render(plan: Plan) -> str:
    """One JSON document, keys in a fixed order."""
    return dump(body(plan))


def body(plan: Plan) -> dict[str, Any]:
    """The plan as JSON values."""
    return {
        "format_version": FORMAT_VERSION,
        "reconciler_version": __version__,
        "host": plan.host,
        "instance": plan.instance,
        "config_directory": plan.config_directory,
        "mail_version": plan.mail_version,
        "revision": plan.revision,
        "origin": masked(plan.origin),
        "timestamp": plan.now,
        "digest": plan.digest,
        "errored": False,
        "sync": "Synced" if plan.is_empty and not plan.observed else "OutOfSync",
        "changes": [_change(change) for change in plan.changes],
        "drift": [
            {"address": masked_address(it.address), **_values(it.address, written=it.written, live=it.live)}
            for it in plan.drift
        ],
        "observed": [
            {"address": masked_address(it.address), **_values(it.address, live=it.live, desired=it.desired)}
            for it in plan.observed
        ],
        "checks": [
            {"rule": it.rule, "address": masked_address(it.address) if it.address else None, "text": masked(it.text)}
            for it in plan.warnings
        ],
        "guards": [_guard(guard) for guard in plan.guards],
        "actions": [_action(action) for action in plan.actions],
        "matching": plan.matching,
        "summary": summary(plan),
    }


def _change(change: Change) -> dict[str, Any]:
    return {
        "address": masked_address(change.address),
        "actions": _ACTIONS[symbol(change)],
        **_values(change.address, before=change.before, after=change.after),
        "why": change.why.value,
        "reason": change.reason.value,
        "disruption": change.disruption.value,
        "detail": masked(change.detail),
        "origin": masked(str(change.origin.position)) if change.origin else None,
    }


def _values(address: Address, **values: str | None) -> dict[str, str | None]:
    return {name: None if value is None else masked_value(address, value) for name, value in values.items()}


def _guard(guard: Tripped) -> dict[str, Any]:
    waiver = guard.waiver
    return {
        "rule": guard.rule,
        "address": masked_address(guard.address),
        "text": masked(guard.text),
        "waiver": {"reason": masked(waiver.reason), "until": waiver.until.isoformat()} if waiver else None,
    }


def _action(action: Action) -> dict[str, str]:
    if isinstance(action, BuildTable):
        return {"action": "postmap", "table": f"{action.type}:{masked(action.path)}", "why": masked(action.why)}
    return {"action": "reload", "why": masked(action.why)}


def render_proofs(proofs: Iterable[Proof]) -> str:
    shown = list(proofs)
    return dump(
        {
            "format_version": FORMAT_VERSION,
            "proofs": [proof_body(proof) for proof in shown],
            "passed": not any(proof.outcome is Outcome.FAILED for proof in shown),
        }
    )


def proof_body(proof: Proof) -> dict[str, str]:
    return {
        "name": proof.name,
        "subject": proof.subject,
        "outcome": proof.outcome.value,
        "expected": proof.expected,
        "observed": proof.observed,
    }


def render_receipt(plan: Plan, receipt: Receipt) -> str:
    """The plan that was applied, and what applying it did."""
    return dump(
        {
            **body(plan),
            "applied": {
                "written": list(receipt.written),
                "removed": list(receipt.removed),
                "built": list(receipt.built),
                "reloaded": receipt.reloaded,
                "proofs_before": [proof_body(proof) for proof in receipt.before],
                "proofs_after": [proof_body(proof) for proof in receipt.after],
                "notes": list(receipt.notes),
                "transaction": receipt.transaction or None,
                "canary_skipped": receipt.skipped_trial,
            },
        }
    )


def render_valid(revision: str, states: Iterable[DesiredState]) -> str:
    """The hosts of a valid repository, and what each enforces."""
    hosts = [
        {
            "host": it.host,
            "instance": it.instance,
            "file": it.file,
            "enforced": sorted(part.value for part in it.enforced),
        }
        for it in states
    ]
    return dump({"format_version": FORMAT_VERSION, "errored": False, "revision": revision, "hosts": hosts})


def render_error(error: ReconcilerError) -> str:
    """An error in the shape of a plan that has none: `errored`, the reason, and every problem with its place."""
    problems = error.problems if isinstance(error, StateInvalid | PlanRefused | SettingsInvalid) else ()
    return dump(
        {
            "format_version": FORMAT_VERSION,
            "errored": True,
            "reason": error.reason,
            "message": masked(str(error)),
            "problems": [problem_body(problem) for problem in problems],
        }
    )


def problem_body(problem: Problem) -> dict[str, Any]:
    return {
        "file": masked(problem.position.file),
        "line": problem.position.line,
        "column": problem.position.column,
        "what": cut(masked(problem.what)),
        "why": cut(masked(problem.why)),
        "fix": cut(masked(problem.fix)),
    }


def dump(value: object) -> str:
    """Readable as text too: what steers a terminal or turns the direction of writing is escaped."""
    text = _written(value, "\n").encode("utf-8", "replace").decode()
    return _STEERING.sub(_escaped, text) + "\n"


def _written(value: object, margin: str) -> str:
    """As `json.dumps` writes it with an indent of two, which it does in Python too, in thrice the time."""
    match value:
        case str():
            return encode_basestring(value)
        case dict() if value:
            deeper = f"{margin}  "
            items = (f"{deeper}{encode_basestring(key)}: {_written(item, deeper)}" for key, item in value.items())
            return f"{{{','.join(items)}{margin}}}"
        case list() | tuple() if value:
            deeper = f"{margin}  "
            return f"[{','.join(f'{deeper}{_written(item, deeper)}' for item in value)}{margin}]"
        case _:
            return json.dumps(value)


def _escaped(found: re.Match[str]) -> str:
    return json.dumps(found[0])[1:-1]
