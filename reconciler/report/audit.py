"""Findings of an audit as text and as JSON."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterable, Iterator
from itertools import groupby

from reconciler import __version__
from reconciler.model.finding import Finding, Severity
from reconciler.report.json import FORMAT_VERSION
from reconciler.report.terminal import PLAIN, Style, clean

_WORDS = {Severity.WITHOUT_EFFECT: "without effect"}


def text(title: str, findings: Iterable[Finding], style: Style = PLAIN) -> str:
    """A block for each finding, gravest first, and one line last that counts them."""
    shown = list(findings)
    blocks = [f"{style.bold}{clean(title)}{style.reset}"]
    for severity, group in groupby(shown, key=lambda found: found.severity):
        blocks += ["\n".join(_finding(found, severity, style)) for found in group]
    return "\n\n".join([*blocks, f"{style.bold}{summary(shown)}{style.reset}"]) + "\n"


def summary(findings: Iterable[Finding]) -> str:
    """The last line."""
    counts = Counter(found.severity for found in findings)
    if not counts:
        return "Nothing found."
    return "Audit: " + ", ".join(f"{counts[it]} {_word(it)}" for it in Severity if counts[it]) + "."


def _finding(found: Finding, severity: Severity, style: Style) -> Iterator[str]:
    sign = {Severity.BROKEN: "-", Severity.INFO: "."}.get(severity, "~")
    yield style.paint(sign, f"{_word(severity)}: {found.rule} at {clean(str(found.address))}")
    place = f"{clean(found.position.file)}:{found.position.line}: " if found.position else ""
    yield f"  {place}{clean(found.evidence)}"
    yield f"  why: {clean(found.why)}"
    if found.fix.lines:
        yield f"  fix: {clean(found.fix.advice)}; in the host file:" if found.fix.advice else "  fix: in the host file:"
        yield from (f"    {clean(line)}" for line in found.fix.lines)
    else:
        yield f"  fix: {clean(found.fix.advice)}"


def _word(severity: Severity) -> str:
    return _WORDS.get(severity, severity.value)


def as_json(findings: Iterable[Finding], *, host: str, config_directory: str, mail_version: str, in_place: bool) -> str:
    """One JSON document. `in_place` is false for a directory copied from a host."""
    shown = list(findings)
    body = {
        "format_version": FORMAT_VERSION,
        "reconciler_version": __version__,
        "host": host,
        "config_directory": config_directory,
        "in_place": in_place,
        "mail_version": mail_version,
        "errored": False,
        "findings": [_body(found) for found in shown],
        "counts": {it.value: sum(1 for found in shown if found.severity is it) for it in Severity},
        "summary": summary(shown),
    }
    return json.dumps(body, indent=2, ensure_ascii=True) + "\n"


def _body(found: Finding) -> dict[str, object]:
    return {
        "rule": found.rule,
        "severity": found.severity.value,
        "address": str(found.address),
        "file": found.position.file if found.position else None,
        "line": found.position.line if found.position else None,
        "evidence": found.evidence,
        "why": found.why,
        "fix": {"advice": found.fix.advice, "yaml": "\n".join(found.fix.lines)},
    }
