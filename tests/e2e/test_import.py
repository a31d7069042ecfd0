"""A Postfix that nobody declared is imported and then kept; a hand edit on it is adopted."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from reconciler.host.certificates import make_self_signed
from reconciler.host.instance import PrivateInstance

pytestmark = pytest.mark.postfix
PROJECT = Path(__file__).parents[2]
MX = "mx1.example.org"
SECRET = "CANARY-s3cr3t"
MAIN = f"""
smtpd_tls_cert_file = $config_directory/mx.crt
smtpd_tls_key_file = $config_directory/mx.key
smtpd_tls_security_level = may
smtpd_tls_loglevel = 1
smtp_tls_security_level = may
smtp_tls_policy_maps = hash:$config_directory/tls_policy
smtp_sasl_password_maps = static:me:{SECRET}
smtp_tls_session_cache_database = btree:${{data_directory}}/smtp_scache
"""
ROWS = "bank.example secure match=nexthop:dot-nexthop\n[relay.partner.example]:587 encrypt\n"
EXPECTED = """\
# yaml-language-server: $schema=../schemas/host-v1.json
# What is set in {directory} (Postfix {version}), as imported.
# Not about TLS, and left alone: {outside}.
enforce: all

# The certificate that smtpd serves.
certificates:
  default:
    cert_file: {directory}/mx.crt
    key_file: {directory}/mx.key

# smtpd, port 25: what clients are asked for.
incoming:
  security_level: may
  loglevel: 1

# smtp: what servers are asked for; policies: the rows of hash:tls_policy.
outgoing:
  security_level: may
  policies:
    bank.example: secure match=nexthop:dot-nexthop
    "[relay.partner.example]:587": encrypt

# What else is set about TLS and SASL, by the full name.
# Left out:
#   main.cf/smtp_sasl_password_maps: it may hold passwords; only the name of a table in a file is taken over
parameters:
  smtp_tls_session_cache_database: "btree:${{data_directory}}/smtp_scache"
"""


def reconciler(*arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "reconciler", *arguments],
        cwd=PROJECT, env={"PATH": os.environ["PATH"], "LC_ALL": "C.UTF-8"},
        capture_output=True, text=True, check=False, timeout=120,
    )  # fmt: skip


@pytest.fixture
def mx(instances: Callable[..., PrivateInstance]) -> PrivateInstance:
    """Hand-kept: a certificate, policies, and a password that belongs nowhere else."""
    instance = instances(MX, main_cf_extra=MAIN, started=False)
    key, chain = make_self_signed([MX], timedelta(days=30), datetime.now(UTC))
    instance.write("mx.key", key, 0o600)
    instance.write("mx.crt", chain)
    instance.write("tls_policy", ROWS)
    instance.postfix.build("hash", f"{instance.config_directory}/tls_policy")
    instance.start()
    return instance


@pytest.fixture
def repo(tmp_path: Path) -> Path:
    (tmp_path / "state").mkdir()
    return tmp_path / "state"


def where(mx: PrivateInstance, repo: Path) -> list[str]:
    return ["--repo", str(repo), "-c", mx.config_directory, "--state-dir", str(repo.parent / "memory")]


def test_an_imported_host_is_as_declared_and_an_apply_touches_nothing(mx: PrivateInstance, repo: Path) -> None:
    done = reconciler("import", "-c", mx.config_directory, "--repo", str(repo), "--enforce")
    assert (done.returncode, done.stdout) == (0, ""), done.stderr
    text = (repo / f"hosts/{MX}.yaml").read_text()
    outside = text.split("left alone: ")[1].split(".\n")[0]
    version = text.split("(Postfix ")[1].split(")")[0]
    assert text == EXPECTED.format(directory=mx.config_directory, version=version, outside=outside)
    assert SECRET not in text + done.stderr
    planned = reconciler("plan", *where(mx, repo), "--detailed-exitcode")
    assert (planned.returncode, "No changes." in planned.stdout) == (0, True), planned.stdout + planned.stderr
    files = {path: path.read_bytes() for path in Path(mx.config_directory).iterdir() if path.is_file()}
    mark = mx.mark()
    assert reconciler("apply", *where(mx, repo), "--auto-approve").returncode == 0
    assert {path: path.read_bytes() for path in Path(mx.config_directory).iterdir() if path.is_file()} == files
    assert "reload" not in mx.log_since(mark)


def test_a_hand_edit_is_adopted_and_the_plan_is_empty_again(mx: PrivateInstance, repo: Path) -> None:
    reconciler("import", "-c", mx.config_directory, "--repo", str(repo), "--enforce")
    reconciler("apply", *where(mx, repo), "--auto-approve")
    mx.configure(smtpd_tls_loglevel="2")
    address = "main.cf/smtpd_tls_loglevel"
    file = repo / f"hosts/{MX}.yaml"
    before = file.read_text()
    shown = reconciler("adopt", address, *where(mx, repo))
    assert [line for line in shown.stdout.splitlines() if line[:1] in "+-"] == [
        f"--- a/hosts/{MX}.yaml", f"+++ b/hosts/{MX}.yaml", "-  loglevel: 1", "+  loglevel: 2",
    ]  # fmt: skip
    assert file.read_text() == before
    written = reconciler("adopt", address, *where(mx, repo), "--write")
    assert (written.returncode, written.stdout) == (0, shown.stdout)
    assert file.read_text() == before.replace("loglevel: 1", "loglevel: 2")
    assert reconciler("plan", *where(mx, repo), "--detailed-exitcode").returncode == 0
    again = reconciler("adopt", address, *where(mx, repo), "--write")
    assert (again.returncode, again.stderr) == (1, f"{address}: nothing to adopt; it is as declared (2)\n")


def test_a_directory_copied_from_a_host_is_imported_where_no_postfix_of_it_runs(
    mx: PrivateInstance, tmp_path: Path
) -> None:
    copy = tmp_path / "copy"
    shutil.copytree(mx.config_directory, copy)
    done = reconciler("import", "-c", str(copy), "--host", "other.example", "--format", "json")
    said = json.loads(done.stdout)
    assert (done.returncode, said["host"], said["dropped"], list(said["files"])) == (
        0, "other.example", [], ["hosts/other.example.yaml"],
    )  # fmt: skip
    assert said["left_out"] == [
        {
            "address": "main.cf/smtp_sasl_password_maps",
            "reason": "it may hold passwords; only the name of a table in a file is taken over",
        }
    ]


def test_nothing_that_is_there_is_overwritten(mx: PrivateInstance, repo: Path) -> None:
    (repo / "hosts").mkdir()
    file = repo / f"hosts/{MX}.yaml"
    file.write_text("enforce: all\n")
    done = reconciler("import", "-c", mx.config_directory, "--repo", str(repo))
    assert done.returncode == 1
    assert done.stderr == f"{file} is there already; remove it, write elsewhere, or use reconciler adopt\n"
    assert file.read_text() == "enforce: all\n"


@pytest.mark.parametrize(
    ("option", "value", "says"),
    [
        ("--host", "../../etc/x", "name the host with --host"),
        ("--repo", "none", "there is no such directory"),
        ("--out", "none/x.yaml", "No such file or directory"),
    ],
)
def test_a_place_that_cannot_be_is_one_error(
    option: str, value: str, says: str, mx: PrivateInstance, tmp_path: Path
) -> None:
    place = value if option == "--host" else str(tmp_path / value)
    done = reconciler("import", "-c", mx.config_directory, option, place)
    assert (done.returncode, done.stdout, done.stderr.count("\n")) == (1, "", 1)
    assert says in done.stderr
