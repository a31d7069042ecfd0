"""A host's redacted snapshot: read, signed, and put where reviewers look for it."""

from __future__ import annotations

import posixpath
from datetime import UTC, datetime
from pathlib import Path

from reconciler import importer, live, plan
from reconciler.errors import HostUnreadable, UsageError
from reconciler.frozen import dataclass
from reconciler.host import snapshot
from reconciler.live.publishing import EXPECTED, Owner, published
from reconciler.loop.look import look, own_name
from reconciler.loop.place import Where, memory
from reconciler.model import wire
from reconciler.model.desired import DesiredState
from reconciler.model.published import MAXIMUM_SIZE, Published
from reconciler.model.snapshot import HostSnapshot
from reconciler.publish import key
from reconciler.publish.places import place


@dataclass(frozen=True, slots=True)
class Made:
    """A signed snapshot: under which name it goes, what it says, and its bytes."""

    name: str
    seen: Published
    content: bytes


def signer(where: Where, key_file: str = "") -> str:
    """The line for the reviewers' allowed signers; the key is made where there is none.

    Raises HostUnreadable.
    """
    first = live.read(snapshot.take(posixpath.abspath(where.config_directory), now=datetime.now(UTC)))
    host, instance = where.host or own_name(first), where.instance or first.view.get("multi_instance_name")
    own = key.read(Path(key_file)) if key_file else key.of(memory(where, instance).path)
    return own.line(f"{host}@{instance}" if instance else host)


def make(where: Where, *, state: DesiredState | None = None, key_file: str = "") -> Made:
    """Read the instance, take out what is nobody's business, and sign the rest. Only the key may be written.

    `state` is what the instance follows, where that is known: then the files and tables it names are looked at too.

    Raises HostUnreadable where it cannot be read, UsageError where it is too large to be published.
    """
    directory = posixpath.abspath(where.config_directory)
    seen = snapshot.take(directory, now=datetime.now(UTC))
    first = live.read(seen)
    instance = where.instance or first.view.get("multi_instance_name")
    memories = memory(where, instance)
    last = memories.read(directory)
    wanted = plan.interests(state or _nothing(first), first, last)
    config = live.read(_extended(seen, first, wanted))
    own = key.read(Path(key_file)) if key_file else key.of(memories.path)
    owner = Owner(where.host or own_name(first), instance, own.secret)
    shown = published(config, last, owner, present=set(wanted.files) - config.snapshot.absent)
    message = wire.to_json(shown)
    content = wire.wrap(message, own.sign(message))
    if len(content) > MAXIMUM_SIZE:
        raise UsageError(f"{directory}: the snapshot would have {len(content)} bytes; {MAXIMUM_SIZE} are the limit")
    wire.from_json(message)  # what its readers would refuse is not sent
    return Made(shown.name, shown, content)


def send(made: Made, where: str, token: str = "") -> None:
    """Put it there.

    Raises PublishFailed, or UsageError where it is no place.
    """
    place(where, token).put(made.name, made.content)


def _nothing(config: live.LiveConfig) -> DesiredState:
    """A state that declares nothing: what was applied, and what is served, is looked at all the same."""
    return DesiredState(config.view.get("myhostname"), "", "", (), (), (), (), frozenset())


def _extended(seen: HostSnapshot, first: live.LiveConfig, wanted: plan.Interests) -> HostSnapshot:
    """With every table and certificate that a state may be about; a table that cannot be read is left out."""
    found = importer.interests(first)
    preferred = first.view.get("default_database_type") or "hash"
    expected = {first.path(name): "cidr" if name == "tls_clients" else preferred for name in EXPECTED}
    listed = {first.path(path): kind for path, kind in found.tables.items()}
    for path, kind in (expected | listed | wanted.tables).items():
        try:
            seen = snapshot.extend(seen, tables={path: kind})
        except (HostUnreadable, ValueError):
            continue
    return snapshot.extend(seen, pems=(*found.pems, *wanted.pems), present=wanted.files)


def followed(where: Where) -> DesiredState | None:
    """The state that the instance follows; None where no repository is named.

    Raises every error that reading a state knows.
    """
    return look(where).desired if where.repo else None
