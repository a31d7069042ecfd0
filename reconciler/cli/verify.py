"""`reconciler verify`: the proofs, as a table or as JSON."""

from __future__ import annotations

import argparse
from pathlib import Path

from reconciler.cli import where
from reconciler.cli.output import style, write
from reconciler.errors import UsageError
from reconciler.model.proof import Outcome


def add_arguments(parser: argparse.ArgumentParser) -> None:
    where.add_repo(parser)
    where.add_instance(parser)
    where.add_format(parser)
    parser.add_argument(
        "--auth-user", metavar="USER", help="prove that this user can log in to the submission services"
    )
    parser.add_argument("--auth-password-file", metavar="FILE", help="the file whose first line is the password")
    parser.add_argument(
        "--send",
        metavar="RECIPIENT",
        action="append",
        default=[],
        help="send one message there and prove how it left; without it no mail is sent",
    )


def run(arguments: argparse.Namespace) -> int:
    from reconciler.host.programs import Postfix
    from reconciler.loop.look import look
    from reconciler.probe.smtp import Credentials
    from reconciler.verify.proofs import verify

    password = _password(arguments)
    credentials = Credentials(arguments.auth_user, password) if password else None
    sight = look(where.of(arguments))
    host = Postfix(sight.live.snapshot.config_directory)
    proofs = verify(sight.live, sight.desired, host, auth=credentials, send_to=tuple(arguments.send))
    if arguments.format == "json":
        from reconciler.report import json

        write(json.render_proofs(proofs))
    else:
        from reconciler.report import text

        write(text.render_proofs(proofs, style()))
    return 1 if any(proof.outcome is Outcome.FAILED for proof in proofs) else 0


def _password(arguments: argparse.Namespace) -> str:
    """The first line of the password file; never an argument, which every user of the host could read."""
    if bool(arguments.auth_user) != bool(arguments.auth_password_file):
        raise UsageError("--auth-user and --auth-password-file go together")
    if not arguments.auth_user:
        return ""
    try:
        lines = Path(arguments.auth_password_file).read_text(encoding="utf-8").splitlines()
    except (OSError, UnicodeDecodeError) as error:
        raise UsageError(f"{arguments.auth_password_file}: not readable as a password file ({error})") from error
    if not lines or not lines[0]:
        raise UsageError(f"{arguments.auth_password_file}: its first line is empty")
    return lines[0]
