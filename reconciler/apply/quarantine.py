"""The revisions that were tried on this host and taken back: STATE_DIR/<instance>/quarantine.json.

A revision in it is refused until the branch moves on or a person lets it out; every other revision passes.
"""

from __future__ import annotations

import json
from pathlib import Path

from reconciler.apply import durable
from reconciler.errors import Quarantined, StateUnusable
from reconciler.frozen import dataclass
from reconciler.model import codec

FORMAT_VERSION = "1.0"
_REMEMBERED = 50


@dataclass(frozen=True, slots=True)
class Held:
    """One revision: why and when (ISO 8601) it was put here, and by which transaction."""

    revision: str
    why: str
    at: str
    transaction: int

    @property
    def brief(self) -> str:
        """Why, in one line: what failed first stands in the second one."""
        return " ".join(line.strip() for line in self.why.split("\n")[:2])


@dataclass(frozen=True, slots=True)
class Quarantine:
    path: Path

    def entries(self) -> tuple[Held, ...]:
        """What is in it, oldest first.

        Raises StateUnusable where it cannot be read.
        """
        try:
            body = json.loads(self.path.read_bytes())
            held: tuple[Held, ...] = codec.decode(tuple[Held, ...], body["revisions"])
            return held
        except FileNotFoundError:
            return ()
        except (OSError, ValueError, KeyError, TypeError) as error:
            raise StateUnusable(f"{self.path}: cannot be read ({error}); `reconciler release` clears it") from error

    def add(self, held: Held) -> None:
        others = [it for it in self.entries() if it.revision != held.revision]
        self._write((*others, held)[-_REMEMBERED:])

    def release(self, revision: str = "") -> tuple[Held, ...]:
        """Let a revision out, or all of them; gives what was let out. One that cannot be read is cleared."""
        try:
            held = self.entries()
        except StateUnusable:
            held = ()
        out = tuple(it for it in held if not revision or it.revision.startswith(revision))
        kept = tuple(it for it in held if it not in out)
        if kept:
            self._write(kept)
        else:
            self.path.unlink(missing_ok=True)
        return out

    def withdraw(self, transaction: int) -> None:
        """Let those out that this transaction has put here."""
        held = self.entries()
        kept = tuple(it for it in held if it.transaction != transaction)
        if kept != held:
            self._write(kept)

    def refuse(self, revision: str) -> None:
        """Raises Quarantined where this revision is in it."""
        for held in self.entries():
            if held.revision == revision:
                raise Quarantined(
                    f"revision {revision[:19]} was taken back on this host at {held.at} (transaction "
                    f"{held.transaction}: {held.brief}); commit a correction, or let it out with `reconciler release`"
                )

    def _write(self, held: tuple[Held, ...]) -> None:
        body = {"format_version": FORMAT_VERSION, "revisions": codec.encode(held)}
        durable.replace(self.path, json.dumps(body, indent=1, ensure_ascii=False).encode("utf-8", "replace") + b"\n")
