"""`make mutations`: every mutation, what stopped it, and in how long."""

from __future__ import annotations

import statistics
import sys
import tempfile
from pathlib import Path

from tests.mutations.cases import Mutation
from tests.mutations.run import Outcome, Session, run
from tests.mutations.site import site
from tests.mutations.table import ALL


def main(wanted: str = "") -> int:
    """Print the table; 1 where a harmful one reached the live files, a harmless one was refused, or a session died."""
    chosen = [it for it in ALL if wanted in str(it)]
    outcomes: list[tuple[Mutation, Outcome]] = []
    disturbed = 0
    with site() as host, tempfile.TemporaryDirectory() as memory:
        before, session = host.fingerprint(), Session(host)
        print(f"{'':4} {'mutation':58} {'stopped by':14} {'s':>5}  why")
        for mutation in chosen:
            outcome = run(host, mutation, Path(memory))
            outcomes.append((mutation, outcome))
            is_alive = session.is_alive() and host.fingerprint() == before
            disturbed += not is_alive
            wrong = bool(outcome.step) != mutation.harmful or not is_alive
            why = outcome.why.replace(host.etc, "").split("\n")[-1].strip()[:90]
            print(
                f"{'BAD' if wrong else 'ok':4} {mutation!s:58} {outcome.step or 'passed':14} {outcome.duration_s:5.2f}  {why}",
                flush=True,
            )
        session.close()
    harmful = [it for it in outcomes if it[0].harmful]
    reached = sum(not outcome.step for _, outcome in harmful)
    refused = sum(bool(outcome.step) for mutation, outcome in outcomes if not mutation.harmful)
    tried = [outcome.canary_s for _, outcome in outcomes if outcome.canary_s]
    print(f"\n{len(harmful) - reached} of {len(harmful)} harmful stopped, {reached} would have reached the live files")
    print(f"{refused} of {len(outcomes) - len(harmful)} harmless refused")
    print(f"live files or a live session disturbed: {disturbed} times")
    for step in dict.fromkeys(outcome.step for _, outcome in harmful if outcome.step):
        times = [outcome.duration_s for _, outcome in harmful if outcome.step == step]
        print(f"  by {step:14} {len(times):3}, median {statistics.median(times):.2f} s")
    if tried:
        print(f"canary: median {statistics.median(tried):.2f} s, at most {max(tried):.2f} s")
        steps = [step for _, outcome in outcomes for step in outcome.steps]
        for name in dict.fromkeys(name for name, _ in steps):
            times = [seconds for it, seconds in steps if it == name]
            print(f"  {name:16} median {statistics.median(times):.2f} s, at most {max(times):.2f} s")
    return int(bool(reached or refused or disturbed))


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
