"""A candidate goes through the canary, once; what fails there never goes live; leaving it out is on the record."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import pytest

from reconciler.errors import CanaryRefused
from reconciler.loop.trial import InCanary
from reconciler.model.journal import Phase
from tests.apply.conftest import Site

pytestmark = pytest.mark.postfix
Make = Callable[..., Site]


def tried(mx: Site, **options: Any) -> Any:
    transaction = mx.transaction()
    transaction.trial = InCanary(mx.look().live)
    transaction.__dict__.update(options)
    return transaction


def test_a_candidate_that_fails_in_the_canary_is_not_put_in_place(site: Make, monkeypatch) -> None:
    mx = site()
    contents, names = mx.contents(), mx.names()
    transaction = tried(mx)
    candidate = transaction._candidate
    monkeypatch.setattr(transaction, "_check", lambda _: None)

    def harmful(staging):
        found = candidate(staging)
        main = found.files[str(mx.main_cf)] + b"smtpd_tls_chain_files = /nonexistent.pem\n"
        return type(found)(found.config_directory, {**found.files, str(mx.main_cf): main}, found.removed, found.tables)

    transaction._candidate = harmful
    with pytest.raises(CanaryRefused, match="fails in a private instance, and was not put in place"):
        transaction.execute()
    assert (mx.contents(), mx.names()) == (contents, names)
    journal = transaction.course.journal
    assert (journal.phase, journal.reason) == (Phase.ABORTED, "CanaryRefused")
    assert journal.trial.startswith("refused: ")
    assert mx.instance.pid is not None


def test_a_candidate_that_has_passed_is_not_tried_again(site: Make) -> None:
    mx = site()
    assert mx.apply().returncode == 0
    again = mx.main_cf.read_bytes()
    mx.main_cf.write_bytes(again.replace(b"smtp_tls_loglevel = 1", b"smtp_tls_loglevel = 0"))
    assert mx.apply().returncode == 0
    second, first = json.loads(mx.run("history", "--format", "json").stdout)["transactions"]
    assert first["canary"]["result"].startswith("passed in ")
    assert second["canary"]["result"] == "passed before, not tried again"


def test_leaving_the_canary_out_is_recorded_with_what_it_gives_up(site: Make) -> None:
    mx = site()
    done = mx.apply("--skip-canary", "--format", "json")
    assert json.loads(done.stdout)["applied"]["canary_skipped"] is True
    (told,) = json.loads(mx.run("history", "--format", "json").stdout)["transactions"]
    assert told["canary"]["skipped"] is True
    assert "is found only by the proofs after it is live" in told["canary"]["result"]
    assert "(canary skipped)" in mx.run("history").stdout
    events = (mx.memory / "etc/events.jsonl").read_text()
    assert '"canary_skipped": true' in events
