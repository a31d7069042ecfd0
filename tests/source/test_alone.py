"""Several agents of one host, each in a process of its own, with one record of trust and one cache."""

from __future__ import annotations

import json
import multiprocessing
import os
from dataclasses import replace
from pathlib import Path

import pytest

from reconciler.loop.following import fetch
from reconciler.source.follow import Source, follow
from tests.source.conftest import NOW, Forge, Host

_TURNS = 12


def _follow_again_and_again(source: Source, start: object, failures: object) -> None:
    start.wait()  # type: ignore[attr-defined]
    for _ in range(_TURNS):
        try:
            follow(source, NOW)
        except Exception as error:  # noqa: BLE001 - every kind is a failure of the test
            failures.put(f"{type(error).__name__}: {error}")  # type: ignore[attr-defined]


def test_agents_that_follow_at_the_same_time_share_the_cache_and_the_record(forge: Forge, host: Host) -> None:
    forge.git("push", "-q", str(forge.remote), "HEAD:refs/heads/other")
    main, other = host.source, replace(host.source, remote=replace(host.remote, branch="other"))
    context = multiprocessing.get_context("spawn")
    start, failures = context.Event(), context.Queue()
    agents = [
        context.Process(target=_follow_again_and_again, args=(it, start, failures)) for it in (main, other, main, other)
    ]
    for agent in agents:
        agent.start()
    start.set()
    for _ in range(_TURNS):
        forge.commit(signer="alice", push=False)
        forge.push("HEAD:refs/heads/main", "HEAD:refs/heads/other")
    for agent in agents:
        agent.join()
    found = []
    while not failures.empty():
        found.append(failures.get())
    assert found == []
    assert {follow(it, NOW).revision for it in (main, other)} == {forge.head}
    record = json.loads(Path(main.trust_file).read_text())["sources"]
    assert {it["revision"] for it in record.values()} == {forge.head}
    assert len(record) == 2


@pytest.mark.skipif(os.geteuid() != 0, reason="a directory is given to another user")
def test_what_root_does_by_hand_leaves_nothing_of_roots_in_the_cache_of_the_puller(forge: Forge, host: Host) -> None:
    host.follow()
    cache = host.root / "cache"
    for path in (cache, *cache.rglob("*")):
        os.chown(path, 65534, 65534)
    assert host.source.caches is False
    revision = forge.commit(signer="alice")
    fetched = fetch(host.source)
    host.source.accept(fetched)
    record = json.loads((host.root / "state/trust.json").read_text())["sources"]
    assert [it["revision"] for it in record.values()] == [revision]
    assert {it.lstat().st_uid for it in cache.rglob("*")} == {65534}
