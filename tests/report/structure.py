"""What a document is made of, by real parsers, without the foreign text in it."""

from __future__ import annotations

from collections.abc import Iterator
from html.parser import HTMLParser
from typing import Any

from markdown_it import MarkdownIt

_PARSER = MarkdownIt("commonmark", {"html": True}).enable(["table", "strikethrough"])
_CODE = ("fence", "code_inline")


def of_markdown(text: str) -> list[tuple[Any, ...]]:
    """Every token with its own words; of code only that it is code, of HTML only its tags."""
    found: list[tuple[Any, ...]] = []
    for token in _PARSER.parse(text):
        for part in (token, *(token.children or ())):
            if part.type in ("html_block", "html_inline"):
                found.append((part.type, *of_html(part.content)))
            elif part.type == "fence":
                found.append((part.type, part.info))
            elif part.type != "inline":
                found.append(
                    (part.type, part.tag, "" if part.type in _CODE else part.content, *_attributes(part.attrs))
                )
    return found


def _attributes(attributes: dict[str, str | int | float]) -> Iterator[tuple[str, object]]:
    yield from attributes.items()


def of_html(text: str) -> list[tuple[Any, ...]]:
    """Every tag with its attributes, and the comments; what stands between tags is left out, but for where it stands."""
    parser = _Tags(convert_charrefs=True)
    parser.feed(text)
    parser.close()
    return parser.found


class _Tags(HTMLParser):
    def __init__(self, **options: bool) -> None:
        super().__init__(**options)
        self.found: list[tuple[Any, ...]] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.found.append(("start", tag, tuple(attrs)))

    def handle_endtag(self, tag: str) -> None:
        self.found.append(("end", tag))

    def handle_comment(self, data: str) -> None:
        self.found.append(("comment", data))

    def handle_decl(self, decl: str) -> None:
        self.found.append(("declaration", decl))

    def handle_pi(self, data: str) -> None:
        self.found.append(("processing", data))

    def unknown_decl(self, data: str) -> None:
        self.found.append(("unknown", data))
