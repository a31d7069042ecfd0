from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from reconciler.errors import ForgeBusy, ForgeRefused, SourceUnreadable, StateInvalid, UsageError
from reconciler.loop.statuses import Standing, Statuses, stands
from reconciler.settings.forge import Forge
from reconciler.settings.webhook import ForgeStyle
from tests.notify.forge.server import COMMIT, REPOSITORY, TOKEN, Fault, Server, serve

HOST = "mx1.example.org"
SYNCED = Standing(COMMIT, "Synced")
WAITING = Standing(COMMIT, "WindowClosed")
BROKEN = Standing(COMMIT, "VerifyFailed", failed=True)
BACK = Standing(COMMIT, "RolledBack", failed=True)


@pytest.fixture
def server() -> Iterator[Server]:
    with serve("github") as running:
        yield running


@pytest.fixture
def statuses(server: Server, tmp_path: Path) -> Callable[..., Statuses]:
    file = tmp_path / "token"
    file.write_text(f"{TOKEN}\n")

    def make(**more: Any) -> Statuses:
        said = {"kind": ForgeStyle.GITHUB, "url": server.api, "repository": REPOSITORY, "status_token_file": str(file)}
        return Statuses(Forge(**{**said, **more}), HOST)

    return make


def test_every_standing_of_a_commit_is_said_once(server: Server, statuses: Callable[..., Statuses]) -> None:
    told = statuses()
    for standing in (WAITING, WAITING, SYNCED, SYNCED, BROKEN, BACK, BACK):
        told.tell(standing, 0.0)
    assert [(it["state"], it["description"]) for it in server.statuses] == [
        ("pending", "pending: WindowClosed"),
        ("success", "applied"),
        ("failure", "failed: VerifyFailed"),
        ("failure", "rolled back"),
    ]
    assert {it["context"] for it in server.statuses} == {f"reconciler/{HOST}"}


def test_what_a_pass_says_of_the_newest_commit() -> None:
    older, refused = "f" * 40, StateInvalid(())
    assert stands("Synced", COMMIT, COMMIT, None) == SYNCED
    assert stands("WindowClosed", COMMIT, COMMIT, None) == WAITING
    assert stands("RolledBack", "", COMMIT, None) == BACK
    assert stands("Synced", older, COMMIT, refused) == Standing(COMMIT, "StateInvalid", failed=True)
    assert stands("Synced", COMMIT, COMMIT, SourceUnreadable("away")) == SYNCED


def test_an_agent_that_was_restarted_says_nothing_twice(server: Server, statuses: Callable[..., Statuses]) -> None:
    assert [statuses().tell(SYNCED, 0.0), statuses().tell(SYNCED, 0.0)] == [True, False]
    assert len(server.writes()) == 1


def test_without_a_token_nothing_is_sent_whatever_else_is_set(
    server: Server, statuses: Callable[..., Statuses]
) -> None:
    assert not statuses(status_token_file="").tell(SYNCED, 0.0)
    assert server.seen == []


def test_a_state_that_is_no_commit_has_no_status(server: Server, statuses: Callable[..., Statuses]) -> None:
    assert not statuses().tell(Standing("sha256:" + "0" * 64, "Synced"), 0.0)
    assert server.seen == []


def test_a_forge_that_is_away_is_tried_again_after_five_minutes_and_keeps_nobody_waiting(server, statuses) -> None:
    told = statuses()
    server.faults.append(Fault(429, {"Retry-After": "3600"}))
    assert not told.tell(SYNCED, 0.0)
    assert isinstance(told.trouble, ForgeBusy)
    calls = len(server.seen)
    assert not told.tell(SYNCED, 299.0)
    assert len(server.seen) == calls
    assert told.tell(SYNCED, 301.0)
    assert told.trouble is None


def test_what_the_forge_refuses_is_known_and_not_said_again_until_there_is_news(server, statuses) -> None:
    told = statuses(repository="mail/absent")
    assert not told.tell(SYNCED, 0.0)
    assert isinstance(told.trouble, ForgeRefused)
    calls = len(server.seen)
    assert not told.tell(SYNCED, 1000.0)
    assert len(server.seen) == calls
    assert not told.tell(BACK, 1001.0)
    assert len(server.seen) > calls


@pytest.mark.parametrize("more", [{"kind": None}, {"repository": ""}, {"status_token_file": "/absent/token"}])
def test_settings_that_say_too_little_are_the_trouble_and_stop_nothing(server, statuses, more: dict[str, Any]) -> None:
    told = statuses(**more)
    assert not told.tell(SYNCED, 0.0)
    assert isinstance(told.trouble, UsageError)
    assert server.seen == []
