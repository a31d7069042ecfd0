"""The second half of a pass: carry the plan out, with the proofs around it."""

from __future__ import annotations

import time
from contextlib import suppress
from functools import partial

from reconciler.apply.course import Progress
from reconciler.apply.quarantine import Quarantine
from reconciler.apply.state import Seen
from reconciler.apply.transaction import Transaction
from reconciler.errors import ReconcilerError
from reconciler.host import snapshot
from reconciler.host.machine import LocalMachine
from reconciler.loop import installation, lean, recording
from reconciler.loop.look import Sight
from reconciler.loop.recover import prover_of, told
from reconciler.loop.trial import InCanary
from reconciler.model.plan import Plan
from reconciler.model.receipt import Receipt
from reconciler.record.recorder import Heard, Recorder, unheard


def apply(
    sight: Sight,
    plan: Plan,
    progress: Progress = lambda _: None,
    *,
    looked: bool = False,
    heard: Heard = unheard,
    skip_canary: bool = False,
) -> Receipt:
    """Carry out the plan of what was seen, as one transaction, and record what was found and done.

    `looked` says that the drift in it is on record already; `heard` is told every event.

    Raises Locked, Quarantined, CheckFailed, CanaryRefused, Conflict, RolledBack or RollbackFailed.
    """
    if sight.source and sight.fetched:
        sight.source.accept(sight.fetched)
    view = sight.live.view
    machine = LocalMachine(plan.config_directory, view.get("queue_directory"), view.get("inet_interfaces"))
    if not looked:
        Recorder(sight.state.path, heard).look(recording.scene(sight, plan))
    trial = InCanary(sight.live, progress)
    work = Transaction(
        plan,
        machine,
        sight.state,
        partial(prover_of, sight.live, machine),
        progress,
        trial=trial,
        skips_trial=skip_canary,
        recorded=sight.recorded,
    )
    receipt = carried_out(work, heard)
    if not plan.is_empty:
        Recorder(sight.state.path).note(recording.afterwards(sight, plan))
    if not plan.is_empty or sight.state.recall(sight.key) is None:
        _remember(sight)
    return receipt


def refuse_quarantined(sight: Sight, plan: Plan) -> None:
    """Before anybody is asked to approve it.

    Raises Quarantined.
    """
    if not plan.is_empty:
        Quarantine(sight.state.quarantine).refuse(plan.revision)


def carried_out(work: Transaction, heard: Heard = unheard) -> Receipt:
    """Execute a transaction, and record how it ended.

    Raises what it raises.
    """
    recorder = Recorder(work.state.path, heard)
    start = time.monotonic()
    try:
        receipt = work.execute()
    except ReconcilerError as failure:
        with suppress(OSError):  # why it failed is what there is to say, also where no room is left to write it down
            recorder.failed(work.plan, failure.reason, str(failure))
            if work.number:
                told(work.state, work.course.journal)
        raise
    if not work.plan.is_empty:
        recorder.applied(work.plan, receipt, time.monotonic() - start)
        told(work.state, work.course.journal)
    return receipt


def _remember(sight: Sight) -> None:
    """What the next pass need not work out again, with the certificates that were made in this one."""
    paths = (*sight.live.snapshot.pems, *sight.live.snapshot.absent)
    after = snapshot.extend(sight.live.snapshot, pems=paths)
    pems = {pem.sha256: pem for pem in after.pems.values() if not pem.problem}
    sight.state.remember(sight.key, Seen(lean.without_rows(sight.desired), pems), lean.exempt(sight.desired))
    installation.remember(sight.state, sight.live.snapshot)
