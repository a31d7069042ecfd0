"""Text for a terminal: colour, and foreign text that cannot steer it."""

from __future__ import annotations

import re

from reconciler.frozen import dataclass

# Control characters, what is invisible or turns the direction of writing, surrogates, and the tags of plane 14
CONTROL = re.compile(
    r"[\x00-\x08\x0a-\x1f\x7f-\x9f\xad\u061c\u115f\u1160\u180e\u200b-\u200f\u2028-\u202e\u2060-\u206f\u3164"
    r"\ud800-\udfff\ufeff\uffa0\ufff9-\ufffb\U000e0000-\U000e0fff]"
)


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
    return CONTROL.sub(_visible, text)


def _visible(found: re.Match[str]) -> str:
    code = ord(found[0])
    return f"\\u{code:04x}" if code < 0x10000 else f"\\U{code:08x}"
