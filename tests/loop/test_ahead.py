"""A state that nothing validated before is validated by a second process, and by this one where that fails."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

from reconciler import desired
from reconciler.loop import ahead
from reconciler.loop.place import Where
from reconciler.model import codec

NAME = "mx1.example.org"
STATE = "enforce: all\nincoming: {security_level: may}\ncertificates: {default: unmanaged}\n"
SCRIPT = """\
import json, os, sys
from reconciler.errors import ReconcilerError
from reconciler.loop import ahead
from reconciler.loop.place import Where
from reconciler.model import codec

root, wanted = sys.argv[1:]
children = lambda: open(f"/proc/self/task/{os.getpid()}/children").read().split()
said = {}
with ahead.begin(Where(f"{root}/state", "/etc/postfix", f"{root}/memory")) as begun:
    said["started"] = len(children())
    if wanted:
        try:
            said["state"] = codec.encode(begun.load(wanted, ""))
        except ReconcilerError as error:
            said["error"] = str(error)
        said["validated here"] = "pydantic" in sys.modules
said["left"] = len(children())
print(json.dumps(said))
"""


def state(root: Path, text: str) -> Where:
    (root / "state/hosts").mkdir(parents=True)
    (root / f"state/hosts/{NAME}.yaml").write_text(text)
    return Where(f"{root}/state", "/etc/postfix", f"{root}/memory")


def told(root: Path, host: str) -> dict[str, Any]:
    """What a process finds that has not imported pydantic yet."""
    done = subprocess.run([sys.executable, "-c", SCRIPT, root, host], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    said: dict[str, Any] = json.loads(done.stdout)
    return said


def test_a_second_process_makes_the_same_state_as_this_one(tmp_path: Path) -> None:
    begun = ahead.of(state(tmp_path, STATE))
    here = json.loads(json.dumps(codec.encode(desired.load(begun.repo, NAME, ""))))
    assert told(tmp_path, NAME) == {"started": 1, "state": here, "validated here": False, "left": 0}


def test_what_is_wrong_with_a_state_is_said_by_this_process(tmp_path: Path) -> None:
    state(tmp_path, STATE.replace("may", "mayy"))
    said = told(tmp_path, NAME)
    assert said["error"].startswith(f"hosts/{NAME}.yaml:2:28: incoming.security_level: 'mayy'")
    assert (said["validated here"], said["left"]) == (True, 0)


def test_a_process_that_nobody_asks_is_ended(tmp_path: Path) -> None:
    state(tmp_path, STATE)
    assert told(tmp_path, "") == {"started": 1, "left": 0}


def test_no_process_is_started_where_pydantic_is_here_already(tmp_path: Path) -> None:
    with ahead.begin(state(tmp_path, STATE)) as begun:
        assert begun.validation is None
        assert begun.load(NAME, "").host == NAME
