"""A saved plan is carried out as it was seen, or refused with everything that has moved."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pytest

from reconciler.host.certificates import make_self_signed
from tests.apply.conftest import STATE, Site

pytestmark = pytest.mark.postfix
Make = Callable[..., Site]


def saved(mx: Site, tmp_path: Path) -> Path:
    out = tmp_path / "plan.json"
    done = mx.run("plan", "--repo", str(mx.repo), "--out", str(out))
    assert done.returncode == 0, done.stderr
    return out


def refused(mx: Site, out: Path) -> list[str]:
    before = mx.contents()
    done = mx.run("apply", str(out))
    assert done.returncode == 1
    assert mx.contents() == before
    head, *moved = done.stderr.splitlines()
    assert head == f"{out}: this has changed since the plan was saved, and nothing was done; plan again:"
    return [it.strip() for it in moved]


def test_a_saved_plan_is_applied_without_being_asked_for_and_then_there_is_nothing_left(site: Make, tmp_path) -> None:
    mx = site()
    out = saved(mx, tmp_path)
    assert out.stat().st_mode & 0o777 == 0o600
    done = mx.run("apply", str(out))
    assert done.returncode == 0, done.stderr
    assert b"smtp_tls_loglevel = 1" in mx.main_cf.read_bytes()
    assert "No changes." in mx.run("plan", "--repo", str(mx.repo)).stdout
    assert "the record of the last apply" in " ".join(refused(mx, out))


def test_a_host_that_was_edited_since_is_told_by_its_file(site: Make, tmp_path) -> None:
    mx = site()
    out = saved(mx, tmp_path)
    mx.instance.configure(mail_name="Somebody")
    assert f"{mx.main_cf}: its content has changed" in refused(mx, out)


def test_an_owner_or_mode_that_was_changed_since_is_told(site: Make, tmp_path) -> None:
    mx = site()
    out = saved(mx, tmp_path)
    mx.main_cf.chmod(0o600)
    assert refused(mx, out) == [f"{mx.main_cf}: its owner, mode or attributes have changed"]


def test_a_state_that_has_moved_on_is_told(site: Make, tmp_path) -> None:
    mx = site()
    out = saved(mx, tmp_path)
    mx.write(STATE.replace("loglevel: 1", "loglevel: 2"))
    first, second, *_ = refused(mx, out)
    assert first.startswith("the state repository: sha256:")
    assert second == "the declared state"


def test_a_certificate_that_came_since_is_told(site: Make, tmp_path) -> None:
    from datetime import UTC, datetime, timedelta

    mx = site()
    out = saved(mx, tmp_path)
    mx.instance.write(
        "tls/mx.pem", b"".join(make_self_signed(["mx1.test"], timedelta(days=1), datetime.now(UTC))), 0o600
    )
    assert f"{mx.instance.config_directory}/tls/mx.pem: made since" in refused(mx, out)


@pytest.mark.parametrize(
    "option", ["--repo", "--state-dir", "--config-dir", "--host", "--instance", "--branch", "--path"]
)
def test_an_option_that_names_something_else_is_refused_and_not_passed_over(site: Make, tmp_path, option: str) -> None:
    """Somebody who names another instance does not want this one changed."""
    mx = site(started=False)
    out = saved(mx, tmp_path)
    before = mx.contents()
    done = mx.run("apply", str(out), option, "/another")
    assert done.returncode == 1
    assert done.stderr.startswith(f"{option} /another: the plan was saved for ")
    assert mx.contents() == before
    assert mx.run("apply", str(out), "--repo", str(mx.repo), "--host", "mx1.test").returncode == 0


def test_a_saved_plan_that_was_edited_is_refused(site: Make, tmp_path) -> None:
    mx = site()
    out = saved(mx, tmp_path)
    body = json.loads(out.read_text())
    body["plan"]["changes"] = []
    out.write_text(json.dumps(body))
    done = mx.run("apply", str(out))
    assert (done.returncode, done.stderr) == (
        1,
        f"{out}: it has been edited since it was saved, or is damaged; save it anew\n",
    )


@pytest.mark.parametrize(
    "content", [b"", b"{}", b"[1]", b"\xff", b'{"format_version": "2.0", "digest": "", "basis": 1, "plan": 2}']
)
def test_what_is_no_saved_plan_is_refused_in_one_line(site: Make, tmp_path, content: bytes) -> None:
    mx = site(started=False)
    out = tmp_path / "plan.json"
    out.write_bytes(content)
    done = mx.run("apply", str(out))
    assert done.returncode == 1
    assert done.stderr.startswith(f"{out}: ")
    assert done.stderr.count("\n") == 1
