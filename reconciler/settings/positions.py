"""Where each key and value of a TOML file stands. tomllib reads the values and forgets the places.

The text is one that tomllib has taken, so it is only walked through here, not judged.
"""

from __future__ import annotations

import tomllib
from bisect import bisect_right
from collections.abc import Mapping
from dataclasses import dataclass, field

from reconciler.errors import Position

Path = tuple[str | int, ...]
_BLANK = " \t\r\n"
_BARE_END = "=.] \t\r\n"
_PLAIN_END = ",]}#\r\n"


def positions(text: str, file: str) -> Mapping[Path, Position]:
    """The place of the key, or of the element of an array, by its path; tables have the place of their header."""
    scanner = _Scanner(text)
    scanner.document()
    lines = _starts(text)
    return {path: _place(at, lines, file) for path, at in scanner.found.items()}


def _starts(text: str) -> list[int]:
    return [0, *(at + 1 for at, character in enumerate(text) if character == "\n")]


def _place(at: int, starts: list[int], file: str) -> Position:
    line = bisect_right(starts, at)
    return Position(file, line, at - starts[line - 1] + 1)


@dataclass(slots=True)
class _Scanner:
    text: str
    at: int = 0
    found: dict[Path, int] = field(default_factory=dict)
    _elements: dict[Path, int] = field(default_factory=dict)  # arrays of tables: how many so far

    def document(self) -> None:
        prefix: Path = ()
        while self._skip():
            if self.text.startswith("[[", self.at):
                prefix = self._array_header()
            elif self.text[self.at] == "[":
                prefix = self._header()
            else:
                self._pair(prefix)

    def _header(self) -> Path:
        begin = self.at
        self.at += 1
        path: Path = ()
        for part in self._key():
            path = self._resolved(path, part)
            self._note(path, begin)
        self.at += 1
        return path

    def _array_header(self) -> Path:
        begin = self.at
        self.at += 2
        path: Path = ()
        *above, last = self._key()
        for part in above:
            path = self._resolved(path, part)
            self._note(path, begin)
        path = (*path, last)
        self.at += 2
        self._note(path, begin)
        self._elements[path] = self._elements.get(path, -1) + 1
        path = (*path, self._elements[path])
        self._note(path, begin)
        return path

    def _resolved(self, path: Path, part: str) -> Path:
        """A header below an array of tables means its last element."""
        path = (*path, part)
        return (*path, self._elements[path]) if path in self._elements else path

    def _pair(self, prefix: Path) -> None:
        begin = self.at
        path = (*prefix, *self._key())
        for length in range(len(prefix) + 1, len(path) + 1):
            self._note(path[:length], begin)
        self.at += 1  # the '='
        self._skip()
        self._value(path)

    def _key(self) -> list[str]:
        """`a."b.c".d`; stops at what follows it."""
        parts = []
        while True:
            self._skip()
            begin = self.at
            if self.text[self.at] in "\"'":
                self._string()
                parts.append(str(tomllib.loads(f"k = {self.text[begin : self.at]}")["k"]))
            else:
                while self.text[self.at] not in _BARE_END:
                    self.at += 1
                parts.append(self.text[begin : self.at])
            self._skip()
            if self.text[self.at] != ".":
                return parts
            self.at += 1

    def _value(self, path: Path) -> None:
        match self.text[self.at]:
            case "[":
                self._array(path)
            case "{":
                self._table(path)
            case '"' | "'":
                self._string()
            case _:
                while self.at < len(self.text) and self.text[self.at] not in _PLAIN_END:
                    self.at += 1

    def _array(self, path: Path) -> None:
        self.at += 1
        index = 0
        while self._skip() and self.text[self.at] != "]":
            self._note((*path, index), self.at)
            self._value((*path, index))
            index += 1
            self._skip()
            self.at += self.text[self.at] == ","
        self.at += 1

    def _table(self, path: Path) -> None:
        self.at += 1
        while self._skip() and self.text[self.at] != "}":
            self._pair(path)
            self._skip()
            self.at += self.text[self.at] == ","
        self.at += 1

    def _string(self) -> None:
        quote = self.text[self.at]
        long = self.text.startswith(quote * 3, self.at)
        end = quote * 3 if long else quote
        self.at += len(end)
        while not self.text.startswith(end, self.at):
            self.at += 2 if quote == '"' and self.text[self.at] == "\\" else 1
        self.at += len(end)
        while long and self.text.startswith(quote, self.at):  # up to two quotes may stand before the closing three
            self.at += 1

    def _skip(self) -> bool:
        """Over blanks, newlines and comments; False at the end."""
        while self.at < len(self.text):
            if self.text[self.at] == "#":
                newline = self.text.find("\n", self.at)
                self.at = len(self.text) if newline < 0 else newline
            elif self.text[self.at] in _BLANK:
                self.at += 1
            else:
                return True
        return False

    def _note(self, path: Path, at: int) -> None:
        self.found.setdefault(path, at)
