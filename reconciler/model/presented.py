"""What sessions with a listener are given, beside what its files hold."""

from __future__ import annotations

from reconciler.frozen import dataclass

_SHOWN = 16  # hexadecimal digits; enough to tell two certificates apart


@dataclass(frozen=True, slots=True)
class Presented:
    """Of one listener, such as `127.0.0.1:25`. Certificates are digests as `Certificate.sha256`, in order.

    `paths` are the files that it takes its certificates from, `held` the leaves in them, `given` those that were seen.
    """

    listener: str
    paths: tuple[str, ...]
    held: tuple[str, ...]
    given: tuple[str, ...]

    @property
    def others(self) -> tuple[str, ...]:
        """What was given and is in no file."""
        return tuple(digest for digest in self.given if digest not in self.held)


def shown(digests: tuple[str, ...]) -> str:
    """For people: the beginning of each."""
    return "sha256 " + ", ".join(f"{digest[:_SHOWN]}…" for digest in digests)
