"""Every kind of drift as the running agent finds it: one incident each, with its life, its evidence and its end."""

from __future__ import annotations

import json
import re
import shutil
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from reconciler.host import certificates
from reconciler.host.ports import free_port
from reconciler.probe import smtp
from tests.e2e.running import Running

pytestmark = pytest.mark.postfix
Agents = Callable[..., Running]
STATE = """\
enforce: all
certificates: {{default: {{chain_files: [tls/own.pem], until_present: self_signed}}}}
incoming: {{security_level: may, loglevel: 1, policies: {{senders: [bank.example]}}}}
outgoing: {{security_level: may, loglevel: 1, policies: {{bank.example: encrypt}}}}
submission: {{listen: "127.0.0.1:{0}", sasl: {{type: cyrus, path: smtpd}}}}
"""
OBSERVED = (
    "enforce: [outgoing]\ncertificates: {default: {chain_files: [tls/own.pem]}}\nincoming: {security_level: may}\n"
)
LONG, SOON = timedelta(days=90), timedelta(days=9)


def begin(agent: Agents, state: str, **options: Any) -> Running:
    it = agent('interval = "1s"\n', state=state, **options)
    it.wait_for_event("agent.started")
    it.wait_for(lambda: recorded_result(it) == "Synced")
    return it


def recorded_result(it: Running) -> str:
    path = it.mx.memory / "etc/pass.json"
    return json.loads(path.read_text())["result"] if path.exists() else ""


def drifts(it: Running, *more: str) -> list[dict[str, Any]]:
    where = ("-c", it.mx.instance.config_directory, "--state-dir", str(it.mx.memory))
    found: list[dict[str, Any]] = json.loads(it.say("drift", *where, "--format", "json", *more))["drift"]
    return found


def is_over(it: Running, kind: str) -> list[dict[str, Any]]:
    return [found for found in drifts(it) if found["kind"] == kind and found["resolution"]]


def assert_whole(found: dict[str, Any], resolution: str) -> None:
    """An incident as somebody can act on it."""
    assert found["resolution"] == resolution, found
    assert found["written"] != found["live"], found
    assert found["first_seen"] <= found["last_seen"] <= found["resolved"], found
    assert (found["count"], bool(found["revision"])) == (1, True), found
    assert found["who"] or found["kind"] in ("postfix down", "certificate absent"), "no file tells who"


def chain(path: Path, lifetime: timedelta = LONG) -> str:
    """A chain file renewed as tools do it, by a rename; gives the digest of its certificate."""
    key, certificate = certificates.make_self_signed(("mx1.example.org",), lifetime, datetime.now(UTC))
    path.parent.mkdir(exist_ok=True)
    staged = path.with_name("staged.pem")
    staged.write_bytes(key + certificate)
    staged.chmod(0o600)
    staged.replace(path)
    return leaf(path)


def leaf(path: Path) -> str:
    pem = certificates.read_pem(str(path))
    assert pem is not None
    return pem.certificates[0].sha256


def served(it: Running) -> str:
    session = smtp.visit(smtp.Visit("127.0.0.1", it.mx.instance.smtpd_port, "client.example"))
    assert session.tls is not None, session.problem
    return session.tls.certificate


def replaced(name: str, old: str, new: str) -> Callable[[Running], None]:
    def edit(it: Running) -> None:
        text = Path(it.mx.instance.config_directory, name).read_text()
        assert old in text, text
        it.mx.instance.write(name, text.replace(old, new))

    return edit


def without_service(it: Running) -> None:
    lines = it.mx.master_cf.read_text().splitlines(keepends=True)
    first = next(at for at, line in enumerate(lines) if "smtpd_tls_security_level=encrypt" in line)
    while lines[first].startswith((" ", "#")):
        first -= 1
    last = first + 1
    while last < len(lines) and lines[last].startswith((" ", "#")):
        last += 1
    it.mx.instance.write("master.cf", "".join(lines[:first] + lines[last:]))


def built_from_another_source(it: Running) -> None:
    """What postmap made of it is exchanged; the source is as it was."""
    scratch = Path(it.mx.instance.root, "scratch")
    scratch.mkdir()
    (scratch / "tls_policy").write_text("bank.example none\n")
    it.mx.instance.postfix.build("hash", str(scratch / "tls_policy"))
    shutil.move(scratch / "tls_policy.db", Path(it.mx.instance.config_directory, "tls_policy.db"))


def without_certificate(it: Running) -> None:
    Path(it.mx.instance.config_directory, "tls/own.pem").unlink()


def renewed(it: Running) -> None:
    chain(Path(it.mx.instance.config_directory, "tls/own.pem"))


HEALED: list[tuple[str, str, Callable[[Running], None]]] = [
    ("parameter", "main.cf/smtpd_tls_loglevel", replaced("main.cf", "smtpd_tls_loglevel = 1", "smtpd_tls_loglevel = 3")),
    (
        "list element",
        "main.cf/smtpd_sender_restrictions[check_sender_access hash:$config_directory/tls_senders]",
        replaced("main.cf", "check_sender_access hash:$config_directory/tls_senders", "permit_mynetworks"),
    ),
    ("service", "master.cf/127.0.0.1:{port}/inet", without_service),
    (
        "option",
        "master.cf/127.0.0.1:{port}/inet/-o/smtpd_tls_security_level",
        replaced("master.cf", "smtpd_tls_security_level=encrypt", "smtpd_tls_security_level=may"),
    ),
    ("table row", "table/tls_policy#bank.example", replaced("tls_policy", "encrypt", "none")),
    ("table stale", "table/tls_policy", built_from_another_source),
    ("certificate absent", "file/tls/own.pem", without_certificate),
    ("certificate renewed", "file/tls/own.pem", renewed),
]  # fmt: skip


@pytest.mark.parametrize(("kind", "address", "change"), HEALED, ids=[kind for kind, _, _ in HEALED])
def test_what_is_enforced_is_one_incident_that_ends_healed(
    agent: Agents, kind: str, address: str, change: Callable[[Running], None]
) -> None:
    port = free_port()
    it = begin(agent, STATE.format(port), files={"sasl/smtpd.conf": "pwcheck_method: auxprop\nmech_list: PLAIN\n"})
    change(it)
    it.wait_for(lambda: is_over(it, kind))
    it.wait_for(lambda: recorded_result(it) == "Synced")
    assert it.mx.plan().returncode == 0
    found = [it for it in drifts(it) if it["kind"] == kind]
    assert [it["address"] for it in found] == [address.format(port=port)]
    assert_whole(found[0], "healed")
    assert {it["kind"] for it in drifts(it)} <= {kind, "option"}, "the options of a service go with it"


def test_a_renewed_lineage_is_put_together_and_served_without_waiting_for_the_clock(
    agent: Agents, tmp_path: Path
) -> None:
    where = tmp_path / "live/mx1"
    lineage(where)
    state = f"enforce: all\ncertificates: {{default: {{certbot: {where}}}}}\nincoming: {{security_level: may}}\n"
    it = agent('interval = "1h"\nresync = "1h"\n', state=state)
    it.wait_for(lambda: recorded_result(it) == "Synced")
    lineage(where)
    it.wait_for(lambda: is_over(it, "certificate renewed"))
    assert served(it) == leaf(where / "fullchain.pem")
    (found,) = drifts(it)
    assert_whole(found, "healed")


def lineage(directory: Path) -> None:
    directory.mkdir(parents=True, exist_ok=True)
    key, certificate = certificates.make_self_signed(("mx1.example.org",), LONG, datetime.now(UTC))
    for name, content in (("privkey.pem", key), ("fullchain.pem", certificate)):
        staged = directory / f".{name}"
        staged.write_bytes(content)
        staged.chmod(0o600)
        staged.replace(directory / name)


def test_a_certificate_about_to_end_is_one_incident_until_it_is_renewed(agent: Agents) -> None:
    it = begin(agent, STATE.format(free_port()), files={"sasl/smtpd.conf": "pwcheck_method: auxprop\n"})
    path = Path(it.mx.instance.config_directory, "tls/own.pem")
    chain(path, SOON)
    it.wait_for(lambda: [found for found in drifts(it) if found["kind"] == "certificate expiring"])
    chain(path)
    it.wait_for(lambda: is_over(it, "certificate expiring"))
    (found,) = [found for found in drifts(it) if found["kind"] == "certificate expiring"]
    assert found["address"] == "file/tls/own.pem"
    assert found["live"].startswith("ends ")
    assert_whole(found, "went away")


def test_a_certificate_in_the_file_and_not_served_is_healed_by_a_reload(agent: Agents) -> None:
    """An smtpd that began while another file stood there, and goes on after the right one is back."""
    files = {"sasl/smtpd.conf": "pwcheck_method: auxprop\n"}
    it = begin(agent, STATE.format(free_port()), files=files, prepare=with_one_smtpd)
    assert it.stop() == 0
    path = Path(it.mx.instance.config_directory, "tls/own.pem")
    right = path.with_name("right.pem")
    path.rename(right)
    wrong = chain(path)
    it.mx.instance.reload()
    it.wait_for_served(lambda: served(it) == wrong)
    right.replace(path)
    before = it.mx.instance.mark()
    assert it.mx.plan().returncode == 0, "no value tells it"
    it.start()
    it.wait_for(lambda: is_over(it, "certificate served"))
    assert served(it) == leaf(path)
    (found,) = drifts(it)
    assert (found["address"], found["severity"]) == (f"127.0.0.1:{it.mx.instance.smtpd_port}", "critical")
    assert found["live"] == f"sha256 {wrong[:16]}…"
    assert_whole(found, "healed")
    assert it.mx.instance.log_since(before).count("reload -- version") == 1


def test_a_certificate_that_is_only_observed_and_not_served_is_told_until_somebody_reloads(agent: Agents) -> None:
    it = begin(agent, OBSERVED, prepare=with_own_certificate)
    path = Path(it.mx.instance.config_directory, "tls/own.pem")
    old, before = served(it), it.mx.instance.mark()
    new = chain(path)
    it.wait_for(lambda: [found for found in drifts(it) if found["kind"] == "certificate served"])
    assert (served(it), "reload -- version" in it.mx.instance.log_since(before)) == (old, False)
    it.mx.instance.reload()
    it.wait_for(lambda: is_over(it, "certificate served"))
    it.wait_for_served(lambda: served(it) == new)
    (found,) = [found for found in drifts(it) if found["kind"] == "certificate served"]
    assert_whole(found, "went away")


def with_one_smtpd(mx: Any) -> None:
    """So that every session meets the same one: a second would have read what stands in the file now."""
    port = mx.instance.smtpd_port
    text = Path(mx.instance.config_directory, "master.cf").read_text()
    service = re.compile(rf"^(127\.0\.0\.1:{port} +inet +n +- +\S +-) +-(?= +smtpd)", re.MULTILINE)
    text, found = service.subn(r"\1 1", text)
    assert found == 1, text
    mx.instance.write("master.cf", text)


def with_own_certificate(mx: Any) -> None:
    with_one_smtpd(mx)
    chain(Path(mx.instance.config_directory, "tls/own.pem"))
    lines = {"smtpd_tls_chain_files": "$config_directory/tls/own.pem", "smtpd_tls_security_level": "may"}
    mx.instance.configure(**lines)
    mx.instance.reload()


@pytest.mark.parametrize(
    "edit",
    [
        replaced("main.cf", "mydestination = $myhostname", "mydestination = $myhostname, localhost"),
        replaced("master.cf", "1000?   0       flush", "1000?   1       flush"),
    ],
    ids=["main.cf", "master.cf"],
)
def test_a_postfix_that_has_not_read_its_files_is_told_until_it_has(
    agent: Agents, edit: Callable[[Running], None]
) -> None:
    it = begin(agent, "enforce: all\noutgoing: {loglevel: 1}\n")
    edit(it)
    it.wait_for(lambda: [found for found in drifts(it) if not found["resolution"]])
    it.mx.instance.reload()
    it.wait_for(lambda: is_over(it, "configuration old"))
    (found,) = drifts(it)
    assert found["address"] == "postfix"
    assert_whole(found, "reverted")


def test_a_mode_that_somebody_changed_is_told_until_it_is_put_back(agent: Agents) -> None:
    it = begin(agent, "enforce: all\noutgoing: {loglevel: 1}\n")
    it.mx.main_cf.chmod(0o600)
    it.wait_for(lambda: [found for found in drifts(it) if not found["resolution"]])
    it.mx.main_cf.chmod(0o644)
    it.wait_for(lambda: is_over(it, "file attributes"))
    (found,) = drifts(it)
    assert found["live"].startswith("mode 0600, ")
    assert_whole(found, "reverted")


def test_a_postfix_that_is_down_is_told_at_the_next_tick_not_started_and_over_when_it_is_back(agent: Agents) -> None:
    it = begin(agent, "enforce: all\noutgoing: {loglevel: 1}\n")
    it.mx.instance.stop()
    it.wait_for(lambda: [found for found in drifts(it) if not found["resolution"]])
    assert it.mx.instance.pid is None
    it.mx.instance.start()
    it.wait_for(lambda: is_over(it, "postfix down"))
    (found,) = drifts(it)
    assert_whole(found, "reverted")
