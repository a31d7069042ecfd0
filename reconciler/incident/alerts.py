"""Who is told what, and when: a pure decision over incidents and over what was told before.

No more than one alert for a key in a repeat interval, whatever flaps; a message that one is over follows once it has
been quiet, and only what was told as open is told as over.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from datetime import timedelta

from reconciler.frozen import dataclass
from reconciler.model.alert import Alert, Notice
from reconciler.model.incident import Incident, Severity
from reconciler.model.moment import Moment
from reconciler.model.told import Told, Word

_ORDER = list(Severity)


@dataclass(frozen=True, slots=True)
class Policy:
    """`group_by` has any of host, kind, severity. `seen` of the last `of` looks have to find a drift."""

    severities: frozenset[Severity] = frozenset(Severity)
    group_by: tuple[str, ...] = ("host", "kind")
    group_wait: timedelta = timedelta(seconds=30)
    repeat_interval: timedelta = timedelta(hours=4)
    seen: int = 1
    of: int = 1


@dataclass(frozen=True, slots=True)
class Known:
    """What there is to tell of one instance."""

    host: str
    instance: str
    incidents: tuple[Incident, ...]


def due(known: Known, told: Mapping[str, Told], policy: Policy, now: Moment) -> tuple[Alert, ...]:
    """The alerts to send now on one route. `told` is by key of incident."""
    waiting: dict[tuple[str, ...], list[tuple[Notice, bool]]] = {}
    for incident in known.incidents:
        word = _word(incident, told.get(incident.key), policy, now)
        if word is not None:
            notice = Notice(known.host, known.instance, incident, word)
            ready = word is not Word.OPENED or _age(incident, now) >= policy.group_wait.total_seconds()
            waiting.setdefault(_group(notice, policy), []).append((notice, ready))
    return tuple(_alerts(waiting))


def _alerts(waiting: Mapping[tuple[str, ...], list[tuple[Notice, bool]]]) -> Iterator[Alert]:
    """A group goes once one in it has waited long enough, with all that wait in it."""
    for group, notices in sorted(waiting.items()):
        if any(ready for _, ready in notices):
            yield Alert(group, tuple(notice for notice, _ in notices))


def after(alert: Alert, told: Mapping[str, Told], now: Moment) -> dict[str, Told]:
    """What is to be remembered once an alert was sent."""
    out: dict[str, Told] = {}
    for notice in alert.notices:
        incident, before = notice.incident, told.get(notice.incident.key)
        over = notice.word is Word.RESOLVED
        alerted = before.alerted_s if over and before and before.boot == now.boot else now.uptime_s
        word = notice.word if incident.is_open else Word.RESOLVED
        out[incident.key] = Told(
            incident.outbox, incident.number, word, incident.severity.value, now.boot, float(alerted)
        )
    return out


def _word(incident: Incident, told: Told | None, policy: Policy, now: Moment) -> Word | None:
    """What there is to say of an incident now, if anything."""
    if told is not None and told.word is not Word.RESOLVED and not incident.is_open:
        return Word.RESOLVED if _is_quiet(incident, policy, now) else None
    if incident.severity not in policy.severities or not _is_confirmed(incident, policy):
        return None
    if told is None:
        return Word.OPENED if incident.is_open or _is_fresh(incident, policy, now) else None
    worse = _ORDER.index(incident.severity) > _ORDER.index(Severity(told.severity))
    rested = now.since(told.boot, told.alerted_s) >= policy.repeat_interval.total_seconds()
    if incident.is_open:
        if told.word is Word.RESOLVED or worse:
            return Word.OPENED if rested or worse else None
        return Word.REMINDED if rested else None
    unsaid = (told.outbox, told.number) != (incident.outbox, incident.number) and _is_fresh(incident, policy, now)
    return Word.OPENED if unsaid and (rested or worse) else None


def _is_confirmed(incident: Incident, policy: Policy) -> bool:
    """N in M; what is not found by looks, such as a remote that does not answer, needs none."""
    looks = incident.looks
    return not looks or sum(1 for look in looks if look > looks[-1] - policy.of) >= policy.seen


def _is_quiet(incident: Incident, policy: Policy, now: Moment) -> bool:
    """Whether one that is over stays so: a fight has to rest for a whole repeat interval."""
    rest = policy.repeat_interval if incident.fighting else policy.group_wait
    return now.since(incident.boot, incident.resolved_s) >= rest.total_seconds()


def _is_fresh(incident: Incident, policy: Policy, now: Moment) -> bool:
    """Whether one that is over before anybody was told is still worth telling."""
    same = incident.boot == now.boot
    return same and now.uptime_s - incident.resolved_s <= policy.repeat_interval.total_seconds()


def _age(incident: Incident, now: Moment) -> float:
    return now.since(incident.boot, incident.opened_s)


def _group(notice: Notice, policy: Policy) -> tuple[str, ...]:
    incident = notice.incident
    values = {"host": notice.host, "kind": incident.kind.value, "severity": incident.severity.value}
    over = "resolved" if notice.word is Word.RESOLVED else "alert"
    return (over, *(values[name] for name in policy.group_by))
