"""Audit: read an instance, or a directory copied from one, and say what there is to know about it."""

from __future__ import annotations

import posixpath
from collections.abc import Mapping
from datetime import UTC, datetime

from reconciler import audit
from reconciler.errors import HostUnreadable
from reconciler.frozen import dataclass
from reconciler.host import snapshot, surroundings
from reconciler.model.finding import Finding
from reconciler.model.snapshot import HostSnapshot
from reconciler.model.surroundings import Surroundings


@dataclass(frozen=True, slots=True)
class Examined:
    """What was audited, and what was found. `in_place` is False for a directory that no Postfix here uses."""

    name: str
    config_directory: str
    mail_version: str
    in_place: bool
    findings: tuple[Finding, ...]


def examine(directory: str) -> Examined:
    """Look at one configuration directory; nothing is written anywhere.

    Raises HostUnreadable where neither main.cf nor master.cf can be had, CommandFailed where Postfix is not installed.
    """
    seen = snapshot.take_remains(posixpath.abspath(directory), now=datetime.now(UTC))
    scene = _seen(seen)
    return Examined(
        scene.live.view.get("myhostname"),
        seen.config_directory,
        seen.mail_version,
        scene.in_place,
        audit.audit(scene),
    )


def _seen(seen: HostSnapshot) -> audit.Scene:
    first = audit.scene_of(seen)
    wanted = audit.interests(first)
    seen, unreadable = _with_tables(seen, wanted.tables)
    seen = snapshot.extend(seen, pems=wanted.pems)
    around = Surroundings(
        surroundings.look(wanted.names, replaced=frozenset((first.main_path, first.master_path))), unreadable
    )
    scene = audit.scene_of(seen, around)
    clean = audit.without_keys(scene)
    if clean is seen:
        return scene
    named = [path for paths in audit.sni_files(scene).values() for path in paths if path]
    return audit.scene_of(snapshot.extend(clean, pems=named), around)


def _with_tables(seen: HostSnapshot, tables: Mapping[str, str]) -> tuple[HostSnapshot, dict[str, str]]:
    """With every table that can be read, all at once where all can; and why the others cannot."""
    try:
        return snapshot.extend(seen, tables=tables), {}
    except HostUnreadable:
        pass
    unreadable: dict[str, str] = {}
    for path, kind in tables.items():
        try:
            seen = snapshot.extend(seen, tables={path: kind})
        except HostUnreadable as error:
            unreadable[path] = str(error).removeprefix(f"{path}: ")
    return seen, unreadable
