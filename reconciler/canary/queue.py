"""The queue of the canary, and what services look for in it: the files that chrooted ones need, the sockets of SASL.

Source: postfix-files; "chroot" in master(5); postconf(5), smtpd_sasl_path.
"""

from __future__ import annotations

import grp
import os
import pwd
import re
import shutil
from contextlib import suppress
from pathlib import Path

from reconciler.errors import CheckFailed
from reconciler.host.instance import PrivateInstance
from reconciler.live.config import LiveConfig

_OWN = ("active", "bounce", "corrupt", "defer", "deferred", "flush", "hold", "incoming", "private", "saved", "trace")
_SHARED = {"maildrop": 0o730, "public": 0o710}
_SUPPORT = ("etc", "lib", "lib64", "usr")  # what Debian's init copies into the queue for chrooted services
_PATH = re.compile(r"smtpd_sasl_path\s*=\s*([\w./-]+)")


def make(instance: PrivateInstance, live: LiveConfig) -> None:
    """What `postfix check` makes, without its second, and what the live queue holds besides.

    Raises CheckFailed where the owner of the queue is nobody here.
    """
    said = instance.postfix.values("mail_owner", "setgid_group")
    try:
        owner, group = pwd.getpwnam(said["mail_owner"]), grp.getgrnam(said["setgid_group"])
    except KeyError as unknown:
        raise CheckFailed(f"mail_owner or setgid_group: {unknown.args[0]}") from unknown
    queue = Path(instance.queue_directory)
    for name in (*_OWN, *_SHARED, "pid"):
        (queue / name).mkdir(mode=0o700, exist_ok=True)
    data = Path(instance.root, "data")
    data.mkdir(mode=0o700)
    _bring_along(live.view.get("queue_directory"), instance)  # while these directories are ours
    for path in (data, *(queue / name for name in _OWN)):
        os.chown(path, owner.pw_uid, owner.pw_gid)
    (queue / "pid").chmod(0o755)
    for name, mode in _SHARED.items():
        os.chown(queue / name, owner.pw_uid, group.gr_gid)
        (queue / name).chmod(mode)


def _bring_along(live: str, instance: PrivateInstance) -> None:
    for name in _SUPPORT:
        source, target = Path(live, name), Path(instance.queue_directory, name)
        if source.is_dir():
            with suppress(OSError, shutil.Error):
                shutil.copytree(source, target)
    for path in _sockets(instance):
        source, target = Path(live, path.lstrip("/")), Path(instance.queue_directory, path.lstrip("/"))
        if source.is_socket() and not target.exists():
            target.parent.mkdir(parents=True, exist_ok=True)
            _linked(source, target)


def _linked(source: Path, target: Path) -> None:
    try:
        target.hardlink_to(source)
    except OSError:  # another file system: a chrooted smtpd does not find it
        target.symlink_to(source.resolve())


def _sockets(instance: PrivateInstance) -> set[str]:
    """The paths that begin at the queue: relative ones, and for chrooted services all."""
    texts = [Path(instance.config_directory, name).read_bytes() for name in ("main.cf", "master.cf")]
    found = _PATH.findall("\n".join(text.decode("utf-8", "replace") for text in texts))
    return {path for path in found if ".." not in path}
