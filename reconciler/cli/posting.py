"""Where a review is put on a pull request: the options that say it, and the posting itself."""

from __future__ import annotations

import argparse
from typing import TYPE_CHECKING, NamedTuple

from reconciler.errors import UsageError

if TYPE_CHECKING:
    from reconciler.model.review import Review
    from reconciler.notify.forge.model import Forge, State
    from reconciler.notify.forge.reach import Where
    from reconciler.report.markdown import Comment

NOT_BELIEVED = "Not shown: the change would have made its own review."
_TOO_LONG = "Too long for a comment: look at the full plan."
_FORGES = ("github", "gitlab", "forgejo", "gitea")


def add_arguments(parser: argparse._ActionsContainer, *, required: bool) -> None:
    """`required` is False where posting is asked for by another option."""
    parser.add_argument("--forge", choices=_FORGES, required=required, help="whose API it is")
    parser.add_argument("--api", default="", metavar="URL", help="where it is (default: github.com's, gitlab.com's)")
    parser.add_argument("--repository", required=required, metavar="OWNER/NAME", help="the repository there")
    which = parser.add_mutually_exclusive_group(required=required)
    which.add_argument("--pull-request", type=int, metavar="N", help="the pull or merge request")
    which.add_argument("--source", metavar="[OWNER:]BRANCH", help="the branch whose one open pull request is meant")
    parser.add_argument("--into", default="", metavar="BRANCH", help="with --source: the branch that it goes to")
    parser.add_argument("--author", default="", help="whose comments ours are (default: the token is asked)")
    parser.add_argument("--key", default="review", help="tells several comments of one pull request apart")
    parser.add_argument("--full", default="", metavar="URL", help="where the whole plan can be read")
    parser.add_argument("--status", default="", metavar="CONTEXT", help="set this status on the commit too")
    parser.add_argument(
        "--unless-changed",
        metavar="PATH",
        action="append",
        default=[],
        help="do not believe the review of a pull request that changes something there, such as .github",
    )


def where(arguments: argparse.Namespace, token_file: str) -> Where:
    """The forge that is meant, with its token; asked for before there is anything to post.

    Raises UsageError, naming what is missing.
    """
    from reconciler.notify.forge import token
    from reconciler.notify.forge.reach import Kind, Where
    from reconciler.report import markdown

    named = {"--forge": arguments.forge, "--repository": arguments.repository}
    named["--pull-request"] = arguments.pull_request is not None or arguments.source
    missing = [option for option, value in named.items() if not value]
    if missing:
        raise UsageError(f"a comment needs {', '.join(missing)} too")
    if arguments.into and not arguments.source:
        raise UsageError("--into goes with --source; --pull-request names the one that is meant")
    try:
        markdown.marker(arguments.key)
    except ValueError as error:
        raise UsageError(f"--key {error}") from None
    secret = token.from_file(token_file) if token_file else token.from_environment()
    return Where(Kind(arguments.forge), arguments.repository, secret, arguments.api, arguments.author)


class Said(NamedTuple):
    """What was done, and whether the comment shows all there is: on the strength of a part nothing may be approved."""

    text: str
    whole: bool


def post(review: Review, arguments: argparse.Namespace, to: Where) -> Said:
    """Make the review the comment of its pull request, and where asked the status of its head.

    Raises UsageError, ForgeRefused or ForgeBusy; the token is in none of their texts.
    """
    from reconciler.notify.forge import comment
    from reconciler.notify.forge.model import State
    from reconciler.notify.forge.reach import reach
    from reconciler.notify.forge.status import keep, status_of
    from reconciler.report import markdown

    with reach(to) as forge:
        number = _pull_request(forge, arguments, review.head)
        own = comment.changed_below(forge, number, tuple(arguments.unless_changed))
        _pull_request(forge, arguments, review.head)  # that list is of the head as it is now: it must be this one still
        body = _comment(review, arguments) if own is None else markdown.not_believed(own, key=arguments.key)
        done = comment.upsert(forge, number, body.text)
        if arguments.status:
            state, text = _state(review, body) if own is None else (State.FAILURE, NOT_BELIEVED)
            keep(forge, review.head, status_of(arguments.status, state, text, arguments.full))
    said = [f"Comment {done.value} on {arguments.repository}#{number}."]
    if body.cut:
        said.append(_TOO_LONG if own is None else NOT_BELIEVED)
    return Said(" ".join(said), whole=not body.cut)


def post_nothing(arguments: argparse.Namespace, to: Where) -> Said:
    """Say of `--commit` that its review is more than can be shown: what stands there is of a commit before it.

    Raises UsageError, ForgeRefused or ForgeBusy; the token is in none of their texts.
    """
    from reconciler.notify.forge import comment
    from reconciler.notify.forge.model import State
    from reconciler.notify.forge.reach import reach
    from reconciler.notify.forge.status import keep, status_of
    from reconciler.report import markdown

    with reach(to) as forge:
        number = _pull_request(forge, arguments, arguments.commit)
        done = comment.upsert(forge, number, markdown.too_large(key=arguments.key, full=arguments.full).text)
        if arguments.status:
            keep(forge, arguments.commit, status_of(arguments.status, State.FAILURE, _TOO_LONG, arguments.full))
    return Said(f"Comment {done.value} on {arguments.repository}#{number}. {_TOO_LONG}", whole=False)


def _comment(review: Review, arguments: argparse.Namespace) -> Comment:
    from reconciler.report import markdown

    kind = {"gitlab": markdown.Forge.GITLAB, "github": markdown.Forge.GITHUB}.get(
        arguments.forge, markdown.Forge.FORGEJO
    )
    return markdown.render_review(review, kind, key=arguments.key, full=arguments.full)


def _pull_request(forge: Forge, arguments: argparse.Namespace, commit: str) -> int:
    from reconciler.notify.forge.comment import the_pull_request

    if arguments.source is None:
        number: int = arguments.pull_request
        return number
    return the_pull_request(forge, arguments.source, commit, arguments.into)


def _state(review: Review, body: Comment) -> tuple[State, str]:
    """A comment that was cut is no ground for approval, whatever the review says."""
    from reconciler.model.review import Judgement
    from reconciler.notify.forge.model import State
    from reconciler.report.reviewed import verdict

    if body.cut:
        return State.FAILURE, _TOO_LONG
    return State.FAILURE if review.judgement is Judgement.FAIL else State.SUCCESS, verdict(review)
