"""The long run: `make soak`, for SOAK_SECONDS (default 300). The seed is printed; SOAK_SEED repeats a run."""

from __future__ import annotations

import os
import random
import time
from collections import Counter
from pathlib import Path

from reconciler.host.instance import PrivateInstance, workspace
from tests.soak.world import MX, Correspondents, World

_GROWTH_MB = 12.0  # of an agent, after it has seen everything once


def soak(seconds: float, seed: int) -> dict[str, object]:
    """Live for so long; then everything has to be as git says, and every edit on record once."""
    with workspace("reconciler-soak-") as directory:
        instance = PrivateInstance.create(directory, MX)
        world = World(Path(directory, "world"), instance, random.Random(seed))  # noqa: S311 # repeatable, no secret
        world.directory.mkdir(mode=0o700)
        mail = Correspondents(instance.smtpd_port)
        try:
            with instance:
                return _live(world, mail, seconds)
        finally:
            mail.stop()
            world.close()


def _live(world: World, mail: Correspondents, seconds: float) -> dict[str, object]:
    world.found()
    world.start_agent()
    world.wait_for(lambda: world.is_in_force(world.git("rev-parse", "HEAD")), "the first commit is in force")
    thread = mail.start()
    deeds = (
        world.edit, world.commit_good, world.commit_bad, world.commit_unsigned, world.rewind, world.renew,
        world.remote_away, world.store_away, world.move_clock, world.reload,
    )  # fmt: skip
    order = list(deeds)
    end, samples = time.monotonic() + seconds, []
    while time.monotonic() < end or order:
        deed = order.pop() if order else world.chance.choice(deeds)
        deed()
        world.did[deed.__name__] = world.did.get(deed.__name__, 0) + 1
        samples.append(world.memory_mb())
    world.commit_good()
    tip = world.git("rev-parse", "HEAD")
    world.wait_for(lambda: world.is_in_force(tip), "the last commit is in force")
    world.restart_agent()
    world.wait_for(lambda: len(world.named("agent.started")) == 2, "the agent is back")
    world.wait_for(lambda: world.stored() == spooled(world), "the store has everything")
    planned = world.plan()
    assert planned.returncode == 0, planned.stdout + planned.stderr
    world.stop_agent()
    mail.stop()
    thread.join()
    return _judged(world, mail, samples)


def spooled(world: World) -> list[tuple[int, str]]:
    return sorted((it["sequence"], it["event"]) for it in world.events())


def _judged(world: World, mail: Correspondents, samples: list[float]) -> dict[str, object]:
    found, made = Counter(world.drifts()), Counter(world.edited)
    assert found == made, f"recorded {found - made} too often, {made - found} never"
    stored = Counter(name for _, name in world.stored())
    assert stored["drift.found"] == len(world.named("drift.found")), stored
    assert mail.sessions > 0
    assert mail.failures == [], mail.failures[:5]
    assert {it["sequence"] for it in world.events()} == set(range(1, len(world.events()) + 1))
    settled = samples[len(samples) // 3]
    assert samples[-1] - settled < _GROWTH_MB, samples
    return {
        "did": world.did,
        "edits": len(world.edited),
        "sessions": mail.sessions,
        "events": len(world.events()),
        "memory_mb": (round(settled, 1), round(samples[-1], 1)),
    }


def main() -> None:
    seconds = float(os.environ.get("SOAK_SECONDS", "300"))
    seed = int(os.environ.get("SOAK_SEED", str(random.randrange(1 << 30))))  # noqa: S311
    print(f"soak: {seconds:g} s, SOAK_SEED={seed}", flush=True)  # noqa: T201
    for name, value in soak(seconds, seed).items():
        print(f"{name}: {value}", flush=True)  # noqa: T201


if __name__ == "__main__":
    main()
