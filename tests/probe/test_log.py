"""The mail log, found and followed."""

from __future__ import annotations

from datetime import timedelta

import pytest

from reconciler.postfix.effective import View
from reconciler.probe import log
from reconciler.probe.log import Following

NOW = timedelta(0)
LINES = (
    "Nov 23 01:07:45 mx1 postfix/cleanup[1]: 4XyZ: message-id=<one@mx1.test>",
    "Nov 23 01:07:45 mx1 postfix/cleanup[1]: 5XyZ: message-id=<two@mx1.test>",
    "Nov 23 01:07:46 mx1 postfix/smtp[2]: 4XyZ: to=<a@b.test>, relay=none, status=deferred (5XyZ: no)",
)


@pytest.fixture
def file(tmp_path):
    path = tmp_path / "mail.log"
    path.write_text("old\n")
    return path


def append(path, text):
    with path.open("a") as out:
        out.write(text)


def test_only_what_came_after_is_read(file):
    following = Following(str(file))
    assert following.read() == ()
    append(file, "new\n")
    assert following.read() == ("new",)
    assert following.read() == ()


def test_a_line_is_read_once_it_is_whole(file):
    following = Following(str(file))
    append(file, "one\ntw")
    assert following.read() == ("one",)
    append(file, "o\n")
    assert following.read() == ("two",)
    assert following.lines == ["one", "two"]


def test_a_rotated_log_is_read_on_from_the_new_file(file):
    following = Following(str(file))
    file.rename(file.with_suffix(".1"))
    file.write_text("first of the new\n")
    assert following.read() == ("first of the new",)


def test_a_truncated_log_is_read_from_its_beginning(file):
    following = Following(str(file))
    file.write_text("x\n")
    assert following.read() == ("x",)


def test_bytes_that_are_not_text_do_no_harm(file):
    following = Following(str(file))
    file.write_bytes(file.read_bytes() + b"\xff\r\n")
    assert following.read() == ("\ufffd\r",)


def test_waiting_finds_what_was_seen_and_ends_where_nothing_comes(file):
    following = Following(str(file))
    append(file, "one\ntwo\n")
    following.read()
    assert following.wait("two".__eq__, NOW) == "two"
    assert following.wait("three".__eq__, NOW) is None


def test_a_message_is_followed_by_its_id():
    assert log.queue_id("two@mx1.test", LINES) == "5XyZ"
    assert log.queue_id("three@mx1.test", LINES) is None
    assert log.of("4XyZ", LINES) == (LINES[0], LINES[2])


def test_the_log_is_where_postfix_says(file):
    assert log.find(View({"maillog_file": str(file)}, {})) == str(file)


@pytest.mark.parametrize("place", ["/dev/stdout", "/nonexistent/mail.log"])
def test_a_log_that_is_no_file_is_none(place):
    assert log.find(View({"maillog_file": place}, {})) is None
