"""A Markdown document that can be cut at any line and still be whole: it knows what is open after each of its lines."""

from __future__ import annotations

import html
import re
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field

from reconciler.report.terminal import clean

_TICKS = re.compile(r"`+")


@dataclass(slots=True)
class Draft:
    """Lines in the making; `open` holds what closes what is open, the innermost last."""

    lines: list[tuple[str, tuple[str, ...]]] = field(default_factory=list)
    open: tuple[str, ...] = ()

    def say(self, *lines: str) -> None:
        """Lines of our own words; what is foreign in them went through `code` or `in_html`."""
        self.lines += [(line, self.open) for line in lines]

    @contextmanager
    def details(self, summary: str, *, unfolded: bool) -> Iterator[None]:
        """A part that can be folded; `summary` is HTML."""
        with self._until("\n</details>"):
            self.say(f"<details{' open' if unfolded else ''}><summary>{summary}</summary>", "")
            yield
            self.say("")
        self.say("</details>", "")

    def fence(self, lines: Iterable[str]) -> None:
        """Lines exactly as they are, coloured as a diff."""
        body = list(lines)
        ticks = "`" * max(3, 1 + max((len(run) for line in body for run in _TICKS.findall(line)), default=0))
        with self._until(ticks):
            self.say(f"{ticks}diff", *body)
        self.say(ticks, "")

    @contextmanager
    def _until(self, closing: str) -> Iterator[None]:
        before, self.open = self.open, (*self.open, closing)
        yield
        self.open = before

    def whole(self) -> str:
        return "".join(f"{line}\n" for line, _ in self.lines)

    def cut(self, size: int) -> str:
        """As many whole lines as fit into `size` bytes together with what closes them."""
        used, best, kept = 0, 0, ""
        for count, (line, closing) in enumerate(self.lines, start=1):
            used += len(line.encode("utf-8", "replace")) + 1
            if used > size:
                break
            end = "".join(f"{it}\n" for it in reversed(closing))
            if used + len(end.encode()) <= size:
                best, kept = count, end
        return "".join(f"{line}\n" for line, _ in self.lines[:best]) + kept


def code(text: str) -> str:
    """Foreign text inside a sentence: a code span, in which nothing is a link, a mention, a reference or HTML."""
    shown = clean(text).replace("\t", " ")
    if not shown.strip():
        return "`(empty)`"
    ticks = "`" * (1 + max((len(run) for run in _TICKS.findall(shown)), default=0))
    pad = " " if shown[0] in "` " or shown[-1] in "` " else ""
    return f"{ticks}{pad}{shown}{pad}{ticks}"


def in_html(text: str) -> str:
    """Foreign text inside HTML: a code element, in which nothing is a mention or a reference."""
    return f"<code>{escaped(text)}</code>"


def escaped(text: str) -> str:
    """Foreign text between tags or in an attribute, on one line."""
    return html.escape(clean(text).replace("\t", " "), quote=True)


def escaped_lines(lines: Iterable[str]) -> str:
    """Foreign lines inside a `pre` element."""
    return "\n".join(escaped(line) for line in lines)
