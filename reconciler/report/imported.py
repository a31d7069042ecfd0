"""What an import wrote and what it left out, as text and as JSON."""

from __future__ import annotations

import json
from collections.abc import Iterable

from reconciler.importer import Imported
from reconciler.model.address import Address
from reconciler.report.json import FORMAT_VERSION
from reconciler.report.terminal import clean


def text(name: str, made: Imported, written: Iterable[str], dropped: Iterable[Address]) -> str:
    """Lines for a person: the files, what is not in them and why, and how much was no business of ours."""
    paths = ", ".join(map(clean, written))
    lines = [f"Wrote {paths}." if paths else f"Above is the host file of {clean(name)}."]
    lines += ["Left out; each stays on the host as it is:"] if made.left else []
    lines += [f"  {clean(str(it.address))}: {clean(it.reason)}" for it in made.left]
    lines += [f"Taken out after the check, which is a fault of ours: {clean(str(it))}" for it in dropped]
    outside = f"{_counted(made.parameters, 'parameter')} and {_counted(made.services, 'service')}"
    return "\n".join([*lines, f"Not about TLS, and left alone: {outside}."]) + "\n"


def render(name: str, made: Imported, written: Iterable[str], dropped: Iterable[Address]) -> str:
    """One JSON document; `files` has the texts by their paths in a state repository."""
    body = {
        "format_version": FORMAT_VERSION,
        "host": name,
        "files": dict(made.files),
        "written": list(written),
        "left_out": [{"address": str(it.address), "reason": it.reason} for it in made.left],
        "dropped": [str(it) for it in dropped],
        "not_about_tls": {"parameters": made.parameters, "services": made.services},
    }
    return json.dumps(body, indent=2, ensure_ascii=True) + "\n"


def _counted(number: int, noun: str) -> str:
    return f"{number} {noun}" if number == 1 else f"{number} {noun}s"
