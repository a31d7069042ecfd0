"""Characters that do not show, as people look them up."""

from __future__ import annotations

import unicodedata


def named(char: str) -> str:
    """A character that does not show, as people look it up: `U+00A0 (NO-BREAK SPACE)`."""
    name = unicodedata.name(char, "") or _CONTROLS.get(char, "a control character")
    return f"U+{ord(char):04X} ({name})"


_CONTROLS = {
    "\0": "NUL",
    "\t": "a tab",
    "\n": "a line feed",
    "\v": "a vertical tab",
    "\f": "a form feed",
    "\r": "a carriage return",
    "\x1b": "ESC",
    "\x7f": "DEL",
    "\x85": "a next-line character",
}
