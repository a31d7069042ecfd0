"""A change that breaks what worked is taken back, Postfix serves as before, and the revision is not tried again."""

from __future__ import annotations

import subprocess
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path

import pytest

from reconciler.errors import Conflict, RollbackFailed, RolledBack
from reconciler.host.processes import until
from reconciler.loop.look import plan_of
from reconciler.model.journal import Phase
from reconciler.model.proof import Outcome, Proof
from reconciler.verify.around import AroundChange
from tests.apply.conftest import STATE, Site, Unproven

pytestmark = pytest.mark.postfix
TOLD_TO_RELOAD = "refreshing the Postfix mail system"  # of two signals at once master takes one
Make = Callable[..., Site]


@pytest.mark.parametrize(
    "harm",
    [b"smtpd_tls_chain_files = /nonexistent.pem\n", b"smtpd_helo_required = maybe\n"],
    ids=["no TLS any more", "a service that is throttled"],
)
def test_a_change_that_breaks_the_service_is_taken_back(site: Make, harm: bytes) -> None:
    mx = site()
    old, names = mx.contents(), mx.names()
    transaction = mx.breaking(harm)
    with pytest.raises(RolledBack, match="with the change this fails, and did not before") as back:
        transaction.execute()
    assert (mx.contents(), mx.names()) == (old, names)
    mx.serves()
    journal = transaction.course.journal
    assert (journal.phase, journal.reason) == (Phase.ROLLED_BACK, "RolledBack")
    done = mx.apply()
    assert done.returncode == 1
    assert "was taken back on this host" in done.stderr
    assert f"with the change this fails, and did not before: {str(back.value).splitlines()[1].strip()})" in done.stderr
    assert (
        str(back.value)
        .splitlines()[-1]
        .startswith("the files are back as they were, and Postfix does what it did before")
    )
    assert mx.contents() == old


class ChangedBack(Unproven):
    """Somebody puts the old main.cf back while it is proved, and something that worked does not."""

    def __init__(self, mx: Site) -> None:
        self.main_cf, self.old, self.proved = mx.main_cf, mx.main_cf.read_bytes(), 0

    def before(self) -> tuple[Proof, ...]:
        return (Proof("banner", "smtp", Outcome.PASSED, "220", "220"),)

    def after(self) -> tuple[Proof, ...]:
        self.main_cf.write_bytes(self.old)
        self.proved += 1
        return (Proof("banner", "smtp", Outcome.FAILED, "220", "nothing"),) if self.proved == 1 else self.before()

    def regressions(self, before: tuple[Proof, ...], after: tuple[Proof, ...]) -> tuple[Proof, ...]:
        return after if before != after else ()


def test_a_revision_is_not_blamed_for_what_was_seen_while_somebody_had_changed_it_back(site: Make) -> None:
    mx = site()
    old = mx.contents()
    with pytest.raises(Conflict, match=r"main\.cf: changed back by somebody else while it was proved"):
        mx.transaction(prover=ChangedBack(mx)).execute()
    assert mx.contents() == old
    assert mx.apply().returncode == 0


def test_a_throttled_service_is_ended_by_a_restart_and_that_is_told(site: Make) -> None:
    mx = site()
    master = mx.instance.pid
    transaction = mx.breaking(b"smtpd_helo_required = maybe\n")
    with pytest.raises(RolledBack):
        transaction.execute()
    assert "throttling" in mx.instance.log()
    assert transaction.course.journal.notes == ("Postfix was restarted to end the throttling",)
    assert mx.instance.pid not in (None, master)


class Full(Unproven):
    """Something that worked does not; and from then on nothing can be written to the memory of the agent."""

    def __init__(self, memory: Path) -> None:
        self.places = (memory / "etc", memory / "etc/transactions/000002")
        self.proved = 0

    def before(self) -> tuple[Proof, ...]:
        return (Proof("banner", "smtp", Outcome.PASSED, "220", "220"),)

    def after(self) -> tuple[Proof, ...]:
        self.proved += 1
        if self.proved > 1:
            return self.before()
        self.protect("+i")
        return (Proof("banner", "smtp", Outcome.FAILED, "220", "nothing"),)

    def regressions(self, before: tuple[Proof, ...], after: tuple[Proof, ...]) -> tuple[Proof, ...]:
        return after if before != after else ()

    def protect(self, how: str) -> None:
        done = subprocess.run(["chattr", how, *map(str, self.places)], capture_output=True, text=True, check=False)
        if done.returncode != 0:
            pytest.skip(f"this file system has no chattr: {done.stderr}")


def test_the_old_files_are_in_force_again_although_that_cannot_be_recorded(site: Make) -> None:
    """To leave Postfix with what it has read, for want of a disk block, would be to leave it broken."""
    mx = site()
    assert mx.apply().returncode == 0
    mx.write(STATE.replace("loglevel: 1", "loglevel: 2"))
    record = mx.look().last
    old, names, prover, mark = mx.contents(), mx.names(), Full(mx.memory), mx.instance.mark()
    try:
        with pytest.raises(RollbackFailed) as back:
            mx.transaction(prover=prover).execute()
    finally:
        prover.protect("-i")
    assert {name: found for name, found in mx.contents().items() if name in old} == old
    assert any(mx.instance.log_since(mark).count(TOLD_TO_RELOAD) == 2 for _ in until(timedelta(seconds=10)))
    told = str(back.value).splitlines()
    assert told[1] == "  banner smtp: nothing (expected: 220)"
    assert told[2].startswith("the old files are back, and Postfix serves as before; but that cannot be recorded")
    journal = mx.recover()
    assert journal is not None
    assert journal.phase is Phase.ROLLED_BACK
    assert (mx.contents(), mx.names(), mx.look().last) == (old, names, record)


def test_an_instance_that_died_of_the_change_is_reported_and_not_started(site: Make) -> None:
    mx = site()
    old = mx.contents()
    transaction = mx.breaking(b"service_throttle_time = 10q\n")
    with pytest.raises(
        RollbackFailed, match=r"the old files are back, but Postfix has ended; start it: .*`postfix -c /.* start`"
    ):
        transaction.execute()
    assert mx.contents() == old
    assert mx.instance.pid is None


def test_what_was_broken_before_stops_no_change(site: Make) -> None:
    mx = site(main_cf_extra="smtpd_tls_security_level = may\nsmtpd_tls_chain_files = /nonexistent.pem\n")
    sight = mx.look()
    transaction = mx.transaction(prover=AroundChange(sight.live, mx.machine()))
    transaction.execute()
    assert transaction.course.journal.phase is Phase.DONE
    assert plan_of(mx.look()).is_empty
