"""Files are swapped whole, with everything that belongs to them, or not at all."""

from __future__ import annotations

import errno
import os
import struct
import subprocess
import time
from contextlib import contextmanager
from pathlib import Path

import pytest

from reconciler.errors import HostUnreadable
from reconciler.host import files
from reconciler.host import swap as swap_files
from reconciler.host.files import HostUnwritable
from reconciler.host.instance import workspace
from reconciler.model.journal import Passage

ACL = "system.posix_acl_access"
READ, READ_WRITE = 4, 6


@pytest.fixture
def place():
    with workspace("reconciler-files-") as directory:
        yield Path(directory)


def state(path: Path):
    found = files.read(str(path))
    assert found is not None
    return found


def swap(path: Path, content: bytes) -> None:
    passage = prepared(path, content)
    swap_files.carry(passage)
    swap_files.clear(passage, "/nonexistent/kept")


def prepared(path: Path, content: bytes) -> Passage:
    """A passage from what stands there to `content`, staged."""
    staged = files.stage(str(path), content, files.read(str(path)), mode=0o644)
    target = os.path.realpath(path)
    return Passage(str(path), target, staged, files.fingerprint(target), files.fingerprint(staged))


def acl(*entries: tuple[int, int, int]) -> bytes:
    """A POSIX ACL as the kernel keeps it: version 2, then tag, permissions and id of each entry (linux/posix_acl_xattr.h)."""
    return struct.pack("<I", 2) + b"".join(struct.pack("<HHI", *entry) for entry in entries)


def test_a_swap_keeps_owner_mode_and_attributes(place):
    path = place / "main.cf"
    path.write_bytes(b"old\n")
    os.chown(path, 65534, 12)
    path.chmod(0o640)
    os.setxattr(path, "user.note", b"kept")
    swap(path, b"new\n")
    about = path.stat()
    assert path.read_bytes() == b"new\n"
    assert (about.st_uid, about.st_gid, about.st_mode & 0o7777) == (65534, 12, 0o640)
    assert os.getxattr(path, "user.note") == b"kept"


def test_a_swap_keeps_the_acl(place):
    path = place / "main.cf"
    path.write_bytes(b"old\n")
    nobody = 0xFFFFFFFF
    wanted = acl(
        (1, READ_WRITE, nobody),
        (2, READ_WRITE, 65534),
        (4, READ, nobody),
        (0x10, READ_WRITE, nobody),
        (0x20, 0, nobody),
    )
    try:
        os.setxattr(path, ACL, wanted)
    except OSError as error:
        if error.errno != errno.ENOTSUP:
            raise
        pytest.skip("this file system has no ACLs")
    swap(path, b"new\n")
    assert os.getxattr(path, ACL) == wanted


def test_a_swapped_file_is_three_seconds_old(place):
    path = place / "main.cf"
    path.write_bytes(b"old\n")
    swap(path, b"new\n")
    assert 2.9 < time.time() - path.stat().st_mtime < 6


@pytest.mark.postfix
def test_postfix_does_not_wait_for_a_swapped_main_cf_to_cool(instances):
    instance = instances(started=False)
    path = Path(instance.config_directory, "main.cf")
    swap(path, path.read_bytes() + b"# swapped\n")
    begun = time.monotonic()
    instance.postfix.expanded("myhostname")
    assert time.monotonic() - begun < 0.3  # the first pause it would make


def test_a_symbolic_link_stays_one_and_its_target_changes(place):
    (place / "real").mkdir()
    target = place / "real" / "main.cf"
    target.write_bytes(b"old\n")
    (place / "main.cf").symlink_to("real/main.cf")
    swap(place / "main.cf", b"new\n")
    assert (place / "main.cf").is_symlink()
    assert (target.read_bytes(), target.is_symlink()) == (b"new\n", False)
    assert state(place / "main.cf").target == str(target)


def test_the_next_version_waits_beside_the_target_and_is_not_seen_before_the_commit(place):
    path = place / "main.cf"
    path.write_bytes(b"old\n")
    staged = files.stage(str(path), b"new\n", state(path), mode=0o644)
    assert staged == str(place / ".main.cf.reconciler-new")
    assert path.read_bytes() == b"old\n"
    files.discard(staged)
    assert os.listdir(place) == ["main.cf"]


def test_a_new_file_has_the_mode_asked_for_whatever_the_umask(place):
    old = os.umask(0o077)
    try:
        swap(place / "t", b"x")
    finally:
        os.umask(old)
    assert (place / "t").stat().st_mode & 0o7777 == 0o644


def test_a_hard_link_is_refused(place):
    path = place / "main.cf"
    path.write_bytes(b"old\n")
    os.link(path, place / "backup")
    with pytest.raises(HostUnwritable, match="2 hard links"):
        files.stage(str(path), b"new\n", state(path), mode=0o644)
    assert sorted(os.listdir(place)) == ["backup", "main.cf"]


def test_an_immutable_file_is_refused(place):
    path = place / "main.cf"
    path.write_bytes(b"old\n")
    with immutable(path), pytest.raises(HostUnwritable, match=r"chattr -i .*/main\.cf"):
        files.stage(str(path), b"new\n", state(path), mode=0o644)
    assert os.listdir(place) == ["main.cf"]


def test_an_immutable_directory_is_refused(place):
    path = place / "etc" / "main.cf"
    path.parent.mkdir()
    path.write_bytes(b"old\n")
    with immutable(path.parent), pytest.raises(HostUnwritable, match=r"its directory .* is protected with chattr"):
        files.stage(str(path), b"new\n", state(path), mode=0o644)


@contextmanager
def immutable(path: Path):
    done = subprocess.run(["chattr", "+i", path], capture_output=True, check=False)
    if done.returncode:
        pytest.skip(f"this file system has no chattr: {done.stderr.decode()}")
    try:
        yield
    finally:
        subprocess.run(["chattr", "-i", path], check=True)


@contextmanager
def mounted(*arguments: str | Path):
    done = subprocess.run(["mount", *arguments], capture_output=True, check=False)
    if done.returncode:
        pytest.skip(f"this machine mounts nothing: {done.stderr.decode()}")
    try:
        yield
    finally:
        subprocess.run(["umount", arguments[-1]], check=True)


def test_a_file_that_is_a_mount_point_is_refused(place):
    path, other = place / "main.cf", place / "other"
    path.write_bytes(b"old\n")
    other.write_bytes(b"mounted\n")
    with mounted("--bind", other, path), pytest.raises(HostUnwritable, match="mount point of its own"):
        files.stage(str(path), b"new\n", state(path), mode=0o644)


def test_a_read_only_file_system_is_refused(place):
    where = place / "etc"
    where.mkdir()
    with mounted("-t", "tmpfs", "-o", "ro,mode=755", "none", where), pytest.raises(HostUnwritable, match="read-only"):
        files.stage(str(where / "main.cf"), b"new\n", None, mode=0o644)


def test_a_full_file_system_leaves_the_old_file_and_no_other(place):
    where = place / "etc"
    where.mkdir()
    with mounted("-t", "tmpfs", "-o", "size=64k,mode=755", "none", where):
        path = where / "table"
        path.write_bytes(b"old\n")
        with pytest.raises(HostUnwritable, match="no space left"):
            files.stage(str(path), b"x" * (1 << 20), state(path), mode=0o644)
        assert os.listdir(where) == ["table"]
        assert path.read_bytes() == b"old\n"


def test_a_directory_that_everybody_may_write_is_refused_and_tmp_is_not(place):
    place.chmod(0o777)
    with pytest.raises(HostUnwritable, match=f"chmod o-w {place}"):
        files.stage(str(place / "main.cf"), b"x", None, mode=0o644)
    place.chmod(0o1777)  # as /tmp is: root's, and sticky
    files.stage(str(place / "main.cf"), b"x", None, mode=0o644)


def test_a_missing_directory_is_said(place):
    with pytest.raises(HostUnwritable, match="its directory does not exist; make it first"):
        files.stage(str(place / "none" / "main.cf"), b"x", None, mode=0o644)


def test_a_link_waiting_under_the_staged_name_is_not_followed(place):
    victim = place / "victim"
    victim.write_bytes(b"precious\n")
    (place / ".main.cf.reconciler-new").symlink_to(victim)
    staged = files.stage(str(place / "main.cf"), b"x", None, mode=0o644)
    assert victim.read_bytes() == b"precious\n"
    assert not Path(staged).is_symlink()


def test_what_a_program_built_is_taken_over_with_the_old_ones_attributes(place):
    path, built = place / "t.db", place / "made"
    path.write_bytes(b"old")
    os.setxattr(path, "user.note", b"kept")
    built.write_bytes(b"new")
    adopted = Path(files.adopt(str(built), str(path)))
    assert adopted.read_bytes() == b"new"
    assert os.getxattr(adopted, "user.note") == b"kept"


def test_reading_nothing_gives_none(place):
    assert files.read(str(place / "none")) is None
    (place / "dangling").symlink_to("none")
    assert files.read(str(place / "dangling")) is None


def test_what_is_no_regular_file_is_refused_without_waiting_for_it(place):
    os.mkfifo(place / "fifo")
    with pytest.raises(HostUnreadable, match="not a regular file"):
        files.read(str(place / "fifo"))
    with pytest.raises(HostUnreadable, match="a directory; name a file in it"):
        files.read(str(place))


def test_links_in_a_circle_are_refused(place):
    (place / "a").symlink_to("b")
    (place / "b").symlink_to("a")
    with pytest.raises(HostUnreadable, match="circle"):
        files.read(str(place / "a"))


def test_a_file_beyond_the_limit_is_refused_before_it_is_read(place):
    with (place / "huge").open("wb") as file:
        file.truncate(files.SIZE_LIMIT + 1)
    with pytest.raises(HostUnreadable, match="reads up to"):
        files.read(str(place / "huge"))
