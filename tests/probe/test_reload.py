"""A reload is over when nobody is left who would take a connection with the old configuration."""

from __future__ import annotations

import os
import signal
from datetime import timedelta

import pytest

from reconciler.host.processes import until
from reconciler.probe.reload import Child, children, is_taken_in, queue_processes

BEFORE = frozenset({10, 11})
NEW = (Child(20, "pickup", "S", 500), Child(21, "qmgr", "R", 501))


@pytest.mark.parametrize(
    ("now", "over"),
    [
        ((), False),
        ((Child(10, "pickup", "S", 100), Child(11, "qmgr", "S", 100)), False),
        ((Child(10, "pickup", "R", 100), NEW[1]), False),
        (NEW, True),
        ((*NEW, Child(12, "smtpd", "R", 100)), False),
        ((*NEW, Child(12, "smtpd", "S", 100)), True),
        ((*NEW, Child(12, "smtpd", "Z", 100)), True),
        ((*NEW, Child(22, "smtpd", "R", 502)), True),
    ],
    ids=["none yet", "the old ones", "one of the old", "new ones", "old about to run", "in a session", "dead", "new"],
)
def test_a_reload_is_over_when_only_new_and_busy_children_are_left(now, over):
    assert is_taken_in(BEFORE, now) is over


def test_where_nothing_was_seen_before_nothing_is_waited_for():
    assert is_taken_in(frozenset(), ())


def test_a_process_that_does_not_exist_has_no_children():
    assert children(2**22 + 1) == ()


def _when_all_are_there(instance):
    """A child is called master until it runs its program."""
    wanted = {"pickup", "qmgr", "smtpd"}
    assert any(wanted <= {child.name for child in children(instance.pid)} for _ in until(timedelta(seconds=10)))
    return children(instance.pid)


@pytest.mark.postfix
def test_the_children_of_a_real_master_change_with_a_reload(instances):
    instance = instances("mx1.test")
    before = _when_all_are_there(instance)
    assert not is_taken_in(queue_processes(before), before)
    instance.reload()  # which wakes a master that slept over the signal
    assert any(is_taken_in(queue_processes(before), children(instance.pid)) for _ in until(timedelta(seconds=10)))


@pytest.mark.postfix
def test_an_idle_smtpd_that_has_not_run_yet_is_waited_for(instances):
    instance = instances("mx1.test")
    before = _when_all_are_there(instance)
    (idle,) = (child.pid for child in before if child.name == "smtpd")
    os.kill(idle, signal.SIGSTOP)
    instance.reload()
    try:
        for _ in until(timedelta(seconds=10)):
            now = children(instance.pid)
            if queue_processes(now) and not queue_processes(now) & queue_processes(before):
                break
        assert not is_taken_in(queue_processes(before), children(instance.pid))
    finally:
        os.kill(idle, signal.SIGCONT)
    assert any(is_taken_in(queue_processes(before), children(instance.pid)) for _ in until(timedelta(seconds=10)))
