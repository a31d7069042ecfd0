"""Handshakes for names of the SNI table: a broken row ends the handshake of that name alone, and nothing else tells.

Source: postconf(5), tls_server_sni_maps.
"""

from __future__ import annotations

import posixpath
import re
import time
from collections.abc import Iterator
from datetime import timedelta

from reconciler.errors import HostUnreadable
from reconciler.frozen import dataclass, replace
from reconciler.host import files
from reconciler.live.config import LiveConfig
from reconciler.model.candidate import Candidate
from reconciler.postfix import endpoint, table
from reconciler.postfix.effective import server_level
from reconciler.postfix.values import split_list
from reconciler.probe import smtp
from reconciler.probe.smtp import Visit

_NAMES = 3  # of each table; rows that change come first
_PATIENCE = timedelta(seconds=4)  # for one session
_FOR_RECIPIENTS = ("smtpd_relay_restrictions", "smtpd_recipient_restrictions")
_BY_ADDRESS = re.compile(
    r"check_client|check_ccert|permit_inet_interfaces|permit_auth_dest|permit_mx_backup", re.IGNORECASE
)


def problems(config: LiveConfig, candidate: Candidate, end: float) -> Iterator[str]:
    """`config` is the private one, `end` when all has to be done. One session a name."""
    where = next((it for it in listeners(config) if it.level != "none"), None)
    for name in _names(config, candidate) if where else ():
        if where is not None:
            left = timedelta(seconds=max(end - time.monotonic(), 0.1))
            visit = Visit(where.address, where.port, "probe.invalid", wrapped=where.wrapped, server_name=name)
            session = smtp.visit(replace(visit, patience=min(_PATIENCE, left)))
            if session.tls is None:
                yield f"tls_server_sni_maps: {name}: {session.problem or 'no TLS'}"


@dataclass(frozen=True, slots=True)
class Listener:
    """An smtpd of the private instance; `level` is none, may or encrypt.

    `trusts_neighbours` says that some of its lists know clients by their address, and so perhaps who probes.
    """

    service: str
    address: str
    port: int
    level: str
    wrapped: bool
    sasl: bool
    offers_to_all: bool
    trusts_neighbours: bool


def listeners(config: LiveConfig) -> Iterator[Listener]:
    """Every smtpd that listens on TCP."""
    for service in config.master.by_key.values():
        if service.type == "inet" and posixpath.basename(service.command) == "smtpd":
            view = config.view_of(service)
            host, _ = endpoint.split(service.name)
            port = endpoint.port_number(service.name) or 0
            yield Listener(
                service=service.name,
                address=host,
                port=port,
                level=server_level(view),
                wrapped=view.is_yes("smtpd_tls_wrappermode"),
                sasl=view.is_yes("smtpd_sasl_auth_enable"),
                offers_to_all=not view.get("smtpd_sasl_exceptions_networks"),
                trusts_neighbours=any(_BY_ADDRESS.search(view.get(name)) for name in _FOR_RECIPIENTS),
            )


def _names(config: LiveConfig, candidate: Candidate) -> list[str]:
    """Keys that a name can be asked by; for those of `.domain` a name below it."""
    found: list[str] = []
    for reference in split_list(config.view.get("tls_server_sni_maps")):
        path = config.path(reference.rpartition(":")[2])
        try:
            state = files.read(path)
        except HostUnreadable:
            state = None
        rows = table.parse(state.content).rows if state else {}
        standing = _standing(path, config, candidate)
        keys = sorted(rows, key=lambda key: rows[key].value == standing.get(key))
        found += [("canary" * key.startswith(b".")) + key.decode("ascii", "ignore") for key in keys][:_NAMES]
    return found


def _standing(path: str, config: LiveConfig, candidate: Candidate) -> dict[bytes, bytes]:
    """The rows of the live table that this one stands for."""
    live = path.replace(config.snapshot.config_directory, candidate.config_directory, 1)
    try:
        state = files.read(live)
    except HostUnreadable:
        state = None
    return {key: row.value for key, row in table.parse(state.content).rows.items()} if state else {}
