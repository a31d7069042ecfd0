"""A source followed over time: only forwards, and only what somebody signed whom this host trusts.

source = Source(remote, policy, cache_directory, trust_file)
if source.poll() != last_seen:          # one conversation, nothing is transferred
    fetched = follow(source, now)       # or fetch, and accept later: a dry run only fetches
"""

from __future__ import annotations

import hashlib
import os
from datetime import datetime, timedelta
from pathlib import Path

from reconciler.errors import SourceUnreadable
from reconciler.frozen import dataclass
from reconciler.model.snapshot import RepoSnapshot
from reconciler.source.alone import alone
from reconciler.source.clone import Clone, CloneDamaged
from reconciler.source.examine import Examination, snapshot
from reconciler.source.policy import Policy, Signer
from reconciler.source.program import call
from reconciler.source.record import Kept, Trusted, TrustRecord
from reconciler.source.remote import Remote

_SHORT = 12


@dataclass(frozen=True, slots=True)
class Fetched:
    """A verified state. `signers` of what was new when it came; `committed_at` is what the commit claims.

    `moved_at` is when this host first trusted the revision, `moved` whether that is now.
    """

    snapshot: RepoSnapshot
    revision: str
    signers: tuple[Signer, ...]
    committed_at: datetime
    moved_at: datetime
    moved: bool

    def is_stale(self, now: datetime, after: timedelta) -> bool:
        """Whether nothing has moved for longer than `after`; 0 means never."""
        return bool(after) and now - self.moved_at > after


@dataclass(frozen=True, slots=True)
class Source:
    """One source of one host. `cache_directory` may be lost at any time, `trust_file` may not.

    Agents of several instances may have both in common: each waits while another one fetches or writes.
    """

    remote: Remote
    policy: Policy
    cache_directory: str
    trust_file: str

    def poll(self) -> str:
        """What the ref of the remote names now; nothing is transferred.

        Raises SourceUnreadable.
        """
        self.remote.check()
        ref = self.remote.ref
        answer = call(self.remote, "ls-remote", "--quiet", "--end-of-options", self.remote.place, ref).decode()
        for line in answer.split("\n"):
            name, _, found = line.partition("\t")
            if found == ref:
                return name
        raise SourceUnreadable(f"{self.remote.shown}: there is no {ref.removeprefix('refs/')} in it")

    def fetch(self, now: datetime) -> Fetched:
        """What the remote offers, verified; the record of trust stays as it is.

        Raises SourceUnreadable, Untrusted, Rewound, StateInvalid; HostUnreadable for a damaged record of trust.
        """
        self.remote.check()
        with alone(self._home / "lock"):
            last, clone = self._last(), self.clone
            try:
                found = Examination(self.remote, self.policy, clone, last, fresh=False).of(clone.fetch())
            except CloneDamaged:
                found = Examination(self.remote, self.policy, clone, last, fresh=True).of(clone.renew())
        if last and last.revision == found.revision:
            return _fetched(last, found.snapshot)
        return Fetched(found.snapshot, found.revision, found.signers, found.committed_at, now, moved=True)

    def accept(self, fetched: Fetched) -> None:
        """Trust it from now on: written durably, and the whole state kept aside.

        Raises SourceUnreadable where that cannot be written.
        """
        trusted = Trusted(fetched.revision, self.policy.anchor, fetched.signers, fetched.committed_at, fetched.moved_at)
        if not self.caches:
            self._record.write(self.remote.key, trusted)
            return
        with alone(self._home / "lock"):
            if self._is_behind(fetched.revision):
                return
            self._record.write(self.remote.key, trusted)
            kept = self._kept.read()
            if kept is None or kept[0] != trusted:
                self._kept.write(trusted, fetched.snapshot)
                self.clone.keep(fetched.revision)

    @property
    def caches(self) -> bool:
        """Whether the cache is this user's own: what root wrote into the puller's, the puller could not write again."""
        home = self._home
        there = next(it for it in (home, *home.parents) if it.exists())
        return os.access(there, os.W_OK | os.X_OK) and there.stat().st_uid == os.geteuid()

    def last_good(self) -> Fetched | None:
        """The last accepted state, without the network; None before the first, or where every copy of it is lost.

        Raises HostUnreadable for a damaged record of trust.
        """
        trusted, kept = self._record.read(self.remote.key), self._kept.read()
        if kept and (trusted is None or kept[0].revision == trusted.revision):
            return _fetched(*kept)
        if trusted is None:
            return None
        try:
            with self.clone.opened() as repo:
                return _fetched(trusted, snapshot(repo, trusted.revision, self.remote))
        except SourceUnreadable:
            return None

    def _is_behind(self, revision: str) -> bool:
        """Whether another agent has trusted what follows it, since it was fetched."""
        last = self._record.read(self.remote.key)
        if last is None or last.revision == revision or last.anchor != self.policy.anchor:
            return False
        return self.clone.has(last.revision) and self.clone.is_ancestor(revision, last.revision)

    def _last(self) -> Trusted | None:
        """The record decides; where it was lost, the copy of the last good state still tells."""
        trusted, kept = self._record.read(self.remote.key), self._kept.read()
        return trusted or (kept[0] if kept else None)

    @property
    def _home(self) -> Path:
        digest = hashlib.sha256(self.remote.key.encode()).hexdigest()[:_SHORT]
        return Path(self.cache_directory, "sources", digest)

    @property
    def clone(self) -> Clone:
        return Clone(self.remote, self._home / "clone.git")

    @property
    def _kept(self) -> Kept:
        return Kept(self._home / "last-good")

    @property
    def _record(self) -> TrustRecord:
        return TrustRecord(Path(self.trust_file))


def follow(source: Source, now: datetime) -> Fetched:
    """Fetch, verify, and trust from now on.

    Raises what Source.fetch and Source.accept raise; then the last trusted commit stays what it was.
    """
    fetched = source.fetch(now)
    source.accept(fetched)
    return fetched


def _fetched(trusted: Trusted, snapshot: RepoSnapshot) -> Fetched:
    return Fetched(snapshot, trusted.revision, trusted.signers, trusted.committed_at, trusted.moved_at, moved=False)
