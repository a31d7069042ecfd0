"""Whether a certificate is for a name.

Source: RFC 6125, sections 6.4.3 (a wildcard stands for one label) and 6.4.4 (the common name, where there is no other).
"""

from __future__ import annotations

import re
from collections.abc import Iterable

from reconciler.model.snapshot import Certificate

_HOST = re.compile(r"(?:^|,)CN=((?:[\w*-]+\.)+[\w-]+)(?=,|$)")


def names_of(certificate: Certificate) -> tuple[str, ...]:
    """The names that clients take it for."""
    return certificate.names or tuple(_HOST.findall(certificate.subject)[:1])


def covers(names: Iterable[str], host: str) -> bool:
    """`names` are those of a certificate; a `host` of `.domain` stands for any name below it."""
    own = {name.lower() for name in names}
    host = host.lower()
    if host.startswith("."):
        return any(name.removeprefix("*").endswith(host) for name in own)
    return host in own or f"*.{host.partition('.')[2]}" in own
