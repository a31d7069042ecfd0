"""docs/reference/settings.md, made of the models."""

from __future__ import annotations

from collections.abc import Iterator

from pydantic import BaseModel

from reconciler.settings.model import Settings
from reconciler.settings.show import written

_HEAD = """\
# Settings

One file on the host, `/etc/reconciler/reconciler.toml`, or another one named with `--settings` or
`$RECONCILER_SETTINGS`. A variable `RECONCILER_SECTION__KEY` wins over the file (lists as JSON), an option of the
command line over both. Nothing has to be set; `reconciler config show` prints every value with where it comes from,
secrets masked. Editors take `schemas/settings-v1.json`. This page is made of the models by `make schemas`.

```toml
[source]
url = "ssh://git@git.example.org/mail/state.git"
branch = "main"
deploy_key = "/etc/reconciler/deploy_key"

[trust]
signatures = "required"
allowed_signers = "/etc/reconciler/allowed_signers"
anchor = "4f0c2d8e9a1b3c5d7e9f0a2b4c6d8e0f1a3b5c7d"

[agent]
heal = "after 15m"
time_zone = "Europe/Berlin"
windows = [{ days = ["tue", "thu"], begin = "22:00", end = "04:00" }]
```

Durations are numbers with units: `500ms`, `90s`, `15m`, `1h30m`, `7d`, `2w`.
"""


def page() -> str:
    """The whole page: one table a section."""
    return "\n".join((_HEAD, *_sections())).rstrip() + "\n"


def _sections() -> Iterator[str]:
    for name, field in Settings.model_fields.items():
        section = field.annotation
        if not (isinstance(section, type) and issubclass(section, BaseModel)):
            continue
        yield f"## [{name}]\n\n{_about(section)}\n\n| key | default | |\n|---|---|---|"
        yield from _rows(section)
        for key, inner in _tables(section):
            yield f"\n### [[{name}.{key}]]\n\n{_about(inner)}\n\n| key | default | |\n|---|---|---|"
            yield from _rows(inner)
        yield ""


def _about(section: type[BaseModel]) -> str:
    return (section.__doc__ or "").strip()


def _rows(section: type[BaseModel]) -> Iterator[str]:
    for key, field in section.model_fields.items():
        if field.is_required():
            default = "needed"
        else:
            value = section.model_construct().model_dump(mode="json")[key]
            default = "" if value in (None, "", []) else f"`{written(value)}`"
        yield f"| `{key}` | {default} | {(field.description or '').replace('|', '&#124;')} |"


def _tables(section: type[BaseModel]) -> Iterator[tuple[str, type[BaseModel]]]:
    """Keys that hold lists of tables."""
    for key, field in section.model_fields.items():
        for part in getattr(field.annotation, "__args__", ()):
            if isinstance(part, type) and issubclass(part, BaseModel):
                yield key, part
