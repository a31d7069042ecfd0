"""The agent: sleeps until something is due or noticed, takes a pass, and says what came of it.

A thin shell around `schedule`, which decides when, and `turn`, which does it.
"""

from __future__ import annotations

import fcntl
import math
import os
import random
import select
import signal
import socket
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path
from types import FrameType
from typing import Protocol

from reconciler.apply.state import StateDirectory
from reconciler.errors import Locked, MachineFailed, ReconcilerError
from reconciler.host.notify_socket import NotifySocket
from reconciler.loop import fingerprint, schedule
from reconciler.loop.passed import Passed, parts
from reconciler.loop.schedule import Look, Outcome, Schedule, Sleep, Times, Wake
from reconciler.loop.statuses import Statuses, stands
from reconciler.loop.telling import Teller
from reconciler.loop.turned import Turned
from reconciler.loop.watch import Watch
from reconciler.model.moment import Moment
from reconciler.report.masking import masked

_SIGNALS = (signal.SIGTERM, signal.SIGINT, signal.SIGHUP, signal.SIGALRM)


class CycleTooLong(ReconcilerError):
    """A pass took longer than it may; what it had begun was taken back."""

    reason = "CycleTooLong"
    retry_helps = True


class Following(Protocol):
    """What follows a look: the store, alerts, numbers. It raises nothing."""

    def pass_ended(self, came: Passed, duration_s: float, *, through: bool) -> None: ...
    def look_ended(self) -> None: ...
    def patience_s(self) -> float: ...


class Stopped(BaseException):
    """SIGTERM or SIGINT in the middle of a pass. No error: nothing may catch it on its way out."""


class Turns(Protocol):
    """What takes the turns: the passes of an instance, or the fetches of the puller."""

    teller: Teller
    state: StateDirectory
    seen: fingerprint.Fingerprints
    trouble: ReconcilerError | None
    newest: str

    @property
    def clock(self) -> Callable[[], Moment]:
        """What tells the moment."""

    def nothing_changed(self) -> bool:
        """Whether the last turn would see the same again."""

    def take(self, *, full: bool = True) -> Turned:
        """One turn; one that is not `full` follows a change of files. Raises every error of the tree."""

    def settle(self) -> None:
        """Take everything for seen as it is now."""


@dataclass
class Agent:
    """`limit` is the most a pass may take; `trigger` wakes it when it is touched; `watching` is whether files do."""

    turn: Turns
    times: Times = field(default_factory=Times)
    trigger: str = ""
    limit: timedelta = timedelta(minutes=5)
    notify: NotifySocket = field(default_factory=NotifySocket)
    watching: bool = True
    chance: Callable[[], float] = random.random
    schedule: Schedule = field(default_factory=Schedule)
    following: Following | None = None
    statuses: Statuses | None = None
    _late: bool = False
    _in_pass: bool = False
    _stopping: bool = False

    def run(self) -> None:
        """Until SIGTERM or SIGINT.

        Raises Locked where another agent serves this instance.
        """
        with ExitStack() as held:
            held.enter_context(self._alone())
            signals = held.enter_context(self._signals())
            watch = Watch(self._watch_failed)
            held.callback(watch.close)
            self._tell("agent.started", {"pid": os.getpid()})
            self.notify.ready()
            with suppress(Stopped):
                while not self._stopping:
                    self._step(watch, signals)
            self.notify.stopping()
            self._tell("agent.stopped", {"pid": os.getpid()})

    # --- one step: act, or sleep until something comes

    def _step(self, watch: Watch, signals: socket.socket) -> None:
        self.notify.alive()
        now = self._now()
        match schedule.next_action(self.schedule, now, self.times):
            case Look(full):
                self._look(full=full)
                if self.watching:
                    watch.over(self._directories())
            case Sleep(until):
                patience = self.following.patience_s() if self.following is not None else math.inf
                self._sleep(watch, signals, max(0.0, min(until - now, patience)))
                if patience < math.inf:
                    self.look_ended()

    def _look(self, *, full: bool) -> None:
        full = full or self._is_asked()  # touched since the agent woke for something else
        if not full and self.turn.nothing_changed():
            self.schedule = schedule.looked(self.schedule, self._now(), self.times, chance=self.chance())
            self.look_ended()
            return
        due, began = None, self._now()
        try:
            turned = self._bounded(full=full)
            outcome, due = turned.outcome, turned.due
            self.came_through(turned, began)
        except (ReconcilerError, OSError) as error:
            outcome = Outcome.FAILED
            self.fell_through(error, began)
            self.turn.settle()
        self.schedule = schedule.passed(self.schedule, self._now(), outcome, self.times, chance=self.chance(), due=due)
        self.look_ended()

    def _pass_ended(self, turned: Turned, began: float) -> None:
        if self.following is not None:
            now = self.turn.clock()
            at = now.at.isoformat(timespec="seconds")
            came = Passed(at, turned.word, masked(turned.text), turned.revision, parts(turned.enforced))
            through = turned.outcome is not Outcome.FAILED
            self.following.pass_ended(came, now.uptime_s - began, through=through)

    def _say_standing(self, turned: Turned) -> None:
        """On the forge; after an apply the next look, at once, says whether the host is as it shall be."""
        if self.statuses is not None and turned.outcome is not Outcome.APPLIED:
            standing = stands(turned.word, turned.revision, self.turn.newest, self.turn.trouble)
            self.statuses.tell(standing, self.turn.clock().uptime_s)

    def look_ended(self) -> None:
        """Whatever came of it: events go on their way, and what is due is told."""
        if self.following is not None:
            self.following.look_ended()

    def _sleep(self, watch: Watch, signals: socket.socket, seconds: float) -> None:
        ready, _, _ = select.select([watch.descriptor, signals.fileno()], [], [], seconds)
        if watch.descriptor in ready:
            watch.clear()
            self.schedule = schedule.woken(self.schedule, self._now(), self._wake(), self.times)
        if signals.fileno() in ready and signal.SIGHUP in signals.recv(64):
            self.schedule = schedule.woken(self.schedule, self._now(), Wake.ASKED, self.times)

    def _wake(self) -> Wake:
        """A touch of the trigger asks for everything to be read, the remote too; anything else is looked at."""
        return Wake.ASKED if self._is_asked() else Wake.CHANGED

    def _is_asked(self) -> bool:
        known = self.turn.seen.marks.get(self.trigger)
        return bool(self.trigger) and fingerprint.mark(self.trigger) != known

    def _directories(self) -> frozenset[str]:
        trigger = {str(Path(self.trigger).parent)} if self.trigger else set()
        return frozenset(it for it in self.turn.seen.directories | trigger if Path(it).is_dir())

    # --- a pass within its limits

    def _bounded(self, *, full: bool = True) -> Turned:
        signal.setitimer(signal.ITIMER_REAL, self.limit.total_seconds())
        self._in_pass, self._late = True, False
        try:
            return self.turn.take(full=full)
        finally:
            self._in_pass = False
            signal.setitimer(signal.ITIMER_REAL, 0)

    @contextmanager
    def _signals(self) -> Iterator[socket.socket]:
        """Signals wake the sleep through a socket; in a pass SIGTERM ends it, as far as the transaction lets it."""
        reading, writing = socket.socketpair()
        reading.setblocking(False)
        writing.setblocking(False)
        before = {
            each: signal.getsignal(each) for each in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP, signal.SIGALRM)
        }
        woken = signal.set_wakeup_fd(writing.fileno(), warn_on_full_buffer=False)
        signal.signal(signal.SIGTERM, self._on_stop)
        signal.signal(signal.SIGINT, self._on_stop)
        signal.signal(signal.SIGHUP, lambda *_: None)
        signal.signal(signal.SIGALRM, self._on_alarm)
        try:
            yield reading
        finally:
            signal.set_wakeup_fd(woken)
            for each, handler in before.items():
                signal.signal(each, handler)
            reading.close()
            writing.close()

    def _on_alarm(self, _number: int, _frame: FrameType | None) -> None:
        """By way of SIGTERM, which the transaction holds back while live files are between two states."""
        self._late = True
        signal.raise_signal(signal.SIGTERM)

    def _on_stop(self, _number: int, _frame: FrameType | None) -> None:
        late, self._late = self._late, False
        if late:
            if self._in_pass:
                raise CycleTooLong(f"the pass took more than {self.limit.total_seconds():g} s")
            return
        self._stopping = True
        if self._in_pass:
            raise Stopped

    @contextmanager
    def _alone(self) -> Iterator[None]:
        """One agent an instance.

        Raises Locked, naming the other's process.
        """
        state = self.turn.state
        state.prepare()
        flags = os.O_RDWR | os.O_CREAT | os.O_CLOEXEC | os.O_NOFOLLOW
        with os.fdopen(os.open(state.path / "agent.lock", flags, 0o600), "r+") as file:
            try:
                fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError as busy:
                file.seek(0)
                raise Locked(f"another agent serves {state.instance} (process {file.read(32).strip()})") from busy
            file.truncate(0)
            file.write(f"{os.getpid()}\n")
            file.flush()
            yield

    # --- what is said

    def came_through(self, turned: Turned, began: float) -> None:
        """A pass, begun at that uptime, ended so."""
        self.turn.teller.trouble(self.turn.trouble, self.turn.clock())
        self.notify.status(f"{turned.word} at {turned.revision[:19]}: {turned.text}")
        if turned.outcome is Outcome.APPLIED:
            self._tell("pass.finished", {"result": turned.word, "text": turned.text, "revision": turned.revision})
        self._pass_ended(turned, began)
        self._say_standing(turned)

    def fell_through(self, error: ReconcilerError | OSError, began: float) -> None:
        """A pass failed."""
        failure = error if isinstance(error, ReconcilerError) else MachineFailed(error)
        self.turn.teller.trouble(failure, self.turn.clock())
        self.notify.status(f"{failure.reason}: {str(failure).partition(chr(10))[0]}")
        failed = Turned(Outcome.FAILED, failure.reason, str(failure), "")
        self._pass_ended(failed, began)
        self._say_standing(failed)

    def _tell(self, name: str, facts: dict[str, str | int]) -> None:
        self.turn.teller.tell(name, facts, self.turn.clock())

    def _watch_failed(self, why: str) -> None:
        self.turn.teller.tell("watch.failed", {"why": why}, self.turn.clock())

    def _now(self) -> float:
        return self.turn.clock().uptime_s


def once(agent: Agent) -> Turned:
    """One pass, and one more where the first changed something: only then it is known that nothing is left.

    Raises every error of the tree.
    """
    began = agent.turn.clock().uptime_s
    try:
        turned = agent.turn.take()
        agent.came_through(turned, began)
        if turned.outcome is Outcome.APPLIED:
            began = agent.turn.clock().uptime_s
            turned = agent.turn.take()
            agent.came_through(turned, began)
    except (ReconcilerError, OSError) as error:
        agent.fell_through(error, began)
        raise
    finally:
        agent.look_ended()
    return turned
