"""Whether the users of the units can read what the settings name: started by hand, as root, everything can be read."""

from __future__ import annotations

import os
from collections.abc import Iterator

from reconciler.frozen import dataclass
from reconciler.host import reach
from reconciler.host.reach import User
from reconciler.model.checkup import Checked, Verdict
from reconciler.settings.model import Settings

_HIDDEN = ("/home/", "/root/", "/run/user/", "/tmp/", "/var/tmp/")  # noqa: S108 # ProtectHome=, PrivateTmp=
_FROM_THE_PULLER = ("/etc/postfix/", "/var/spool/postfix/", "/var/lib/reconciler/")  # InaccessiblePaths=


@dataclass(frozen=True, slots=True)
class Users:
    """Who the units of systemd/ run as; `hidden` is what they do not see, whatever its mode."""

    puller: str = "reconciler-puller"
    webhook: str = "reconciler-webhook"
    hidden: tuple[str, ...] = _HIDDEN


@dataclass(frozen=True, slots=True)
class _File:
    """`setting` is what names it. Where it `is_private`, ssh and git want its reader to own it."""

    setting: str
    path: str
    is_private: bool = False


def look(file: str, settings: Settings, users: Users) -> Iterator[Checked]:
    """One verdict for each half that is not root."""
    own = _File("the settings", file)
    yield from _of("puller", users.puller, (own, *_pulled(settings)), (*users.hidden, *_FROM_THE_PULLER))
    if settings.webhook.listen:
        read = (own, _File("webhook.secret_file", settings.webhook.secret_file))
        yield from _of("webhook", users.webhook, read, users.hidden)


def _pulled(settings: Settings) -> Iterator[_File]:
    source, trust = settings.source, settings.trust
    yield _File("source.deploy_key", source.deploy_key, is_private=True)
    yield _File("source.credentials_file", source.credentials_file, is_private=True)
    yield _File("source.known_hosts", source.known_hosts)
    yield _File("source.ca_file", source.ca_file)
    yield _File("trust.allowed_signers", trust.allowed_signers)
    yield _File("trust.revoked_keys", trust.revoked_keys)
    yield _File("trust.gpg_keyring", trust.gpg_keyring)
    yield _File("publish.token_file", settings.publish.token_file)
    yield _File("forge.status_token_file", settings.forge.status_token_file)
    for route in settings.alerts.routes:
        yield from (_File("alerts.routes", path) for path in route.url_files)


def _of(subject: str, name: str, files: tuple[_File, ...], hidden: tuple[str, ...]) -> Iterator[Checked]:
    reader = reach.user(name)
    if reader is None or os.geteuid() != 0:
        why = "is not there yet: systemd-sysusers makes it" if reader is None else "can only be asked about by root"
        yield Checked(subject, Verdict.GOOD, f"the user {name} {why}")
        return
    wrong = [it for file in files if os.path.exists(file.path) for it in _wrong(file, reader, hidden)]  # noqa: PTH110
    if not wrong:
        yield Checked(subject, Verdict.GOOD, f"{name} can read what the settings name")
    for text, fix in wrong:
        yield Checked(subject, Verdict.WARNING, text, fix)


def _wrong(file: _File, reader: User, hidden: tuple[str, ...]) -> Iterator[tuple[str, str]]:
    """What is missing elsewhere is told by other checks."""
    if file.path.startswith(hidden):
        yield (
            f"{file.path} ({file.setting}) is not seen from within the unit of {reader.name}",
            "move it below /etc/reconciler, and name it there in the settings",
        )
        return
    found = reach.obstacle(file.path, reader)
    if found is None:
        return
    text = f"{reader.name} cannot read {file.path} ({file.setting})"
    if found != file.path:
        yield f"{text}: {found} is closed to it", f"chgrp {reader.name} {found}; chmod g+x {found}"
    elif file.is_private:
        yield text, f"chown {reader.name} {found}; chmod 0600 {found}"
    else:
        yield text, f"chgrp {reader.name} {found}; chmod 0640 {found}"
