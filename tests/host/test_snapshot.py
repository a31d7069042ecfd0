"""A snapshot says what is there, running or not, whole or broken."""

from __future__ import annotations

import os
import shutil
import time
from datetime import UTC, datetime
from pathlib import Path

import pytest

from reconciler.errors import HostUnreadable
from reconciler.host import snapshot
from reconciler.host.master import pid

pytestmark = pytest.mark.postfix
NOW = datetime(2026, 3, 1, tzinfo=UTC)


@pytest.fixture
def stopped(instances):
    return instances(started=False)


def test_a_stopped_instance(stopped):
    seen = snapshot.take(stopped.config_directory, now=NOW)
    main, master = f"{stopped.config_directory}/main.cf", f"{stopped.config_directory}/master.cf"
    assert set(seen.files) == {main, master}
    assert seen.files[main].content == Path(main).read_bytes()
    assert seen.now == NOW
    assert seen.master_pid is None


def test_a_running_instance(instances):
    instance = instances()
    seen = snapshot.take(instance.config_directory, now=NOW)
    assert seen.master_pid == int(Path(instance.queue_directory, "pid/master.pid").read_text())


def test_a_copy_that_names_the_queue_of_a_running_instance_does_not_run(instances, tmp_path):
    instance = instances()
    shutil.copytree(instance.config_directory, tmp_path / "copy")
    assert snapshot.take(instance.config_directory, now=NOW).master_pid is not None
    assert snapshot.take(str(tmp_path / "copy"), now=NOW).master_pid is None


def test_a_pid_file_that_a_dead_master_left_counts_for_nothing(instances):
    instance = instances()
    instance.stop()
    assert Path(instance.queue_directory, "pid/master.pid").read_text().strip()
    assert snapshot.take(instance.config_directory, now=NOW).master_pid is None


def test_whether_it_runs_is_seen_by_users_who_may_not_read_the_pid_file(instances):
    instance = instances()
    read, write = os.pipe()
    child = os.fork()
    if not child:
        os.setgroups([])
        os.setgid(65534)
        os.setuid(65534)
        os.write(write, str(pid(instance.queue_directory)).encode())
        os._exit(0)
    os.waitpid(child, 0)
    os.close(write)
    with os.fdopen(read) as said:
        assert said.read() == str(instance.pid)


def test_the_queue_is_found_through_references(stopped):
    stopped.configure(spool=stopped.root, queue_directory="${spool}/queue")
    stopped.start()
    assert snapshot.take(stopped.config_directory, now=NOW).master_pid == stopped.pid is not None


def test_a_relative_configuration_directory_is_made_absolute(stopped, monkeypatch):
    monkeypatch.chdir(stopped.root)
    assert snapshot.take("etc/", now=NOW).config_directory == stopped.config_directory


def test_tables_come_with_their_types_and_with_what_postmap_made(stopped):
    source = stopped.write("tls_policy", "a.test encrypt\n")
    stopped.write("fresh", "x y\n")
    stopped.write("access", "/x/ OK\n")
    stopped.postfix.build("hash", source)
    stopped.write("tls_policy", "a.test may\n")
    wanted = {"tls_policy": "hash", "fresh": "lmdb", "access": "pcre", "none": "hash"}
    seen = snapshot.take(stopped.config_directory, now=NOW, tables=wanted)
    base = stopped.config_directory
    assert seen.files[source].content == b"a.test may\n"
    assert seen.kinds == {source: "hash", f"{base}/fresh": "lmdb", f"{base}/access": "pcre"}
    assert seen.compiled[source].rows == {b"a.test": b"encrypt"}
    assert (seen.compiled[f"{base}/fresh"].rows, seen.compiled[f"{base}/fresh"].problem) == (None, "not built")
    assert f"{base}/access" not in seen.compiled
    assert seen.absent == {f"{base}/none"}


def test_a_compiled_table_that_is_garbage_has_a_problem_and_no_rows(stopped):
    source = stopped.write("tls_policy", "a.test encrypt\n")
    stopped.write("tls_policy.db", b"garbage" * 1000)
    compiled = snapshot.take(stopped.config_directory, now=NOW, tables={"tls_policy": "hash"}).compiled[source]
    assert compiled.rows is None
    assert "tls_policy.db" in compiled.problem


def test_more_tables_than_run_at_once_are_all_there(stopped):
    names = [f"table{number}" for number in range(20)]
    for name in names:
        stopped.postfix.build("hash", stopped.write(name, f"key {name}\n"))
    seen = snapshot.take(stopped.config_directory, now=NOW, tables=dict.fromkeys(names, "hash"))
    assert {path.rpartition("/")[2]: table.rows for path, table in seen.compiled.items()} == {
        name: {b"key": name.encode()} for name in names
    }


def test_an_extended_snapshot_is_the_same_moment_with_more(stopped, chain):
    stopped.write("chain.pem", chain.key + chain.leaf, mode=0o600)
    first = snapshot.take(stopped.config_directory, now=NOW)
    more = snapshot.extend(first, pems=["chain.pem", "none.pem"])
    assert (more.now, more.files, more.defaults) == (first.now, first.files, first.defaults)
    pem = more.pems[f"{stopped.config_directory}/chain.pem"]
    assert (pem.order, pem.problem, pem.mode) == (("key", "certificate"), "", 0o600)
    assert more.absent == {f"{stopped.config_directory}/none.pem"}


def test_no_byte_of_a_key_is_in_a_snapshot(stopped, chain):
    stopped.write("chain.pem", chain.key + chain.leaf, mode=0o600)
    seen = snapshot.take(stopped.config_directory, now=NOW, pems=["chain.pem"])
    assert chain.key.splitlines()[1].decode() not in repr(seen)


@pytest.mark.parametrize("name", ["main.cf", "master.cf"])
def test_a_missing_file_is_one_clear_sentence(stopped, name):
    Path(stopped.config_directory, name).unlink()
    with pytest.raises(HostUnreadable) as refusal:
        snapshot.take(stopped.config_directory, now=NOW)
    path = f"{stopped.config_directory}/{name}"
    assert str(refusal.value) == f"{path}: there is no such file; is this the configuration directory of a Postfix?"


def test_a_broken_configuration_is_not_judged_here(stopped):
    stopped.write("main.cf", "no equals sign\n")
    stopped.write("master.cf", "too few fields\n")
    assert snapshot.take(stopped.config_directory, now=NOW).table_types


def test_a_snapshot_writes_nothing(stopped):
    before = listing(stopped.root)
    snapshot.take(stopped.config_directory, now=NOW, tables={"none": "hash"}, pems=["none.pem"])
    assert listing(stopped.root) == before


def listing(root):
    return {path: path.lstat().st_mtime_ns for path in Path(root).rglob("*")}


def test_what_postmap_made_is_asked_for_once_and_again_when_it_is_another(stopped):
    path = stopped.write("policy", "bank.example encrypt\n")
    stopped.postfix.build("hash", path)
    compiled = Path(f"{path}.db")
    deadline = time.monotonic() + 60
    while time.time_ns() - compiled.stat().st_ctime_ns <= snapshot._SETTLED_NS:  # younger ones are not remembered
        assert time.monotonic() < deadline
        time.sleep(0.1)
    first, again = (snapshot.compiled(stopped.config_directory, {path: "hash"})[path] for _ in range(2))
    assert first is again
    stopped.write("policy", "bank.example none\n")
    stopped.postfix.build("hash", path)
    for _ in range(2):
        assert snapshot.compiled(stopped.config_directory, {path: "hash"})[path].rows == {b"bank.example": b"none"}
