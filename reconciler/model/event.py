"""Events: what happened, under a name from one list.

The list is for two readers. What is `kept` goes into the outbox of an instance, and from there into the store; all of
it, kept or not, is what the log may say. docs/reference/events.md shows it, and a test holds both against the code.
"""

from __future__ import annotations

from collections.abc import Mapping
from enum import StrEnum

from reconciler.frozen import dataclass

Fact = str | int | float | bool | None


class Level(StrEnum):
    """As structlog and journald name them."""

    DEBUG = "debug"
    INFO = "info"
    WARNING = "warning"
    ERROR = "error"


@dataclass(frozen=True, slots=True)
class Event:
    """One event of one instance; `name` is `noun.past_participle`, facts carry their unit in the key.

    `outbox` and `sequence` make it one of a kind: the sequence begins at 1 and has no gap, and is the order of events.
    `at` is ISO 8601 with its zone, by a clock that may be wrong; `boot` and `uptime_s` are those of a Moment.
    """

    outbox: str
    sequence: int
    name: str
    at: str
    boot: str
    uptime_s: float
    facts: Mapping[str, Fact]

    def text(self, fact: str) -> str:
        """A fact as text; empty where it is absent."""
        value = self.facts.get(fact)
        return "" if value is None else str(value)


@dataclass(frozen=True, slots=True)
class Meant:
    """What an event of a name says. `kept` ones are recorded, the others only logged."""

    level: Level
    says: str
    kept: bool = False


DRIFT_FOUND, DRIFT_SEEN, DRIFT_RESOLVED = "drift.found", "drift.seen", "drift.resolved"
TROUBLE_FOUND, TROUBLE_SEEN, TROUBLE_RESOLVED = "trouble.found", "trouble.seen", "trouble.resolved"
APPLY_FINISHED, APPLY_FAILED = "apply.finished", "apply.failed"
TRANSACTION_RECOVERED = "transaction.recovered"
AGENT_PAUSED, AGENT_RESUMED = "agent.paused", "agent.resumed"
HEAL_DEFERRED, HEAL_SUSPENDED = "heal.deferred", "heal.suspended"

EVENTS: Mapping[str, Meant] = {
    # drift and trouble: the lives of incidents
    DRIFT_FOUND: Meant(Level.WARNING, "a managed address is not as it was last applied", kept=True),
    DRIFT_SEEN: Meant(Level.DEBUG, "a drift that was found before is still there", kept=True),
    DRIFT_RESOLVED: Meant(Level.INFO, "a drift is over; `resolution` says how", kept=True),
    TROUBLE_FOUND: Meant(Level.WARNING, "something keeps the agent from its work", kept=True),
    TROUBLE_SEEN: Meant(Level.DEBUG, "a trouble that was found before goes on", kept=True),
    TROUBLE_RESOLVED: Meant(Level.INFO, "a trouble is over", kept=True),
    # the transaction
    APPLY_FINISHED: Meant(Level.INFO, "a plan was carried out and proved", kept=True),
    APPLY_FAILED: Meant(Level.ERROR, "an apply changed nothing, or what it changed was taken back", kept=True),
    TRANSACTION_RECOVERED: Meant(Level.WARNING, "an apply that was cut short was brought to an end", kept=True),
    "revision.quarantined": Meant(Level.ERROR, "a commit failed its proofs and is not tried again", kept=True),
    "revision.released": Meant(Level.INFO, "a quarantined commit may be tried again", kept=True),
    # the source
    "source.synced": Meant(Level.INFO, "a new trusted commit was taken over", kept=True),
    "source.unreachable": Meant(Level.WARNING, "the remote does not answer; the last good state stays in force"),
    "source.refused": Meant(
        Level.ERROR, "a commit is not trusted: its signature, its history or its content", kept=True
    ),
    "source.recloned": Meant(Level.WARNING, "the clone was damaged and was made anew"),
    "source.stale": Meant(Level.WARNING, "no new commit was seen for longer than the settings allow"),
    # the agent
    "agent.started": Meant(Level.INFO, "the agent has begun its work", kept=True),
    "agent.stopped": Meant(Level.INFO, "the agent has ended its work", kept=True),
    AGENT_PAUSED: Meant(
        Level.WARNING, "nothing is applied until the pause ends; who and why are among the facts", kept=True
    ),
    AGENT_RESUMED: Meant(Level.INFO, "a pause is over", kept=True),
    "agent.frozen": Meant(Level.WARNING, "the freeze file exists: nothing is applied", kept=True),
    "agent.thawed": Meant(Level.INFO, "the freeze file is gone", kept=True),
    "agent.woken": Meant(Level.DEBUG, "a pass begins; `by` says what woke it"),
    "agent.waited": Meant(Level.INFO, "a pass waits for somebody else at work, such as a package manager"),
    "window.opened": Meant(Level.INFO, "changes may be applied from now on"),
    "window.closed": Meant(Level.INFO, "changes wait for the next window"),
    HEAL_DEFERRED: Meant(Level.INFO, "a drift is left for now; `until` says how long, `note` what to do", kept=True),
    HEAL_SUSPENDED: Meant(Level.WARNING, "somebody keeps changing it back: corrections are suspended", kept=True),
    "pass.started": Meant(Level.DEBUG, "the host is looked at"),
    "pass.finished": Meant(Level.INFO, "the host was looked at; `result` says what came of it"),
    "pass.failed": Meant(Level.ERROR, "a pass could not be finished; `reason` is the word for why"),
    # the machine around it
    "units.installed": Meant(Level.INFO, "systemd units were written"),
    "watch.started": Meant(Level.DEBUG, "directories are watched"),
    "watch.failed": Meant(Level.WARNING, "directories cannot be watched; the periodic look goes on"),
    "webhook.received": Meant(Level.INFO, "a forge said that something was pushed"),
    "webhook.refused": Meant(Level.WARNING, "a request without a valid signature, or too large"),
    "snapshot.published": Meant(Level.INFO, "the redacted snapshot was published"),
    "snapshot.failed": Meant(Level.WARNING, "the redacted snapshot could not be published"),
    # the store and the alerts
    "store.ingested": Meant(Level.DEBUG, "events went from the outbox into the store"),
    "store.migrated": Meant(Level.INFO, "the store was brought to a newer schema"),
    "store.unavailable": Meant(Level.WARNING, "the store cannot be used; events wait in the outbox"),
    "alert.raised": Meant(Level.WARNING, "what the alerts say, for those who read the journal"),
    "alert.sent": Meant(Level.INFO, "an alert was handed to its service"),
    "alert.spooled": Meant(Level.INFO, "an alert was laid down for the half of the agent that has the network"),
    "alert.failed": Meant(Level.ERROR, "an alert could not be handed to its service; it is tried again"),
    "parcel.refused": Meant(Level.WARNING, "what lay in the spool cannot be delivered, and was taken away"),
    "status.failed": Meant(Level.WARNING, "the forge did not take what became of a commit here"),
    "metrics.failed": Meant(Level.WARNING, "the numbers could not be written or served"),
}
