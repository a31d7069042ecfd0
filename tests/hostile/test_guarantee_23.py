"""Guarantee 23: whatever stands in a YAML file, it is taken or refused: no crash, 256 MB, 2 s of the processor each.

Each file is read by a process of its own that the kernel ends where it takes more.
"""

from __future__ import annotations

import os
import random
import resource
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

PROJECT = Path(__file__).parents[2]
EXAMPLE = PROJECT / "state-repo-example"
MEMORY, SECONDS = 256 << 20, 2  # beyond what the interpreter and the models have
HOST = "hosts/mx1.example.org.yaml"
_ROUNDS = 250
_SALT = (
    "[", "{", "- ", ": ", "&a ", "*a", "<<: ", "!!python/object:os.system ", "? ", "| ", "> ", '"', "'", "#", "\t", "\n",
    "\r\n", "\0", "\ufeff", "\u202e", "%YAML 9.9\n", "---\n", "...\n", "\ud800", "0600", "1:30", "no", "~", "x" * 5000,
    "[" * 300, "- " * 300, "a: " * 300, "&a [*a]", "é", "%", "@", "`", "- - - ", "{{{{", "!", "!<x> ", "\\",
)  # fmt: skip


def documents() -> Iterator[bytes]:
    """Bombs of the full size, and what chance makes of the files of the example; the same ones every time."""
    for piece in (
        "[",
        "{",
        "- ",
        "{a: ",
        "? ",
        "!x ",
        '"',
        "'",
        "|\n ",
        "&a ",
        "*a ",
        "#",
        "\\",
        "- - ",
        "[[],",
        "a: b\n",
    ):
        yield (piece * ((1 << 20) // len(piece))).encode()[: 1 << 20]
    names = [f"a{number}" for number in range(60)]
    yield "".join(f"{name}: &{name} [{f'*{names[max(0, at - 1)]},' * 9}]\n" for at, name in enumerate(names)).encode()
    yield ("a0: &a0 {x: y}\n" + "".join(f"a{n}: &a{n} {{<<: [{f'*a{n - 1},' * 9}]}}\n" for n in range(1, 60))).encode()
    yield b"parameters: {" + b"".join(b"smtpd_tls_x%d: y, " % number for number in range(45_000)) + b"}"
    chance = random.Random(23)  # noqa: S311 # repeatable, no secret
    good = [path.read_bytes() for path in sorted(EXAMPLE.rglob("*.yaml"))]
    for _ in range(_ROUNDS):
        text = bytearray(chance.choice(good))
        for _ in range(chance.randrange(1, 12)):
            at, until = sorted(chance.randrange(len(text) + 1) for _ in range(2))
            salt = chance.choice(_SALT).encode("utf-8", "surrogatepass")
            match chance.randrange(4):
                case 0:
                    text[at:at] = salt
                case 1:
                    del text[at : min(until, at + 40)]
                case 2:
                    text[at:at] = text[at : min(until, at + 200)] * chance.randrange(1, 20)
                case _:
                    text[at : at + 1] = chance.randbytes(chance.randrange(1, 4))
        yield bytes(text)


def read(content: bytes) -> None:
    """Raises everything but the one error that there may be."""
    from reconciler import desired
    from reconciler.errors import StateInvalid
    from reconciler.model.snapshot import RepoSnapshot

    others = {f"profiles/{path.name}": path.read_bytes() for path in (EXAMPLE / "profiles").iterdir()}
    with suppress(StateInvalid):
        desired.validate(RepoSnapshot({**others, HOST: content}, "c1", "fuzzed"))


def bounded(content: bytes) -> int:
    """How the process ended that read it: 0, or as os.waitpid tells."""
    child = os.fork()
    if child:
        return os.waitpid(child, 0)[1]
    used = resource.getrusage(resource.RUSAGE_SELF)
    had = int(Path("/proc/self/statm").read_text().split()[0]) * resource.getpagesize()
    resource.setrlimit(resource.RLIMIT_AS, (had + MEMORY, had + MEMORY))
    limit = int(used.ru_utime + used.ru_stime) + 1 + SECONDS
    resource.setrlimit(resource.RLIMIT_CPU, (limit, limit))
    try:
        read(content)
    except BaseException as error:  # noqa: BLE001 # a child must not go on as its parent does
        sys.stderr.write(f"{content[:200]!r}: {error!r}\n")
        sys.stderr.flush()
        os._exit(1)
    os._exit(0)


def main() -> None:
    """A process without threads, which may fork; it has the models already, as an agent has."""
    read(b"enforce: all\n")
    read_in_all = 0
    for content in documents():
        end = bounded(content)
        if end & 127:
            sys.stderr.write(f"{content[:80]!r}: ended by {signal.Signals(end & 127).name}\n")
        read_in_all += end == 0
    sys.stdout.write(f"{read_in_all}\n")


def test_guarantee_23_no_yaml_crashes_or_takes_more_than_it_may() -> None:
    done = subprocess.run(
        [sys.executable, "-m", "tests.hostile.test_guarantee_23"],
        cwd=PROJECT,
        check=False,
        capture_output=True,
        text=True,
    )
    assert (done.returncode, done.stdout, done.stderr) == (0, f"{_ROUNDS + 19}\n", "")


if __name__ == "__main__":
    main()
