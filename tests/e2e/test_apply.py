from __future__ import annotations

import json
import os
import socket
import stat
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

pytestmark = pytest.mark.postfix
Make = Callable[..., Any]

TLS = """\
enforce: all
certificates:
  default: {chain_files: [tls/mx.pem], until_present: self_signed}
incoming: {security_level: may, loglevel: 1}
outgoing: {security_level: may, loglevel: 1, policies: {bank.example: encrypt}}
"""


def test_an_apply_leaves_an_empty_plan_and_the_next_writes_nothing_and_reloads_nothing(
    site: Make, tmp_path: Path
) -> None:
    mx = site()
    assert mx.plan().returncode == 2
    assert "Proofs: 3 passed, 0 failed" in mx.apply().stdout
    assert mx.plan().returncode == 0
    before, mark = mx.fingerprint(), mx.instance.mark()
    trace = tmp_path / "trace"
    calls = "trace=/^(open|rename|unlink|mkdir|link|truncate|f?chmod|f?chown|kill|execve)"
    done = mx.run("apply", "--auto-approve", before=("strace", "-f", "-qq", "-o", str(trace), "-e", calls))
    assert done.returncode == 0, done.stderr
    below = (mx.instance.config_directory, str(mx.memory), mx.instance.queue_directory)
    lines = [
        line for line in trace.read_text(errors="replace").splitlines() if any(f'"{root}' in line for root in below)
    ]
    assert lines, "the trace saw nothing of the instance"
    assert [
        line for line in lines if "O_WRONLY" in line or "O_RDWR" in line or "O_CREAT" in line or "rename" in line
    ] == []
    started = [line for line in trace.read_text(errors="replace").splitlines() if "execve(" in line]
    assert [line for line in started if '"reload"' in line or "postconf" in line] == []
    assert mx.fingerprint() == before
    assert "reload" not in mx.instance.log_since(mark)


def test_nothing_is_applied_without_approval(site: Make) -> None:
    mx = site(TLS)
    before = mx.fingerprint()
    done = mx.run("apply")
    assert done.returncode == 1
    assert done.stderr.startswith("there is no terminal to ask on")
    assert mx.fingerprint() == before


def test_the_key_of_a_certificate_that_is_made_is_for_root_alone(site: Make) -> None:
    mx = site(TLS)
    mx.apply()
    key = Path(mx.instance.config_directory, "tls/mx.pem")
    assert stat.S_IMODE(key.stat().st_mode) == 0o600
    assert key.read_text().startswith("-----BEGIN PRIVATE KEY-----")


def test_mode_owner_and_symbolic_link_of_a_file_stay(site: Make) -> None:
    mx = site(TLS)
    real = mx.main_cf.with_name("real.cf")
    mx.main_cf.rename(real)
    mx.main_cf.symlink_to("real.cf")
    real.chmod(0o640)
    os.chown(real, 0, 8)
    mx.apply()
    assert mx.main_cf.is_symlink()
    assert (stat.S_IMODE(real.stat().st_mode), real.stat().st_gid) == (0o640, 8)
    assert "smtpd_tls_security_level = may" in real.read_text()


def test_a_new_row_takes_postmap_and_no_reload(site: Make) -> None:
    mx = site(TLS)
    mx.apply()
    mark = mx.instance.mark()
    mx.write(TLS.replace("{bank.example: encrypt}", "{bank.example: encrypt, other.example: encrypt}"))
    done = mx.apply()
    assert "Plan: 1 to add, 0 to change, 0 to remove; then postmap 1." in done.stdout
    assert "reload" not in mx.instance.log_since(mark)
    table = f"{mx.instance.config_directory}/tls_policy"
    assert mx.instance.postfix.query("hash", table, "other.example") == "encrypt"


def test_a_service_that_does_not_work_takes_everything_back(site: Make) -> None:
    """No Dovecot answers at that socket, which only a session on the new port shows."""
    mx = site(TLS)
    mx.apply()
    before = mx.main_cf.read_bytes(), mx.master_cf.read_bytes(), (mx.memory / "etc/last-applied.json").read_bytes()
    mx.write(TLS.replace("may, loglevel: 1}\n", "may, loglevel: 2}\n", 1) + _submission())
    done = mx.run("apply", "--auto-approve")
    assert done.returncode == 1
    assert "with the change this fails, and did not before" in done.stderr or "was not put in place" in done.stderr
    assert (
        mx.main_cf.read_bytes(),
        mx.master_cf.read_bytes(),
        (mx.memory / "etc/last-applied.json").read_bytes(),
    ) == before
    assert mx.instance.wait_for_banner(mx.instance.smtpd_port).startswith("220")
    assert not list(Path(mx.instance.config_directory).glob(".*"))


def test_a_port_that_is_taken_is_refused_before_anything_is_written(site: Make) -> None:
    mx = site(TLS)
    with socket.create_server(("127.0.0.1", 0)) as taken:
        before = mx.fingerprint()
        mx.write(TLS + _submission(taken.getsockname()[1]))
        done = mx.run("apply", "--auto-approve")
        assert done.returncode == 1
        assert "another program listens there already" in done.stderr
        assert mx.fingerprint() == before


def test_a_service_whose_line_was_lost_comes_back_although_its_port_is_still_held_by_our_master(site: Make) -> None:
    mx = site(TLS)
    mx.instance.write("sasl/smtpd.conf", "pwcheck_method: auxprop\nauxprop_plugin: sasldb\nmech_list: PLAIN\n")
    found = mx.master_cf.read_text().splitlines()
    mx.write(TLS + _submission().replace("dovecot, path: private/nobody", "cyrus, path: smtpd"))
    mx.apply()
    lines = mx.master_cf.read_text().splitlines()
    lost = [f"#{line}" if line not in found and not line.startswith(" ") else line for line in lines]
    mx.instance.write("master.cf", "\n".join(lost) + "\n")
    assert mx.plan().returncode == 2
    mx.apply()
    assert mx.plan().returncode == 0


def test_what_postfix_would_die_of_is_refused_with_its_own_words(site: Make) -> None:
    """`$bad` is somebody else's parameter: the state is well formed, its expansion is not."""
    mx = site(TLS, main_cf_extra="bad = maybe\n")
    before = mx.fingerprint()
    mx.write(TLS + "parameters: {smtpd_tls_received_header: $bad}\n")
    done = mx.run("apply", "--auto-approve")
    assert done.returncode == 1
    assert "bad boolean configuration: smtpd_tls_received_header = maybe" in done.stderr
    assert mx.fingerprint() == before


def test_a_second_apply_at_the_same_time_says_who_holds_the_lock(site: Make) -> None:
    import fcntl

    mx = site(TLS)
    (mx.memory / "etc").mkdir(parents=True)
    with (mx.memory / "etc/lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        lock.write("4711\n")
        lock.flush()
        done = mx.run("apply", "--auto-approve")
    assert done.returncode == 1
    assert done.stderr == "another apply is at work on etc (process 4711)\n"


def test_postfix_that_is_down_is_left_down(site: Make) -> None:
    mx = site(TLS, started=False)
    done = mx.apply()
    assert "Postfix is not running; the files are in place for its start" in done.stdout
    assert mx.instance.pid is None
    mx.instance.start()
    assert mx.plan().returncode == 0


def test_plan_and_apply_tell_the_same_in_json(site: Make) -> None:
    mx = site(TLS)
    planned = json.loads(mx.run("plan", "--format", "json").stdout)
    applied = json.loads(mx.run("apply", "--auto-approve", "--format", "json").stdout)
    assert planned["changes"][1:] == applied["changes"][1:]
    assert applied["applied"]["reloaded"] is True
    assert {proof["outcome"] for proof in applied["applied"]["proofs_after"]} == {"passed"}


def _submission(port: int = 0) -> str:
    from reconciler.host.ports import free_port

    return f'submission: {{listen: "127.0.0.1:{port or free_port()}", sasl: {{type: dovecot, path: private/nobody}}}}\n'
