"""The types of the values: how the text of a file or a variable becomes one, and what is told where it cannot."""

from __future__ import annotations

import re
from collections.abc import Callable
from datetime import time, timedelta
from enum import StrEnum
from ipaddress import ip_address
from typing import Annotated, Any
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from pydantic import BeforeValidator, PlainSerializer, WithJsonSchema
from pydantic_core import PydanticCustomError
from pydantic_settings import NoDecode

from reconciler.frozen import dataclass

_UNITS = {"ms": 0.001, "s": 1, "m": 60, "h": 3600, "d": 86_400, "w": 604_800}
_PART = re.compile(r"(\d+)(ms|[smhdw])")
_DURATION = re.compile(r"(\d+(ms|[smhdw]))+")
_CONTROL = re.compile(r"[\x00-\x1f\x7f]")
_HOST_NAME = re.compile(r"[A-Za-z0-9]([A-Za-z0-9._-]*[A-Za-z0-9])?")
_CLOCK = re.compile(r"([01]\d|2[0-3]):([0-5]\d)")


def refused(what: str, fix: str) -> PydanticCustomError:
    """The error of a value; pydantic carries it to where the position is known."""
    return PydanticCustomError("refused", "{what}", {"what": what, "fix": fix})


def _text(given: object, example: str) -> str:
    if not isinstance(given, str):
        raise refused("a text belongs here", f"write it in quotes: {example}")
    if _CONTROL.search(given):
        raise refused("a control character in the text", f"write one line, such as {example}")
    return given


def _read(convert: Callable[[str], object], example: str) -> BeforeValidator:
    """What is a text is converted; a default, which is a value already, stays as it is."""

    def read(given: object) -> object:
        return convert(_text(given, example))

    return BeforeValidator(read)


def parse_duration(text: str) -> timedelta:
    if not _DURATION.fullmatch(text):
        raise refused(f"{text!r} is no duration", "write a number with its unit (ms, s, m, h, d, w), such as 15m")
    return timedelta(seconds=sum(int(number) * _UNITS[unit] for number, unit in _PART.findall(text)))


def write_duration(value: timedelta) -> str:
    """As it is written in the file: `1h30m`."""
    rest = round(value.total_seconds() * 1000)
    text = ""
    for unit in ("d", "h", "m", "s", "ms"):
        count, rest = divmod(rest, round(_UNITS[unit] * 1000))
        text += f"{count}{unit}" if count else ""
    return text or "0s"


def _path(text: str) -> str:
    if not text.startswith("/") or ".." in text.split("/"):
        raise refused(f"{text!r} is no absolute path", "begin it with '/', and leave '..' out")
    return text


def _path_or_none(text: str) -> str:
    return _path(text) if text else ""


def _listen(text: str) -> str:
    host, colon, port = text.rpartition(":")
    bare = host[1:-1] if host.startswith("[") and host.endswith("]") else host
    try:
        address = ip_address(bare)
    except ValueError:
        address = None
    if not colon or address is None or (address.version == 6) != (bare != host) or not _is_port(port):
        raise refused(
            f"{text!r} is no address to listen on", "write ADDRESS:PORT, such as 127.0.0.1:9187 or [::1]:9187"
        )
    return text


def _is_port(text: str) -> bool:
    return text.isascii() and text.isdigit() and int(text) < 65_536


def _listen_or_none(text: str) -> str:
    return _listen(text) if text else ""


def _zone(text: str) -> str:
    try:
        ZoneInfo(text)
    except (ZoneInfoNotFoundError, ValueError, OSError) as unknown:
        raise refused(f"{text!r} is no time zone", "write one of the tz database, such as Europe/Berlin") from unknown
    return text


def _clock(text: str) -> time:
    if not _CLOCK.fullmatch(text):
        raise refused(f"{text!r} is no time of day", "write hours and minutes, such as 22:30")
    return time.fromisoformat(text)


def _host_name(text: str) -> str:
    if text and not _HOST_NAME.fullmatch(text):
        raise refused(f"{text!r} is no host name", "write the name of the host file, such as mx1.example.org")
    return text


class HealWhen(StrEnum):
    """What happens to a part that is enforced and was changed by hand."""

    IMMEDIATELY = "immediately"
    AFTER = "after"
    NEVER = "never"


@dataclass(frozen=True, slots=True)
class Heal:
    """When a hand edit is taken back; `delay` counts from the moment it was first seen."""

    when: HealWhen
    delay: timedelta = timedelta(0)

    def __str__(self) -> str:
        return f"after {write_duration(self.delay)}" if self.when is HealWhen.AFTER else self.when.value


def _heal(text: str) -> Heal:
    word, _, delay = text.partition(" ")
    if word == HealWhen.AFTER and delay:
        return Heal(HealWhen.AFTER, parse_duration(delay))
    if text in (HealWhen.IMMEDIATELY, HealWhen.NEVER):
        return Heal(HealWhen(text))
    raise refused(f"{text!r} does not say when to heal", "write immediately, never, or after and a delay: after 15m")


@dataclass(frozen=True, slots=True)
class Threshold:
    """`seen` of the last `of` looks have to find it before it is told."""

    seen: int = 1
    of: int = 1

    def __str__(self) -> str:
        return f"{self.seen} of {self.of}"


def _threshold(text: str) -> Threshold:
    found = re.fullmatch(r"([1-9]\d?) of ([1-9]\d?)", text)
    if not found or int(found[1]) > int(found[2]):
        raise refused(f"{text!r} is no threshold", "write two numbers, such as 2 of 3")
    return Threshold(int(found[1]), int(found[2]))


def _schema(**schema: Any) -> WithJsonSchema:  # noqa: ANN401 # JSON
    return WithJsonSchema({"type": "string", **schema})


Duration = Annotated[
    timedelta,
    _read(parse_duration, '"15m"'),
    PlainSerializer(write_duration),
    _schema(pattern=f"^{_DURATION.pattern}$"),
]
Text = Annotated[str, _read(str, '"text"')]
Path = Annotated[str, _read(_path, '"/etc/reconciler/file"'), _schema(pattern="^/")]
OptionalPath = Annotated[str, _read(_path_or_none, '"/etc/reconciler/file"'), _schema(pattern="^(/.*)?$")]
Listen = Annotated[str, _read(_listen, '"127.0.0.1:9187"'), _schema()]
OptionalListen = Annotated[str, _read(_listen_or_none, '"127.0.0.1:9187"'), _schema()]
Zone = Annotated[str, _read(_zone, '"Europe/Berlin"'), _schema()]
Clock = Annotated[time, _read(_clock, '"22:30"'), _schema(pattern=f"^{_CLOCK.pattern}$")]
HostName = Annotated[str, _read(_host_name, '"mx1.example.org"'), _schema()]
HealPolicy = Annotated[Heal, NoDecode, _read(_heal, '"immediately"'), PlainSerializer(str), _schema()]
NofM = Annotated[
    Threshold, NoDecode, _read(_threshold, '"2 of 3"'), PlainSerializer(str), _schema(pattern=r"^\d+ of \d+$")
]
