"""What a remote offers, held against the trust of this host."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from datetime import datetime

from git import Repo

from reconciler.errors import Rewound, SourceUnreadable, Untrusted
from reconciler.frozen import dataclass
from reconciler.model.snapshot import RepoSnapshot
from reconciler.source import signed, tree
from reconciler.source.clone import Clone, CloneDamaged, read_object
from reconciler.source.layout import check_count
from reconciler.source.policy import Policy, Signed, Signer
from reconciler.source.record import Trusted
from reconciler.source.remote import Remote
from reconciler.source.second import SecondSigner
from reconciler.source.signatures import Verifier

_NO_RECORD = (
    "this host has no record of a trusted commit that it would have to follow; "
    "check it, then write its name, or that of an older one, as trust.anchor"
)


@dataclass(frozen=True, slots=True)
class Examined:
    """A commit that may be trusted, with who signed what is new in it."""

    snapshot: RepoSnapshot
    revision: str
    signers: tuple[Signer, ...]
    committed_at: datetime


@dataclass(frozen=True, slots=True)
class Examination:
    """One clone, one policy, and the last commit that was trusted. `fresh`: the clone was made a moment ago."""

    remote: Remote
    policy: Policy
    clone: Clone
    last: Trusted | None
    fresh: bool

    def of(self, offered: str) -> Examined:
        """Raises Untrusted, Rewound, StateInvalid, SourceUnreadable, CloneDamaged."""
        if self.policy.signed is Signed.TAG and not self.remote.tag:
            raise SourceUnreadable("signatures of a tag are asked for, and no tag is followed; set source.tag")
        with self.clone.opened() as repo, Verifier(self.policy) as verifier:
            revision, taggers = self._named(repo, offered, verifier)
            base = self._base(revision)
            signers = taggers
            if base and base != revision:
                self._follows(base, revision)
                signers = self._vouched(repo, base, revision, verifier, taggers)
            when = _commit(repo, revision).when
            return Examined(snapshot(repo, revision, self.remote), revision, signers, when)

    def _named(self, repo: Repo, offered: str, verifier: Verifier) -> tuple[str, tuple[Signer, ...]]:
        """The commit behind the ref, and who signed the tag where that is what counts."""
        kind, raw = read_object(repo, offered)
        wanted = self.policy.signed is Signed.TAG
        if kind == "commit":
            if wanted:
                raise Untrusted(offered, f"the tag {self.remote.tag} is no signed one, only a name for it")
            return offered, ()
        if kind != "tag" or not self.remote.tag:
            raise Untrusted(offered, f"the ref names a {kind}, not a commit")
        try:
            tag, revision = signed.tag(raw, self.remote.tag)
        except signed.Malformed as error:
            raise Untrusted(offered, str(error)) from error
        return revision, tuple(it for _, it in verifier.verify([(offered, tag)])) if wanted else ()

    def _base(self, revision: str) -> str:
        """The commit that the offered one has to follow; empty where none is known and none has to be."""
        anchor = self.policy.anchor
        if anchor and (self.last is None or self.last.anchor != anchor):
            return anchor
        if self.last:
            return self.last.revision
        if self.policy.signed is Signed.NOTHING:
            return ""
        raise Untrusted(revision, _NO_RECORD)

    def _follows(self, base: str, revision: str) -> None:
        if not self.clone.has(base):
            if not self.fresh:
                raise CloneDamaged(f"{self.clone.path}: the last trusted commit is gone from it")
            why = f"the last trusted commit {base} is not in its history; set trust.anchor if that was meant"
            raise Rewound(base, revision, why)
        if self.clone.is_ancestor(base, revision):
            return
        older = self.clone.is_ancestor(revision, base)
        why = "it is older than" if older else "it does not follow"
        raise Rewound(base, revision, f"{why} the last trusted commit {base}; set trust.anchor if that was meant")

    def _vouched(
        self, repo: Repo, base: str, revision: str, verifier: Verifier, taggers: tuple[Signer, ...]
    ) -> tuple[Signer, ...]:
        names = self._to_verify(base, revision)
        vouched = list(verifier.verify((name, _commit(repo, name)) for name in names))
        if self.policy.second_signer:
            others = set(self.clone.between(base, revision)) - set(names)
            vouched += _those_who_signed(repo, others, verifier)
            second = SecondSigner(repo, self.remote.subdirectory, self.policy.second_signer)
            second.check(base, revision, vouched, taggers)
        return tuple(sorted({*taggers, *(signer for _, signer in vouched)}))

    def _to_verify(self, base: str, revision: str) -> tuple[str, ...]:
        match self.policy.signed:
            case Signed.EVERY_COMMIT:
                return self.clone.between(base, revision)
            case Signed.MERGES:
                return self.clone.between(base, revision, "--first-parent")
            case Signed.TAG | Signed.NOTHING:
                return ()


def snapshot(repo: Repo, revision: str, remote: Remote) -> RepoSnapshot:
    """Raises StateInvalid, SourceUnreadable, CloneDamaged."""
    try:
        files = tree.read(repo.commit(revision).tree, remote.subdirectory, remote.shown)
    except ValueError as damaged:
        raise CloneDamaged(f"{repo.git_dir}: {revision} cannot be read") from damaged
    check_count(files, remote.shown)
    return RepoSnapshot(files, revision, remote.shown)


def _commit(repo: Repo, name: str) -> signed.SignedObject:
    try:
        return signed.commit(read_object(repo, name)[1])
    except signed.Malformed as error:
        raise Untrusted(name, str(error)) from error


def _those_who_signed(repo: Repo, names: Iterable[str], verifier: Verifier) -> Iterator[tuple[str, Signer]]:
    """Of commits that need no signature, those that have a good one."""
    for name in names:
        try:
            yield from verifier.verify([(name, _commit(repo, name))])
        except Untrusted:
            continue
