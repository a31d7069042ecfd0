"""docs/reference/state.md from the models: every key, what it becomes, and what the built-in profiles say."""

from __future__ import annotations

from collections.abc import Iterator

from pydantic.fields import FieldInfo

from reconciler.desired import profiles
from reconciler.desired.fields import Becomes
from reconciler.desired.models import (
    Certificate,
    FleetFile,
    Frozen,
    HostFile,
    Incoming,
    IncomingPolicies,
    Outgoing,
    ProfileFile,
    Sasl,
    SelfSignedCertificate,
    Settings,
    Submission,
    Submissions,
    WaiverEntry,
)
from reconciler.model.desired import GUARDS, Part

_HEAD = """\
# The state files

Made from the models by `make schemas`; a test holds it current. Every key is optional unless it says so. Values are
written as Postfix writes them; what YAML would read otherwise (`>=TLSv1.2`, `!SSLv3`, `*.example.com`) is quoted.

A host's state is its profile, then its groups in the order it names them, then its own file: maps merge key by key,
lists and single values replace. An instance of a host with several is `hosts/NAME@INSTANCE.yaml`.
"""
_SECTIONS: tuple[tuple[str, str, type[Frozen]], ...] = (
    ("hosts/NAME.yaml", "", HostFile),
    ("certificates", "certificates.NAME", Certificate),
    ("until_present", "certificates.NAME.until_present", SelfSignedCertificate),
    ("incoming", "incoming", Incoming),
    ("incoming policies", "incoming.policies", IncomingPolicies),
    ("outgoing", "outgoing", Outgoing),
    ("submission", "submission", Submission),
    ("submissions", "submissions", Submissions),
    ("sasl", "submission.sasl", Sasl),
    ("waivers", "waivers[]", WaiverEntry),
    ("fleet.yaml", "", FleetFile),
    ("groups of fleet.yaml", "groups.NAME", Settings),
    ("profiles/NAME.yaml", "", ProfileFile),
)


def render() -> str:
    """The page as Markdown."""
    return "\n".join((_HEAD, *_sections(), _parts(), _guards(), _profiles()))


def _sections() -> Iterator[str]:
    for title, prefix, model in _SECTIONS:
        said = " ".join((model.__doc__ or "").split())
        lines = [f"## {title}", "", said, "", "| key | Postfix | |", "|---|---|---|"]
        lines += [_row(prefix, key, field) for key, field in model.model_fields.items()]
        yield "\n".join(lines) + "\n"


def _row(prefix: str, key: str, field: FieldInfo) -> str:
    name = f"{prefix}.{key}" if prefix else key
    becomes = next((f"`{mark.parameter}`" for mark in field.metadata if isinstance(mark, Becomes)), "")
    text = (field.description or "").replace("|", "\\|")
    needed = " Required." if field.is_required() else ""
    default = f" Default: `{_shown(field.default)}`." if field.default not in (None, ...) and not needed else ""
    return f"| `{name}` | {becomes} | {text}{needed}{default} |"


def _shown(default: object) -> str:
    match default:
        case bool():
            return "yes" if default else "no"
        case _:
            return str(getattr(default, "value", default))


def _parts() -> str:
    words = ", ".join(f"`{part.value}`" for part in Part)
    return f"## Parts\n\nWhat `enforce` and `observe` name: {words}. `policies` follow the part they stand in.\n"


def _guards() -> str:
    words = ", ".join(f"`{guard}`" for guard in GUARDS)
    return f"## Guards\n\nWhat a waiver names ([what each does](guards.md)): {words}.\n"


def _profiles() -> str:
    shown = (f"### {name}\n\n```yaml\n{text.decode()}```\n" for name, text in profiles.BUILT_IN.items())
    return "\n".join(("## Built-in profiles\n", *shown)).rstrip("\n") + "\n"
