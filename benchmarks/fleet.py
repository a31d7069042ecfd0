"""P7: the review of one pull request over a fleet of which every host has published a snapshot.

Three pull requests: one host changes, so that nearly all digests match; a group of one host in ten; every host.
`python -m benchmarks.fleet [HOSTS …]`
"""

from __future__ import annotations

import gc
import resource
import sys
import time
from collections.abc import Callable
from datetime import UTC, datetime

import yaml

from benchmarks import typical
from reconciler.errors import SnapshotRefused
from reconciler.model import wire
from reconciler.model.review import Review
from reconciler.model.snapshot import RepoSnapshot
from reconciler.review import Asked, Found, instead, review

GROUPS = 10
_G1 = b"g1: {outgoing: {mandatory_ciphers: medium"


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


def timed(work: Callable[[], object]) -> tuple[float, object]:
    gc.collect()
    start = time.process_time()
    made = work()
    return time.process_time() - start, made


def measure(count: int) -> None:
    base, now = fleet(count), datetime.now(UTC)
    floor, _ = timed(lambda: [yaml.load(it, Loader=yaml.CSafeLoader) for it in base.values()])

    def snapshot(name: str) -> Found | SnapshotRefused | None:
        message = wire.to_json(instead.bare(name, "", now))
        return Found(wire.from_json(message), "")

    one = "hosts/mx1.example.org.yaml"
    changes = {
        "one host": {**base, one: base[one].replace(b"d1-1.example: encrypt", b"d1-1.example: secure")},
        "a group of one in ten": {
            **base,
            "fleet.yaml": base["fleet.yaml"].replace(_G1, _G1.replace(b"medium", b"high")),
        },
    }
    changes["every host"] = {**base, "fleet.yaml": base["fleet.yaml"].replace(b"medium", b"high")}
    for what, head in changes.items():
        asked = Asked(RepoSnapshot(base, "0" * 40, "x"), RepoSnapshot(head, "1" * 40, "x"), now, snapshot)
        cost, made = timed(lambda asked=asked: review(asked))
        assert isinstance(made, Review)
        memory = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
        print(
            f"P7  {count} hosts, {what} ({len(made.hosts)} touched): {cost * 1000:.0f} ms CPU  "
            f"floor {floor * 1000:.0f} ms  ratio {cost / floor:.2f}  {memory:.0f} MiB  goal ≤ 2, ≤ 250 MB",
            flush=True,
        )
        assert not made.problems, made.problems[:3]


if __name__ == "__main__":
    for asked_for in sys.argv[1:] or ("1000", "10000"):
        measure(int(asked_for))
