"""The store on PostgreSQL: a server of its own, on a socket in a directory of its own."""

from __future__ import annotations

import os
import pwd
import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from importlib.util import find_spec
from pathlib import Path

import pytest

from reconciler.model.moment import Moment
from reconciler.record.outbox import Outbox
from reconciler.record.store import Whose, open_store
from reconciler.record.take_in import take_in

_BINARIES = [str(path.parent) for path in Path("/usr/lib/postgresql").glob("*/bin/initdb")]
INITDB = shutil.which("initdb", path=os.pathsep.join([os.environ["PATH"], *_BINARIES]))
pytestmark = [
    pytest.mark.skipif(INITDB is None, reason="PostgreSQL's server is not installed"),
    pytest.mark.skipif(find_spec("psycopg") is None, reason="no driver: pip install 'psycopg[binary]'"),
    pytest.mark.skipif(os.getuid() != 0, reason="the server runs as nobody, which root alone can start"),
]
MX = Whose("mx1.test", "postfix")


@pytest.fixture
def url() -> Iterator[str]:
    nobody = pwd.getpwnam("nobody")
    with tempfile.TemporaryDirectory(prefix="pg-") as directory:
        os.chown(directory, nobody.pw_uid, nobody.pw_gid)
        binaries, data = Path(INITDB or "").parent, f"{directory}/data"

        def run(*argv: str) -> None:
            subprocess.run(argv, user="nobody", group=nobody.pw_gid, cwd=directory, check=True, capture_output=True)

        run(f"{binaries}/initdb", "-D", data, "-A", "trust", "-U", "reconciler", "--no-sync")
        options = f"-k {directory} -c listen_addresses= -c fsync=off"
        run(f"{binaries}/pg_ctl", "-D", data, "-w", "-l", f"{directory}/log", "-o", options, "start")
        try:
            yield f"postgresql+psycopg://reconciler@/postgres?host={directory}"
        finally:
            run(f"{binaries}/pg_ctl", "-D", data, "-w", "-m", "immediate", "stop")


def test_the_store_works_on_postgresql_as_it_does_on_sqlite(url: str, tmp_path: Path) -> None:
    outbox = Outbox(tmp_path / "postfix/events.jsonl")
    about = {"kind": "parameter", "address": "main.cf/x"}
    moment = Moment(datetime(2026, 11, 23, tzinfo=UTC), "b", 1.0)
    outbox.append("drift.found", {**about, "written": "1", "live": "2", "cause": "corrective"}, moment)
    store = open_store(url)
    assert take_in(store, outbox, MX) == 1
    outbox.append("drift.resolved", {**about, "resolution": "healed"}, moment)
    again = open_store(url)
    assert take_in(again, outbox, MX) == 1
    assert take_in(store, outbox, MX) == 0
    assert store.events(MX) == list(outbox.read())
    assert [(whose, it.resolution) for whose, it in store.incidents()] == [(MX, "healed")]
    assert store.expire(MX, timedelta(days=1), Moment(moment.at, "b", 1e6)) == 2
