"""Why nothing may be changed now: a pause, the freeze file, a closed window, a package manager at work."""

from __future__ import annotations

import json
import os
import pwd
from collections.abc import Iterable, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from zoneinfo import ZoneInfo

from reconciler.apply import durable
from reconciler.apply.state import StateDirectory
from reconciler.errors import StateUnusable, UsageError
from reconciler.frozen import dataclass
from reconciler.host import packages
from reconciler.loop.heal import Hold
from reconciler.loop.windows import Window, is_open, opens
from reconciler.model.moment import Moment

_ASK_AGAIN = timedelta(seconds=5)  # whether the package manager is done
_FIRST_LINE = 200  # characters of a freeze file


@dataclass(frozen=True, slots=True)
class Pause:
    """Said by a person. `until` is None where only `reconciler resume` ends it."""

    reason: str
    by: str
    at: datetime
    until: datetime | None = None

    def is_over(self, now: datetime) -> bool:
        return self.until is not None and now >= self.until


@dataclass(frozen=True, slots=True)
class Rules:
    """When changes may be made, beside the pauses of an instance."""

    freeze_file: str = ""
    windows: tuple[Window, ...] = ()
    time_zone: str = "UTC"
    locks: tuple[str, ...] = packages.LOCKS


def pause_file(state: StateDirectory) -> Path:
    return state.path / "pause.json"


def read_pause(state: StateDirectory) -> Pause | None:
    """The pause of an instance, over or not.

    Raises StateUnusable: what cannot be read is no permission to go on.
    """
    path = pause_file(state)
    try:
        body = json.loads(path.read_bytes())
        until = datetime.fromisoformat(body["until"]) if body["until"] else None
        return Pause(body["reason"], body["by"], datetime.fromisoformat(body["at"]), until)
    except FileNotFoundError:
        return None
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise StateUnusable(f"{path}: cannot be read ({error}); `reconciler resume` removes it") from error


def pause(state: StateDirectory, reason: str, until: datetime | None) -> Pause:
    """Begin a pause, or replace the one there is.

    Raises UsageError without a reason or with an end that is past, StateUnusable.
    """
    now = datetime.now(UTC)
    if not reason.strip():
        raise UsageError("a pause without a reason; say why, for whoever finds it: --reason 'SEC-4711'")
    if until is not None and until <= now:
        raise UsageError(f"{until.isoformat(timespec='minutes')} is past; name an end that is still to come")
    made = Pause(reason.strip(), _who(), now, until)
    body = {
        "reason": made.reason,
        "by": made.by,
        "at": now.isoformat(timespec="seconds"),
        "until": until.isoformat(timespec="seconds") if until else "",
    }
    state.prepare()
    try:
        durable.replace(pause_file(state), json.dumps(body).encode() + b"\n")
    except OSError as error:
        raise StateUnusable(f"{pause_file(state)}: cannot be written ({error.strerror})") from error
    return made


def resume(state: StateDirectory) -> bool:
    """End the pause; whether there was one.

    Raises StateUnusable.
    """
    try:
        pause_file(state).unlink()
    except FileNotFoundError:
        return False
    except OSError as error:
        raise StateUnusable(f"{pause_file(state)}: cannot be removed ({error.strerror})") from error
    return True


def hold(state: StateDirectory, rules: Rules, moment: Moment) -> Hold | None:
    """What a person said counts before what the clock says, and that before who is at work."""
    return next(_holds(state, rules, moment), None)


def _holds(state: StateDirectory, rules: Rules, moment: Moment) -> Iterator[Hold]:
    said = read_pause(state)
    if said is not None and not said.is_over(moment.at):
        end = f" until {said.until.isoformat(timespec='minutes')}" if said.until else ""
        yield Hold("Paused", f"paused by {said.by}{end}: {said.reason}", said.until)
    yield from frozen(rules.freeze_file)
    yield from _closed(rules, moment)
    busy = packages.at_work(rules.locks)
    if busy is not None:
        yield Hold("PackageManager", f"waiting: {busy}", moment.at + _ASK_AGAIN)


def frozen(path: str) -> Iterable[Hold]:
    """The hold of a freeze file, where it exists."""
    if not path:
        return
    try:
        text = Path(path).read_text(errors="replace").partition("\n")[0][:_FIRST_LINE].strip()
    except FileNotFoundError:
        return
    except OSError as error:
        text = f"cannot be read: {error.strerror}"
    yield Hold("Frozen", f"{path} exists" + (f": {text}" if text else ""))


def _closed(rules: Rules, moment: Moment) -> Iterable[Hold]:
    there = moment.at.astimezone(ZoneInfo(rules.time_zone))
    if not is_open(rules.windows, there):
        begin = opens(rules.windows, there)
        told = f"the next window opens {begin:%a %H:%M} {rules.time_zone}" if begin else "no window ever opens"
        yield Hold("OutsideWindow", told, begin)


def _who() -> str:
    """Who says it, for whoever reads it: the person behind sudo, as far as it is known."""
    name = os.environ.get("SUDO_USER", "")
    try:
        return name or pwd.getpwuid(os.getuid()).pw_name
    except KeyError:
        return f"uid {os.getuid()}"
