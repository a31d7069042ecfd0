"""What the log of a canary says against the candidate, and a listener that ends it once nothing is left to wait for.

A smtpd whose tlsmgr(8) has died waits for a minute; the log told why in its first second.
"""

from __future__ import annotations

import re
import threading
import time
from collections.abc import Container
from dataclasses import field
from types import TracebackType
from typing import Self

from reconciler.frozen import dataclass
from reconciler.host.instance import PrivateInstance

_SAYS = re.compile(r"^\S+ +\d+ \S+ \S+ \S*?/?(\w[\w-]*)\[\d+\]: (fatal|panic|error|warning): (.*)")
_CONCERNED = frozenset({"smtpd", "smtp", "lmtp", "postscreen", "tlsproxy", "tlsmgr", "proxymap", "master"})
_WARNINGS = re.compile(  # those that say mail or TLS will not be as declared
    r"TLS|SASL|entropy|smtp(d)?_tls|database|dictionary|lookup|throttling|bad command startup|exit status"
    r"|killed by signal|\bmap \S+, line \d+: |connect to (?:private|public)/"
)
_OF_NO_CONSEQUENCE = re.compile(r"restriction \S+ ignored: no SASL support")
_NUMBERS = re.compile(r"\d{2,}|0x[0-9a-f]+|[0-9A-F]{8,}")
_LOOK = 0.03  # s, between two looks at the log
_GRACE, _LONG_GRACE = 0.3, 3.0  # s for what else there is to say: after a death, and after a warning


@dataclass(frozen=True, slots=True)
class Trouble:
    """`key` is the same in every run of the same fault. `is_death` says that a process has ended over it."""

    key: str
    text: str
    is_death: bool


def key(text: str) -> str:
    """A text without what differs from run to run."""
    return _NUMBERS.sub("#", text)


def trouble(line: str, root: str) -> Trouble | None:
    """What a line of the log of the instance in `root` says against its configuration."""
    said = _SAYS.match(line)
    if not said or (said[2] == "warning" and not (said[1] in _CONCERNED and _WARNINGS.search(said[3]))):
        return None
    if _OF_NO_CONSEQUENCE.search(said[3]):
        return None
    text = f"{said[1]}: {said[2]}: {said[3]}".replace(f"{root}/etc/.outside", "").replace(f"{root}/etc/", "")
    text = text.replace(root, "CANARY")
    return Trouble(key(text), text, said[2] in ("fatal", "panic") or "throttling" in said[3])


def troubles(log: str, root: str) -> dict[str, str]:
    """Each thing once, by its key."""
    found: dict[str, str] = {}
    for line in log.splitlines():
        it = trouble(line, root)
        if it:
            found.setdefault(it.key, it.text)
    return found


@dataclass
class Vigil:
    """Reads along inside the block, and stops the instance over the first trouble that is not `known`.

    Nothing is concluded from silence: a slow machine has all the time that the probes give it.
    """

    instance: PrivateInstance
    known: Container[str]
    is_over: threading.Event = field(default_factory=threading.Event)  # stopped by us
    _done: threading.Event = field(default_factory=threading.Event)
    _thread: threading.Thread | None = None

    def __enter__(self) -> Self:
        self._thread = threading.Thread(target=self._keep, daemon=True)
        self._thread.start()
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self._done.set()
        if self._thread:
            self._thread.join()

    def _keep(self) -> None:
        mark, end = 0, float("inf")
        while not self._done.wait(_LOOK):
            text = self.instance.log_since(mark)
            whole = text[: text.rfind("\n") + 1]
            mark += len(whole.encode("utf-8", "surrogateescape")) if whole else 0
            for line in whole.splitlines():
                it = trouble(line, self.instance.root)
                if it and it.key not in self.known:
                    end = min(end, time.monotonic() + (_GRACE if it.is_death else _LONG_GRACE))
            if time.monotonic() >= end:
                self.is_over.set()
                self.instance.stop()
                return
