"""Domain names as configuration may hold them: ASCII labels of the lengths DNS allows."""

from __future__ import annotations

import re

_LABEL = re.compile(r"[a-z0-9_]([a-z0-9_-]{0,61}[a-z0-9_])?\Z", re.IGNORECASE)


def check_domain(text: str) -> None:
    """Raises ValueError where `text` is no domain name in ASCII form."""
    if not text.isascii():
        try:
            label = text.encode("idna").decode()
        except UnicodeError:
            label = ""
        hint = f"; if that is meant, write its A-label {label!r}" if label else ""
        raise ValueError(f"{text!r} holds characters outside ASCII{hint}")
    if len(text) > 253:
        raise ValueError(f"the name is {len(text)} characters long; DNS allows 253")
    for label in text.split("."):
        if len(label) > 63:
            raise ValueError(f"the label {label[:20] + '…'!r} is {len(label)} characters long; DNS allows 63")
        if not _LABEL.match(label):
            raise ValueError(f"{label!r} in {text!r} is no DNS label")
