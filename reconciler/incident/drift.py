"""Every drift that one look shows: what the plan found, and what no plan sees.

A plan compares values. That a file changed its owner, that Postfix has not read what is written, that it serves another
certificate than the file holds, or is down: that is told by the snapshot, by sessions, and by what was noted before.
"""

from __future__ import annotations

import hashlib
from collections.abc import Collection, Iterable, Iterator, Mapping
from dataclasses import field
from datetime import UTC, datetime, timedelta
from typing import assert_never

from reconciler.frozen import dataclass
from reconciler.live.config import LiveConfig, header
from reconciler.live.paths import in_address
from reconciler.model.address import (
    Address,
    ElementAddress,
    FileAddress,
    OptionAddress,
    ParameterAddress,
    RowAddress,
    ServiceAddress,
    TableAddress,
)
from reconciler.model.drift import Cause, Drifted, Kind, Who
from reconciler.model.plan import Plan, Reason
from reconciler.model.presented import Presented, shown
from reconciler.model.snapshot import FileState
from reconciler.report.masking import masked, masked_address, masked_value

EXPIRES_SOON = timedelta(days=21)  # certbot renews 30 days before the end
_UNSEEN_BY_DRIFT = (Reason.TABLE_STALE, Reason.CERTIFICATE_RENEWED)


@dataclass(frozen=True, slots=True)
class Attributes:
    mode: int
    uid: int
    gid: int

    def __str__(self) -> str:
        return f"mode {self.mode:04o}, owner {self.uid}:{self.gid}"


@dataclass(frozen=True, slots=True)
class Taken:
    """What the running Postfix has read: which reading that is, when, and what the files meant then (a digest)."""

    reading: str = ""
    read_at: str = ""
    meaning: str = ""


@dataclass(frozen=True, slots=True)
class Noted:
    """What earlier looks left to compare with: attributes of files by path, and what Postfix had read."""

    attributes: Mapping[str, Attributes] = field(default_factory=dict)
    taken: Taken = Taken()


@dataclass(frozen=True, slots=True)
class Scene:
    """One look: the plan, the host it was made for, and facts from elsewhere.

    `reading` is one for every time that the running Postfix reads its configuration, empty where nobody knows, and
    `read_at` when that was (ISO 8601). `audit` has what an audit trail says of a path, `mtimes` when a PEM file was
    written, in nanoseconds. `expected_running` is False where the unit was stopped on purpose.
    """

    plan: Plan
    live: LiveConfig
    presented: tuple[Presented, ...] = ()
    reading: str = ""
    read_at: str = ""
    expected_running: bool = True
    audit: Mapping[str, str] = field(default_factory=dict)
    mtimes: Mapping[str, int] = field(default_factory=dict)


def found(scene: Scene, noted: Noted) -> tuple[Drifted, ...]:
    """Every drift of one look, one for each kind and subject, in a stable order."""
    values = [*_of_plan(scene), *_of_observed(scene)]
    every = [
        *values,
        *_of_attributes(scene, noted),
        *_of_certificates(scene),
        *_of_presented(scene),
        *_of_running(scene, noted, values),
    ]
    once = {drifted.key: drifted for drifted in reversed(every)}
    return tuple(once[key] for key in sorted(once))


def kind_of(address: Address, *, absent: bool = False) -> Kind:
    match address:
        case ParameterAddress():
            return Kind.PARAMETER
        case ElementAddress():
            return Kind.LIST_ELEMENT
        case ServiceAddress():
            return Kind.SERVICE
        case OptionAddress():
            return Kind.OPTION
        case RowAddress():
            return Kind.TABLE_ROW
        case TableAddress():
            return Kind.TABLE_STALE
        case FileAddress():
            return Kind.CERTIFICATE_ABSENT if absent else Kind.CERTIFICATE_RENEWED
        case _:
            assert_never(address)


def _of_plan(scene: Scene) -> Iterator[Drifted]:
    causes = {change.address: Cause(change.why.value) for change in scene.plan.changes}
    edited = {it.address.path for it in scene.plan.drift if isinstance(it.address, RowAddress)}
    for drift in scene.plan.drift:
        if drift.written != drift.live and not _follows(drift.address, edited):
            cause = causes.get(drift.address, Cause.OBSERVED)
            yield _drifted(scene, drift.address, (drift.written, drift.live), cause)
    for change in scene.plan.changes:
        is_seen = change.reason in _UNSEEN_BY_DRIFT and not _follows(change.address, edited)
        if is_seen and change.before != change.after:
            yield _drifted(scene, change.address, (change.after, change.before), Cause.CORRECTIVE, change.detail)


def _follows(address: Address, edited: Collection[str]) -> bool:
    """Whether a table is stale because of rows that are told themselves."""
    return isinstance(address, TableAddress) and address.path in edited


def _of_observed(scene: Scene) -> Iterator[Drifted]:
    rows = {it.address.path for it in scene.plan.observed if isinstance(it.address, RowAddress)}
    for difference in scene.plan.observed:
        if difference.live != difference.desired and not _follows(difference.address, rows):
            yield _drifted(scene, difference.address, (difference.desired, difference.live), Cause.OBSERVED)


def _drifted(
    scene: Scene, address: Address, sides: tuple[str | None, str | None], cause: Cause, detail: str = ""
) -> Drifted:
    """`sides` are what was written and what is live."""
    written, live = (None if value is None else masked_value(address, value) for value in sides)
    if written == live:  # the difference is a secret
        live = f"{live} (another)"
    kind = kind_of(address, absent=live is None)
    who = _who(scene, _file_of(address, scene.live))
    return Drifted(kind, masked_address(address), written, live, cause, masked(detail), who)


def _file_of(address: Address, live: LiveConfig) -> str:
    match address:
        case ParameterAddress() | ElementAddress():
            return live.path("main.cf")
        case ServiceAddress() | OptionAddress():
            return live.path("master.cf")
        case RowAddress(path, _) | TableAddress(path) | FileAddress(path):
            return live.path(path)
        case _:
            assert_never(address)


def _who(scene: Scene, path: str) -> Who:
    files, pems = scene.live.snapshot.files, scene.live.snapshot.pems
    state = files.get(path) or pems.get(path)
    moment = files[path].mtime_ns if path in files else scene.mtimes.get(path)
    return Who(state.uid if state else None, _iso(moment) if moment is not None else "", scene.audit.get(path, ""))


def _iso(nanoseconds: int) -> str:
    return datetime.fromtimestamp(nanoseconds // 10**9, UTC).isoformat(timespec="seconds")


# --- what no plan sees ----------------------------------------------------------------------------------------------


def attributes(live: LiveConfig) -> dict[str, Attributes]:
    """Mode and owner of everything that was read."""
    states: Mapping[str, FileState] = live.snapshot.files
    return {path: Attributes(state.mode, state.uid, state.gid) for path, state in states.items()}


def _of_attributes(scene: Scene, noted: Noted) -> Iterator[Drifted]:
    for path, now in attributes(scene.live).items():
        before = noted.attributes.get(path)
        if before is not None and before != now:
            address = FileAddress(in_address(path, scene.live.snapshot.config_directory))
            yield Drifted(Kind.FILE_ATTRIBUTES, str(address), str(before), str(now), who=_who(scene, path))


def _of_certificates(scene: Scene) -> Iterator[Drifted]:
    now = scene.live.snapshot.now
    for path, pem in scene.live.snapshot.pems.items():
        if not pem.certificates or " " in path:
            continue
        leaf = pem.certificates[0]
        if leaf.not_after - now > EXPIRES_SOON:
            continue
        address = FileAddress(in_address(path, scene.live.snapshot.config_directory))
        verb = "ended" if leaf.not_after < now else "ends"
        names = ", ".join(leaf.names) or leaf.subject
        live = f"{verb} {leaf.not_after.isoformat(timespec='seconds')}"
        who = _who(scene, path)
        yield Drifted(Kind.CERTIFICATE_EXPIRING, str(address), "renewed in time", live, detail=masked(names), who=who)


def _of_presented(scene: Scene) -> Iterator[Drifted]:
    """The text names certificates and no counts: how many sessions met the other one is chance."""
    for it in scene.presented:
        if it.others:
            detail = f"{', '.join(it.paths)}: postfix reload lets it be served"
            sides = shown(it.held), shown(it.others)
            yield Drifted(
                Kind.CERTIFICATE_SERVED, it.listener, *sides, detail=masked(detail), who=_who(scene, it.paths[0])
            )


def _of_running(scene: Scene, noted: Noted, values: Collection[Drifted]) -> Iterator[Drifted]:
    """That an edit was not read is no news beside the edit: then only the edit is told."""
    if scene.live.snapshot.master_pid is None:
        if scene.expected_running:
            yield Drifted(Kind.POSTFIX_DOWN, "postfix", "running", "not running")
        return
    taken, meaning = noted.taken, meaning_of(scene.live)
    if not values and taken.reading and taken.reading == scene.reading and taken.meaning != meaning:
        files = {path: it.mtime_ns for path, it in scene.live.snapshot.files.items() if path in _documents(scene.live)}
        newest = max(files, key=lambda path: files[path])
        written = _iso(files[newest])
        yield Drifted(
            Kind.CONFIGURATION_OLD,
            "postfix",
            f"sha256 {meaning[:16]}, written {written}",
            f"sha256 {taken.meaning[:16]}, read {taken.read_at}",
            detail="postfix reload lets it read what is written",
            who=_who(scene, newest),
        )


def _documents(live: LiveConfig) -> tuple[str, str]:
    return live.path("main.cf"), live.path("master.cf")


def meaning_of(live: LiveConfig) -> str:
    """A digest of what main.cf and master.cf say: comments, order and spelling of the files are not in it."""
    lines = [f"{name}={' '.join(value.split())}" for name, value in sorted(live.explicit.items())]
    for key, service in sorted(live.master.by_key.items()):
        options = " ".join(f"{name}={value}" for name, value in sorted(service.overrides.items()))
        lines.append(f"{key} {header(service)} {options}")
    return hashlib.sha256("\n".join(lines).encode("utf-8", "surrogateescape")).hexdigest()


def note(scene: Scene, noted: Noted, written: Iterable[str] = ()) -> Noted:
    """What to compare the next look with.

    Attributes of a file are those of the first look, and again after an apply has `written` it. What Postfix has read
    is what the files meant when its last reload was first seen.
    """
    now = attributes(scene.live)
    kept = {path: noted.attributes.get(path, state) for path, state in now.items()}
    kept |= {path: now[path] for path in written if path in now}
    if noted.taken.reading == scene.reading:
        return Noted(kept, noted.taken)
    return Noted(kept, Taken(scene.reading, scene.read_at, meaning_of(scene.live)))
