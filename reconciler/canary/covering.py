"""Whether a certificate is for a name.

Source: RFC 6125, section 6.4.3: a wildcard stands for one label.
"""

from __future__ import annotations

from collections.abc import Iterable


def covers(names: Iterable[str], host: str) -> bool:
    """`names` are those of a certificate; a `host` of `.domain` stands for any name below it."""
    own = {name.lower() for name in names}
    host = host.lower()
    if host.startswith("."):
        return any(name.removeprefix("*").endswith(host) for name in own)
    return host in own or f"*.{host.partition('.')[2]}" in own
