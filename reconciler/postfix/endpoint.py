"""What a master.cf service listens on, in the one form in which two spellings of it are equal."""

from __future__ import annotations

WELL_KNOWN = {"25": "smtp", "465": "submissions", "587": "submission"}
_ALIASES = {"smtp": "smtp", "mail": "smtp", "submission": "submission", "submissions": "submissions"} | {
    "smtps": "submissions",
    "ssmtp": "submissions",
    "urd": "submissions",
}
PORTS = {name: int(port) for port, name in WELL_KNOWN.items()}


def canonical(name: str, kind: str = "inet") -> str:
    """`587`, `submission` and `:submission` are one endpoint to master(8); postconf(1) takes them for three.

    Names other than those of /etc/services for mail ports stay as they are.
    """
    if kind != "inet":
        return name
    host, _, port = name.rpartition(":")
    port = _ALIASES.get(port, WELL_KNOWN.get(port, port))
    return f"{host}:{port}" if host else port


def split(endpoint: str) -> tuple[str, str]:
    """The host part, without brackets and empty for all interfaces, and the port part."""
    host, _, port = endpoint.rpartition(":")
    return host.removeprefix("[").removesuffix("]"), port


def port_number(endpoint: str) -> int | None:
    """The TCP port of an endpoint, or None for a name that is no mail service."""
    port = split(canonical(endpoint))[1]
    if port.isdecimal() and len(port) <= 5:
        return int(port)
    return PORTS.get(port)
