"""The settings of this host as a source that is followed, and the first reading of a pass."""

from __future__ import annotations

import posixpath
import tempfile
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from reconciler.errors import Position, Problem, SettingsInvalid, UsageError
from reconciler.frozen import replace

if TYPE_CHECKING:
    from reconciler.loop.place import Where
    from reconciler.settings.model import Settings
    from reconciler.source.follow import Fetched, Source

TRUST_FILE = "trust.json"
NOT_SAID = Problem(
    Position("trust.signatures"),
    "it is not said whose commits are taken",
    'write signatures = "required" and allowed_signers below [trust], or "off" where anybody\'s are',
)


def source_of(settings: Settings) -> Source:
    """What source and trust say, for the agent and for commands.

    Raises SettingsInvalid where no URL or no policy of signatures is said.
    """
    from reconciler.source.follow import Source  # noqa: PLC0415 - GitPython costs 90 ms
    from reconciler.source.policy import Policy, Sensitive, Signed  # noqa: PLC0415
    from reconciler.source.remote import Remote  # noqa: PLC0415

    said, trust, instance = settings.source, settings.trust, settings.instance
    if trust.signatures is None:
        raise SettingsInvalid((NOT_SAID,))
    remote = Remote(
        said.url,
        branch=said.branch,
        tag=said.tag,
        subdirectory=said.subdirectory,
        deploy_key=said.deploy_key,
        known_hosts=said.known_hosts,
        credentials_file=said.credentials_file,
        ca_file=said.ca_file,
        timeout=said.timeout,
        max_size=said.max_size,
    )
    policy = Policy(
        Signed(trust.signatures.value),
        allowed_signers=trust.allowed_signers,
        revoked_keys=trust.revoked_keys,
        gpg_keyring=trust.gpg_keyring,
        forge_signers=frozenset(trust.forge_signers),
        second_signer=frozenset(Sensitive(it.value) for it in trust.second_signer),
        anchor=trust.anchor,
    )
    return Source(remote, policy, instance.cache_directory, posixpath.join(instance.state_directory, TRUST_FILE))


def chosen(settings: Settings, where: Where) -> Source | None:
    """The source that a command follows: the one of the settings, or another URL under the same policy.

    None where the repository is a directory, or another URL is named and no policy is said.

    Raises SettingsInvalid, and UsageError where signatures are asked of a directory.
    """
    from reconciler.source import handover  # noqa: PLC0415
    from reconciler.source.open import is_url  # noqa: PLC0415

    url = where.repo
    own = url == settings.source.url
    policy = settings.trust.signatures
    if url.startswith(handover.SCHEME):
        return None if policy in (None, "off") else _handed(source_of(settings), where)
    if not is_url(url):
        if own and policy not in (None, "off"):
            raise UsageError(f'{url}: a directory is not signed; follow a git URL, or write trust.signatures = "off"')
        return None
    if policy is None and not own:
        return None
    source = source_of(settings)
    tag = source.remote.tag if own and not where.branch else ""
    remote = replace(source.remote, url=url, branch=where.branch, subdirectory=where.subdirectory, tag=tag)
    return replace(source, remote=remote, trust_file=posixpath.join(where.state_directory, TRUST_FILE))


def _handed(source: Source, where: Where) -> Source:
    """What the puller hands over, under the same policy and with a record of trust and a clone of one's own."""
    instance = posixpath.basename(posixpath.normpath(where.config_directory))  # each has an agent of its own
    own = posixpath.join(where.state_directory, "handed", instance)
    tag = "" if where.branch else source.remote.tag
    bundle = posixpath.join(own, "commits.bundle")
    remote = replace(source.remote, branch=where.branch, subdirectory=where.subdirectory, tag=tag, bundle=bundle)
    return replace(source, remote=remote, cache_directory=own, trust_file=posixpath.join(own, TRUST_FILE))


def fetch(source: Source) -> Fetched:
    """What the source offers, verified, and not yet trusted. Who does not own the cache does without it.

    Raises what Source.fetch raises.
    """
    now = datetime.now(UTC)
    if source.caches:
        return source.fetch(now)
    with tempfile.TemporaryDirectory(prefix="reconciler-source-") as directory:
        return replace(source, cache_directory=directory).fetch(now)
