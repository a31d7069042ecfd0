"""`$name` and its kin, expanded as Postfix does.

Source: postconf(5), "main.cf"; util/mac_parse.c, util/mac_expand.c; global/compat_level.c.
"""

from __future__ import annotations

import operator
import re
from collections.abc import Callable
from dataclasses import dataclass

Lookup = Callable[[str], str | None]  # a parameter's unexpanded value, None where it does not exist

_DEPTH = 50  # Postfix gives up on "unreasonable macro call nesting" at 100
_NAME = re.compile(r"[A-Za-z0-9_]+")
_RELATION = re.compile(r"\s*(==|!=|<=|>=|<|>)(level)?\s*")
_COMPARE: dict[str, Callable[[object, object], bool]] = {
    "==": operator.eq,
    "!=": operator.ne,
    "<": operator.lt,  # type: ignore[dict-item]  # operands are always of one kind
    "<=": operator.le,  # type: ignore[dict-item]
    ">": operator.gt,  # type: ignore[dict-item]
    ">=": operator.ge,  # type: ignore[dict-item]
}
_FUNCTIONS = {"domain_to_ascii": "idna", "domain_to_utf8": ""}


class ExpansionFailed(ValueError):
    """The text is one that every Postfix program dies of, or that refers to itself."""


@dataclass(frozen=True, slots=True)
class _Scanner:
    lookup: Lookup
    depth: int

    def expand(self, text: str) -> str:
        if self.depth > _DEPTH:
            raise ExpansionFailed("the value refers to itself")
        out: list[str] = []
        at = 0
        while True:
            dollar = text.find("$", at)
            if dollar < 0:
                return "".join((*out, text[at:]))
            out.append(text[at:dollar])
            piece, at = self._reference(text, dollar + 1)
            out.append(piece)

    def _deeper(self, text: str) -> str:
        return _Scanner(self.lookup, self.depth + 1).expand(text)

    def _reference(self, text: str, at: int) -> tuple[str, int]:
        """What the reference behind a `$` gives, and where it ends."""
        opening = text[at : at + 1]
        if opening == "$":
            return "$", at + 1
        if opening in ("{", "("):
            end = _closing(text, at)
            return self._braced(text[at + 1 : end]), end + 1
        name = _NAME.match(text, at)
        if name is None:
            raise ExpansionFailed(f"no parameter name after '$' in {text!r}")
        return self._value(name[0]), name.end()

    def _value(self, name: str) -> str:
        return self._deeper(self.lookup(name) or "")

    def _braced(self, body: str) -> str:
        if body.lstrip()[:1] == "{":
            return self._comparison(body)
        body = body.strip()
        name = _NAME.match(body)
        if name is None:
            raise ExpansionFailed(f"no parameter name in '${{{body}}}'")
        rest = body[name.end() :]
        if name[0] in _FUNCTIONS and rest[:1] == "{":
            return _domain(name[0], self._deeper(rest[1 : _closing(rest, 0)].strip()))
        rest = rest.lstrip()
        if not rest:
            return self._value(name[0])
        if rest[0] not in "?:":
            raise ExpansionFailed(f"'?' or ':' expected after the name in '${{{body}}}'")
        return self._choice(bool(self._value(name[0])), rest)

    def _comparison(self, body: str) -> str:
        left, rest = self._operand(body)
        relation = _RELATION.match(rest)
        if relation is None:
            raise ExpansionFailed(f"a comparison expected in '${{{body}}}'")
        right, rest = self._operand(rest[relation.end() :])
        holds = _holds(left, relation[1], right, by_level=bool(relation[2]))
        rest = rest.lstrip()
        if not rest:
            return "true" if holds else ""
        return self._choice(holds, rest)

    def _operand(self, text: str) -> tuple[str, str]:
        text = text.lstrip()
        if text[:1] != "{":
            raise ExpansionFailed(f"'{{' expected in {text!r}")
        end = _closing(text, 0)
        return self._deeper(text[1:end].strip()), text[end + 1 :]

    def _choice(self, holds: bool, rest: str) -> str:
        """`?text`, `:text`, `?{a}`, `:{b}` or `?{a}:{b}`."""
        sign, text = rest[0], rest[1:].lstrip() if rest[1:].lstrip()[:1] == "{" else rest[1:]
        if text[:1] != "{":
            return self._deeper(text) if holds == (sign == "?") else ""
        end = _closing(text, 0)
        first, other = text[1:end].strip(), text[end + 1 :].strip()
        if sign == ":":
            return "" if holds else self._deeper(first)
        if holds:
            return self._deeper(first)
        if not other:
            return ""
        if other[0] != ":":
            raise ExpansionFailed(f"':' expected before {other!r}")
        other = other[1:].strip()
        return self._deeper(other[1:-1].strip() if other[:1] == "{" else other)


def expand(text: str, lookup: Lookup) -> str:
    """Replace every reference in `text`; a parameter that does not exist expands to nothing.

    Raises ExpansionFailed where Postfix would stop, and on self-reference.
    """
    return _Scanner(lookup, 0).expand(text) if "$" in text else text


def _closing(text: str, at: int) -> int:
    """Where the bracket at `at` closes (`balpar()`)."""
    opening = text[at]
    closing = {"{": "}", "(": ")"}[opening]
    level = 0
    for index in range(at, len(text)):
        level += (text[index] == opening) - (text[index] == closing)
        if level == 0:
            return index
    raise ExpansionFailed(f"'${opening}' is not closed in {text!r}; every Postfix program stops at that")


def _holds(left: str, relation: str, right: str, *, by_level: bool) -> bool:
    compare = _COMPARE[relation]
    if by_level:
        return compare(level(left), level(right))
    if left.isdecimal() and right.isdecimal():
        return compare(int(left), int(right))
    return compare(left, right)


def level(text: str) -> tuple[int, int, int]:
    """A compatibility level as comparable numbers: `3.6` is (3, 6, 0).

    Raises ExpansionFailed where it is none.
    """
    parts = text.strip().split(".")
    if not 1 <= len(parts) <= 3 or not all(part.isdecimal() for part in parts):
        raise ExpansionFailed(f"{text!r} is no compatibility level")
    numbers = [int(part) for part in parts] + [0, 0]
    return numbers[0], numbers[1], numbers[2]


def _domain(function: str, name: str) -> str:
    try:
        return name.encode("idna").decode() if function == "domain_to_ascii" else name.encode().decode("idna")
    except UnicodeError:
        return name
