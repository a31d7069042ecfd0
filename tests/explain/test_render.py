"""`render`, as an image build runs it: complete files beside the live ones, which nobody touches."""

from __future__ import annotations

import json
import subprocess
from pathlib import Path

import pytest


@pytest.fixture
def enforced(site):
    path = site.repo / "hosts/mx1.example.org.yaml"
    path.write_text(path.read_text().replace("enforce: [incoming]", "enforce: all"))
    return site


def render(site, out: Path, *words: str) -> tuple[int, str]:
    return site.run("render", "--out", str(out), "--repo", str(site.repo), *words)


def test_the_files_are_those_of_the_host_after_an_apply(enforced, golden, tmp_path: Path) -> None:
    code, said = render(enforced, tmp_path / "out")
    assert code == 0
    golden(
        "render", said.replace(str(tmp_path / "out"), "OUT").replace(said.split(" against ")[1].split(" ")[0], "REV")
    )
    assert sorted(path.name for path in (tmp_path / "out").iterdir()) == [
        "main.cf", "master.cf", "tls_policy", "tls_senders",
    ]  # fmt: skip
    for name in ("main.cf", "master.cf", "tls_policy", "tls_senders"):
        golden(f"rendered-{name}", (tmp_path / "out" / name).read_text())


def test_the_live_directory_is_left_alone(enforced, tmp_path: Path) -> None:
    before = {path.name: (path.read_bytes(), path.stat().st_mtime_ns) for path in enforced.config.iterdir()}
    render(enforced, tmp_path / "out", "--postmap")
    assert {path.name: (path.read_bytes(), path.stat().st_mtime_ns) for path in enforced.config.iterdir()} == before
    assert not enforced.memory.exists()


def test_postfix_reads_what_was_rendered(enforced, tmp_path: Path) -> None:
    code, _ = render(enforced, tmp_path / "out", "--postmap")
    assert code == 0
    said = subprocess.run(
        ["postconf", "-c", tmp_path / "out", "-x", "-h", "smtpd_tls_security_level", "smtpd_tls_protocols"],
        capture_output=True, text=True, check=True,
    ).stdout  # fmt: skip
    assert said.split("\n")[:2] == ["encrypt", ">=TLSv1.1"]
    query = ["postmap", "-c", f"{tmp_path}/out", "-q", "bank.example", f"hash:{tmp_path}/out/tls_policy"]
    assert subprocess.run(query, capture_output=True, text=True, check=True).stdout == "secure match=nexthop\n"


def test_modes_are_kept(enforced, tmp_path: Path) -> None:
    (enforced.config / "tls_policy").chmod(0o640)
    render(enforced, tmp_path / "out")
    assert (tmp_path / "out/tls_policy").stat().st_mode & 0o777 == 0o640


def test_certificates_are_not_made_and_that_is_said(enforced, tmp_path: Path) -> None:
    path = enforced.repo / "hosts/mx1.example.org.yaml"
    path.write_text(
        path.read_text().replace(
            "certificates: {default: unmanaged}",
            "certificates: {default: {chain_files: [tls.pem], until_present: self_signed}}",
        )
    )
    code, said = render(enforced, tmp_path / "out", "--format", "json")
    assert code == 0
    assert json.loads(said)["certificates"] == [{"path": "DIR/tls.pem", "what": "self-signed for mx1.example.org"}]
    assert not (tmp_path / "out/tls.pem").exists()


@pytest.mark.parametrize("where", ["", "below"])
def test_it_never_writes_into_the_live_directory(enforced, where: str) -> None:
    code, said = render(enforced, enforced.config / where)
    assert code == 1
    assert "live configuration directory" in said


def test_a_directory_that_holds_something_is_refused(enforced, tmp_path: Path) -> None:
    (tmp_path / "out").mkdir()
    (tmp_path / "out/kept").touch()
    code, said = render(enforced, tmp_path / "out")
    assert (code, "not empty" in said) == (1, True)
    assert [path.name for path in (tmp_path / "out").iterdir()] == ["kept"]


def test_what_would_stop_an_apply_is_only_warned_of(enforced, tmp_path: Path) -> None:
    path = enforced.repo / "hosts/mx1.example.org.yaml"
    path.write_text(path.read_text().replace("bank.example: secure match=nexthop", "bank.example: may"))
    code, said = render(enforced, tmp_path / "out")
    assert code == 0
    assert "apply would stop here: tls_weakened at table/tls_policy#bank.example" in said
