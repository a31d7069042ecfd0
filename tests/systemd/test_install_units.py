"""The units on a host, as the command writes them."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path


def install(root: Path, *more: str, approve: bool = True) -> subprocess.CompletedProcess[str]:
    argv = [sys.executable, "-m", "reconciler", "install-units", "--root", str(root), *more]
    argv += ["--auto-approve"] if approve else []
    return subprocess.run(argv, capture_output=True, text=True, check=False, stdin=subprocess.DEVNULL)


def files(root: Path) -> set[str]:
    return {str(it.relative_to(root)) for it in root.rglob("*") if it.is_file()}


ALWAYS = {"etc/sysusers.d/reconciler.conf", "etc/tmpfiles.d/reconciler.conf"}
SYSTEM = "etc/systemd/system"


def test_the_agent_is_two_services_and_what_they_need(tmp_path: Path) -> None:
    done = install(tmp_path)
    assert done.returncode == 0, done.stderr
    assert files(tmp_path) == ALWAYS | {f"{SYSTEM}/reconciler.service", f"{SYSTEM}/reconciler-puller.service"}
    assert "systemctl enable --now reconciler-puller.service reconciler.service" in done.stdout


def test_nothing_is_written_before_it_is_shown_and_approved(tmp_path: Path) -> None:
    done = install(tmp_path, approve=False)
    assert (done.returncode, files(tmp_path)) == (1, set())
    assert "ExecStart=/opt/reconciler/bin/reconciler agent" in done.stdout


def test_a_second_run_writes_nothing(tmp_path: Path) -> None:
    install(tmp_path)
    before = {it: (it.stat().st_mtime_ns, it.stat().st_ino) for it in tmp_path.rglob("*") if it.is_file()}
    done = install(tmp_path, approve=False)
    assert done.returncode == 0, done.stderr
    assert {it: (it.stat().st_mtime_ns, it.stat().st_ino) for it in before} == before


def test_what_somebody_edited_is_left_alone_and_named(tmp_path: Path) -> None:
    install(tmp_path)
    path = tmp_path / SYSTEM / "reconciler.service"
    path.write_text(path.read_text() + "Nice=5\n")
    done = install(tmp_path)
    assert (done.returncode, path.read_text().endswith("Nice=5\n")) == (1, True)
    assert str(path) in done.stderr


def test_what_an_older_version_wrote_is_replaced(tmp_path: Path) -> None:
    install(tmp_path, "--prefix", "/usr/local/reconciler")
    path = tmp_path / SYSTEM / "reconciler.service"
    assert "ExecStart=/usr/local/reconciler/bin/reconciler agent" in path.read_text()
    assert install(tmp_path).returncode == 0
    assert "ExecStart=/opt/reconciler/bin/reconciler agent" in path.read_text()


def test_an_instance_gets_the_template_and_a_timer_no_daemon(tmp_path: Path) -> None:
    done = install(tmp_path / "a", "--instance", "postfix-out", "--webhook")
    assert f"{SYSTEM}/reconciler@.service" in files(tmp_path / "a")
    assert f"{SYSTEM}/reconciler-webhook.service" in files(tmp_path / "a")
    assert "reconciler@postfix-out.service" in done.stdout
    assert install(tmp_path / "b", "--timer").returncode == 0
    names = {f"{SYSTEM}/reconciler-{it}" for it in ("once.service", "once.timer", "puller-once.service")}
    assert files(tmp_path / "b") == ALWAYS | names


def paths(unit: Path) -> list[str]:
    (line,) = (it for it in unit.read_text().splitlines() if it.startswith("ReadWritePaths="))
    return line.removeprefix("ReadWritePaths=").split()


def test_each_half_may_write_where_the_settings_have_it_write(tmp_path: Path) -> None:
    usual = tmp_path / "usual"
    settings = tmp_path / "reconciler.toml"
    settings.write_text("")
    install(usual, "--settings", str(settings))
    settings.write_text(
        '[instance]\nstate_directory = "/srv/state"\ncache_directory = "/srv/cache"\n[publish]\ntarget = "/srv/published"\n'
        '[store]\nurl = "sqlite:////srv/store/store.db"\n[metrics]\ntextfile = "/srv/node/reconciler.prom"\n'
    )
    install(tmp_path, "--settings", str(settings))
    added = {
        name: [it for it in paths(tmp_path / SYSTEM / name) if it not in paths(usual / SYSTEM / name)]
        for name in ("reconciler.service", "reconciler-puller.service")
    }
    assert added == {
        "reconciler.service": ["-/srv/state", "-/srv/store", "-/srv/node"],
        "reconciler-puller.service": ["-/srv/cache", "-/srv/published"],
    }


def test_a_directory_that_no_unit_can_name_is_refused(tmp_path: Path) -> None:
    settings = tmp_path / "reconciler.toml"
    settings.write_text('[metrics]\ntextfile = "/srv/my files/reconciler.prom"\n')
    done = install(tmp_path / "root", "--settings", str(settings))
    assert (done.returncode, files(tmp_path / "root")) == (1, set())
    assert "/srv/my files: no unit can name this directory" in done.stderr


def test_an_instance_that_postmulti_could_not_name_is_refused(tmp_path: Path) -> None:
    assert install(tmp_path, "--instance", "../../x").returncode == 1
    assert files(tmp_path) == set()
