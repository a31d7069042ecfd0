"""`config show`: every setting with its origin."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator

from reconciler.model.setting import Setting
from reconciler.report.terminal import clean


def as_text(settings: Iterable[Setting]) -> str:
    """Sections as in the file; the origin behind each value."""
    return "\n".join(_lines(tuple(settings))) + "\n"


def _lines(settings: tuple[Setting, ...]) -> Iterator[str]:
    width = max((len(_assignment(it)) for it in settings if len(_assignment(it)) <= 60), default=0)
    section = ""
    for it in settings:
        if it.section != section:
            yield from ([""] if section else [])
            section = it.section
            yield f"[{section}]"
        yield f"{clean(_assignment(it)):<{width}}  # {clean(it.origin)}"


def _assignment(setting: Setting) -> str:
    return f"{setting.key} = {setting.written}"


def as_json(settings: Iterable[Setting], file: str) -> str:
    """`settings` as SECTION → KEY → value and origin."""
    sections: dict[str, dict[str, dict[str, object]]] = {}
    for it in settings:
        sections.setdefault(it.section, {})[it.key] = {"value": it.value, "origin": it.origin}
    body = {"format_version": "1.0", "file": file, "settings": sections}
    return json.dumps(body, indent=2, ensure_ascii=False) + "\n"
