"""A kill, a full disk or a failing write at a chosen step: the old state or the new one, whole, and nothing left over.

One case a class; the exhaustive suite goes through every system call.
"""

from __future__ import annotations

import os
import pty
import signal
import subprocess
from collections.abc import Callable
from contextlib import suppress
from dataclasses import replace
from pathlib import Path

import pytest

from reconciler.apply.course import Course
from reconciler.apply.transaction import Transaction
from reconciler.errors import RecoveryStopped
from reconciler.host import files
from reconciler.model.journal import Phase
from tests.apply.conftest import STATE, Site, environment

pytestmark = pytest.mark.postfix
Make = Callable[..., Site]
CHANGED = STATE.replace("bank.example: encrypt", "bank.example: none").replace("loglevel: 1", "loglevel: 2")


def killed_at(mx: Site, call: str, number: int) -> bool:
    """Apply, and kill -9 at the n-th such system call of the process itself; whether that many were made."""
    inject = f"inject={call}:signal=KILL:when={number}"
    done = mx.apply(
        "--format", "json", before=("strace", "-qq", "-o", "/dev/null", "-e", f"trace={call}", "-e", inject)
    )
    return done.returncode in (-signal.SIGKILL, 128 + signal.SIGKILL)


def old_or_new(mx: Site, old: dict[str, bytes]) -> str:
    """Which of the two states stands there. Certificates and what postmap builds are new bytes each time."""
    found = {name: content for name, content in mx.contents().items() if name in old}
    if found == old and mx.contents() == old:
        return "old"
    assert b"smtp_tls_loglevel = 1" in mx.main_cf.read_bytes()
    assert {"tls/mx.pem", "tls_policy", "tls_policy.db"} <= mx.contents().keys()
    return "new"


def nothing_left(mx: Site) -> None:
    assert [name for name in mx.names() if "reconciler" in name or name.endswith(".tmp")] == []


@pytest.mark.parametrize(
    ("call", "number"),
    [("renameat2", 1), ("renameat2", 2), ("renameat2", 4), ("rename", 1), ("rename", 3), ("rename", 6), ("rename", 7),
     ("fsync", 2), ("fsync", 9), ("unlink", 3), ("flock", 2), ("setxattr", 1), ("fchmod", 3), ("mkdir", 4)],
)  # fmt: skip
def test_a_kill_leaves_the_old_state_or_the_new_one_after_recovery(site: Make, call: str, number: int) -> None:
    mx = site()
    old, names = mx.contents(), mx.names()
    reached = killed_at(mx, call, number)
    journal = mx.recover()
    state = old_or_new(mx, old)
    nothing_left(mx)
    if state == "old":
        assert mx.names() == names
        assert reached
    if journal is not None:
        assert journal.phase in (Phase.DONE, Phase.ABORTED, Phase.ROLLED_BACK)
        assert journal.phase is not Phase.DONE or state == "new"
    assert mx.recover() is None
    mx.serves()
    assert mx.apply().returncode == 0
    assert old_or_new(mx, old) == "new"


@pytest.mark.parametrize("number", [1, 2, 3])
def test_a_kill_of_the_recovery_is_recovered_from_too(site: Make, number: int) -> None:
    mx = site()
    old = mx.contents()
    assert killed_at(mx, "renameat2", 3)
    assert killed_at(mx, "renameat2", number)
    mx.recover()
    old_or_new(mx, old)
    nothing_left(mx)
    assert mx.recover() is None


@pytest.mark.parametrize("error", ["ENOSPC", "EIO"])
@pytest.mark.parametrize("number", [1, 3, 6])
def test_a_write_that_fails_leaves_everything_as_it_was(site: Make, error: str, number: int) -> None:
    mx = site()
    old, names = mx.contents(), mx.names()
    below = ("-P", mx.instance.config_directory) if error == "EIO" else ()
    calls = "fsync" if error == "EIO" else "write,pwrite64,pwritev,sendfile"
    inject = ("strace", "-qq", "-o", "/dev/null", *below, "-e", f"inject={calls}:error={error}:when={number}+")
    done = mx.apply(before=inject)
    mx.recover()
    state = old_or_new(mx, old)
    nothing_left(mx)
    assert done.returncode == (1 if state == "old" else 0) or error == "ENOSPC"
    assert state == "new" or mx.names() == names
    mx.serves()


def stopped_in(mx: Site, phase: Phase, monkeypatch: pytest.MonkeyPatch) -> Transaction:
    """A transaction whose process is gone at the moment its journal says this."""
    write = Course.write

    def gone(self, journal, *, lasting=True):
        write(self, journal, lasting=lasting)
        if journal.phase is phase:
            raise SystemExit

    transaction = mx.transaction()
    with monkeypatch.context() as patched:
        patched.setattr(Course, "write", gone)
        patched.setattr(Course, "unwind", lambda *_: None)
        patched.setattr(Course, "_take_back", lambda *_: None)
        with pytest.raises(SystemExit):
            transaction.execute()
    return transaction


@pytest.mark.parametrize(
    ("phase", "end", "state"),
    [
        (Phase.PREPARED, Phase.ABORTED, "old"),
        (Phase.COMMITTING, Phase.DONE, "new"),
        (Phase.APPLIED, Phase.DONE, "new"),
        (Phase.DONE, Phase.DONE, "new"),
    ],
)
def test_each_state_of_the_journal_has_its_end(site: Make, monkeypatch, phase: Phase, end: Phase, state: str) -> None:
    mx = site()
    old = mx.contents()
    stopped_in(mx, phase, monkeypatch)
    journal = mx.recover()
    assert journal is not None
    assert (journal.phase, old_or_new(mx, old)) == (end, state)
    nothing_left(mx)
    assert mx.recover() is None
    mx.serves()


def test_what_does_not_wait_aside_any_more_is_not_half_applied(site: Make, monkeypatch) -> None:
    mx = site()
    old, names = mx.contents(), mx.names()
    transaction = stopped_in(mx, Phase.COMMITTING, monkeypatch)
    first, last = transaction.course.journal.passages[0], transaction.course.journal.passages[-1]
    transaction.machine.carry(first)
    Path(last.aside).unlink()
    journal = mx.recover()
    assert journal is not None
    assert journal.phase is Phase.ROLLED_BACK
    assert (mx.contents(), mx.names()) == (old, names)


def test_a_rollback_that_was_interrupted_goes_on(site: Make, monkeypatch) -> None:
    mx = site()
    old, names = mx.contents(), mx.names()
    transaction = stopped_in(mx, Phase.APPLIED, monkeypatch)
    course = transaction.course
    course.write(replace(course.journal, phase=Phase.ROLLBACK))
    last = course.journal.passages[-1]
    transaction.machine.restore(last)
    journal = mx.recover()
    assert journal is not None
    assert journal.phase is Phase.ROLLED_BACK
    assert (mx.contents(), mx.names()) == (old, names)


@pytest.mark.parametrize("phase", [Phase.COMMITTING, Phase.APPLIED])
def test_a_file_that_is_neither_old_nor_new_stops_the_recovery_which_touches_nothing(
    site: Make, monkeypatch, phase: Phase
) -> None:
    mx = site()
    stopped_in(mx, phase, monkeypatch)
    mx.main_cf.write_bytes(mx.main_cf.read_bytes() + b"# by hand\n")
    before = mx.contents()
    with pytest.raises(RecoveryStopped, match=r"half done, and .*/main\.cf was changed since by somebody else"):
        mx.recover()
    assert mx.contents() == before
    done = mx.apply()
    assert done.returncode == 1
    assert "reconciler release 1" in done.stderr
    assert mx.contents() == before


@pytest.mark.parametrize(
    ("phase", "how"),
    [(Phase.PREPARED, "no live file had been touched"), (Phase.APPLIED, "the change is in place and proven")],
)
def test_the_next_apply_says_how_it_ended_what_was_interrupted(site: Make, monkeypatch, phase: Phase, how: str) -> None:
    mx = site()
    stopped_in(mx, phase, monkeypatch)
    done = mx.apply()
    assert (done.returncode, done.stderr) == (0, f"transaction 1 was interrupted, and has been ended: {how}\n")


def test_a_damaged_journal_stops_the_recovery_and_the_old_files_are_kept(site: Make, monkeypatch) -> None:
    mx = site()
    course = stopped_in(mx, Phase.COMMITTING, monkeypatch).course
    before, journal = mx.contents(), course.entry.path / "journal.json"
    journal.write_bytes(journal.read_bytes()[:-100])
    for command in (
        ("apply", "--repo", str(mx.repo), "--auto-approve"),
        ("rollback", "--auto-approve"),
        ("history", "show"),
    ):
        done = mx.run(*command)
        assert (done.returncode, done.stderr.count("\n")) == (1, 1)
        assert "journal.json: damaged; nobody can tell how far transaction 1 came" in done.stderr
    assert "its journal cannot be read; `reconciler history show 1` says why\n" in mx.run("history").stdout
    assert "transaction 1 was cut off" in mx.run("plan", "--repo", str(mx.repo)).stderr
    assert mx.contents() == before
    assert Path(course.entry.copy(course.journal.passages[-1])).exists()
    assert "000001.damaged; the files stay as they stand" in mx.run("release", "1").stdout
    assert mx.apply().returncode == 0


def test_a_second_apply_gives_up_within_a_second_and_names_the_first(site: Make) -> None:
    mx = site()
    sight = mx.look()
    with sight.state.lock():
        done = mx.apply()
    assert done.returncode == 1
    assert "another apply is at work on etc (process " in done.stderr


def test_postconf_waits_for_the_swap_and_then_edits_the_new_file(site: Make) -> None:
    mx = site()
    transaction = mx.transaction()
    passages = transaction.machine.carry
    editors: list[subprocess.Popen[bytes]] = []

    def carry(passage):
        if not editors:
            command = ["postconf", "-c", mx.instance.config_directory, "-e", "mail_name=Somebody"]
            editors.append(subprocess.Popen(command, env=environment()))
            waits_for_lock(editors[0].pid)
        passages(passage)

    transaction.machine.carry = carry  # type: ignore[method-assign]
    transaction.execute()
    assert editors[0].wait(30) == 0
    assert b"smtp_tls_loglevel = 1" in mx.main_cf.read_bytes()
    assert b"mail_name = Somebody" in mx.main_cf.read_bytes()
    nothing_left(mx)


def waits_for_lock(pid: int) -> None:
    """Until the process is blocked in flock(2), as the kernel tells."""
    while f" -> FLOCK  ADVISORY  WRITE {pid} " not in Path("/proc/locks").read_text():
        assert Path(f"/proc/{pid}").exists()


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT, signal.SIGHUP])
def test_a_signal_ends_an_apply_with_exit_code_1_and_the_old_state_or_the_new_one(site: Make, number) -> None:
    mx = site()
    old = mx.contents()
    running = subprocess.Popen(
        mx.command(), cwd=Path(__file__).parents[2], env=environment(), stdout=subprocess.PIPE, stderr=subprocess.PIPE
    )
    journal = mx.memory / "etc/transactions/000001/journal.json"
    while not journal.exists():
        assert running.poll() is None
    running.send_signal(number)
    _, stderr = running.communicate(timeout=30)
    assert running.returncode == 1
    assert stderr.startswith(b"interrupted")
    mx.recover()
    old_or_new(mx, old)
    nothing_left(mx)
    mx.serves()


@pytest.mark.parametrize("step", ["probing", "committing", "reloading", "proving"])
def test_a_terminal_that_goes_away_leaves_no_change_unproven(site: Make, step: str) -> None:
    """The connection of whoever applied breaks; nobody may come back for hours."""
    mx = site()
    old, names = mx.contents(), mx.names()
    ours, theirs = pty.openpty()
    running = subprocess.Popen(
        ["setsid", "--ctty", "--wait", *mx.command("--skip-canary")],
        cwd=Path(__file__).parents[2], env=environment(), stdin=theirs, stdout=theirs, stderr=theirs,
    )  # fmt: skip
    os.close(theirs)
    told = b""
    while f"… {step}".encode() not in told:
        told += os.read(ours, 4096)
    os.close(ours)
    running.wait(timeout=60)
    journal = next(journal for _, journal in mx.look().state.ledger.journals())
    assert journal.phase in (Phase.ABORTED, Phase.ROLLED_BACK, Phase.DONE)
    if journal.phase is not Phase.DONE:
        assert (mx.contents(), mx.names()) == (old, names)
    nothing_left(mx)
    mx.serves()


@pytest.mark.parametrize("step", ["probing", "committing", "reloading", "proving"])
def test_a_key_that_is_pressed_again_and_again_disturbs_nothing_that_is_taken_back(site: Make, step: str) -> None:
    mx = site()
    old, names = mx.contents(), mx.names()
    ours, theirs = pty.openpty()
    running = subprocess.Popen(
        mx.command("--skip-canary"), cwd=Path(__file__).parents[2], env=environment(), stdout=theirs, stderr=theirs
    )
    os.close(theirs)
    told = b""
    while f"… {step}".encode() not in told:
        told += os.read(ours, 4096)
    while running.poll() is None:
        running.send_signal(signal.SIGINT)
        with suppress(subprocess.TimeoutExpired):
            running.wait(timeout=0.02)
    with suppress(OSError):  # it has ended
        while piece := os.read(ours, 4096):
            told += piece
    os.close(ours)
    assert b"Traceback" not in told
    mx.serves()
    journal = next(journal for _, journal in mx.look().state.ledger.journals())
    if step == "proving" and journal.phase is Phase.DONE:  # it was proven before the first key arrived
        assert running.returncode == 0 or b"it stays" in told
        return
    assert b"interrupted: nothing of the change is left" in told
    assert (running.returncode, mx.contents(), mx.names()) == (1, old, names)


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
@pytest.mark.parametrize("step", ["recovering transaction 1", "committing"])
def test_a_signal_waits_for_the_end_of_a_recovery(site: Make, number: signal.Signals, step: str) -> None:
    """Files are between two states when it begins."""
    mx = site()
    assert killed_at(mx, "renameat2", 3)
    ours, theirs = pty.openpty()
    running = subprocess.Popen(
        mx.command(), cwd=Path(__file__).parents[2], env=environment(), stdout=theirs, stderr=theirs
    )
    os.close(theirs)
    told = b""
    while f"… {step}".encode() not in told:
        told += os.read(ours, 4096)
    running.send_signal(number)
    assert running.wait(timeout=60) == 1
    os.close(ours)
    journal = next(journal for _, journal in mx.look().state.ledger.journals())
    assert journal.phase is Phase.DONE
    nothing_left(mx)
    mx.serves()


def test_an_edit_in_place_while_a_file_is_replaced_is_kept(site: Make) -> None:
    mx = site()
    transaction = mx.transaction()
    with mx.main_cf.open("ab") as editor:
        sync = transaction.machine.sync

        def late(passages):
            sync(passages)
            editor.write(b"# in place\n")
            editor.flush()

        transaction.machine.sync = late  # type: ignore[method-assign]
        receipt = transaction.execute()
    (note,) = [it for it in receipt.notes if "somebody wrote into" in it]
    kept = files.read(note.rpartition(" ")[2])
    assert kept is not None
    assert kept.content.endswith(b"# in place\n")
