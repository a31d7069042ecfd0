"""The second half of a pass: carry the plan out, with the proofs around it."""

from __future__ import annotations

import time
from datetime import UTC, datetime

from reconciler.apply.course import Progress
from reconciler.apply.state import Seen
from reconciler.apply.transaction import Transaction
from reconciler.errors import ReconcilerError
from reconciler.host import snapshot
from reconciler.host.machine import LocalMachine
from reconciler.loop.look import Sight
from reconciler.loop.recover import told
from reconciler.model.plan import Drift, Plan
from reconciler.model.receipt import Receipt
from reconciler.record.events import EventLog
from reconciler.verify.around import AroundChange


def apply(
    sight: Sight,
    plan: Plan,
    progress: Progress = lambda _: None,
    *,
    untold: tuple[Drift, ...] | None = None,
    skip_canary: bool = False,
) -> Receipt:
    """Carry out the plan of what was seen, as one transaction, and record what was found and done.

    `untold` is the drift that no event tells of yet; all of the plan's, where nobody looked before.

    Raises Locked, Quarantined, CheckFailed, CanaryRefused, Conflict, RolledBack or RollbackFailed.
    """
    view = sight.live.view
    machine = LocalMachine(plan.config_directory, view.get("queue_directory"), view.get("inet_interfaces"))
    prover = AroundChange(sight.live, machine)
    events = EventLog(sight.state.path / "events.jsonl")
    for found in plan.drift if untold is None else untold:
        events.drift(plan, found, datetime.now(UTC))
    receipt = carried_out(Transaction(plan, machine, sight.state, prover, progress, skips_trial=skip_canary))
    if not plan.is_empty or sight.state.recall(sight.key) is None:
        _remember(sight)
    return receipt


def carried_out(work: Transaction) -> Receipt:
    """Execute a transaction, and record how it ended.

    Raises what it raises.
    """
    events = EventLog(work.state.path / "events.jsonl")
    start = time.monotonic()
    try:
        receipt = work.execute()
    except ReconcilerError as failure:
        events.failed(work.plan, failure.reason, str(failure), datetime.now(UTC))
        told(work.state, work.number)
        raise
    if not work.plan.is_empty:
        events.applied(work.plan, receipt, datetime.now(UTC), time.monotonic() - start)
        told(work.state, work.number)
    return receipt


def _remember(sight: Sight) -> None:
    """What the next pass need not work out again, with the certificates that were made in this one."""
    paths = (*sight.live.snapshot.pems, *sight.live.snapshot.absent)
    after = snapshot.extend(sight.live.snapshot, pems=paths)
    pems = {pem.sha256: pem for pem in after.pems.values() if not pem.problem}
    sight.state.remember(sight.key, Seen(sight.desired, pems))
