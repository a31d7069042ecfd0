"""`$name` and its kin, expanded as Postfix does.

Source: postconf(5), "main.cf"; util/mac_parse.c, util/mac_expand.c; global/compat_level.c.
"""

from __future__ import annotations

import operator
import re
from collections.abc import Callable

from reconciler.frozen import dataclass

Lookup = Callable[[str], str | None]  # a parameter's unexpanded value, None where it does not exist

_DEPTH = 100  # then Postfix ends over "unreasonable macro call nesting"
_SPACE = " \t\r\n"  # CHARS_SPACE
_NAME = re.compile(r"[A-Za-z0-9_]*")
_OPERATOR = re.compile(r"([<>!=?+\-*/~&|%]*)([A-Za-z0-9]*)")
_NUMBER = re.compile(r"[ \t\n\v\f\r]*\+?([0-9]+)\Z")  # strtol() passes over white space and a sign
_COMPARE: dict[str, Callable[[object, object], bool]] = {
    "==": operator.eq,
    "!=": operator.ne,
    "<": operator.lt,  # type: ignore[dict-item]  # operands are always of one kind
    "<=": operator.le,  # type: ignore[dict-item]
    ">": operator.gt,  # type: ignore[dict-item]
    ">=": operator.ge,  # type: ignore[dict-item]
}
_FUNCTIONS_SINCE = (3, 11)
_LARGEST = 2**63 - 1  # LONG_MAX
_LARGEST_MINOR = 1023


class ExpansionFailed(ValueError):
    """The text is one that every Postfix program dies of, or that refers to itself."""


def expand(text: str, lookup: Lookup) -> str:
    """Replace every reference in `text`; a parameter that does not exist expands to nothing.

    Raises ExpansionFailed where Postfix would stop, and on self-reference.
    """
    if "$" not in text:
        return text
    try:
        return _Scanner(lookup, 0).expand(text)
    except RecursionError as deep:
        raise ExpansionFailed("the value is nested too deep") from deep


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
        return _Scanner(self.lookup, self.depth + 1).expand(text) if text else ""

    def _reference(self, text: str, at: int) -> tuple[str, int]:
        """What the reference behind a `$` gives, and where it ends."""
        opening = text[at : at + 1]
        if opening == "$":
            return "$", at + 1
        if opening in ("{", "("):
            end = _closing(text, at)
            body, end = text[at + 1 : end], end + 1
        else:
            end = at + len(_name_at(text, at))
            body = text[at:end]
        if not body:
            raise ExpansionFailed(f"no parameter name after '$' in {text!r}")
        return self._expression(body), end

    def _expression(self, body: str) -> str:
        if body.lstrip(_SPACE).startswith("{"):
            holds, rest = self._comparison(body.lstrip(_SPACE))
            value = "true" if holds else ""
        else:
            body = body.lstrip(_SPACE)
            name = _name_at(body, 0)
            rest = body[len(name) :].lstrip(_SPACE)
            if rest.startswith("{"):
                return self._function(name, rest)
            value = self.lookup(name) or ""
        if not rest:
            return self._deeper(value)
        if rest[0] not in "?:":
            raise ExpansionFailed(f"'?' or ':' expected at {rest!r} in '${{{body}}}'")
        return self._choice(bool(value), rest)

    def _choice(self, holds: bool, rest: str) -> str:
        """`?text`, `:text`, `?{a}`, `:{b}` or `?{a}:{b}`; text without braces goes to the end."""
        out = ""
        if rest[0] == "?":
            text, rest = _operand(rest[1:])
            out = self._deeper(text) if holds else ""
            if not rest:
                return out
            if rest[0] != ":":
                raise ExpansionFailed(f"':' expected at {rest!r}")
        text, rest = _operand(rest[1:])
        if rest:
            raise ExpansionFailed(f"nothing more expected at {rest!r}")
        return out if holds else self._deeper(text)

    def _comparison(self, body: str) -> tuple[bool, str]:
        """Whether `{a}==…{b}` holds, and what follows it."""
        left, rest = _payload(body)
        found = _OPERATOR.match(rest)
        relation, kind = (found[1], found[2]) if found else ("", "")
        if relation not in _COMPARE or kind not in ("", "level"):
            raise ExpansionFailed(f"a comparison expected at {rest!r} in '${{{body}}}'")
        rest = rest[len(relation) + len(kind) :].lstrip(_SPACE)
        if not rest.startswith("{"):
            raise ExpansionFailed(f"'{{' expected at {rest!r} in '${{{body}}}'")
        right, rest = _payload(rest)
        values = self._deeper(left), self._deeper(right)
        convert = level if kind else _comparable(*values)
        return _COMPARE[relation](convert(values[0]), convert(values[1])), rest

    def _function(self, name: str, rest: str) -> str:
        """`${name{text}}`, from Postfix 3.11."""
        argument, rest = _payload(rest)
        version = re.match(r"([0-9]+)\.([0-9]+)", self.lookup("mail_version") or "")
        known = version is not None and (int(version[1]), int(version[2])) >= _FUNCTIONS_SINCE
        if rest or not known or name not in ("domain_to_ascii", "domain_to_utf8"):
            raise ExpansionFailed(f"this Postfix knows no function {name!r}")
        return _domain(name, self._deeper(argument.strip(_SPACE)))


def _name_at(text: str, at: int) -> str:
    found = _NAME.match(text, at)
    return found[0] if found else ""


def _operand(text: str) -> tuple[str, str]:
    """A result operand and what follows it: `{text}`, or plain text up to the end."""
    braced = text.lstrip(_SPACE)
    return _payload(braced) if braced.startswith("{") else (text, "")


def _payload(text: str) -> tuple[str, str]:
    """What the braces at the start hold, white space and all, and what follows them."""
    end = _closing(text, 0)
    return text[1:end], text[end + 1 :].lstrip(_SPACE)


def _closing(text: str, at: int) -> int:
    """Where the bracket at `at` closes."""
    opening = text[at]
    closing = {"{": "}", "(": ")"}[opening]
    depth = 0
    for index in range(at, len(text)):
        depth += (text[index] == opening) - (text[index] == closing)
        if depth == 0:
            return index
    raise ExpansionFailed(f"'${opening}' is not closed in {text!r}; every Postfix program stops at that")


def _comparable(one: str, other: str) -> Callable[[str], object]:
    """Two runs of digits are compared as numbers, all else byte by byte."""
    if _is_number(one) and _is_number(other):
        return _number
    return lambda text: text.encode("utf-8", "surrogateescape")


def _is_number(text: str) -> bool:
    return text.isascii() and text.isdecimal()


def _number(text: str) -> int:
    if len(text) > len(str(_LARGEST)) or int(text) > _LARGEST:
        raise ExpansionFailed(f"{text} is too large a number")
    return int(text)


def level(text: str) -> tuple[int, int, int]:
    """A compatibility level as comparable numbers: `3.6` is (3, 6, 0).

    Raises ExpansionFailed where it is none.
    """
    parts = [_NUMBER.match(part) for part in text.split(".")]
    numbers = [_number(part[1]) for part in parts if part]
    if len(numbers) < len(parts) or len(parts) > 3 or any(it > _LARGEST_MINOR for it in numbers[1:]):
        raise ExpansionFailed(f"{text!r} is no compatibility level")
    major, minor, patch = (*numbers, 0, 0)[:3]
    return major, minor, patch


def _domain(function: str, name: str) -> str:
    try:
        return name.encode("idna").decode() if function == "domain_to_ascii" else name.encode().decode("idna")
    except UnicodeError:
        return name
