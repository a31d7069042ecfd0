"""Which file each key names: no table may be written over another, or over a key."""

from __future__ import annotations

import posixpath
from collections.abc import Iterator
from typing import NamedTuple

from reconciler.desired.state_file import Certificate, HostFile
from reconciler.desired.tables import SERVER_NAMES, served
from reconciler.desired.tree import Mapping, entry_at, origin_at, shown
from reconciler.errors import Problem

Steps = tuple[str | int, ...]


class _Named(NamedTuple):
    path: str
    steps: Steps


def check(file: HostFile, tree: Mapping) -> Iterator[Problem]:
    """One problem for each table whose file is named by another key too, at the key to change."""
    taken = {posixpath.normpath(path): steps for path, steps in _read_only(file)}
    for path, steps in sorted(_tables(file), key=lambda table: _is_written(tree, table.steps)):
        first = taken.setdefault(posixpath.normpath(path), steps)
        if first != steps:
            yield Problem(
                origin_at(tree, *(steps if _is_written(tree, steps) else first)).position,
                f"{shown(steps)}: {path} is the file of {shown(first)} too",
                fix="write another path",
                why="a table is written whole, over whatever its file holds",
            )


def _is_written(tree: Mapping, steps: Steps) -> bool:
    return entry_at(tree, *map(str, steps)) is not None


def _tables(file: HostFile) -> Iterator[_Named]:
    policies = file.incoming.policies if file.incoming is not None else None
    if policies is not None:
        where = ("incoming", "policies")
        if policies.senders:
            yield _Named(_path(policies.sender_table), (*where, "sender_table"))
        if policies.clients:
            yield _Named(_path(policies.client_table), (*where, "client_table"))
            yield _Named(_path(policies.client_name_table), (*where, "client_name_table"))
    if any(name != "default" for name in file.certificates or {}):
        yield _Named(SERVER_NAMES, ("certificates",))
    if file.outgoing is not None and (file.outgoing.policies or file.outgoing.policy_files):
        yield _Named(_path(file.outgoing.policy_table), ("outgoing", "policy_table"))


def _path(reference: str) -> str:
    return reference.rpartition(":")[2]


def _read_only(file: HostFile) -> Iterator[_Named]:
    """The certificates, keys and authorities that are named by their path."""
    for name, certificate in (file.certificates or {}).items():
        if isinstance(certificate, Certificate):
            where = ("certificates", name)
            yield from _listed(certificate.chain_files, (*where, "chain_files"))
            yield from _listed(served(certificate) if certificate.certbot else None, (*where, "certbot"))
            yield from _single(certificate.cert_file, (*where, "cert_file"))
            yield from _single(certificate.key_file, (*where, "key_file"))
    if file.incoming is not None:
        yield from _single(file.incoming.ca_file, ("incoming", "ca_file"))
    if file.outgoing is not None:
        yield from _listed(file.outgoing.chain_files, ("outgoing", "chain_files"))
        yield from _single(file.outgoing.cert_file, ("outgoing", "cert_file"))
        yield from _single(file.outgoing.key_file, ("outgoing", "key_file"))
        yield from _single(file.outgoing.ca_file, ("outgoing", "ca_file"))


def _listed(paths: tuple[str, ...] | None, steps: Steps) -> Iterator[_Named]:
    for index, path in enumerate(paths or ()):
        yield _Named(path, (*steps, index))


def _single(path: str | None, steps: Steps) -> Iterator[_Named]:
    if path is not None:
        yield _Named(path, steps)
