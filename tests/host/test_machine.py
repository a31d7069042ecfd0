"""The machine of a transaction: tables built aside and read back, candidates tried before they count."""

from __future__ import annotations

import os
from contextlib import AbstractContextManager
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from reconciler.errors import CheckFailed
from reconciler.host.certificates import make_self_signed
from reconciler.host.machine import LocalMachine
from reconciler.postfix import main_cf

pytestmark = pytest.mark.postfix


@pytest.fixture
def instance(instances):
    made = instances(started=False)
    chain = b"".join(make_self_signed([made.name], timedelta(days=1), datetime.now(UTC)))
    made.configure(smtpd_tls_security_level="may", smtpd_tls_chain_files=made.write("chain.pem", chain, mode=0o600))
    return made


@pytest.fixture
def machine(instance):
    return LocalMachine(instance.config_directory, instance.queue_directory, "127.0.0.1")


def listing(directory):
    return sorted(str(path) for path in Path(directory).rglob("*"))


@pytest.mark.parametrize("kind", ["hash", "btree", "lmdb"])
def test_a_table_is_built_beside_the_live_one_which_stays(instance, machine, kind):
    source = instance.write("tls_policy", "a.test may\n", mode=0o640)
    instance.postfix.build(kind, source)
    os.chown(source, 65534, 12)
    before = machine.read(source)
    (live,) = (path for path in listing(instance.config_directory) if path.startswith(source + "."))
    machine.building(kind, source, b"a.test encrypt\n", before).finish()
    assert instance.postfix.query(kind, source, "a.test") == "may"
    passage = machine.passage(live, source=source)
    old, new = machine.fingerprint(passage.target), machine.fingerprint(passage.aside)
    machine.carry(replace(passage, before=old, after=new))
    machine.clear(replace(passage, before=old, after=new), "/nonexistent/kept")
    assert instance.postfix.query(kind, source, "a.test") == "encrypt"
    about = Path(live).stat()
    assert (about.st_uid, about.st_mode & 0o777) == (65534, 0o640)
    assert not [path for path in listing(instance.config_directory) if "reconciler" in path.rpartition("/")[2]]


def test_a_table_built_first_with_a_wide_mode_is_as_narrow_as_its_source_afterwards(instance, machine):
    source = instance.write("table", "a b\n")
    instance.postfix.build("hash", source)
    Path(source).chmod(0o600)
    built = machine.building("hash", source, b"a c\n", machine.read(source)).finish()
    assert Path(built).stat().st_mode & 0o777 == 0o600


def test_a_table_with_rows_that_postfix_passes_over_is_as_its_source_says(instance, machine):
    content = b"a one\na two\nlonely\nB upper\n"
    source = instance.write("table", content)
    Path(machine.building("hash", source, content, machine.read(source)).finish()).unlink()


def test_a_full_disk_is_an_error_even_where_postmap_says_nothing(instance, machine, monkeypatch):
    monkeypatch.setattr("reconciler.host.programs.Postfix.dumping", lambda self, kind, path: _Dump())
    source = instance.write("table", "a b\n")
    with pytest.raises(CheckFailed, match=f"postmap hash:{source}: "):
        machine.building("hash", source, b"a b\n", machine.read(source)).finish()
    assert not [path for path in listing(instance.config_directory) if "reconciler" in path.rpartition("/")[2]]


@pytest.mark.parametrize("steps", [0, 1])
def test_a_table_that_is_left_in_the_making_leaves_nothing(instance, machine, steps):
    source = instance.write("table", "a b\n")
    with machine.building("hash", source, b"a b\n", machine.read(source)) as building:
        assert all(building.advance() for _ in range(steps))
    assert not [path for path in listing(instance.config_directory) if "reconciler" in path.rpartition("/")[2]]


class _Dump(AbstractContextManager):
    """An old table dumped where the new one could not be written."""

    def __exit__(self, *_failure):
        pass

    def finish(self):
        from reconciler.host.command import Output

        return Output(b"", b"", 0)


BROKEN = [("myhostname = ${x\n", "${x"), ("no equals sign\n", "missing '='")]
HARMFUL = [
    ("smtpd_tls_auth_only = maybe\n", "smtpd_tls_auth_only"),
    ("smtpd_starttls_timeout = 10q\n", "smtpd_starttls_timeout"),
    ("smtpd_tls_security_level = encryp\n", "encryp"),
    ("smtpd_tls_chain_files = /nonexistent.pem\n", "/nonexistent.pem: there is no such file"),
    ("smtpd_tls_protocols = >=TLSv9\n", "TLSv9"),
]


@pytest.mark.parametrize(("addition", "complaint"), BROKEN + HARMFUL)
def test_a_harmful_main_cf_is_complained_about(instance, machine, addition, complaint):
    instance.start()
    path = f"{instance.config_directory}/main.cf"
    assert complaint in "\n".join(machine.check({path: Path(path).read_bytes() + addition.encode()}))


@pytest.mark.parametrize(("addition", "complaint"), BROKEN)
def test_a_broken_main_cf_is_complained_about_where_postfix_does_not_run(instance, machine, addition, complaint):
    path = f"{instance.config_directory}/main.cf"
    assert complaint in "\n".join(machine.check({path: Path(path).read_bytes() + addition.encode()}))


@pytest.mark.parametrize("place", ["{config}/tls/new.pem", "$config_directory/tls/new.pem", "{root}/elsewhere/new.pem"])
def test_a_certificate_that_comes_with_the_change_is_there_when_it_is_tried(instance, machine, place):
    instance.start()
    (Path(instance.root) / "elsewhere").mkdir()
    named = place.format(config=instance.config_directory, root=instance.root)
    lies = named.replace("$config_directory", instance.config_directory)
    path = f"{instance.config_directory}/main.cf"
    candidate = main_cf.parse(Path(path).read_bytes()).set(b"smtpd_tls_chain_files", named.encode()).render()
    content = b"".join(make_self_signed([instance.name], timedelta(days=1), datetime.now(UTC)))
    staged = machine.stage(lies, content, None, mode=0o600)
    assert machine.check({path: candidate, lies: content}) == ()
    Path(staged).unlink()
    said = machine.check({path: candidate})
    assert any(lies in line or "CANDIDATE/tls/new.pem" in line for line in said)


@pytest.mark.parametrize("running", [False, True], ids=["stopped", "running"])
def test_a_good_candidate_is_not_complained_about(instance, machine, running):
    if running:
        instance.start()
    before = listing(instance.root)
    path = f"{instance.config_directory}/main.cf"
    good = Path(path).read_bytes() + b"smtpd_tls_received_header = yes\n"
    assert machine.check({path: good}) == ()
    assert listing(instance.root) == before


def test_a_harmful_option_of_one_service_is_complained_about(instance, machine):
    instance.start()
    path = f"{instance.config_directory}/master.cf"
    service = b"127.0.0.1:10 inet n - n - - smtpd\n  -o smtpd_tls_security_level=encryp\n"
    assert "encryp" in "\n".join(machine.check({path: Path(path).read_bytes() + service}))


def test_a_wrappermode_service_is_tried_without_waiting_for_a_handshake(instance, machine):
    instance.start()
    path = f"{instance.config_directory}/master.cf"
    service = b"127.0.0.1:10 inet n - n - - smtpd\n  -o smtpd_tls_wrappermode=yes\n"
    assert machine.check({path: Path(path).read_bytes() + service}) == ()


def test_what_was_wrong_before_is_not_held_against_the_change(instance, machine):
    instance.configure(smtpd_tls_chain_files="/nonexistent.pem")
    instance.start()
    path = f"{instance.config_directory}/main.cf"
    assert machine.check({path: Path(path).read_bytes() + b"smtpd_tls_received_header = yes\n"}) == ()


def test_a_table_that_comes_with_the_change_is_there_when_it_is_tried(instance, machine):
    instance.start()
    path, source = f"{instance.config_directory}/main.cf", f"{instance.config_directory}/senders"
    candidate = Path(path).read_bytes() + f"smtpd_sender_restrictions = check_sender_access hash:{source}\n".encode()
    staged = machine.stage(source, b"a.test reject_plaintext_session\n", None, mode=0o644)
    built = machine.building("hash", source, b"a.test reject_plaintext_session\n", None).finish()
    rows = b"a.test reject_plaintext_session\n"
    assert machine.check({path: candidate, source: rows, f"{source}.db": built}) == ()
    for waiting in (staged, built):
        Path(waiting).unlink()
    assert any(
        "senders" in line
        for line in LocalMachine(instance.config_directory, instance.queue_directory, "127.0.0.1").check(
            {path: candidate}
        )
    )


def test_every_complaint_is_heard_where_there_are_many(instance, machine):
    instance.start()
    path = f"{instance.config_directory}/main.cf"
    many = b"".join(b"smtpd_tls_loglevel = 1\n" for _ in range(40))
    candidate = Path(path).read_bytes() + many + b"smtpd_tls_security_level = encryp\n"
    assert "encryp" in "\n".join(machine.check({path: candidate}))


def test_whether_the_instance_runs_is_known(instance, machine):
    assert not machine.is_running()
    with instance:
        assert machine.is_running()
        machine.reload()
        instance.wait_for_log("reload -- version")


@pytest.mark.parametrize("kind", ["hash", "btree", "lmdb"])
def test_a_few_rows_of_a_large_table_are_changed_in_a_copy(instance, machine, kind, monkeypatch):
    rows = [f"d{number}.a-rather-long-name.example may\n" for number in range(40_000)]
    source = instance.write("large", "".join(rows), mode=0o640)
    instance.postfix.build(kind, source)
    rows[20_000:20_003] = ["D20000.a-rather-long-name.example encrypt\n", "new.example none\n"]
    monkeypatch.setattr("reconciler.host.programs.Postfix.building", _never)
    built = machine.building(kind, source, "".join(rows).encode(), machine.read(source)).finish()
    assert instance.postfix.query(kind, source, "d20000.a-rather-long-name.example") == "may"
    assert Path(built).stat().st_mode & 0o777 == 0o640
    Path(built).unlink()


def test_a_copy_that_was_stale_is_built_anew(instance, machine):
    rows = [f"d{number}.a-rather-long-name.example may\n" for number in range(40_000)]
    source = instance.write("large", "".join(rows[1:]))
    instance.postfix.build("hash", source)
    instance.write("large", "".join(rows))
    rows[2] = "d2.a-rather-long-name.example encrypt\n"
    Path(machine.building("hash", source, "".join(rows).encode(), machine.read(source)).finish()).unlink()


def _never(*_arguments, **_options):
    raise AssertionError("built anew")
