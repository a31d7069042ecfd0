"""The proofs around a change see the change, and nothing older."""

from __future__ import annotations

import os
import signal
import threading
import time
from contextlib import suppress
from datetime import timedelta
from pathlib import Path

import pytest

from reconciler.host import files, master
from reconciler.host.ports import free_port
from reconciler.host.processes import until
from reconciler.model.proof import Outcome
from reconciler.probe import reload
from reconciler.verify.around import AroundChange
from tests.verify.conftest import chain, the

pytestmark = pytest.mark.postfix


class Machine:
    """The part of the machine that is asked for, as LocalMachine has it."""

    def read(self, path):
        return files.read(path)


@pytest.fixture
def around(mail_host):
    host = mail_host()
    return host, AroundChange(host.live(), Machine())


def reload_unseen(host):
    """As an apply reloads: it returns once master(8) was told."""
    host.instance.postfix.reload()


def test_a_renewed_certificate_is_seen_after_the_reload(around):
    host, prover = around
    before = prover.before()
    host.instance.write("tls.pem", chain("mx1.test"), 0o600)
    reload_unseen(host)
    after = prover.after()
    assert prover.regressions(before, after) == ()
    old, new = (the(proofs, "certificate-served", host.mx) for proofs in (before, after))
    assert new.outcome is Outcome.PASSED
    assert new.observed != old.observed


def test_a_chain_file_that_broke_is_a_regression_on_every_listener(around):
    host, prover = around
    before = prover.before()
    host.instance.configure(smtpd_tls_chain_files="/nonexistent.pem")
    reload_unseen(host)
    worse = prover.regressions(before, prover.after())
    ports = (host.instance.smtpd_port, host.submission, host.submissions)
    assert {proof.subject for proof in worse} == {f"127.0.0.1:{port}" for port in ports}


def test_a_master_that_died_of_the_reload_is_seen(around):
    host, prover = around
    before = prover.before()
    host.instance.configure(service_throttle_time="10q")
    reload_unseen(host)
    (worse,) = prover.regressions(before, prover.after())
    assert worse.name == "postfix-running"
    assert "the next reload would end master(8) over it" in worse.observed


def test_a_master_that_does_not_act_on_the_reload_is_no_success(around):
    host, prover = around
    prover.reload_patience = timedelta(seconds=0.2)
    before = prover.before()
    os.kill(host.instance.pid, signal.SIGSTOP)
    try:
        host.instance.write("tls.pem", chain("mx1.test"), 0o600)
        reload_unseen(host)
        (worse,) = prover.regressions(before, prover.after())
    finally:
        os.kill(host.instance.pid, signal.SIGCONT)
    assert worse.observed == "the reload was not taken in within 0.2 s"


def test_a_master_is_woken_while_a_reload_is_waited_for_and_serves_on(around):
    """What a reload that came a moment before the wait is not seen for: another signal, which changes nothing."""
    host, prover = around
    before = prover.before()
    started = {it.pid for it in reload.children(host.instance.pid)}
    for _ in range(20):
        master.nudge(host.instance.pid, host.instance.queue_directory)
    assert started <= {it.pid for it in reload.children(host.instance.pid)}
    host.instance.write("tls.pem", chain("mx1.test"), 0o600)
    os.kill(host.instance.pid, signal.SIGSTOP)
    awake = threading.Timer(2.5, os.kill, (host.instance.pid, signal.SIGCONT))
    awake.start()
    try:
        reload_unseen(host)
        assert prover.regressions(before, prover.after()) == ()
    finally:
        awake.join()


@pytest.fixture
def quick(mail_host):
    """As `around`; a process that ends without having done anything is not held back for a minute."""
    host = mail_host()
    host.instance.configure(service_throttle_time="1s")
    host.instance.reload()
    return host, AroundChange(host.live(), Machine())


def _without_queue_processes(instance):
    for _ in until(timedelta(seconds=10)):
        there = reload.queue_processes(reload.children(instance.pid))
        for pid in there:
            with suppress(ProcessLookupError):
                os.kill(pid, signal.SIGTERM)
        if not there:
            break


def test_a_reload_is_waited_for_where_no_queue_process_ran_before_it(quick):
    """By whose going it is seen: without them the proofs would be the old processes'."""
    host, prover = quick
    _without_queue_processes(host.instance)
    before = prover.before()
    os.kill(host.instance.pid, signal.SIGSTOP)
    awake = threading.Timer(1, os.kill, (host.instance.pid, signal.SIGCONT))
    awake.start()
    try:
        host.instance.write("tls.pem", chain("mx1.test"), 0o600)
        reload_unseen(host)
        started = time.monotonic()
        assert prover.regressions(before, prover.after()) == ()
    finally:
        awake.join()
    assert time.monotonic() - started > 0.5


def test_queue_processes_that_nobody_woke_are_woken_while_a_reload_is_waited_for(quick):
    """Two reloads close upon each other: those that still start take the wake-up of the next ones, and end."""
    host, prover = quick
    before = prover.before()
    reload_unseen(host)
    _without_queue_processes(host.instance)
    host.instance.write("tls.pem", chain("mx1.test"), 0o600)
    assert prover.regressions(before, prover.after()) == ()
    assert reload.queue_processes(reload.children(host.instance.pid))


def test_a_new_listener_is_proved_too(around):
    host, prover = around
    before = prover.before()
    path = Path(host.config_directory, "master.cf")
    line, moved = (f"127.0.0.1:{port}" for port in (host.submission, free_port()))
    host.instance.write("master.cf", path.read_text().replace(f"{line} inet", f"{moved} inet"))
    reload_unseen(host)
    after = prover.after()
    assert prover.regressions(before, after) == ()
    assert the(after, "plaintext-mail-refused", moved).outcome is Outcome.PASSED


def test_a_master_cf_that_cannot_be_read_is_a_regression(around):
    host, prover = around
    before = prover.before()
    host.instance.write("master.cf", "smtp inet n\n")
    (worse,) = prover.regressions(before, prover.after())
    first = f"{host.config_directory}/master.cf:1:1: 3 fields where a service has at least 8; "
    assert worse.observed.startswith(first)


def test_what_needs_no_reload_is_not_waited_for(around):
    _, prover = around
    before = prover.before()
    started = time.monotonic()
    assert prover.after() == before
    assert time.monotonic() - started < 1
