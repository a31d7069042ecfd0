"""Text for a terminal: colour, and foreign text that cannot steer it."""

from __future__ import annotations

import re
from dataclasses import dataclass

_CONTROL = re.compile(r"[\x00-\x08\x0a-\x1f\x7f-\x9f\u200b-\u200f\u2028-\u202e\u2066-\u2069\ud800-\udfff]")


@dataclass(frozen=True, slots=True)
class Style:
    """The escape sequences in use; the plain style has none."""

    green: str = ""
    yellow: str = ""
    red: str = ""
    dim: str = ""
    bold: str = ""
    reset: str = ""

    def paint(self, symbol: str, text: str) -> str:
        colour = {"+": self.green, "~": self.yellow, "-": self.red, ".": self.dim}.get(symbol, "")
        return f"{colour}{text}{self.reset}" if colour else text


PLAIN = Style()
COLOUR = Style("\x1b[32m", "\x1b[33m", "\x1b[31m", "\x1b[2m", "\x1b[1m", "\x1b[0m")


def clean(text: str) -> str:
    """Text from a host or a repository with whatever steers a terminal made visible."""
    return _CONTROL.sub(lambda match: f"\\u{ord(match[0]):04x}", text)
