"""A review as JSON; its shape is published as review-v1.json."""

from __future__ import annotations

from typing import Any

from reconciler import __version__
from reconciler.model.plan import Plan
from reconciler.model.review import AgainstSnapshot, Basis, DifferenceOnly, HostReview, Refused, Remark, Review
from reconciler.report.json import FORMAT_VERSION, body, dump, problem_body
from reconciler.report.masking import masked, masked_address
from reconciler.report.reviewed import verdict

_NEWLINE, _DEEPER = "\n", "\n    "  # none stands inside of a JSON string
_NONE, _SOME = '\n  "hosts": [],\n', '\n  "hosts": ['


def render(review: Review) -> str:
    """One JSON document, keys in a fixed order. Host by host: of ten thousand the whole is never held but as text."""
    hosts = ",\n".join(f"    {dump(_host(it)).rstrip().replace(_NEWLINE, _DEEPER)}" for it in review.hosts)
    whole = _without_hosts(review)
    return whole.replace(_NONE, f"{_SOME}\n{hosts}\n  ],\n", 1) if hosts else whole


def _without_hosts(review: Review) -> str:
    return dump(
        {
            "format_version": FORMAT_VERSION,
            "reconciler_version": __version__,
            "base": review.base,
            "head": review.head,
            "origin": masked(review.origin),
            "timestamp": review.now,
            "marked_after_s": review.marked_after.total_seconds(),
            "refused_after_s": review.refused_after.total_seconds(),
            "errored": False,
            "judgement": review.judgement.value,
            "failed_rules": list(review.failed_rules),
            "pending": review.is_pending,
            "untouched": review.untouched,
            "hosts": [],
            "problems": [problem_body(problem) for problem in review.problems],
            "remarks": [_remark(remark) for remark in review.remarks],
            "summary": verdict(review),
        }
    )


def _host(host: HostReview) -> dict[str, Any]:
    return {
        "host": host.host,
        "instance": host.instance,
        "touch": host.touch.value,
        "basis": _basis(host.basis),
        "judgement": host.judgement.value,
        "plan": _plan(host.plan),
        "owed": _plan(host.owed),
        "problems": [problem_body(problem) for problem in host.problems],
        "remarks": [_remark(remark) for remark in host.remarks],
    }


def _plan(plan: Plan | None) -> dict[str, Any] | None:
    return None if plan is None else body(plan)


def _basis(basis: Basis) -> dict[str, Any]:
    match basis:
        case AgainstSnapshot(taken, age, freshness, signer):
            seen = {"taken": taken.isoformat(), "age_s": age.total_seconds(), "freshness": freshness.value}
            return {"kind": "snapshot", **seen, "signer": signer}
        case DifferenceOnly():
            return {"kind": "difference"}
        case Refused(why):
            return {"kind": "refused", "why": masked(why)}


def _remark(remark: Remark) -> dict[str, Any]:
    return {
        "judgement": remark.judgement.value,
        "rule": remark.rule,
        "address": masked_address(remark.address) if remark.address else None,
        "text": masked(remark.text),
    }
