"""Handshakes for names of the SNI table: a broken row ends the handshake of that name alone, and nothing else tells.

Source: postconf(5), tls_server_sni_maps.
"""

from __future__ import annotations

import posixpath
from collections.abc import Iterator

from reconciler.errors import HostUnreadable
from reconciler.frozen import dataclass
from reconciler.host import files
from reconciler.live.config import LiveConfig
from reconciler.model.candidate import Candidate
from reconciler.postfix import endpoint, table
from reconciler.postfix.effective import server_level
from reconciler.postfix.values import split_list
from reconciler.probe import smtp
from reconciler.probe.smtp import Visit

_NAMES = 3  # of each table; rows that change come first


def problems(config: LiveConfig, candidate: Candidate) -> Iterator[str]:
    """`config` is the private one. One session for each name, at the first listener with TLS."""
    where = next((it for it in listeners(config) if it.level != "none"), None)
    for name in _names(config, candidate) if where else ():
        if where is not None:
            visit = Visit(where.address, where.port, "probe.invalid", wrapped=where.wrapped, server_name=name)
            session = smtp.visit(visit)
            if session.tls is None:
                yield f"tls_server_sni_maps: {name}: {session.problem or 'no TLS'}"


@dataclass(frozen=True, slots=True)
class Listener:
    """An smtpd of the private instance; `level` is none, may or encrypt."""

    address: str
    port: int
    level: str
    wrapped: bool


def listeners(config: LiveConfig) -> Iterator[Listener]:
    """Every smtpd that listens on TCP."""
    for service in config.master.by_key.values():
        if service.type == "inet" and posixpath.basename(service.command) == "smtpd":
            view = config.view_of(service)
            host, _ = endpoint.split(service.name)
            port = endpoint.port_number(service.name) or 0
            yield Listener(host, port, server_level(view), view.is_yes("smtpd_tls_wrappermode"))


def _names(config: LiveConfig, candidate: Candidate) -> list[str]:
    """Keys that a name can be asked by; those of `.domain` are left out."""
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
        found += [key.decode("ascii", "ignore") for key in keys if not key.startswith(b".")][:_NAMES]
    return found


def _standing(path: str, config: LiveConfig, candidate: Candidate) -> dict[bytes, bytes]:
    """The rows of the live table that this one stands for."""
    live = path.replace(config.snapshot.config_directory, candidate.config_directory, 1)
    try:
        state = files.read(live)
    except HostUnreadable:
        state = None
    return {key: row.value for key, row in table.parse(state.content).rows.items()} if state else {}
