"""What the agent remembers between passes and over a restart: STATE_DIR/<instance>/agent.json."""

from __future__ import annotations

import json
from pathlib import Path

from reconciler.apply import durable
from reconciler.apply.state import StateDirectory
from reconciler.errors import StateUnusable
from reconciler.frozen import replace
from reconciler.loop.heal import Memory
from reconciler.model import codec
from reconciler.model.moment import Moment

FORMAT_VERSION = "1.0"


def file(state: StateDirectory) -> Path:
    return state.path / "agent.json"


def recall(state: StateDirectory, moment: Moment) -> Memory:
    """The memory; an empty one where there is none or it is damaged: then hand edits are found once more.

    Uptimes of another boot say nothing now: what stood open begins to count anew.
    """
    try:
        body = json.loads(file(state).read_bytes())
        if str(body["format_version"]).partition(".")[0] != FORMAT_VERSION.partition(".")[0]:
            return Memory()
        memory: Memory = codec.decode(Memory, body["memory"])
    except (OSError, ValueError, KeyError, TypeError):
        return Memory()
    if body["boot"] == moment.boot:
        return memory
    edits = {name: replace(edit, since=moment.uptime_s) for name, edit in memory.edits.items()}
    return replace(memory, edits=edits, healed={}, fights=dict.fromkeys(memory.fights, moment.uptime_s))


def remember(state: StateDirectory, memory: Memory, moment: Moment) -> None:
    """Raises StateUnusable."""
    body = {"format_version": FORMAT_VERSION, "boot": moment.boot, "memory": codec.encode(memory)}
    state.prepare()
    try:
        durable.replace(file(state), json.dumps(body, indent=1).encode() + b"\n")
    except OSError as error:
        raise StateUnusable(f"{file(state)}: cannot be written ({error.strerror})") from error


def forgive(state: StateDirectory) -> None:
    """Let corrections begin anew: what is suspended is healed again."""
    try:
        body = json.loads(file(state).read_bytes())
        body["memory"] = {**body["memory"], "healed": codec.encode({}), "fights": codec.encode({})}
        durable.replace(file(state), json.dumps(body, indent=1).encode() + b"\n")
    except (FileNotFoundError, ValueError, KeyError, TypeError):
        return
    except OSError as error:
        raise StateUnusable(f"{file(state)}: cannot be written ({error.strerror})") from error
