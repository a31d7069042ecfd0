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

from reconciler.cli import posting
from reconciler.cli.output import warn, write
from reconciler.errors import DocumentRefused, DocumentTooLarge

if TYPE_CHECKING:
    from reconciler.model.review import Review


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--from", dest="file", metavar="FILE", required=True, help="what `review --format json` wrote")
    parser.add_argument(
        "--commit", required=True, metavar="SHA", help="the pull request's head; a review of another is refused"
    )
    posting.add_arguments(parser, required=True)
    parser.add_argument("--token-file", metavar="FILE", help="the token (default: $RECONCILER_FORGE_TOKEN)")


def run(arguments: argparse.Namespace) -> int:
    to = posting.where(arguments, arguments.token_file)
    try:
        review = _read(arguments.file, arguments.commit)
    except DocumentTooLarge as large:
        warn(str(large))
        done = posting.post_nothing(arguments, to)
    else:
        done = posting.post(review, arguments, to)
    write(f"{done.text}\n")
    return 0 if done.whole else 1


def _read(file: str, commit: str) -> Review:
    from reconciler.report import reading

    with sys.stdin.buffer if file == "-" else _regular(file) as source:
        data = source.read(reading.MAX_BYTES + 1)
    try:
        review = reading.review(data)
    except DocumentRefused as refused:
        raise type(refused)(f"{file}: {refused}") from None
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
