from __future__ import annotations

import pytest

from reconciler.errors import ForgeBusy, ForgeRefused, UsageError
from reconciler.notify.forge.client import Token
from reconciler.notify.forge.comment import Done, the_pull_request, upsert
from reconciler.notify.forge.reach import Kind, Where, reach
from reconciler.report.markdown import marker
from tests.notify.forge.server import COMMIT, REPOSITORY, TOKEN, Fault, Server, serve

BODY = f"{marker('review')}\n### Mail TLS\n\nFirst.\n"
LATER = f"{marker('review')}\n### Mail TLS\n\nSecond.\n"


def test_a_comment_is_made_once_then_kept_current_in_place(server: Server, forge) -> None:
    assert [upsert(forge(), 7, body) for body in (BODY, BODY, LATER, LATER)] == [
        Done.CREATED, Done.UNCHANGED, Done.UPDATED, Done.UNCHANGED,
    ]  # fmt: skip
    assert [(it["user"], it["body"]) for it in server.comments] == [(server.me, LATER)]
    assert len(server.writes()) == 2


def test_our_comment_is_found_on_whatever_page_it_is(server: Server, forge) -> None:
    for number in range(10):
        server.comment("reader", f"Comment {number}")
    ours = server.comment(server.me, BODY)
    for number in range(5):
        server.comment("reader", f"Comment {number}")
    assert upsert(forge(), 7, LATER) is Done.UPDATED
    assert server.body(ours) == LATER
    assert len(server.comments) == 16


def test_a_comment_of_somebody_else_that_copied_the_marker_is_never_edited(server: Server, forge) -> None:
    copied = server.comment("mallory", BODY)
    quoted = server.comment(server.me, f"As I said:\n{BODY}")
    other_key = server.comment(server.me, f"{marker('eu')}\nAnother.")
    deleted_account = server.comment("ghost", BODY)
    assert upsert(forge(), 7, LATER) is Done.CREATED
    assert server.body(copied) == BODY
    assert server.body(quoted).startswith("As I said")
    assert server.body(other_key).endswith("Another.")
    assert server.body(deleted_account) == BODY
    assert len(server.writes()) == 1


@pytest.mark.parametrize(
    ("headers", "body", "pause"),
    [
        ({"Retry-After": "17"}, b'{"message": "slow down"}', 17.0),
        ({"Retry-After": "0"}, b"", 1.0),
        ({}, b"Too many requests", 1.0),
    ],
)
def test_too_many_requests_are_waited_for_as_long_as_is_asked(
    server: Server, forge, waits: list[float], *, headers: dict[str, str], body: bytes, pause: float
) -> None:
    server.faults.append(Fault(429, headers, body))
    assert upsert(forge(), 7, BODY) is Done.CREATED
    assert waits == [pause]


def test_a_403_that_is_a_rate_limit_is_waited_for(server: Server, forge, waits: list[float]) -> None:
    server.faults.append(Fault(403, {"Retry-After": "30"}, b'{"message": "secondary rate limit"}'))
    assert upsert(forge(), 7, BODY) is Done.CREATED
    assert waits == [30.0]


def test_a_limit_that_is_reset_too_late_is_told_and_not_waited_for(server: Server, forge, waits: list[float]) -> None:
    server.faults.append(Fault(403, {"X-RateLimit-Remaining": "0", "X-RateLimit-Reset": "99999999999"}))
    with pytest.raises(ForgeBusy, match="403 Forbidden: trouble; asked 1 times"):
        upsert(forge(), 7, BODY)
    assert waits == []


def test_a_server_error_is_asked_again_a_bounded_number_of_times(server: Server, forge, waits: list[float]) -> None:
    server.faults.extend([Fault(502)] * 20)
    with pytest.raises(ForgeBusy, match="502 Bad Gateway: trouble; asked 5 times"):
        upsert(forge(), 7, BODY)
    assert waits == [1.0, 2.0, 4.0, 8.0]


def test_a_comment_whose_answer_was_lost_is_not_made_twice(server: Server, forge) -> None:
    server.faults.append(Fault(504, method="POST", after=True))
    server.faults.rotate()
    assert upsert(forge(), 7, BODY) in (Done.UNCHANGED, Done.CREATED)
    assert len(server.comments) == 1


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ({"token": "another-token"}, "401 Unauthorized: Bad credentials"),
        ({"repository": "mail/absent"}, "404 Not Found"),
    ],
)
def test_what_the_forge_refuses_is_told_and_not_asked_again(
    server: Server, forge, waits: list[float], options: dict[str, str], said: str
) -> None:
    with pytest.raises(ForgeRefused, match=said):
        upsert(forge(**options), 7, BODY)
    assert waits == []


def test_the_token_is_in_no_error_even_where_the_forge_repeats_it(server: Server, forge, where) -> None:
    server.faults.append(Fault(400, {}, f'{{"message": "bad token {TOKEN}"}}'.encode()))
    with pytest.raises(ForgeRefused) as refused:
        upsert(forge(), 7, BODY)
    assert str(refused.value).endswith("400 Bad Request: bad token (masked)")
    assert TOKEN not in repr(where())


def test_the_token_is_sent_to_no_other_host(server: Server, forge) -> None:
    with serve(server.kind) as other:
        link = f'<{other.url}/stolen?page=2>; rel="next"'
        server.faults.append(Fault(200, {"Link": link}, b"[]"))
        with pytest.raises(ForgeRefused, match="where the token is not sent"):
            list(forge().comments(7))
        server.faults.append(Fault(301, {"Location": f"{other.url}/stolen"}, b"{}"))
        with pytest.raises(ForgeRefused, match="301 Moved Permanently"):
            list(forge().comments(7))
        assert other.seen == []


@pytest.mark.parametrize("body", [b"<html>Sign in</html>", b"[" * 100_000, b'{"login": 5}', b"[1]"])
def test_an_answer_that_is_none_is_told(server: Server, forge, body: bytes) -> None:
    server.faults.append(Fault(200, {}, body))
    with pytest.raises(ForgeRefused):
        upsert(forge(), 7, BODY)
    assert server.writes() == []


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ({"url": "http://git.example.org/api/v1"}, "a token is sent over https only"),
        ({"url": "https://user:pass@git.example.org"}, "the token goes into a file or the environment"),
        ({"repository": "../../admin"}, "is no repository"),
        ({"repository": "mail"}, "is no repository"),
        ({"token": ""}, "the token is empty"),
        ({"token": "a\r\nX-Injected: 1"}, "holds what no token holds"),
    ],
)
def test_what_cannot_be_meant_is_refused_before_anything_is_sent(server: Server, forge, options, said: str) -> None:
    with pytest.raises(UsageError, match=said):
        forge(**options)
    assert server.seen == []


def test_the_bot_of_github_actions_knows_its_comments_though_it_may_not_ask_who_it_is() -> None:
    with serve("github", is_app=True) as server:
        server.comment("mallory", BODY)
        with reach(Where(Kind.GITHUB, REPOSITORY, Token(TOKEN), server.api)) as forge:
            assert [upsert(forge, 7, body) for body in (BODY, LATER)] == [Done.CREATED, Done.UPDATED]
        assert [it["user"] for it in server.comments] == ["mallory", "github-actions[bot]"]


def test_the_pull_request_of_a_branch_is_the_one_whose_head_is_the_commit(server: Server, forge) -> None:
    def pull(number: int, sha: str) -> dict[str, object]:
        head = {"sha": sha, "ref": "topic", "repo": {"owner": {"login": "fork"}}}
        return {"number": number, "iid": number, "sha": sha, "head": head}

    server.pulls = [pull(number, "f" * 40) for number in range(1, 7)] + [pull(7, COMMIT)]
    assert the_pull_request(forge(), "fork:topic", COMMIT) == 7
    with pytest.raises(ForgeRefused, match="no open pull request from 'fork:topic' at aaaaaaaaaaaa"):
        the_pull_request(forge(), "fork:topic", "a" * 40)
    server.pulls.append(pull(8, COMMIT))
    with pytest.raises(ForgeRefused, match="2 open pull requests"):
        the_pull_request(forge(), "fork:topic", COMMIT)
