"""A candidate is the same one when Postfix would read the same."""

from __future__ import annotations

from pathlib import Path

import pytest

from reconciler.canary import identity
from reconciler.model.candidate import Candidate

VERSION = "3.7.11"


@pytest.fixture
def etc(tmp_path: Path) -> Path:
    (tmp_path / "key.pem").write_text("key 1")
    (tmp_path / "etc").mkdir()
    (tmp_path / "etc/main.cf").write_text(f"smtpd_tls_chain_files = {tmp_path}/key.pem\n")
    (tmp_path / "etc/master.cf").write_text("smtp inet n - y - - smtpd\n")
    (tmp_path / "etc/policy").write_text("a.example encrypt\n")
    return tmp_path / "etc"


def of(etc: Path, **files: str) -> str:
    content = {f"{etc}/{name}": text.encode() for name, text in files.items()}
    return identity(Candidate(str(etc), content), VERSION)


def test_what_is_staged_is_the_same_as_what_stands_there(etc: Path) -> None:
    assert of(etc, policy="a.example encrypt\n") == of(etc)


def test_another_table_certificate_or_postfix_is_another_candidate(etc: Path) -> None:
    first = of(etc)
    assert of(etc, policy="a.example may\n") != first
    assert identity(Candidate(str(etc)), "3.8.0") != first
    (etc.parent / "key.pem").write_text("key 2")
    assert of(etc) != first


def test_a_file_that_goes_makes_another(etc: Path) -> None:
    gone = Candidate(str(etc), {}, frozenset({f"{etc}/policy"}))
    assert identity(gone, VERSION) != of(etc)


def test_what_postmap_made_does_not_count(etc: Path) -> None:
    first = of(etc)
    (etc / "policy.db").write_bytes(b"x")
    assert of(etc) == first
