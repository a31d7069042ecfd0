"""`reconciler comment`: what a review found, as a comment on its pull request and as a status of its commit.

It takes the JSON that `reconciler review` wrote, checks it, and makes the comment from it. So the job with the token
need not be the one that has read the pull request, and posts nothing that it did not write itself.
"""

from __future__ import annotations

import argparse
import os
import stat
import sys
from typing import TYPE_CHECKING, BinaryIO

from reconciler.cli.output import write
from reconciler.errors import DocumentRefused, UsageError

if TYPE_CHECKING:
    from reconciler.model.review import Review
    from reconciler.notify.forge.model import Forge, State
    from reconciler.report.markdown import Comment

NOT_BELIEVED = "Not shown: the change would have made its own review."


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--from", dest="file", metavar="FILE", required=True, help="what `review --format json` wrote")
    parser.add_argument(
        "--forge", choices=("github", "gitlab", "forgejo", "gitea"), required=True, help="whose API it is"
    )
    parser.add_argument("--api", default="", metavar="URL", help="where it is (default: github.com's, gitlab.com's)")
    parser.add_argument("--repository", required=True, metavar="OWNER/NAME", help="the repository there")
    which = parser.add_mutually_exclusive_group(required=True)
    which.add_argument("--pull-request", type=int, metavar="N", help="the pull or merge request")
    which.add_argument("--source", metavar="[OWNER:]BRANCH", help="the branch whose one open pull request is meant")
    parser.add_argument(
        "--commit", required=True, metavar="SHA", help="the pull request's head; a review of another is refused"
    )
    parser.add_argument("--token-file", metavar="FILE", help="the token (default: $RECONCILER_FORGE_TOKEN)")
    parser.add_argument("--author", default="", help="whose comments ours are (default: the token is asked)")
    parser.add_argument("--key", default="review", help="tells several comments of one pull request apart")
    parser.add_argument("--full", default="", metavar="URL", help="where the whole plan can be read")
    parser.add_argument(
        "--unless-changed",
        metavar="PATH",
        action="append",
        default=[],
        help="do not believe the review of a pull request that changes something there, such as .github",
    )
    parser.add_argument("--status", default="", metavar="CONTEXT", help="set this status on the commit too")


def run(arguments: argparse.Namespace) -> int:
    from reconciler.notify.forge import comment, token
    from reconciler.notify.forge.model import State
    from reconciler.notify.forge.reach import Kind, Where, reach
    from reconciler.notify.forge.status import keep, status_of
    from reconciler.report import markdown

    review = _read(arguments.file, arguments.commit)
    _checked_key(arguments.key)
    secret = token.from_file(arguments.token_file) if arguments.token_file else token.from_environment()
    where = Where(Kind(arguments.forge), arguments.repository, secret, arguments.api, arguments.author)
    with reach(where) as forge:
        number = _pull_request(forge, arguments)
        own = comment.changed_below(forge, number, tuple(arguments.unless_changed))
        body = _comment(review, arguments) if own is None else markdown.not_believed(own, key=arguments.key)
        done = comment.upsert(forge, number, body.text)
        if arguments.status:
            state, text = _state(review, body) if own is None else (State.FAILURE, NOT_BELIEVED)
            keep(forge, arguments.commit, status_of(arguments.status, state, text, arguments.full))
    write(f"Comment {done.value} on {arguments.repository}#{number}.\n")
    return 0


def _read(file: str, commit: str) -> Review:
    from reconciler.report import reading

    with sys.stdin.buffer if file == "-" else _regular(file) as source:
        data = source.read(reading.MAX_BYTES + 1)
    try:
        review = reading.review(data)
    except DocumentRefused as refused:
        raise DocumentRefused(f"{file}: {refused}") from None
    if review.head != commit:
        raise DocumentRefused(f"{file}: it is a review of {review.head[:40]!r}, and not of {commit}")
    return review


def _regular(file: str) -> BinaryIO:
    """The file itself: a job of somebody else may leave a link to what this one can read, or a pipe to wait at."""
    try:
        opened = os.fdopen(os.open(file, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC), "rb")
    except OSError as error:
        raise DocumentRefused(f"{file}: {error.strerror}") from None
    if not stat.S_ISREG(os.fstat(opened.fileno()).st_mode):
        opened.close()
        raise DocumentRefused(f"{file}: no regular file")
    return opened


def _comment(review: Review, arguments: argparse.Namespace) -> Comment:
    from reconciler.report import markdown

    kind = {"gitlab": markdown.Forge.GITLAB, "github": markdown.Forge.GITHUB}.get(
        arguments.forge, markdown.Forge.FORGEJO
    )
    return markdown.render_review(review, kind, key=arguments.key, full=arguments.full)


def _checked_key(key: str) -> None:
    from reconciler.report import markdown

    try:
        markdown.marker(key)
    except ValueError as error:
        raise UsageError(f"--key {error}") from None


def _pull_request(forge: Forge, arguments: argparse.Namespace) -> int:
    from reconciler.notify.forge.comment import the_pull_request

    if arguments.source is None:
        number: int = arguments.pull_request
        return number
    return the_pull_request(forge, arguments.source, arguments.commit)


def _state(review: Review, body: Comment) -> tuple[State, str]:
    """A comment that was cut is no ground for approval, whatever the review says."""
    from reconciler.model.review import Judgement
    from reconciler.notify.forge.model import State
    from reconciler.report.reviewed import verdict

    if body.cut:
        return State.FAILURE, "Too long for a comment: look at the full plan."
    return State.FAILURE if review.judgement is Judgement.FAIL else State.SUCCESS, verdict(review)
