"""`reconciler schemas`: the JSON Schemas that editors read, and those of what this program writes."""

from __future__ import annotations

import argparse
from pathlib import Path

from reconciler.cli.output import write
from reconciler.errors import UsageError


def add_arguments(parser: argparse.ArgumentParser) -> None:
    chosen = parser.add_mutually_exclusive_group(required=True)
    chosen.add_argument("--out", metavar="DIR", help="write them there")
    chosen.add_argument("--check", metavar="DIR", help="fail where those in the directory are not current")


def run(arguments: argparse.Namespace) -> int:
    from reconciler.desired import schemas
    from reconciler.model import schema as snapshots
    from reconciler.report import documents
    from reconciler.settings import schema

    generated = schemas.generate() | schema.generate() | documents.generate() | snapshots.generate()
    directory = Path(arguments.out or arguments.check)
    if arguments.out:
        directory.mkdir(parents=True, exist_ok=True)
        for name, content in generated.items():
            (directory / name).write_bytes(content)
        write(f"Wrote {', '.join(generated)} to {directory}.\n")
        return 0
    stale = [name for name, content in generated.items() if _read(directory / name) != content]
    if stale:
        raise UsageError(f"{', '.join(stale)} in {directory} not current; run: reconciler schemas --out {directory}")
    return 0


def _read(path: Path) -> bytes | None:
    return path.read_bytes() if path.exists() else None
