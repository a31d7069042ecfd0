"""Traces of other programs that may write Postfix's configuration: agents, jobs, words in the files."""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

_AGENTS = {
    "Puppet": ("/etc/puppetlabs/puppet/puppet.conf", "/etc/puppet/puppet.conf"),
    "Salt": ("/etc/salt/minion",),
    "Chef": ("/etc/chef/client.rb", "/etc/cinc/client.rb"),
    "CFEngine": ("/var/cfengine/policy_server.dat",),
    "Rudder": ("/opt/rudder/etc/agent.conf",),
}
_JOBS = ("/etc/crontab", "/etc/cron.d", "/etc/cron.hourly", "/etc/cron.daily", "/var/spool/cron/crontabs")
_UNITS = ("/etc/systemd/system",)
_WRITES = re.compile(
    r"^[^#\n]*\b(ansible-pull|puppet agent|chef-client|salt-call|postconf -[a-zA-Z]*e|postmap)\b",
    re.MULTILINE,
)
_MANAGED = re.compile(
    r"^#.*\b(ansible managed|managed by (?:puppet|chef|salt|ansible|cfengine|rudder)|puppet-managed|BEGIN ansible)\b",
    re.IGNORECASE | re.MULTILINE,
)
_MAX = 1 << 20  # bytes of a file that are looked at


def traces(config_directory: str, root: str = "/") -> Iterator[str]:
    """Each trace as a sentence's beginning: who, and where it is seen."""
    for name, paths in _AGENTS.items():
        for known in paths:
            if Path(root, known.lstrip("/")).exists():
                yield f"{name}: {known}"
    for place in (*_JOBS, *_UNITS):
        for path in _files(Path(root, place.lstrip("/"))):
            found = _WRITES.search(_text(path))
            if found:
                yield f"{found[1]}: {path}"
    for name in ("main.cf", "master.cf"):
        path = Path(config_directory, name)
        found = _MANAGED.search(_text(path))
        if found:
            yield f"{found[1]}: {path}"


def _files(place: Path) -> list[Path]:
    with suppress(OSError):
        if place.is_dir():
            return sorted(it for it in place.iterdir() if it.is_file() and not it.name.startswith("reconciler"))
        return [place] if place.is_file() else []
    return []


def _text(path: Path) -> str:
    try:
        with path.open("rb") as file:
            return file.read(_MAX).decode("utf-8", "replace")
    except OSError:
        return ""
