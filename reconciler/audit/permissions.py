"""Who may read and write what Postfix trusts; and what would keep a file from being replaced.

Modes and owners of a copied directory say nothing about the host, and are not judged.

Source: postfix(1), "check"; renames follow links only where the directory's owner can be trusted.
"""

from __future__ import annotations

import stat
from collections.abc import Iterator

from reconciler.audit.certificates import can_reach
from reconciler.audit.references import COMPILED, is_password_map, table_uses
from reconciler.audit.remedy import by_hand
from reconciler.audit.scene import Scene
from reconciler.model.finding import Finding
from reconciler.model.surroundings import Name, NameKind
from reconciler.postfix.table import TableType, compiled_path

_ROOT = 0


def check(scene: Scene) -> Iterator[Finding]:
    yield from _links(scene)
    if scene.in_place:
        yield from _writable(scene)
        yield from _directories(scene)
        yield from _readable(scene)


def _links(scene: Scene) -> Iterator[Finding]:
    for path in (scene.main_path, scene.master_path):
        name = scene.surroundings.names.get(path)
        if name is None:
            continue
        if name.kind is NameKind.LINK:
            why = "postconf -e puts a regular file in its place; reconciler writes to what it leads to"
            fix = by_hand("nothing, if that is meant")
            yield scene.said_file(path).finding("symbolic_link", why, fix, f"{path} leads to {name.target}")
        if name.obstacle:
            why = "reconciler apply refuses to replace such a file"
            fix = by_hand(name.obstacle.partition("; ")[2] or "see to it before the first apply")
            yield scene.said_file(path).finding("file_not_replaceable", why, fix, name.obstacle.partition("; ")[0])


def _tables(scene: Scene) -> Iterator[tuple[str, str]]:
    """Path of each source that Postfix reads, and of what postmap made of it, empty where nothing."""
    for use in table_uses(scene):
        if use.path:
            yield use.path, compiled_path(TableType(use.kind), use.path) if use.kind in COMPILED else ""


def _writable(scene: Scene) -> Iterator[Finding]:
    paths = dict.fromkeys((scene.main_path, scene.master_path, *(it for pair in _tables(scene) for it in pair if it)))
    for path in paths:
        name = scene.surroundings.names.get(path)
        who = _who_may_write(name) if name else ""
        if name and who:
            why = "Postfix does what stands in it, in part as root"
            fix = by_hand(f"chown root {path}; chmod go-w {path}")
            evidence = f"{who} may write it: mode {name.mode:04o}, owner {name.uid}, group {name.gid}"
            yield scene.said_file(path).finding("file_writable", why, fix, evidence)


def _who_may_write(name: Name) -> str:
    if name.mode & stat.S_IWOTH:
        return "everybody"
    if name.mode & stat.S_IWGRP and name.gid != _ROOT:
        return "its group"
    return ""


def _directories(scene: Scene) -> Iterator[Finding]:
    for path, name in scene.surroundings.names.items():
        sticky = name.mode & stat.S_ISVTX and name.uid == _ROOT
        if name.kind is NameKind.DIRECTORY and name.mode & stat.S_IWOTH and not sticky:
            why = "everybody can put another file in the place of one that Postfix trusts"
            evidence = f"{path} has mode {name.mode:04o}"
            yield scene.said_file(path).finding("directory_writable", why, by_hand(f"chmod o-w {path}"), evidence)


def _readable(scene: Scene) -> Iterator[Finding]:
    names = scene.surroundings.names
    seen: set[str] = set()
    for use in table_uses(scene):
        if use.path is None or use.path in seen:
            continue
        seen.add(use.path)
        source = names.get(use.path)
        built = names.get(compiled_path(TableType(use.kind), use.path)) if use.kind in COMPILED else None
        if is_password_map(use.parameter):
            yield from _passwords(scene, use.path, source)
        more = built.mode & ~source.mode & (stat.S_IROTH | stat.S_IRGRP) if built and source else 0
        if built and source and more and can_reach(scene, use.path):
            why = "what the source's mode keeps from others can be read in what postmap made of it"
            fix = by_hand(f"chmod {source.mode:04o} {compiled_path(TableType(use.kind), use.path)}")
            evidence = f"compiled mode {built.mode:04o}, source mode {source.mode:04o}"
            yield scene.said_table(use.path).finding("compiled_exposed", why, fix, evidence)


def _passwords(scene: Scene, path: str, source: Name | None) -> Iterator[Finding]:
    if source and source.mode & stat.S_IROTH and can_reach(scene, path):
        why = "every user of the host can read the passwords in it"
        fix = by_hand(f"chmod 0600 {path}, postmap it again, and change the passwords")
        yield scene.said_table(path).finding("passwords_exposed", why, fix, f"{path} has mode {source.mode:04o}")
