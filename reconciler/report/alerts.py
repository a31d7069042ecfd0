"""An alert as somebody reads it on a telephone: host, what, since when, what the agent did, how to look closer.

No duration and no counter stands in it: they would make a new text of the same alert.
"""

from __future__ import annotations

import json
import shlex
from collections.abc import Iterator

from reconciler.model.alert import Alert, Notice
from reconciler.model.drift import Cause, Kind
from reconciler.model.incident import Incident, Resolution
from reconciler.report.blocks import quoted, short, shown

_MAY_BE_PAUSED = "pause, "
_LISTED = 20  # notices of one message; a telephone is small

_WHAT = {
    Kind.TABLE_STALE: "the compiled table is not what its source says",
    Kind.FILE_ATTRIBUTES: "mode or owner changed",
    Kind.CERTIFICATE_ABSENT: "the certificate is not there",
    Kind.CERTIFICATE_RENEWED: "the certificate was renewed; it takes a reload until it is served",
    Kind.CERTIFICATE_EXPIRING: "the certificate was not renewed in time",
    Kind.CERTIFICATE_SERVED: "another certificate is served than the file holds",
    Kind.CONFIGURATION_OLD: "Postfix has not read what its files say",
    Kind.POSTFIX_DOWN: "Postfix is not running",
    Kind.SOURCE_UNREACHABLE: "the state repository does not answer",
    Kind.SOURCE_REFUSED: "a commit is not trusted",
    Kind.SOURCE_STALE: "no new commit for too long",
    Kind.STATE_INVALID: "the state in git is not valid",
    Kind.PLAN_STOPPED: "a plan waits for a waiver",
    Kind.APPLY_FAILED: "a change could not be applied",
    Kind.REVISION_QUARANTINED: "a commit failed its proofs",
    Kind.PASS_FAILED: "the agent could not finish its work",
}
_ENDED = {
    Resolution.HEALED: "The agent put it back and proved it.",
    Resolution.ADOPTED: "Git says now what the host has.",
    Resolution.REVERTED: "Somebody put it back.",
    Resolution.WENT_AWAY: "It is over.",
    Resolution.ACCEPTED: "It was left as it is.",
}
_CLOSER = {
    Kind.POSTFIX_DOWN: "postfix status; journalctl -u 'postfix*' -n 50",
    Kind.CERTIFICATE_SERVED: "reconciler verify",
    Kind.SOURCE_UNREACHABLE: "reconciler status",
    Kind.SOURCE_REFUSED: "reconciler status",
    Kind.SOURCE_STALE: "reconciler status",
    Kind.STATE_INVALID: "reconciler validate",
    Kind.PLAN_STOPPED: "reconciler plan",
    Kind.APPLY_FAILED: "reconciler history",
    Kind.REVISION_QUARANTINED: "reconciler history",
    Kind.PASS_FAILED: "reconciler doctor",
}


def subject(alert: Alert) -> str:
    """One line: how grave, where, what."""
    first = alert.notices[0]
    word = "resolved" if alert.is_recovery else alert.severity.value
    more = f" and {len(alert.notices) - 1} more" if len(alert.notices) > 1 else ""
    return f"[{word}] {shown(first.host)}: {shown(first.incident.subject)}{more}: {what(first.incident)}"


def body(alert: Alert) -> str:
    """The text of the message."""
    parts = ["\n".join(_notice(notice)) for notice in alert.notices[:_LISTED]]
    left = len(alert.notices) - _LISTED
    parts += [f"And {left} more: reconciler drift"] if left > 0 else []
    return "\n\n".join(parts) + "\n"


def as_json(alert: Alert) -> str:
    """For webhooks and the journal: the same facts, by name."""
    return json.dumps(facts(alert), ensure_ascii=False)


def facts(alert: Alert) -> dict[str, object]:
    return {
        "group": "/".join(alert.group),
        "severity": alert.severity.value,
        "recovery": alert.is_recovery,
        "subject": subject(alert),
        "keys": [notice.incident.key for notice in alert.notices],
    }


def what(incident: Incident) -> str:
    """What is the matter, in a few words."""
    if incident.fighting and incident.is_open:
        return "somebody keeps changing it back"
    if incident.kind in _WHAT:
        return _WHAT[incident.kind]
    return "not as git says" if incident.cause == Cause.OBSERVED else "changed outside of git"


def _notice(notice: Notice) -> Iterator[str]:
    incident = notice.incident
    where = f" ({shown(notice.instance)})" if notice.instance else ""
    yield f"Host: {shown(notice.host)}{where}"
    yield f"What: {shown(incident.subject)}: {what(incident)}"
    if incident.written is not None or incident.kind.is_drift:
        yield f"Was: {_value(incident.written)}"
    yield f"Found: {_value(incident.live)}"
    if incident.detail:
        yield f"Detail: {shown(incident.detail)}"
    yield f"Since: {incident.first_seen}" + (f", until {incident.resolved}" if incident.resolved else "")
    if incident.who:
        yield f"Who: {shown(incident.who)}"
    yield f"Done: {_done(incident)}"
    if incident.note:
        yield f"Next: {shown(incident.note)}"
        yield from _ways_out(incident)
    if incident.revision:
        yield f"Commit: {short(incident.revision)}"
    yield f"Look: {_closer(incident)}"


def _done(incident: Incident) -> str:
    if incident.resolution is not None:
        return _ENDED[incident.resolution]
    if incident.fighting:
        return "The agent put it back several times; it stops doing so when that does not help."
    if incident.kind is Kind.APPLY_FAILED:
        return "What was changed was taken back, or nothing was changed; Postfix runs on the last good state."
    if not incident.kind.is_drift:
        return "The last good state stays in force."
    if incident.cause == Cause.OBSERVED:
        return "Nothing: this part is only observed."
    return "Nothing yet: it is left as it is for now." if incident.note else "Nothing yet."


def _ways_out(incident: Incident) -> Iterator[str]:
    """The commands that the note speaks of, ready to be copied."""
    if incident.fighting:
        yield "Resume: reconciler resume"
        return
    if incident.note.startswith(_MAY_BE_PAUSED):
        yield "Pause: reconciler pause --reason 'why' --until 2h"
    yield f"Adopt: reconciler adopt {_argument(incident.subject)}"


def _closer(incident: Incident) -> str:
    if incident.kind in _CLOSER:
        return _CLOSER[incident.kind]
    return f"reconciler explain {_argument(incident.subject)}"


def _argument(subject: str) -> str:
    """An address as a shell takes it."""
    return shlex.quote(shown(subject))


def _value(value: str | None) -> str:
    return "absent" if value is None else quoted(value)
