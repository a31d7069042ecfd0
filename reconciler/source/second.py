"""What one person alone may not change: two different signers have to have made the change what it is."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from hashlib import sha256

from git import Commit, Repo
from git.objects import Blob

from reconciler.desired import document, tree
from reconciler.errors import SourceUnreadable, StateInvalid, Untrusted
from reconciler.source import tree as repository
from reconciler.source.layout import MAX_YAML
from reconciler.source.policy import Sensitive, Signer


class SecondSigner:
    """Compares what is sensitive between commits; the same file is read once, however many commits have it."""

    def __init__(self, repo: Repo, subdirectory: str, kinds: frozenset[Sensitive]) -> None:
        self._repo, self._subdirectory, self._kinds = repo, subdirectory, kinds
        self._waivers: dict[str, str] = {}

    def check(self, base: str, tip: str, signed: Iterable[tuple[str, Signer]], also: Iterable[Signer] = ()) -> None:
        """A signer vouches for a file by a commit that makes it what it is at the tip, and was not so before it:
        the change itself, or the merge that brings it in. `also` vouch for the whole. Forges are no persons.

        Raises Untrusted for the first file that changed since `base` with less than two signers behind it.
        """
        before, after = self._of(base), self._of(tip)
        changed = sorted(path for path in before.keys() | after.keys() if before.get(path) != after.get(path))
        if not changed:
            return
        vouchers = {path: {it.name.lower(): it for it in also if not it.forge} for path in changed}
        for commit, signer in signed:
            if signer.forge:
                continue
            here, earlier = self._of(commit), self._before(commit)
            for path in changed:
                if here.get(path) == after.get(path) != earlier.get(path):
                    vouchers[path][signer.name.lower()] = signer
        for path in changed:
            if len(vouchers[path]) < 2:
                alone = ", ".join(str(it) for it in vouchers[path].values()) or "no person"
                what = "" if path == Sensitive.FLEET.value else "the waivers of "
                raise Untrusted(tip, f"{what}{path} changed and need a second signer; signed so far by {alone}")

    def _before(self, commit: str) -> Mapping[str, str]:
        parents = self._commit(commit).parents
        return self._of(parents[0].hexsha) if parents else {}

    def _of(self, commit: str) -> dict[str, str]:
        """Path → a digest of what is sensitive in it; nothing where nothing is."""
        try:
            top = repository.below(self._commit(commit).tree, self._subdirectory, "")
        except SourceUnreadable:
            return {}
        found = {}
        for path, blob in repository.blobs(top).items():
            if path == Sensitive.FLEET.value and Sensitive.FLEET in self._kinds:
                found[path] = blob.hexsha
            elif path.startswith("hosts/") and Sensitive.WAIVERS in self._kinds and (digest := self._waivers_of(blob)):
                found[path] = digest
        return found

    def _waivers_of(self, blob: Blob) -> str:
        if blob.hexsha not in self._waivers:
            self._waivers[blob.hexsha] = _digest(blob)
        return self._waivers[blob.hexsha]

    def _commit(self, name: str) -> Commit:
        return self._repo.commit(name)


def _digest(blob: Blob) -> str:
    """Of the waivers by what they say. A file that cannot be read has none: no state is made of it."""
    if blob.size > MAX_YAML:
        return ""
    try:
        read = document.parse(blob.data_stream.read(), tree.Source(str(blob.path), "host"))
    except StateInvalid:
        return ""
    entry = tree.entry_at(read, "waivers")
    waivers = tree.plain(entry.value) if entry else None
    return sha256(json.dumps(waivers).encode()).hexdigest() if waivers else ""
