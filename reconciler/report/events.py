"""Recorded drift, for a person and for a program."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping

from reconciler.report.json import FORMAT_VERSION
from reconciler.report.terminal import clean
from reconciler.report.text import quoted, short

Recorded = Iterable[tuple[str, Mapping[str, str | int | float | bool | None]]]


def as_text(found: Recorded) -> str:
    """One line each, oldest first, and how many there were."""
    lines = [
        f"{at}  {clean(str(facts['address']))}: was {_value(facts['written'])}, found {_value(facts['live'])}; "
        f"against {short(str(facts['revision']))}"
        for at, facts in found
    ]
    return "\n".join([*lines, f"Drift: {len(lines)} recorded."]) + "\n"


def as_json(found: Recorded) -> str:
    drift = [{"at": at, **facts} for at, facts in found]
    return json.dumps({"format_version": FORMAT_VERSION, "drift": drift}, indent=2, ensure_ascii=False) + "\n"


def _value(value: object) -> str:
    return "absent" if value is None else quoted(str(value))
