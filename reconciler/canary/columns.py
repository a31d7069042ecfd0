"""The columns of master.cf that a service cannot do without: Postfix starts, and the service dies once it is asked.

Source: `single_server_main()` and its kin in Postfix's master/, which end with "service … requires a process limit of
…" and "requires privileged operation"; master.cf as Postfix brings it; measured for every program of 3.7.
"""

from __future__ import annotations

import posixpath
import re
from collections.abc import Iterator

from reconciler.live.config import LiveConfig
from reconciler.postfix.effective import View
from reconciler.postfix.master_cf import Service

_ONE = frozenset({"anvil", "oqmgr", "nqmgr", "pickup", "postlogd", "postscreen", "qmgr", "scache", "tlsmgr", "verify"})
_UNLIMITED = frozenset({"bounce", "cleanup", "dnsblog", "flush", "tlsproxy"})
_PRIVILEGED = frozenset({"local", "pipe", "spawn", "virtual"})
_STRANGERS = frozenset({"dnsblog", "lmtp", "postscreen", "smtp", "smtpd", "tlsproxy"})  # they talk to anybody
_OUTSIDE = frozenset({"local", "pipe", "postlogd", "proxymap", "spawn", "virtual"})  # of the queue, by what they do
_PUBLIC = frozenset({"cleanup", "flush", "pickup", "postlog", "qmgr", "showq"})
_PROGRAMS = {  # where it is not the service's own name
    "rewrite": frozenset({"trivial-rewrite"}),
    "defer": frozenset({"bounce"}),
    "trace": frozenset({"bounce"}),
    "proxywrite": frozenset({"proxymap"}),
    "relay": frozenset({"smtp"}),
    "retry": frozenset({"error"}),
    "postlog": frozenset({"postlogd"}),
    "qmgr": frozenset({"qmgr", "oqmgr", "nqmgr"}),
}
_RETRYING = frozenset({"qmgr", "oqmgr", "nqmgr"})
_RUNNING_OTHERS = frozenset({"pipe", "spawn"})
_USER = re.compile(r"(?:^|\s)user=([^\s:]+)")
STOCK = _PUBLIC | _PROGRAMS.keys() | {"anvil", "bounce", "error", "proxymap", "scache", "smtp", "tlsmgr", "verify"}


def faults(config: LiveConfig) -> Iterator[str]:
    """Every fault of a column, and services that stand twice; in the order of master.cf."""
    yield from _twice(config)
    for service in config.master.by_key.values():
        for text in _faults(service, config.view_of(service)):
            yield f"master.cf: {service.name}/{service.type}: {text}"


def _twice(config: LiveConfig) -> Iterator[str]:
    for service in config.master.services:
        last = config.master.by_key[service.key]
        if _meaning(service) != _meaning(last):
            yield (
                f"master.cf: {service.name}/{service.type} stands twice and differs; the last, line {last.line}, counts"
            )


def _meaning(service: Service) -> object:
    return (service.columns, service.command, dict(service.overrides), service.other_arguments)


def _faults(service: Service, view: View) -> Iterator[str]:
    private, unprivileged, jailed, wakeup, limit = service.columns
    program = posixpath.basename(service.command)
    own = _PROGRAMS.get(service.name, {service.name})
    if service.type != "inet" and service.name in STOCK and program not in own:
        yield f"it runs {program}, and others ask it for what {' or '.join(sorted(own))} does"
    if service.type != "inet" and service.name in STOCK and (private != "n") == (service.name in _PUBLIC):
        yield f"others look for it in {'public' if service.name in _PUBLIC else 'private'}/ of the queue (third column)"
    limit = view.get("default_process_limit") if limit == "-" else limit
    if limit.isdecimal() and program in _ONE and int(limit) != 1:
        yield f"{program} ends unless its process limit is 1"
    if limit.isdecimal() and program in _UNLIMITED and int(limit) != 0:
        yield f"{program} ends unless its process limit is 0"
    if unprivileged != "n" and program in _PRIVILEGED:
        yield f"{program} ends unless it keeps its privileges (n in the fourth column)"
    if unprivileged == "n" and program in _STRANGERS:
        yield f"{program} would talk to strangers as root (n in the fourth column)"
    if jailed == "y" and program in _OUTSIDE:
        yield f"{program} cannot do its work below the queue directory (y in the fifth column)"
    if service.type == "inet" and service.name.count("[") != service.name.count("]"):
        yield "a bracket of its address is missing; write [address]:port"
    if program in _RETRYING and wakeup.rstrip("?") in ("", "-", "0"):
        yield f"{program} looks for deferred mail only when it is woken up (sixth column)"
    if program in _RUNNING_OTHERS:
        yield from _command(program, " ".join(service.other_arguments))


def _command(program: str, arguments: str) -> Iterator[str]:
    """What pipe(8) and spawn(8) end without."""
    user = _USER.search(arguments)
    if user is None:
        yield f"{program} ends unless it is told a user="
    elif user[1] in ("root", "0"):
        yield f"{program} ends where its user is root"
    if "argv=" not in arguments:
        yield f"{program} ends unless it is told a command, argv="
