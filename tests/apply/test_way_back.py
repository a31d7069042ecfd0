"""The past of an instance can be read, and gone back to; what was taken back does not come again by itself."""

from __future__ import annotations

import json
import os
from collections.abc import Callable
from pathlib import Path

import pytest

from reconciler.apply.state import StateDirectory
from reconciler.model.journal import Phase
from tests.apply.conftest import STATE, Site

pytestmark = pytest.mark.postfix
Make = Callable[..., Site]
NEXT = STATE.replace("loglevel: 1", "loglevel: 2").replace(
    "bank.example: encrypt}", "bank.example: encrypt, b.example: may}"
)


def applied(mx: Site, state: str) -> None:
    mx.write(state)
    done = mx.apply()
    assert done.returncode == 0, done.stderr


def test_rolling_back_restores_every_file_the_record_and_the_service(site: Make) -> None:
    mx = site(main_cf_extra="smtp_tls_loglevel = 3\n")
    mx.main_cf.chmod(0o640)
    os.setxattr(mx.main_cf, "user.note", b"kept")
    before, names = mx.contents(), mx.names()
    applied(mx, STATE)
    done = mx.run("rollback", "--auto-approve")
    assert (done.returncode, done.stderr) == (0, "")
    assert (mx.contents(), mx.names()) == (before, names)
    assert (mx.main_cf.stat().st_mode & 0o777, os.getxattr(mx.main_cf, "user.note")) == (0o640, b"kept")
    assert dict(mx.look().last.entries) == {}
    assert "reloaded" in done.stdout
    mx.serves()


def test_only_the_transaction_that_is_named_is_taken_back(site: Make) -> None:
    mx = site()
    applied(mx, STATE)
    first = mx.contents()
    record = mx.look().last
    applied(mx, NEXT)
    done = mx.run("rollback", "2", "--auto-approve")
    assert done.returncode == 0, done.stderr
    assert mx.contents() == first
    assert mx.look().last.entries == record.entries
    assert mx.instance.postfix.query("hash", f"{mx.instance.config_directory}/tls_policy", "b.example") is None


def test_a_rollback_can_be_rolled_back(site: Make) -> None:
    mx = site()
    applied(mx, STATE)
    after = mx.contents()
    done = mx.run("rollback", "--auto-approve")
    assert f"Postfix {mx.look().live.snapshot.mail_version}) against the state before transaction 1\n" in done.stdout
    assert "\n  revision  none\n" in mx.run("history", "show").stdout
    assert mx.run("rollback", "--auto-approve").returncode == 0
    assert mx.contents() == after


def test_what_a_rollback_holds_back_is_let_out_by_its_own_rollback(site: Make) -> None:
    """Else the agent would heal no hand edit of the revision that is live again."""
    mx = site()
    applied(mx, STATE)
    applied(mx, NEXT)
    assert "is not applied again until" in mx.run("rollback", "--auto-approve").stdout
    done = mx.run("rollback", "--auto-approve")
    assert done.stdout.endswith(" is held back no more.\n")
    assert [line.split()[3:5] for line in mx.run("release", "--list").stdout.splitlines()] == [["4:", "Plan:"]]
    mx.main_cf.write_text(mx.main_cf.read_text().replace("loglevel = 2", "loglevel = 0"))
    assert mx.apply().returncode == 0


def test_what_a_later_transaction_changed_is_a_conflict_that_names_it(site: Make) -> None:
    mx = site()
    applied(mx, STATE)
    applied(mx, NEXT)
    before = mx.contents()
    done = mx.run("rollback", "1", "--auto-approve")
    assert done.returncode == 1
    assert "by transaction 2; `reconciler rollback 2` first" in done.stderr
    assert mx.contents() == before


def test_what_somebody_changed_by_hand_since_is_a_conflict(site: Make) -> None:
    mx = site()
    applied(mx, STATE)
    mx.instance.configure(mail_name="Somebody")
    before = mx.contents()
    done = mx.run("rollback", "--auto-approve")
    assert done.returncode == 1
    assert "main.cf: by somebody else; put it back by hand" in done.stderr
    assert mx.contents() == before


@pytest.mark.parametrize("left", [None, b""])
def test_the_past_of_an_instance_whose_main_cf_is_gone_is_not_taken_for_none(site: Make, left: bytes | None) -> None:
    """Its name stood there, and with it where its past is kept."""
    mx = site(main_cf_extra="multi_instance_name = postfix-b\n", started=False)
    assert mx.apply().returncode == 0
    mx.main_cf.unlink()
    if left is not None:
        mx.main_cf.write_bytes(left)
    for command in ("history", "rollback", "release"):
        done = mx.run(command)
        assert done.returncode == 1
        assert done.stderr.startswith(f"{mx.main_cf}: missing or empty; is this the configuration directory of a ")
        assert done.stderr.endswith(" Then say which instance it was, with --instance: postfix-b\n")
    assert "\n1   " in mx.run("history", "--instance", "postfix-b").stdout


def test_nothing_is_rolled_back_without_approval(site: Make) -> None:
    mx = site()
    applied(mx, STATE)
    before = mx.contents()
    done = mx.run("rollback")
    assert done.returncode == 1
    assert done.stderr.startswith("there is no terminal to ask on")
    assert "- main.cf/smtp_tls_loglevel = 1" in done.stdout
    assert mx.contents() == before


def test_a_revision_that_was_rolled_back_is_refused_until_it_is_released(site: Make) -> None:
    mx = site()
    applied(mx, STATE)
    assert mx.run("rollback", "--auto-approve").returncode == 0
    before = mx.contents()
    warned = mx.run("plan", "--repo", str(mx.repo))
    assert (warned.returncode, warned.stderr.startswith("apply refuses this: revision sha256:")) == (0, True)
    done = mx.apply()
    assert done.returncode == 1
    assert "commit a correction, or let it out with `reconciler release`" in done.stderr
    assert mx.contents() == before
    assert "Released sha256:" in mx.run("release").stdout
    assert mx.apply().returncode == 0


def test_nothing_is_rolled_back_where_it_could_not_be_held_back(site: Make) -> None:
    mx = site()
    applied(mx, STATE)
    before, mark = mx.contents(), mx.instance.mark()
    (mx.memory / "etc/quarantine.json").write_text("{")
    done = mx.run("rollback", "--auto-approve")
    assert done.returncode == 1
    assert "quarantine.json: cannot be read" in done.stderr
    assert (mx.contents(), "reload" in mx.instance.log_since(mark)) == (before, False)


def test_a_newer_revision_lifts_the_quarantine_of_an_older_one(site: Make) -> None:
    mx = site()
    applied(mx, STATE)
    assert mx.run("rollback", "--auto-approve").returncode == 0
    applied(mx, NEXT)
    assert "transaction 2" in mx.run("release", "--list").stdout


def test_history_lists_what_was_done_and_shows_one_transaction_without_secrets(site: Make) -> None:
    mx = site()
    assert mx.run("history").stdout == "No transactions yet.\n"
    applied(mx, STATE)
    mx.run("rollback", "--auto-approve")
    head, second, first = mx.run("history").stdout.splitlines()
    assert head.split() == ["ID", "begun", "ended", "revision", "what"]
    assert (first.split()[0], second.split()[0]) == ("1", "2")
    assert "Back to the state before transaction 1" in second
    shown = mx.run("history", "show", "1").stdout
    assert "+ main.cf/smtp_tls_loglevel = 1" in shown
    assert "+smtp_tls_loglevel = 1" in shown
    assert "Proofs after:" in shown
    assert "PRIVATE KEY" not in shown
    told = json.loads(mx.run("history", "show", "1", "--format", "json").stdout)["transaction"]
    assert (told["id"], told["phase"], told["finished"]) == (1, "done", True)
    assert {Path(it["path"]).name for it in told["files"]} >= {"main.cf", "tls_policy", "mx.pem"}
    assert (
        mx.run("history", "show", "9").stderr
        == "there is no transaction 9; `reconciler history` lists those there are\n"
    )


def test_a_transaction_that_cannot_be_ended_is_ended_by_hand(site: Make, monkeypatch) -> None:
    from tests.apply.test_recovery import stopped_in

    mx = site()
    stopped_in(mx, Phase.APPLIED, monkeypatch)
    mx.main_cf.write_bytes(mx.main_cf.read_bytes() + b"# by hand\n")
    assert "transaction 1 was cut off; the next apply ends it first" in mx.run("plan", "--repo", str(mx.repo)).stderr
    with StateDirectory(str(mx.memory), "etc").lock():
        warned = mx.run("plan", "--repo", str(mx.repo)).stderr
        assert f"transaction 1 is under way (process {os.getpid()}); after it" in warned
    assert mx.apply().returncode == 1
    done = mx.run("release", "1")
    assert "Transaction 1 is ended; the files stay as they stand" in done.stdout
    assert mx.main_cf.read_bytes().endswith(b"# by hand\n")
    assert mx.apply().returncode == 0
    assert [name for name in mx.names() if "reconciler" in name] == []
