"""[agent]: when the loop wakes, and what it does by itself."""

from __future__ import annotations

from datetime import timedelta
from enum import StrEnum

from pydantic import Field

from reconciler.settings.base import Section
from reconciler.settings.fields import Clock, Duration, Heal, HealPolicy, HealWhen, OptionalPath, Path, Zone


class Weekday(StrEnum):
    """As people abbreviate them."""

    MON = "mon"
    TUE = "tue"
    WED = "wed"
    THU = "thu"
    FRI = "fri"
    SAT = "sat"
    SUN = "sun"


class Window(Section):
    """A time of the week in which changes are made. Where `end` is not after `begin`, it ends the next day."""

    days: tuple[Weekday, ...] = Field(tuple(Weekday), description="The days it begins on. Default: all.", min_length=1)
    begin: Clock = Field(description="When it begins, as 22:30.")
    end: Clock = Field(description="When it ends, as 04:00.")


class Agent(Section):
    """When the loop wakes, and what it does by itself."""

    interval: Duration = Field(
        timedelta(minutes=1), description="How often the host is looked at when nothing else woke the agent.",
        ge=timedelta(seconds=1),
    )  # fmt: skip
    resync: Duration = Field(
        timedelta(minutes=15), description="How often everything is read anew, whatever was or was not noticed.",
        ge=timedelta(seconds=1),
    )  # fmt: skip
    debounce: Duration = Field(
        timedelta(milliseconds=10), description="How long it has to be quiet after an edit before it is looked at."
    )
    cycle_limit: Duration = Field(timedelta(minutes=5), description="How long one cycle may take.", gt=timedelta(0))
    heal: HealPolicy = Field(
        Heal(HealWhen.IMMEDIATELY),
        description="When a hand edit of an enforced part is taken back: immediately, never, or after and a delay.",
    )
    time_zone: Zone = Field("UTC", description="The time zone of the windows, and of times that are told to people.")
    windows: tuple[Window, ...] = Field((), description="When changes may be made. Default: always.")
    freeze_file: Path = Field(
        "/etc/reconciler/freeze", description="While this file exists nothing is changed; its first line is the reason."
    )
    trigger_file: OptionalPath = Field(
        "/run/reconciler/trigger", description="The file that wakes the agent when it is touched."
    )
