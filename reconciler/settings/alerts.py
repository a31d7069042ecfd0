"""[alerts]: who is told, of what, and how often."""

from __future__ import annotations

from datetime import timedelta
from enum import StrEnum

from pydantic import Field, SecretStr

from reconciler.settings.base import Section
from reconciler.settings.fields import Duration, NofM, Path, Threshold


class Severity(StrEnum):
    """How soon somebody has to look."""

    INFO = "info"
    WARNING = "warning"
    CRITICAL = "critical"


class GroupBy(StrEnum):
    """What alerts that are told together have in common."""

    HOST = "host"
    KIND = "kind"
    SEVERITY = "severity"


class Route(Section):
    """Where alerts of some severities go."""

    severities: tuple[Severity, ...] = Field(tuple(Severity), description="Which severities. Default: all.")
    urls: tuple[SecretStr, ...] = Field((), description="Where to, as Apprise writes it. They hold secrets.")
    url_files: tuple[Path, ...] = Field((), description="Files with such URLs, one a line.")


class Alerts(Section):
    """Who is told, of what, and how often."""

    routes: tuple[Route, ...] = Field((), description="Where alerts go. Default: to the journal only.")
    group_by: tuple[GroupBy, ...] = Field(
        (GroupBy.HOST, GroupBy.KIND), description="What alerts that are told together have in common."
    )
    group_wait: Duration = Field(timedelta(seconds=30), description="How long is waited for more of the same group.")
    repeat_interval: Duration = Field(
        timedelta(hours=4), description="After how long one that goes on is told again.", gt=timedelta(0)
    )
    n_of_m: NofM = Field(Threshold(), description="How many of the last looks have to find it, such as 2 of 3.")
