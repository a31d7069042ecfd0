"""Guarantees 1, 2 and 3: a kill, and an error, at every system call that changes something, of an apply and of its recovery."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from tests.faults.scene import KILLED, Scene

ERRORS = ("ENOSPC", "EIO", "EROFS", "EACCES", "EPERM", "EINTR")
_WRITES = ("write", "pwrite64", "pwritev")
_REMOVING = ("unlink", "unlinkat", "rmdir", "flock")
_TOGETHER = ",".join(_WRITES)


@dataclass(frozen=True)
class Place:
    """The n-th call of a name."""

    call: str
    number: int

    def __str__(self) -> str:
        return f"{self.call} {self.number}"

    def kill(self) -> tuple[str, ...]:
        return ("-e", f"trace={self.call}", "-e", f"inject={self.call}:signal=KILL:when={self.number}")

    def fail(self, error: str) -> tuple[str, ...]:
        call = _TOGETHER if self.call in _WRITES else self.call
        return ("-e", f"trace={call}", "-e", f"inject={call}:error={error}:when={self.number}")


def places(calls: dict[str, int]) -> list[Place]:
    """Every mutating call of an apply, one after the other."""
    return [Place(call, number) for call, count in sorted(calls.items()) for number in range(1, count + 1)]


def killed(made: Scene, place: Place) -> str:
    made.reset()
    made.apply(*place.kill())
    return made.wrong()


def failed(made: Scene, place: Place, error: str) -> str:
    """An error at a call: typed, exit 1, nothing half done. EINTR is no error where the call is made again."""
    made.reset()
    done = made.apply(*place.fail(error))
    if done.returncode not in (0, 1):
        return f"exit {done.returncode}: {done.stderr[-200:]}"
    state = made.standing()
    if done.returncode == 0 and state != "new":
        return f"exit 0, and the files are {state}"
    wrong = made.wrong()
    if (
        wrong.startswith("left over") and place.call in _REMOVING
    ):  # what the kernel does not let go of, the next run does
        made.declare_old()
        made.apply()
        wrong = "" if not made.left() else wrong
    return wrong


def killed_again(made: Scene, first: Place, place: Place) -> tuple[bool, str]:
    """A kill in the middle of an apply, then one in its recovery; whether the second was reached, and what is wrong."""
    made.reset()
    if made.apply(*first.kill()).returncode not in KILLED:
        return False, "the first kill was not reached"
    reached = made.apply(*place.kill()).returncode in KILLED
    return reached, made.wrong()


def of_recovery(made: Scene, first: Place, call: str) -> Iterator[tuple[Place, str]]:
    """Every call of one name that a recovery makes, until there are no more."""
    number = 1
    while True:
        reached, wrong = killed_again(made, first, Place(call, number))
        if not reached:
            return
        yield Place(call, number), wrong
        number += 1
