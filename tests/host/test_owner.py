"""Root without the capabilities that the units do not give."""

from __future__ import annotations

import os
import shutil
import socket
import subprocess
import sys
import tempfile
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from reconciler.host.owner import as_owner

pytestmark = [
    pytest.mark.skipif(os.geteuid() != 0, reason="needs root, to act as another user"),
    pytest.mark.skipif(not shutil.which("setpriv"), reason="setpriv is not installed"),
]
SOMEBODY = 65534
CAPABILITIES = "-all,+setuid,+setgid,+chown,+fowner,+dac_read_search"
CONFINED = ["setpriv", f"--bounding-set={CAPABILITIES}", f"--inh-caps={CAPABILITIES}", "--no-new-privs", "--"]


def test_what_a_killed_process_left_in_anothers_directory_is_swept_without_the_right_to_override() -> None:
    done = subprocess.Popen(["/bin/true"])
    done.wait()
    with tempfile.TemporaryDirectory() as made:  # pytest's own are closed to others
        queue, public = Path(made), Path(made, "public")
        queue.chmod(0o755)
        public.mkdir(0o710)
        left = public / f"reconciler-check-{done.pid}-0"
        with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as log:
            log.bind(str(left))
        for path in (public, left):
            os.chown(path, SOMEBODY, SOMEBODY)
        code = f"from reconciler.host import remains; remains.sweep({made!r})"
        subprocess.run([*CONFINED, sys.executable, "-c", code], check=True)
        assert list(public.iterdir()) == []


def test_only_the_thread_that_acts_as_an_owner_is_somebody_else() -> None:
    with tempfile.TemporaryDirectory() as made, ThreadPoolExecutor(1) as beside:
        directory = Path(made)
        os.chown(directory, SOMEBODY, SOMEBODY)
        beside.submit(os.getpid).result()  # a thread begins as the one that starts it
        with as_owner(directory):
            (directory / "own").touch()
            beside.submit((directory / "beside").touch).result()
            started = subprocess.run(("id", "-u"), check=True, capture_output=True, text=True)
        (directory / "after").touch()
        owners = {it.name: it.stat().st_uid for it in directory.iterdir()}
    assert owners == {"own": SOMEBODY, "beside": 0, "after": 0}
    assert started.stdout == "0\n"


def test_a_port_below_1024_that_is_free_can_be_declared_without_the_right_to_bind_it() -> None:
    code = (
        "from reconciler.host.listeners import _bind; from reconciler.host.listening import is_taken;"
        "port = next(it for it in range(700, 1000) if not is_taken(it)); print(repr(_bind('127.0.0.1', str(port), None)))"
    )
    done = subprocess.run([*CONFINED, sys.executable, "-c", code], check=True, capture_output=True, text=True)
    assert done.stdout.strip() == "''"
