from __future__ import annotations

import io
import json

import pytest
import structlog

from reconciler import log
from reconciler.log.setup import UnknownEvent
from reconciler.model.event import Level


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


@pytest.fixture(autouse=True)
def _reset(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.delenv("JOURNAL_STREAM", raising=False)
    monkeypatch.delenv("NO_COLOR", raising=False)
    yield
    structlog.reset_defaults()


def test_away_from_a_terminal_an_event_is_one_line_of_json() -> None:
    out = io.StringIO()
    log.configure(stream=out)
    log.get(instance="postfix").info("pass.finished", changes=3, duration_s=0.2, why="two\nlines")
    (line,) = out.getvalue().splitlines()
    body = json.loads(line)
    assert body.pop("timestamp").endswith("Z")
    assert body == {
        "event": "pass.finished",
        "level": "info",
        "instance": "postfix",
        "changes": 3,
        "duration_s": 0.2,
        "why": "two\nlines",
    }


def test_for_the_journal_the_priority_stands_in_front(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("JOURNAL_STREAM", "8:1")
    out = io.StringIO()
    log.configure(stream=out)
    log.get().warning("store.unavailable")
    assert out.getvalue().startswith('<4>{"')


def test_a_terminal_gets_colour_unless_it_is_not_wanted(monkeypatch: pytest.MonkeyPatch) -> None:
    out = Terminal()
    log.configure(stream=out)
    log.get().info("pass.finished")
    assert "\x1b[" in out.getvalue()
    monkeypatch.setenv("NO_COLOR", "1")
    out = Terminal()
    log.configure(stream=out)
    log.get().info("pass.finished")
    assert "\x1b[" not in out.getvalue()


def test_a_name_that_is_not_in_the_list_is_a_fault() -> None:
    log.configure(stream=io.StringIO())
    with pytest.raises(UnknownEvent):
        log.get().info("something.else")


def test_what_is_below_the_level_is_not_said() -> None:
    out = io.StringIO()
    log.configure(Level.WARNING, out)
    log.get().info("pass.finished")
    assert out.getvalue() == ""


def test_25_credentials_of_a_url_are_not_said() -> None:
    out = io.StringIO()
    log.configure(stream=out)
    log.get().warning(
        "source.unreachable",
        url="https://user:s3cret@git.example/x.git",
        why="clone of https://s3cret@git.example failed",
    )
    assert "s3cret" not in out.getvalue()
    assert "https://***@git.example/x.git" in out.getvalue()
