"""What a checkup found, as text and JSON, from the same findings."""

from __future__ import annotations

import json
from collections.abc import Iterable

from reconciler.model.checkup import Checked, Verdict
from reconciler.report.terminal import clean

FORMAT_VERSION = "1.0"
_MARK = {Verdict.GOOD: "ok  ", Verdict.WARNING: "warn", Verdict.FAILURE: "FAIL"}


def as_text(found: Iterable[Checked]) -> str:
    known = tuple(found)
    width = max((len(it.subject) for it in known), default=0)
    lines = []
    for it in known:
        lines.append(f"{_MARK[it.verdict]}  {it.subject:<{width}}  {clean(it.evidence)}")
        lines += [f"      {'':<{width}}  fix: {clean(it.fix)}"] if it.fix else []
    counts = {verdict: sum(it.verdict is verdict for it in known) for verdict in Verdict}
    lines.append(
        f"{counts[Verdict.FAILURE]} failures, {counts[Verdict.WARNING]} warnings, {counts[Verdict.GOOD]} good."
    )
    return "\n".join(lines) + "\n"


def as_json(found: Iterable[Checked]) -> str:
    checks = [
        {"subject": it.subject, "verdict": it.verdict.value, "evidence": it.evidence, "fix": it.fix} for it in found
    ]
    failed = any(it["verdict"] == Verdict.FAILURE.value for it in checks)
    return json.dumps({"format_version": FORMAT_VERSION, "failed": failed, "checks": checks}, indent=2) + "\n"
