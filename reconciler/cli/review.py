"""`reconciler review`: what a change of the state would do to every host it touches, without any host.

With --comment it is put on the pull request at once: for one of the same repository, where a job may have a token and
read the change. For strangers' the two are apart: `reconciler comment` takes what this one wrote.
"""

from __future__ import annotations

import argparse
from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING

from reconciler.cli import posting, where
from reconciler.cli.output import style, warn, write
from reconciler.errors import UsageError

if TYPE_CHECKING:
    from reconciler.model.review import Review

_ENDINGS = {".json": "json", ".html": "html", ".md": "markdown", ".txt": "text"}


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--base", metavar="REV", required=True, help="the revision that the change starts from")
    parser.add_argument("--head", metavar="REV", required=True, help="the revision that it leads to")
    parser.add_argument("--repo", metavar="DIR", default=".", help="the local repository that has both (default: .)")
    parser.add_argument("--path", metavar="DIR", default="", help="where the state lies inside it")
    parser.add_argument(
        "--snapshots",
        metavar="DIR|URL",
        default="",
        help="where hosts publish theirs: a directory, an https:// address, or a repository (git+https://, …)",
    )
    parser.add_argument("--allowed-signers", metavar="FILE", default="", help="who may sign which host's snapshot")
    parser.add_argument(
        "--token-file", metavar="FILE", default="", help="the token for an https:// or git+https:// address"
    )
    parser.add_argument("--max-age", metavar="TIME", default="24h", help="mark older snapshots (default: 24h)")
    parser.add_argument("--refuse-older", metavar="TIME", default="7d", help="fail over older ones (default: 7d)")
    where.add_format(parser, "markdown", "html")
    parser.add_argument("--out", metavar="FILE", default="", help="write it there, and one line to standard output")
    parser.add_argument(
        "--also",
        metavar="FILE",
        action="append",
        default=[],
        help=f"write it there too, in the form that the file's ending names: {', '.join(_ENDINGS)} (repeatable)",
    )
    parser.add_argument(
        "--detailed-exitcode", action="store_true", help="exit 2 where the check passes and changes are pending"
    )
    parser.add_argument("--comment", action="store_true", help="put it on the pull request too, as one comment")
    comment = parser.add_argument_group("with --comment")
    posting.add_arguments(comment, required=False)
    comment.add_argument(
        "--forge-token-file", metavar="FILE", default="", help="its token (default: $RECONCILER_FORGE_TOKEN)"
    )


def run(arguments: argparse.Namespace) -> int:
    from reconciler.loop.reviewing import Request, reviewed
    from reconciler.model.review import Judgement
    from reconciler.report.reviewed import verdict
    from reconciler.review import Ages

    to = posting.where(arguments, arguments.forge_token_file) if arguments.comment else None
    more = {file: _form_of(file) for file in arguments.also}
    made = reviewed(
        Request(
            repo=arguments.repo,
            base=arguments.base,
            head=arguments.head,
            snapshots=arguments.snapshots,
            allowed_signers=arguments.allowed_signers,
            subdirectory=arguments.path,
            token=where.token(arguments.token_file),
            ages=Ages(_time(arguments.max_age, "--max-age"), _time(arguments.refuse_older, "--refuse-older")),
        )
    )
    more |= {arguments.out: arguments.format} if arguments.out else {}
    for file, form in more.items():
        Path(file).write_text(_rendered(made, form, to_file=True), encoding="utf-8", errors="replace")
    write(f"{verdict(made)}\n" if arguments.out else _rendered(made, arguments.format, to_file=False))
    said = posting.post(made, arguments, to) if to is not None else None
    if said is not None:
        warn(said.text)
    if made.judgement is Judgement.FAIL or (said is not None and not said.whole):
        return 1
    return 2 if arguments.detailed_exitcode and made.is_pending else 0


def _form_of(file: str) -> str:
    """Raises UsageError where the file's ending names no form."""
    try:
        return _ENDINGS[Path(file).suffix]
    except KeyError:
        raise UsageError(f"--also {file}: its ending names no form; write one of {', '.join(_ENDINGS)}") from None


def _time(text: str, option: str) -> timedelta:
    from reconciler.postfix.values import seconds

    try:
        return timedelta(seconds=seconds(text))
    except (ValueError, OverflowError) as error:
        raise UsageError(f"{option}: {error}") from error


def _rendered(made: Review, form: str, *, to_file: bool) -> str:
    match form:
        case "json":
            from reconciler.report import review_json

            return review_json.render(made)
        case "markdown":
            from reconciler.report import markdown

            return markdown.render_review(made).text
        case "html":
            from reconciler.report import html

            return html.render_review(made)
        case _:
            from reconciler.report import review_text
            from reconciler.report.terminal import PLAIN

            return review_text.render(made, PLAIN if to_file else style())
