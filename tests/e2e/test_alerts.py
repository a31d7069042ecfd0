"""From a hand edit to a message that somebody receives, and a store that has it all, with the agent in between."""

from __future__ import annotations

import json
import os
import sqlite3
import subprocess
import threading
import time
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest

pytestmark = pytest.mark.postfix
PATIENCE = 90.0  # s, on a machine that has other things to do
SECRET = "s3cret-in-url"
SETTINGS = """
[agent]
interval = "1s"
resync = "2s"
heal = "never"
trigger_file = ""
[metrics]
textfile = "{directory}/reconciler.prom"
[alerts]
group_wait = "1s"
[[alerts.routes]]
urls = ["json://user:{secret}@127.0.0.1:{port}"]
"""


@pytest.fixture
def receiver() -> Iterator[tuple[int, list[dict[str, Any]]]]:
    got: list[dict[str, Any]] = []

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            got.append(json.loads(self.rfile.read(int(self.headers["Content-Length"]))))
            self.send_response(200)
            self.end_headers()

        def log_message(self, *_: object) -> None:
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        yield server.server_port, got
        server.shutdown()
        thread.join()


def until(what: Callable[[], Any], log: Path) -> Any:
    deadline = time.monotonic() + PATIENCE
    while time.monotonic() < deadline:
        found = what()
        if found:
            return found
        time.sleep(0.05)
    raise AssertionError(f"it never came:\n{log.read_text()[-4000:]}")


def test_a_hand_edit_reaches_somebody_and_the_store_and_the_numbers(
    site: Callable[..., Any], receiver: tuple[int, list[dict[str, Any]]], tmp_path: Path
) -> None:
    port, got = receiver
    mx = site("enforce: all\noutgoing: {loglevel: 1}\n")
    mx.apply()
    settings, log = tmp_path / "reconciler.toml", tmp_path / "agent.log"
    settings.write_text(SETTINGS.format(directory=tmp_path, port=port, secret=SECRET))
    settings.chmod(0o600)
    argv = [*mx.arguments("agent", "--settings", str(settings))]
    with log.open("wb") as out:
        agent = subprocess.Popen(argv, stdout=out, stderr=out, env={"PATH": os.environ["PATH"]})
    try:
        mx.main_cf.write_text(mx.main_cf.read_text().replace("smtp_tls_loglevel = 1", "smtp_tls_loglevel = 3"))
        message = until(lambda: got and got[0], log)
        assert message["title"].endswith(": main.cf/smtp_tls_loglevel: changed outside of git")
        assert "Was: 1\nFound: 3\n" in message["message"]
        mx.main_cf.write_text(mx.main_cf.read_text().replace("smtp_tls_loglevel = 3", "smtp_tls_loglevel = 1"))
        over = until(lambda: len(got) > 1 and got[1], log)
        assert over["title"].startswith("[resolved] ")
        assert "Done: Somebody put it back.\n" in over["message"]
        until((tmp_path / "reconciler.prom").exists, log)
    finally:
        agent.terminate()
        agent.wait(60)
    store = sqlite3.connect(mx.memory / "store.db")
    names = [name for (name,) in store.execute("SELECT name FROM events WHERE name LIKE 'drift.%' ORDER BY sequence")]
    store.close()
    assert (names[0], names[-1]) == ("drift.found", "drift.resolved")
    assert len(got) == 2
    assert SECRET not in log.read_text()
    assert SECRET.encode() not in b"".join(path.read_bytes() for path in mx.memory.rglob("*") if path.is_file())
