"""P7: the review of one pull request over a fleet; every host follows base, and has published a signed snapshot.

Three pull requests: one host changes, so that nearly all digests match; a group of one host in ten; every host. Each is
a real one: two commits of a real repository, a directory of snapshots, and `reconciler review` from its start to the
JSON, in a process of its own. The floor is PyYAML's C loader over the same host files, in one process too.

`python -m benchmarks.fleet [HOSTS …]`
"""

from __future__ import annotations

import resource
import subprocess
import sys
import tempfile
import time
from collections.abc import Mapping
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import yaml
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from benchmarks import typical
from reconciler import desired
from reconciler.model import wire
from reconciler.model.published import PublishedPem
from reconciler.model.snapshot import Certificate, PemFile, RepoSnapshot
from reconciler.publish.key import Key
from reconciler.review import instead

GROUPS = 10
ONE = "hosts/mx1.example.org.yaml"
_G1 = b"g1: {outgoing: {mandatory_ciphers: medium"
_CHANGES: Mapping[str, tuple[str, bytes, bytes]] = {
    "one host": (ONE, b"d1-1.example: encrypt", b"d1-1.example: secure"),
    "a group of one in ten": ("fleet.yaml", _G1, _G1.replace(b"medium", b"high")),
    "every host": ("fleet.yaml", b"medium", b"high"),
}


def host_file(number: int) -> bytes:
    text = typical.STATE.format(
        senders=", ".join(f"s{it}-{number}.example" for it in range(10)),
        policies=", ".join(f"d{it}-{number}.example: encrypt" for it in range(20)),
        submission=10587,
        submissions=10465,
    )
    return f"groups: [g{number % GROUPS}]\n{text}".encode()


def fleet(count: int) -> dict[str, bytes]:
    groups = "".join(f"  g{number}: {{outgoing: {{mandatory_ciphers: medium}}}}\n" for number in range(GROUPS))
    files = {f"hosts/mx{number}.example.org.yaml": host_file(number) for number in range(count)}
    return {"fleet.yaml": f"groups:\n{groups}".encode(), **files}


def publish(base: Mapping[str, bytes], count: int, place: Path) -> None:
    """Every host as base would have it, one from the other by its number, signed with one key."""
    now = datetime.now(UTC)
    some = Certificate("", "x", "", (), now - timedelta(days=9), now + timedelta(days=80), self_signed=False)
    seen = instead.as_if(desired.load(RepoSnapshot(base, "0" * 40, "x"), "mx0.example.org"), now)
    pem = PublishedPem("/etc/postfix/tls/mx.pem", PemFile("x", (some,), "x", ("key", "certificate"), 0o600, 0))
    first = wire.to_json(replace(seen, pems=(pem,)))
    key = Key(Ed25519PrivateKey.generate())
    (place / "signers").write_text(key.line("*.example.org") + "\n")
    (place / "snapshots").mkdir()
    for number in range(count):
        name = f"mx{number}.example.org"
        message = first.replace(b"-0.example", f"-{number}.example".encode()).replace(b"mx0.example.org", name.encode())
        (place / "snapshots" / f"{name}{wire.SUFFIX}").write_bytes(wire.wrap(message, key.sign(message)))


def repository(base: Mapping[str, bytes], root: Path) -> None:
    """`main` is base, and each change is a branch."""
    for path, content in base.items():
        (root / path).parent.mkdir(parents=True, exist_ok=True)
        (root / path).write_bytes(content)
    _git(root, "init", "-q", "-b", "main")
    _git(root, "add", "--all")
    _git(root, "commit", "-qm", "base")
    for what, (path, old, new) in _CHANGES.items():
        _git(root, "checkout", "-q", "-b", what.replace(" ", "-"), "main")
        assert old in base[path]
        (root / path).write_bytes(base[path].replace(old, new))
        _git(root, "commit", "-qam", what)


def _git(root: Path, *arguments: str) -> None:
    identity = ("-c", "user.name=b", "-c", "user.email=b@example.org", "-c", "gc.auto=0")
    subprocess.run(["git", "-C", root, *identity, *arguments], check=True)


def _floor(base: Mapping[str, bytes]) -> float:
    start = time.process_time()
    for content in base.values():
        yaml.load(content, Loader=yaml.CSafeLoader)
    return time.process_time() - start


def _reviewed(root: Path, head: str) -> tuple[float, float, str]:
    """Seconds of CPU, MiB at most, and what it says in one line."""
    argv = (
        *(sys.executable, "-m", "reconciler", "review", "--repo", str(root), "--base", "main", "--head", head),
        *("--snapshots", str(root.parent / "snapshots"), "--allowed-signers", str(root.parent / "signers")),
        *("--format", "json", "--out", str(root.parent / "review.json")),
    )
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    done = subprocess.run(argv, capture_output=True, text=True, check=True)
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    used = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
    return used, after.ru_maxrss / 1024, done.stdout.strip()


def measure(count: int) -> None:
    base = fleet(count)
    with tempfile.TemporaryDirectory(prefix="reconciler-bench-") as place:
        root = Path(place) / "state"
        publish(base, count, Path(place))
        repository(base, root)
        for what in _CHANGES:
            floor = _floor(base)
            used, memory, said = _reviewed(root, what.replace(" ", "-"))
            print(
                f"P7  {count} hosts, {what}: {used * 1000:.0f} ms CPU  floor {floor * 1000:.0f} ms  "
                f"ratio {used / floor:.2f}  {memory:.0f} MiB  goal ≤ 2, ≤ 250 MB  ({said})",
                flush=True,
            )


if __name__ == "__main__":
    for asked_for in sys.argv[1:] or ("1000", "10000"):
        measure(int(asked_for))
