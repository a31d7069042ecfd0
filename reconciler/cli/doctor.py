"""`reconciler doctor`: is this host ready?"""

from __future__ import annotations

import argparse

from reconciler.cli import where
from reconciler.cli.output import write


def add_arguments(parser: argparse.ArgumentParser) -> None:
    where.add_instance(parser)
    where.add_format(parser)


def run(arguments: argparse.Namespace) -> int:
    from reconciler.loop import doctor
    from reconciler.model.checkup import Verdict
    from reconciler.report import checkup
    from reconciler.settings.present import chosen

    file, _ = chosen(arguments.settings)
    subject = doctor.Subject(where.of(arguments), where.read(arguments.settings), file=file)
    found = tuple(doctor.examine(subject))
    write(checkup.as_json(found) if arguments.format == "json" else checkup.as_text(found))
    return 1 if any(it.verdict is Verdict.FAILURE for it in found) else 0
