"""Guarantees 6, 7, 8 and bad places: people who edit meanwhile, two agents, signals, files that are no plain files."""

from __future__ import annotations

import os
import random
import signal
import subprocess
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from tests.apply.conftest import PROJECT, environment
from tests.faults.scene import Scene


def _started(made: Scene) -> subprocess.Popen[bytes]:
    return subprocess.Popen(
        made.site.command("--format", "json", "--skip-canary"),
        cwd=PROJECT, env=environment(), stdout=subprocess.PIPE, stderr=subprocess.PIPE,
    )  # fmt: skip


# --- somebody edits ----------------------------------------------------------------------------------------------


def _sed(made: Scene, mark: str) -> None:
    subprocess.run(("sed", "-i", f"$ a # {mark}", made.site.main_cf), check=True)


def _postconf(made: Scene, mark: str) -> None:
    argv = ("postconf", "-c", made.site.instance.config_directory, "-e", f"mail_name={mark}")
    subprocess.run(argv, check=True, capture_output=True)


def _in_place(made: Scene, mark: str) -> None:
    with made.site.main_cf.open("ab") as file:
        file.write(f"# {mark}\n".encode())


EDITORS: dict[str, Callable[[Scene, str], None]] = {"sed -i": _sed, "postconf -e": _postconf, "in place": _in_place}


def edited(made: Scene, editor: str, delay_s: float) -> str:
    """Somebody edits main.cf while an apply is under way: the edit stands, or is kept and said, or the apply gives up."""
    made.reset()
    mark = f"mark-{random.getrandbits(40):x}"
    with _started(made) as running:
        time.sleep(delay_s)
        EDITORS[editor](made, mark)
        out, err = running.communicate(timeout=120)
    told = (out + err).decode(errors="replace")
    if "Traceback" in told:
        return told[-300:]
    made.site.recover()
    return "" if _is_somewhere(made, mark) else f"lost silently: {told[-300:]}"


def _is_somewhere(made: Scene, mark: str) -> bool:
    """In the live file, or among what was kept of other people's files."""
    places = [made.site.main_cf, *made.site.memory.rglob("*")]
    return any(mark.encode() in path.read_bytes() for path in places if path.is_file())


# --- two at once, and signals --------------------------------------------------------------------------------------


def two_at_once(made: Scene) -> str:
    """The second ends within a second of finding the first at work, and names its process."""
    made.reset()
    lock = made.site.memory / "etc/lock"
    with _started(made) as first:
        while first.poll() is None and str(first.pid) not in (lock.read_text() if lock.exists() else ""):
            time.sleep(0.002)
        with _started(made) as second:
            _, refused = second.communicate(timeout=120)
        _, err = first.communicate(timeout=120)
    codes = (first.returncode, second.returncode)
    if codes not in ((0, 1), (0, 0)):
        return f"exit codes {codes}: {err[-200:]!r} {refused[-200:]!r}"
    return made.wrong()


def signalled(made: Scene, number: signal.Signals, delay_s: float) -> str:
    """Ended by a signal after a while: finished, or taken back, within 30 s."""
    made.reset()
    with _started(made) as running:
        time.sleep(delay_s)
        running.send_signal(number)
        try:
            _, err = running.communicate(timeout=30)
        except subprocess.TimeoutExpired:
            running.kill()
            return "no end within 30 s"
    state = made.standing()
    if running.returncode == -number and state == "old":  # Python itself had not begun
        return made.wrong()
    if running.returncode not in (0, 1):
        return f"exit {running.returncode}: {err[-200:]!r}"
    return made.wrong() or (f"exit 0, and the files are {state}" if running.returncode == 0 and state != "new" else "")


# --- places ---------------------------------------------------------------------------------------------------------


@contextmanager
def _hard_link(path: Path) -> Iterator[None]:
    os.link(path, f"{path}.other")
    try:
        yield
    finally:
        os.unlink(f"{path}.other")


@contextmanager
def _bind_mount(path: Path) -> Iterator[None]:
    subprocess.run(("mount", "--bind", path, path), check=True)
    try:
        yield
    finally:
        subprocess.run(("umount", path), check=True)


@contextmanager
def _immutable(path: Path) -> Iterator[None]:
    subprocess.run(("chattr", "+i", path), check=True, capture_output=True)
    try:
        yield
    finally:
        subprocess.run(("chattr", "-i", path), check=True)


@contextmanager
def _read_only(path: Path) -> Iterator[None]:
    etc = path.parent
    subprocess.run(("mount", "--bind", etc, etc), check=True)
    try:
        subprocess.run(("mount", "-o", "remount,ro,bind", etc), check=True)
        yield
    finally:
        subprocess.run(("umount", etc), check=True)


OBSTACLES = {"hard link": _hard_link, "bind mount": _bind_mount, "immutable": _immutable, "read-only": _read_only}


def obstructed(made: Scene, obstacle: str, name: str) -> str:
    """Refused with one line that says why; nothing is changed."""
    made.reset()
    try:
        with OBSTACLES[obstacle](Path(made.site.instance.config_directory, name)):
            before = made.site.contents()
            done = made.apply()
            after = made.site.contents()
    except subprocess.CalledProcessError as error:
        return f"cannot be made here: {error}"
    if done.returncode != 1:
        return f"exit {done.returncode}: {done.stdout[-200:]}"
    if after != before:
        return "something was changed"
    return made.wrong()
