"""Tables are built several at a time; what waits aside is each one's own, and of a failure nothing is left."""

from __future__ import annotations

import ssl
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from reconciler.errors import CheckFailed
from reconciler.host.machine import LocalMachine
from reconciler.host.programs import Postfix
from reconciler.model.journal import Phase
from reconciler.model.plan import BuildTable
from tests.apply.conftest import Site

pytestmark = pytest.mark.postfix
Make = Callable[..., Site]

_MANY = """\
enforce: all
certificates: {default: {cert_file: tls/own.pem, key_file: tls/own.key, until_present: self_signed}}
outgoing: {security_level: may, policies: {bank.example: encrypt}}
incoming: {security_level: may, policies: {senders: [partner.example]}}
"""


def _with(site: Site, *kinds: str):
    """Its policy table compiled in other ways too."""
    transaction = site.transaction()
    own = next(it for it in transaction.plan.actions if isinstance(it, BuildTable) and "policy" in it.path)
    actions = (*transaction.plan.actions, *(replace(own, type=kind) for kind in kinds))
    transaction.plan = replace(transaction.plan, actions=actions)
    return transaction, own


def test_tables_of_one_source_are_built_one_after_the_other(site: Make) -> None:
    mx = site()
    mx.write(_MANY)
    transaction, own = _with(mx, "lmdb")
    transaction.execute()
    for kind in (own.type, "lmdb"):
        assert mx.instance.postfix.query(kind, own.path, "bank.example") == "encrypt"
    assert not [it for it in mx.names() if "reconciler" in it]


@pytest.mark.parametrize("fails", [1, 2])
def test_a_table_that_fails_takes_the_others_with_it(site: Make, monkeypatch: pytest.MonkeyPatch, fails: int) -> None:
    mx = site()
    mx.write(_MANY)
    contents, names = mx.contents(), mx.names()
    transaction, made, dumping = mx.transaction(), [], Postfix.dumping

    def another(self: Postfix, kind: str, path: str):
        made.append(path)
        return dumping(self, "lmdb" if len(made) == fails else kind, path)

    monkeypatch.setattr(Postfix, "dumping", another)
    with pytest.raises(CheckFailed):
        transaction.execute()
    assert transaction.course.journal.phase is Phase.ABORTED
    assert (mx.contents(), mx.names()) == (contents, names)


def test_a_key_that_cannot_be_made_ends_what_was_begun(site: Make, monkeypatch: pytest.MonkeyPatch) -> None:
    mx = site()
    mx.write(_MANY)
    contents, names = mx.contents(), mx.names()

    def fail(*_: object) -> None:
        raise CheckFailed("no chance left")

    monkeypatch.setattr(LocalMachine, "make_certificate", fail)
    transaction = mx.transaction()
    with pytest.raises(CheckFailed, match="no chance left"):
        transaction.execute()
    assert transaction.course.journal.phase is Phase.ABORTED
    assert (mx.contents(), mx.names()) == (contents, names)


def test_key_and_certificate_in_files_of_their_own_belong_together(site: Make) -> None:
    mx = site()
    mx.write(_MANY)
    mx.transaction().execute()
    tls = Path(mx.instance.config_directory, "tls")
    ssl.create_default_context().load_cert_chain(tls / "own.pem", tls / "own.key")
    assert (tls / "own.key").stat().st_mode & 0o777 == 0o600
    assert mx.run("plan", "--repo", str(mx.repo), "--detailed-exitcode").returncode == 0
