"""`reconciler comment`: what a review found, as a comment on its pull request and as a status of its commit.

It takes the JSON that `reconciler review` wrote, checks it, and makes the comment from it. So the job with the token
need not be the one that has read the pull request, and posts nothing that it did not write itself.
"""

from __future__ import annotations

import argparse
import sys
from pathlib import Path
from typing import TYPE_CHECKING

from reconciler.cli.output import write
from reconciler.errors import DocumentRefused, UsageError

if TYPE_CHECKING:
    from reconciler.model.review import Review
    from reconciler.notify.forge.model import Forge, State
    from reconciler.report.markdown import Comment


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
    parser.add_argument("--status", default="", metavar="CONTEXT", help="set this status on the commit too")


def run(arguments: argparse.Namespace) -> int:
    from reconciler.notify.forge import comment, token
    from reconciler.notify.forge.reach import Kind, Where, reach
    from reconciler.notify.forge.status import keep, status_of

    review = _read(arguments.file, arguments.commit)
    body = _comment(review, arguments)
    secret = token.from_file(arguments.token_file) if arguments.token_file else token.from_environment()
    where = Where(Kind(arguments.forge), arguments.repository, secret, arguments.api, arguments.author)
    with reach(where) as forge:
        number = _pull_request(forge, arguments)
        done = comment.upsert(forge, number, body.text)
        if arguments.status:
            state, text = _state(review, body)
            keep(forge, arguments.commit, status_of(arguments.status, state, text, arguments.full))
    write(f"Comment {done.value} on {arguments.repository}#{number}.\n")
    return 0


def _read(file: str, commit: str) -> Review:
    from reconciler.report import reading

    with sys.stdin.buffer if file == "-" else Path(file).open("rb") as source:
        data = source.read(reading.MAX_BYTES + 1)
    try:
        review = reading.review(data)
    except DocumentRefused as refused:
        raise DocumentRefused(f"{file}: {refused}") from None
    if review.head != commit:
        raise DocumentRefused(f"{file}: it is a review of {review.head[:40]!r}, and not of {commit}")
    return review


def _comment(review: Review, arguments: argparse.Namespace) -> Comment:
    from reconciler.report import markdown

    kind = {"gitlab": markdown.Forge.GITLAB, "github": markdown.Forge.GITHUB}.get(
        arguments.forge, markdown.Forge.FORGEJO
    )
    try:
        return markdown.render_review(review, kind, key=arguments.key, full=arguments.full)
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
