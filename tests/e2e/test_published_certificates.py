"""certbot's lineages and further server names: what a published snapshot plans is what the host plans, to the letter."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tests.e2e.test_certificates import lineage, state

pytestmark = pytest.mark.postfix
B, C = "b.example", "c.example"


def both(mx: Any, place: Path) -> tuple[dict[str, Any], dict[str, Any]]:
    """The plan of the host, and of its snapshot elsewhere: in words, and as JSON but for when and of which bytes."""
    done = mx.run("snapshot", "--out", str(place))
    assert done.returncode == 0, done.stderr
    found = []
    for more in ((), ("--snapshot", str(place / f"{mx.instance.name}.snapshot"))):
        words, told = mx.run("plan", *more), mx.run("plan", *more, "--format", "json")
        said = json.loads(told.stdout)
        found.append(
            {**said, "timestamp": "", "digest": "", "text": words.stdout, "code": words.returncode, "err": words.stderr}
        )
    return found[0], found[1]


def test_lineages_and_further_names_are_planned_from_a_snapshot_as_on_the_host(
    site: Callable[..., Any], tmp_path: Path
) -> None:
    live, place = tmp_path / "live", tmp_path / "snapshots"
    more = f"  {B}: {{certbot: {live / B}}}\n  {C}: {{chain_files: [tls/c.pem], until_present: self_signed}}\n"
    mx = site(state(live / "mx1", more))
    lineage(live / B, B)

    def renewed() -> None:
        lineage(live / B, B)

    def built_by_hand_without_the_files() -> None:
        mx.instance.postfix.build("hash", f"{mx.instance.config_directory}/tls_sni")

    def default_arrives() -> None:
        lineage(live / "mx1", "mx1.example.org")

    def key_of_another() -> None:
        (live / "mx1/privkey.pem").write_bytes((lineage(tmp_path / "other", "x") / "privkey.pem").read_bytes())

    def one_name_less() -> None:
        default_arrives()
        mx.write(state(live / "mx1", more.split("\n", maxsplit=1)[0] + "\n"))

    seen = []
    for step in (
        None,
        mx.apply,
        renewed,
        built_by_hand_without_the_files,
        default_arrives,
        key_of_another,
        one_name_less,
    ):
        if step is not None:
            step()
        there, here = both(mx, place)
        assert here == there, step
        seen.append((len(there["changes"]) > 0, [it["rule"] for it in there["guards"]]))
    changes, guards = zip(*seen, strict=True)
    assert changes == (True, False, True, True, True, True, True), seen
    assert "key_mismatch" in guards[5]
