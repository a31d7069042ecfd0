from __future__ import annotations

import json
import socket
import struct
import subprocess
import sys
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from reconciler.host import others, resolver
from reconciler.loop import doctor
from reconciler.loop.place import Where
from reconciler.model.checkup import Checked, Verdict
from reconciler.report import checkup
from reconciler.settings.load import load

pytestmark = pytest.mark.postfix


@pytest.fixture
def examined(instances: Callable[..., Any], tmp_path: Path) -> Callable[..., dict[str, Checked]]:
    def examine(settings: str = "", name: str = "mx1.example.org") -> dict[str, Checked]:
        file = tmp_path / "reconciler.toml"
        file.write_text(settings)
        instance = instances(name, started=False)
        where = Where("", instance.config_directory, str(tmp_path / "memory"))
        subject = doctor.Subject(where, load(str(file)).settings, str(tmp_path / "root"))
        return {it.subject: it for it in doctor.examine(subject)}

    return examine


def test_every_subject_has_a_verdict_and_what_is_wrong_has_a_fix(examined) -> None:
    found = examined()
    assert list(found) == [
        "user", "postfix", "running", "name", "paths", "state", "space", "source", "signatures", "puller", "store",
        "selinux", "resolver", "clock", "others", "packages", "trigger",
    ]  # fmt: skip
    assert [it for it in found.values() if it.verdict is not Verdict.GOOD and not it.fix] == []
    assert found["name"].evidence == "mx1.example.org"
    assert (found["signatures"].verdict, found["source"].verdict) == (Verdict.FAILURE, Verdict.FAILURE)


def test_who_may_sign_has_to_be_roots_own_to_say(examined, tmp_path: Path) -> None:
    signers = tmp_path / "allowed_signers"
    signers.write_text("")
    signers.chmod(0o666)
    settings = f'[trust]\nsignatures = "required"\nallowed_signers = "{signers}"\n'
    assert examined(settings)["signatures"].verdict is Verdict.FAILURE
    signers.chmod(0o644)
    assert examined(settings, "mx2.example.org")["signatures"].verdict is Verdict.GOOD


def test_an_exposed_deploy_key_is_a_failure(examined, tmp_path: Path) -> None:
    key = tmp_path / "key"
    key.write_text("")
    key.chmod(0o644)
    found = examined(f'[source]\nurl = "ssh://git@git.example/x"\ndeploy_key = "{key}"\n')["source"]
    assert (found.verdict, found.fix) == (Verdict.FAILURE, f"chmod 0600 {key}")


def test_a_store_that_can_never_be_opened_is_a_failure_that_tells_no_password(examined) -> None:
    found = examined('[store]\nurl = "mysql://ops:hunter2@db.example/events"\n')["store"]
    text = "store.url: the driver MySQLdb is not installed beside this program"
    assert found == Checked("store", Verdict.FAILURE, text, "install it, or name another with BACKEND+DRIVER://")


def test_the_state_directory_is_nobody_elses(examined, tmp_path: Path) -> None:
    (tmp_path / "memory").mkdir()
    (tmp_path / "memory").chmod(0o777)
    assert examined()["state"].verdict is Verdict.FAILURE


def test_other_managers_are_seen_by_their_agents_their_jobs_and_their_marks(tmp_path: Path) -> None:
    (tmp_path / "etc/salt").mkdir(parents=True)
    (tmp_path / "etc/salt/minion").touch()
    (tmp_path / "etc/cron.d").mkdir()
    (tmp_path / "etc/cron.d/mail").write_text(
        "# ansible-pull was here\n0 * * * * root postconf -e smtpd_tls_loglevel=1\n"
    )
    (tmp_path / "main.cf").write_text("# Ansible managed\n")
    assert list(others.traces(str(tmp_path), str(tmp_path))) == [
        "Salt: /etc/salt/minion",
        f"postconf -e: {tmp_path}/etc/cron.d/mail",
        f"Ansible managed: {tmp_path}/main.cf",
    ]


@pytest.mark.parametrize("validates", [True, False])
def test_a_resolver_validates_where_it_says_so(tmp_path: Path, validates: bool) -> None:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as server:
        server.bind(("127.0.0.1", 0))

        def answer() -> None:
            question, client = server.recvfrom(512)
            flags = 0x8180 | (0x20 if validates else 0)
            server.sendto(question[:2] + struct.pack(">H", flags) + question[4:], client)

        threading.Thread(target=answer, daemon=True).start()
        conf = tmp_path / "resolv.conf"
        conf.write_text("search example\nnameserver 127.0.0.1\n")
        found = resolver.look(str(conf), port=server.getsockname()[1], patience_s=30)
    assert found == resolver.Resolver("127.0.0.1", validates)


def test_no_resolver_is_told_as_that(tmp_path: Path) -> None:
    assert resolver.look(str(tmp_path / "absent")) == resolver.Resolver("", None)


def test_text_and_json_say_the_same() -> None:
    found = (Checked("clock", Verdict.WARNING, "wrong", "set it"), Checked("user", Verdict.GOOD, "root"))
    text = "warn  clock  wrong\n             fix: set it\nok    user   root\n0 failures, 1 warnings, 1 good.\n"
    assert checkup.as_text(found) == text
    body = json.loads(checkup.as_json(found))
    assert (body["failed"], [it["subject"] for it in body["checks"]]) == (False, ["clock", "user"])


def test_the_command_fails_where_a_check_does(instances: Callable[..., Any], tmp_path: Path) -> None:
    instance = instances("mx1.example.org", started=False)
    argv = [sys.executable, "-m", "reconciler", "doctor", "-c", instance.config_directory, "--format", "json"]
    argv += ["--state-dir", str(tmp_path / "memory")]
    done = subprocess.run(argv, capture_output=True, text=True, check=False)
    assert done.returncode == 1, done.stderr
    assert json.loads(done.stdout)["failed"]
