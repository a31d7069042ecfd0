from __future__ import annotations

import pytest

from reconciler.errors import UsageError
from reconciler.notify.forge.status import Outcome, publish_status
from tests.notify.forge.server import COMMIT, Fault, Server

WORDS = {"pending": "pending", "success": "success", "failure": "failure"}
GITLAB = {"pending": "pending", "success": "success", "failure": "failed"}


def shown(server: Server) -> list[tuple[str, str, str]]:
    name = "name" if server.kind == "gitlab" else "context"
    return [(it[name], it["status"], it["description"]) for it in server.statuses]


def test_each_outcome_of_a_host_is_said_once_however_often_it_is_told(server: Server, where) -> None:
    words = GITLAB if server.kind == "gitlab" else WORDS
    said = [
        publish_status(where(), COMMIT, "mx1.example.org", outcome, reason)
        for outcome, reason in (
            (Outcome.PENDING, ""),
            (Outcome.PENDING, ""),
            (Outcome.FAILED, "VerifyFailed"),
            (Outcome.FAILED, "VerifyFailed"),
            (Outcome.APPLIED, ""),
            (Outcome.APPLIED, ""),
            (Outcome.ROLLED_BACK, "RolledBack"),
        )
    ]
    assert said == [True, False, True, False, True, False, True]
    assert shown(server) == [
        ("reconciler/mx1.example.org", words["pending"], "pending"),
        ("reconciler/mx1.example.org", words["failure"], "failed: VerifyFailed"),
        ("reconciler/mx1.example.org", words["success"], "applied"),
        ("reconciler/mx1.example.org", words["failure"], "rolled back: RolledBack"),
    ]


def test_hosts_have_a_status_each(server: Server, where) -> None:
    for host in ("mx1.example.org", "mx2.example.org@out", "mx1.example.org"):
        publish_status(where(), COMMIT, host, Outcome.APPLIED)
    assert [context for context, _, _ in shown(server)] == [
        "reconciler/mx1.example.org",
        "reconciler/mx2.example.org@out",
    ]


def test_a_long_reason_is_cut_to_what_every_forge_takes_and_steers_no_terminal(server: Server, where) -> None:
    publish_status(where(), COMMIT, "mx1.example.org", Outcome.FAILED, "\x1b[31m" + "x" * 500)
    description = shown(server)[0][2]
    assert len(description) == 140
    assert description.startswith("failed: \\u001b[31mx")
    assert description.endswith("x…")


def test_a_status_whose_answer_was_lost_is_sent_again(server: Server, where, waits: list[float]) -> None:
    server.faults.append(Fault(503, method="POST"))
    server.faults.rotate()
    assert publish_status(where(), COMMIT, "mx1.example.org", Outcome.APPLIED)
    assert shown(server)[-1][2] == "applied"


@pytest.mark.parametrize("commit", ["", "main", "0123456", "../../user", COMMIT.upper()])
def test_a_status_is_of_a_commit_and_of_nothing_else(server: Server, where, commit: str) -> None:
    with pytest.raises(UsageError, match="is no commit"):
        publish_status(where(), commit, "mx1.example.org", Outcome.APPLIED)
    assert server.seen == []
