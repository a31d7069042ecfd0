"""An explanation as text for a person and as JSON for a program."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator
from dataclasses import asdict
from typing import Any

from reconciler.explain.explanation import Declared, Explanation, Standing
from reconciler.model.address import FileAddress, ServiceAddress
from reconciler.model.desired import Declaration
from reconciler.report.terminal import PLAIN, Style, clean

FORMAT_VERSION = "1.0"


def render(told: Explanation, style: Style = PLAIN) -> str:
    """Blocks: what it is, what the state says, what is live, what was applied, and what sessions see."""
    blocks = [
        _title(told, style),
        *_block("What it is", _aligned((it.name, it.text) for it in told.facts)),
        *_block("Declared", _declared(told)),
        *_block("Live", _live(told)),
        *_block("Last applied", _last(told)),
        *_block(_overridden(told), (_override(str(it.address), it.standing) for it in told.overrides)),
        *_block("What a session sees", _aligned((it.subject, it.sees) for it in told.sessions)),
        *_block("To note", (f"  {clean(note)}" for note in told.notes)),
    ]
    return "\n\n".join(blocks) + "\n"


def _title(told: Explanation, style: Style) -> str:
    where = f"({clean(told.config_directory)}, Postfix {told.mail_version})"
    return f"{style.bold}{clean(str(told.address))}{style.reset} {where}"


def _block(title: str, lines: Iterable[str]) -> Iterator[str]:
    body = "\n".join(lines)
    if body:
        yield f"{title}\n{body}"


def _aligned(pairs: Iterable[tuple[str, str]]) -> Iterator[str]:
    shown = [(clean(name), clean(text)) for name, text in pairs]
    width = max((len(name) for name, _ in shown), default=0)
    yield from (f"  {name:<{width}}  {text}" for name, text in shown)


def _declared(told: Explanation) -> Iterator[str]:
    if not told.has_state:
        yield "  (no state was read; name one with --repo)"
        return
    if told.declared is None:
        yield "  the state says nothing about it"
        return
    yield f"  {_value(told.declared.value)}, {_force(told.declared)}"
    yield from (f"    {_layer(it)}" for it in told.declared.layers)


def _force(declared: Declared) -> str:
    how = "enforced" if declared.enforced else "observed only"
    return f"{how} ({declared.part})" + (f", {declared.detail}" if declared.detail else "")


def _layer(said: Declaration) -> str:
    keys = ".".join(said.keys)
    text = f"{keys}: {said.text}" if keys and said.text else keys
    return clean(f"{said.origin} {text}".rstrip()) + ("" if said.wins else " (a later layer wins)")


def _live(told: Explanation) -> Iterator[str]:
    for it in told.standing:
        yield _standing(it)
    if told.effective is None:
        yield "  absent"
    elif isinstance(told.address, FileAddress):
        yield f"  the file: SHA-256 {_value(told.effective)}"
    elif not told.standing:
        yield f"  not set; in force is {_value(told.effective)}"
    elif told.effective not in {shown for it in told.standing for shown in (it.text, it.expanded)}:
        yield f"  in force: {_value(told.effective)}"


def _standing(it: Standing) -> str:
    text = f"  {clean(it.path)}:{it.line}: {_value(it.text)}"
    text += f" → {_value(it.expanded)}" if it.expanded != it.text else ""
    return text if it.in_force else f"{text} (not in force)"


def _last(told: Explanation) -> Iterator[str]:
    if told.last is not None:
        yield f"  {_value(told.last.written)}; before it was managed: {_value(told.last.adopted)}"


def _overridden(told: Explanation) -> str:
    return "Runs with" if isinstance(told.address, ServiceAddress) else "Overridden by"


def _override(option: str, standing: Standing) -> str:
    return f"  {clean(option)}: {_standing(standing).strip()}"


def _value(value: str | None) -> str:
    if value is None:
        return "absent"
    return clean(value) if value else "(empty)"


def as_json(told: Explanation) -> str:
    """One JSON document, keys in a fixed order."""
    text = json.dumps(body(told), indent=2, ensure_ascii=False)
    return text.encode("utf-8", "replace").decode() + "\n"


def body(told: Explanation) -> dict[str, Any]:
    """The explanation as JSON values; `declared` is null where the state says nothing, or none was read."""
    return {
        "format_version": FORMAT_VERSION,
        "address": str(told.address),
        "config_directory": told.config_directory,
        "mail_version": told.mail_version,
        "facts": [asdict(fact) for fact in told.facts],
        "state_read": told.has_state,
        "declared": _declared_body(told.declared),
        "live": [asdict(it) for it in told.standing],
        "effective": told.effective,
        "last_applied": asdict(told.last) if told.last else None,
        "overrides": [{"address": str(it.address), **asdict(it.standing)} for it in told.overrides],
        "sessions": [asdict(it) for it in told.sessions],
        "notes": list(told.notes),
    }


def _declared_body(declared: Declared | None) -> dict[str, Any] | None:
    if declared is None:
        return None
    return {
        "value": declared.value,
        "part": declared.part,
        "enforced": declared.enforced,
        "detail": declared.detail,
        "layers": [
            {
                "layer": it.origin.layer,
                "position": str(it.origin.position),
                "key": ".".join(it.keys),
                "text": it.text,
                "wins": it.wins,
            }
            for it in declared.layers
        ],
    }
