"""Nothing that somebody else writes is lost in a swap, and every swap can be undone."""

from __future__ import annotations

import os
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pytest

from reconciler.errors import Conflict
from reconciler.host import files, rename, swap
from reconciler.host.instance import workspace
from reconciler.model.journal import Passage

PROJECT = Path(__file__).parents[2]


@pytest.fixture
def place():
    with workspace("reconciler-swap-") as directory:
        yield Path(directory)


def old_file(place, content=b"old\n"):
    path = place / "main.cf"
    path.write_bytes(content)
    path.chmod(0o644)
    return path


def prepared(path: Path, content: bytes | None) -> Passage:
    staged = files.staging_path(str(path))
    if content is not None:
        files.stage(str(path), content, files.read(str(path)), mode=0o644)
    target = os.path.realpath(path)
    after = None if content is None else files.fingerprint(staged)
    return Passage(str(path), target, staged, files.fingerprint(target), after)


@pytest.mark.parametrize(("before", "after"), [(b"old\n", b"new\n"), (None, b"new\n"), (b"old\n", None)])
def test_what_was_carried_out_can_be_taken_back(place, before, after):
    path = place / "main.cf"
    if before is not None:
        old_file(place, before)
    passage = prepared(path, after)
    swap.carry(passage)
    assert (path.read_bytes() if path.exists() else None) == after
    swap.take_back(passage)
    assert (path.read_bytes() if path.exists() else None) == before
    swap.clear(passage, str(place / "kept"))
    assert os.listdir(place) == (["main.cf"] if before else [])


@pytest.mark.parametrize("content", [b"ours\n", None])
@pytest.mark.parametrize("change", ["content", "mode", "attribute", "replaced", "gone", "elsewhere"])
def test_what_somebody_else_changed_meanwhile_is_kept(place, change, content):
    path, other = old_file(place), place / "other.cf"
    other.write_bytes(b"theirs\n")
    passage = prepared(path, content)
    match change:
        case "content":
            path.write_bytes(b"theirs\n")
        case "mode":
            path.chmod(0o600)
        case "attribute":
            os.setxattr(path, "user.note", b"theirs")
        case "replaced":
            other.rename(path)
        case "gone":
            path.unlink()
        case "elsewhere":
            path.unlink()
            path.symlink_to(other)
    standing = files.read(str(path))
    with pytest.raises(Conflict, match=r"somebody else|leads elsewhere"):
        swap.carry(passage)
    assert files.read(str(path)) == standing


def test_an_edit_between_the_look_and_the_swap_is_put_back(place):
    path = old_file(place)
    passage = prepared(path, b"ours\n")
    path.write_bytes(b"theirs\n")
    with pytest.raises(Conflict, match="their version was kept"):
        swap._displace(passage)
    assert path.read_bytes() == b"theirs\n"
    assert Path(passage.aside).read_bytes() == b"ours\n"


def test_a_file_that_was_only_touched_is_no_conflict(place):
    path = old_file(place)
    passage = prepared(path, b"new\n")
    os.utime(path)
    swap.carry(passage)
    assert path.read_bytes() == b"new\n"


def test_a_file_made_by_somebody_else_meanwhile_is_kept(place):
    path = place / "table"
    passage = prepared(path, b"ours\n")
    path.write_bytes(b"theirs\n")
    with pytest.raises(Conflict, match="made by somebody else"):
        swap.carry(passage)
    assert path.read_bytes() == b"theirs\n"


def test_what_is_written_into_the_displaced_file_is_kept(place):
    path = old_file(place)
    passage = prepared(path, b"new\n")
    with path.open("ab") as editor:
        swap.carry(passage)
        editor.write(b"in place\n")
    kept = str(place / "kept")
    assert swap.clear(passage, kept) == kept
    assert Path(kept).read_bytes() == b"old\nin place\n"
    assert sorted(os.listdir(place)) == ["kept", "main.cf"]


def test_what_replaced_the_new_file_is_not_taken_back(place):
    path = old_file(place)
    passage = prepared(path, b"new\n")
    swap.carry(passage)
    path.write_bytes(b"theirs\n")
    with pytest.raises(Conflict):
        swap.take_back(passage)
    assert path.read_bytes() == b"theirs\n"


STEPS = """
import sys
from reconciler.host import rename
rename.exchange(sys.argv[1], sys.argv[2])
rename.move(sys.argv[2], sys.argv[3])
try:
    rename.move(sys.argv[1], sys.argv[3])
except FileExistsError:
    print("refused")
"""


@pytest.mark.parametrize("refusal", ["EINVAL", "ENOSYS"])
def test_a_file_system_that_exchanges_nothing_is_served_in_steps(place, refusal):
    """The kernel is made to refuse it: every file system of this machine knows how to exchange."""
    new, target, moved = place / "new", place / "target", place / "moved"
    new.write_bytes(b"new")
    target.write_bytes(b"old")
    inject = ("strace", "-qq", "-o", str(place / "trace"), "-e", f"inject=renameat2:error={refusal}")
    done = subprocess.run(
        [*inject, sys.executable, "-c", STEPS, str(new), str(target), str(moved)],
        cwd=PROJECT, capture_output=True, text=True, check=False, timeout=60,
    )  # fmt: skip
    assert (done.returncode, done.stdout, done.stderr) == (0, "refused\n", "")
    assert refusal in (place / "trace").read_text()
    assert (new.read_bytes(), moved.read_bytes()) == (b"old", b"new")
    assert sorted(os.listdir(place)) == ["moved", "new", "trace"]


def test_what_is_left_of_an_exchange_in_steps_is_cleared(place):
    path = old_file(place)
    passage = prepared(path, b"new\n")
    os.link(path, rename.between(passage.aside))
    swap.clear(replace(passage), str(place / "kept"))
    assert os.listdir(place) == ["main.cf"]
