"""A plan saved, and later carried out as it was seen, or not at all."""

from __future__ import annotations

import hashlib
import json
import os
import posixpath
from collections.abc import Iterator, Mapping
from pathlib import Path

from reconciler import __version__
from reconciler.errors import PlanMoved, UsageError
from reconciler.frozen import dataclass
from reconciler.loop.lean import Rows, without_rows
from reconciler.loop.look import Sight, look, plan_of
from reconciler.loop.place import Where
from reconciler.model import codec, saved_plan
from reconciler.model.plan import Plan
from reconciler.model.saved_plan import Basis
from reconciler.model.snapshot import HostSnapshot
from reconciler.report import json as as_json
from reconciler.report.masking import MASK, masked


@dataclass(frozen=True, slots=True)
class Confirmed:
    """A saved plan, made anew: nothing it was made from has moved."""

    sight: Sight
    plan: Plan


def save(where: Where, sight: Sight, plan: Plan, out: str) -> None:
    """Write a plan for `apply`, readable by its owner only: it tells how a host is configured.

    Raises UsageError where it cannot be written.
    """
    content = saved_plan.to_json(_basis(where, sight, plan), as_json.body(plan))
    target = Path(out)
    staged = target.with_name(f".{target.name}.{os.getpid()}.new")
    try:
        descriptor = os.open(staged, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC, 0o600)
        try:
            with os.fdopen(descriptor, "wb") as file:
                file.write(content)
            staged.replace(target)
        finally:
            staged.unlink(missing_ok=True)
    except OSError as error:
        raise UsageError(f"{out}: {error.strerror}; name another file with --out") from error


def read(path: str, repo: str) -> Where:
    """Where a saved plan belongs; `repo` stands in for a URL whose password was not saved.

    Raises UsageError.
    """
    basis = _read(path)
    return Where(
        repo=repo if MASK in basis.repo else basis.repo,
        config_directory=basis.config_directory,
        state_directory=basis.state_directory,
        host=basis.host,
        instance=basis.instance,
        branch=basis.branch,
        subdirectory=basis.subdirectory,
    )


def refuse_other(place: Where, written: Mapping[str, str]) -> None:
    """A plan is carried out where it was made for: what an option names beside it has to be that.

    `written` are the options that somebody gave, by their names. Raises UsageError.
    """
    saved = {
        "repo": _repo(place.repo),
        "branch": place.branch,
        "path": place.subdirectory,
        "host": place.host,
        "instance": place.instance,
        "config_dir": posixpath.realpath(place.config_directory),
        "state_dir": posixpath.realpath(place.state_directory),
    }
    for name, said in written.items():
        meant = _repo(said) if name == "repo" else posixpath.realpath(said) if name.endswith("_dir") else said
        if meant != saved[name]:
            option = f"--{name.replace('_', '-')} {masked(said)}"
            raise UsageError(f"{option}: the plan was saved for {saved[name] or 'none'}; leave it out, or plan again")


def confirm(path: str, where: Where) -> Confirmed:
    """Make the saved plan anew.

    Raises PlanMoved with everything that is not as it was, and what reading and planning raise.
    """
    saved = _read(path)
    sight = look(where, rows=Rows.DIFFERING)
    made = plan_of(sight)
    found = list(saved_plan.moved(saved, _basis(where, sight, made)))
    if found:
        lines = "\n".join(f"  {it}" for it in found)
        raise PlanMoved(
            f"{path}: this has changed since the plan was saved, and nothing was done; plan again:\n{lines}"
        )
    return Confirmed(sight, made)


def _read(path: str) -> Basis:
    try:
        return saved_plan.from_json(Path(path).read_bytes())
    except OSError as error:
        raise UsageError(f"{path}: {error.strerror}") from error
    except ValueError as error:
        raise UsageError(f"{path}: {error}") from error


def _basis(where: Where, sight: Sight, plan: Plan) -> Basis:
    snapshot = sight.live.snapshot
    return Basis(
        version=__version__,
        mail_version=snapshot.mail_version,
        config_directory=snapshot.config_directory,
        repo=_repo(where.repo),
        branch=where.branch,
        subdirectory=where.subdirectory,
        state_directory=posixpath.abspath(where.state_directory),
        host=where.host or plan.host,
        instance=where.instance,
        revision=sight.revision,
        desired=_sha256(json.dumps(codec.encode(without_rows(sight.desired)), sort_keys=True).encode()),
        record=_sha256(sight.last.to_json()),
        plan=plan.digest,
        live=dict(_live(snapshot)),
    )


def _repo(named: str) -> str:
    """A URL without its password, or the whole path of a directory."""
    return masked(named if "://" in named or not Path(named).is_dir() else posixpath.abspath(named))


def _live(snapshot: HostSnapshot) -> Iterator[tuple[str, str]]:
    """The files whose content was looked at; then those of which only their facts, or that they are there, counted."""
    for path, pem in snapshot.pems.items():
        yield path, f"{pem.sha256} {pem.mode:o} {pem.uid} {pem.problem}"
    for path, table in snapshot.compiled.items():
        rows = sorted((table.rows or {}).items())
        yield f"{path} (compiled)", f"{_sha256(repr(rows).encode())} {table.problem}"
    for path, state in snapshot.files.items():
        attributes = _sha256(repr(sorted(state.xattrs.items())).encode())
        yield path, f"{_sha256(state.content)} {state.mode:o} {state.uid} {state.gid} {state.target} {attributes}"
    for path in snapshot.absent:
        yield path, "absent"


def _sha256(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()
