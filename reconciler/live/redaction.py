"""What of a host may leave it: enough to plan with, and nothing else.

Inside the TLS scope everything stays as it is, but for what can be a password. Outside of it names stay, because lines
and places are counted by them, and values become marks: a keyed digest under a secret of the host, so that two equal
values are still equal and nothing can be guessed back. A plan made from what is left has the same changes.
"""

from __future__ import annotations

import hashlib
import hmac
import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from enum import Enum

from reconciler.frozen import dataclass
from reconciler.live.markers import is_marker
from reconciler.postfix import catalogue, main_cf, master_cf, restrictions, scope
from reconciler.postfix.lines import LogicalLine
from reconciler.postfix.master_cf import Service, Token
from reconciler.postfix.values import split_list

POLICIES = "smtp_tls_policy_maps"
# Outside of the TLS scope, but asked for by every plan: who this is, where it lies, what it takes for granted.
KEPT = frozenset(
    {
        "myhostname", "mydomain", "config_directory", "data_directory", "queue_directory", "meta_directory",
        "compatibility_level", "default_database_type", "multi_instance_name", "inet_interfaces", "inet_protocols",
        "mail_version", "service_throttle_time", "default_process_limit", "syslog_name",
    }
)  # fmt: skip
_MARK = "kept-on-the-host"
_SHOWN = 12  # hexadecimal digits of a mark
_WRITTEN_OUT = re.compile(r"\b(static|inline|[a-z0-9]+(?=:\s*\{)):.*", re.DOTALL | re.IGNORECASE)
_SECRET = re.compile(r"passw|secret")  # in the name of a parameter
_TABLE_FILES = re.compile(r"(?:(?:proxy:)?(?!static|inline)[a-z]+:(?:/|\$config_directory/)[\w./-]+[\s,]*)+")
_IN_URL = re.compile(r"(?<=://)[^/\s]+(?=@)")
_KEY = re.compile(r"-----BEGIN (?:[A-Z0-9]+ )*PRIVATE KEY.*", re.DOTALL)
_IN_CLEAR = re.compile(
    r"[A-Za-z0-9_]+|\$(?:[A-Za-z0-9_]+|\{[A-Za-z0-9_]+\}|\([A-Za-z0-9_]+\))"
)  # in a restriction list
_TYPE = re.compile(r"(?:proxy:)?[a-z0-9_]+:")
_REFERENCE = re.compile(r"\$[({]?([A-Za-z0-9_]+)")
_FLAGS = re.compile(r"-[cdDSuvVz]+")
_PLAIN_PATH = re.compile(r"[A-Za-z0-9_./-]+")


class Referred(Enum):
    """Where else a parameter is named: what a value inside the scope refers to is part of it."""

    NOWHERE = 0
    IN_SCOPE = 1
    IN_RESTRICTIONS = 2
    IN_LOGINS = 3  # where passwords are looked up


@dataclass(frozen=True)
class Redaction:
    """`secret` makes the marks, and stays on the host. `tables` are references to tables that may be named in clear.

    `meaning` gives a value in the form in which two that mean the same are equal: so are their marks.
    """

    secret: bytes
    tables: frozenset[str]
    meaning: Callable[[str, str], str]

    def mark(self, about: str, text: str) -> str:
        """What stands for a value: one word, the same for the same value at the same place."""
        message = f"{about}\0{text}".encode("utf-8", "surrogateescape")
        return f"{_MARK}.{hmac.new(self.secret, message, hashlib.sha256).hexdigest()[:_SHOWN]}"

    # --- values -------------------------------------------------------------------------------------------------------

    def parameter(self, name: str, value: str, named: Referred = Referred.NOWHERE) -> str:
        """A value as it may leave the host; empty stays empty. `named` is which other values refer to it."""
        if not value:
            return value
        if name.endswith("_restrictions") or named is Referred.IN_RESTRICTIONS:
            for it in reversed(restrictions.elements(value, with_arguments=True)):
                shown = self._element(it.text)
                value = value if shown == it.text else f"{value[: it.at[0]]}{shown}{value[it.at[1] :]}"
            return value
        if name in KEPT or name == POLICIES or scope.in_scope(name):
            return self._in_scope(name, value)
        if named is Referred.IN_SCOPE or (named is Referred.IN_LOGINS and _TABLE_FILES.fullmatch(value)):
            return self._in_scope(name, value)
        return self.mark(name, self.meaning(name, value))

    def _in_scope(self, name: str, value: str) -> str:
        """In clear, but for passwords: written out in a table of logins, in a URL, or a whole key."""
        if _SECRET.search(name) and name not in catalogue.parameters():
            return self.mark(name, value)
        if "sasl" in name:
            value = _WRITTEN_OUT.sub(lambda it: f"{it[1]}:{self.mark(name, it[0])}", value)
        value = _IN_URL.sub(lambda it: self.mark(name, it[0]), value)
        return _KEY.sub(lambda it: self.mark(name, it[0]), value)

    def _element(self, text: str) -> str:
        """One restriction: its word stays, its argument only where it is a table of ours."""
        words = text.split()
        return " ".join(it if _IN_CLEAR.fullmatch(it) or it in self.tables else self._argument(it) for it in words)

    def _argument(self, word: str) -> str:
        kind = _TYPE.match(word)
        mark = self.mark("argument", word)
        return f"{kind[0]}{mark}" if kind else mark

    def header(self, text: str) -> str:
        """A service's columns and command; of its other arguments only flags."""
        words = text.split(" ")
        return " ".join((*words[:6], *(self._other_argument(word) for word in words[6:])))

    def _other_argument(self, word: str) -> str:
        return word if _FLAGS.fullmatch(word) else self.mark("argument", word)

    # --- documents ----------------------------------------------------------------------------------------------------

    def main(self, document: main_cf.MainCf, named: Mapping[str, Referred]) -> str:
        """main.cf, line for line. `named` are the parameters that other values refer to."""
        return "".join(self._main_node(node, named) for node in document.nodes)

    def _main_node(self, node: object, named: Mapping[str, Referred]) -> str:
        match node:
            case main_cf.Entry():
                name, value = _text(node.name), _text(node.value)
                return _entry(node.source, name, self.parameter(name, value, named.get(name, Referred.NOWHERE)))
            case main_cf.Malformed():
                return _orphan(node.raw)
            case _:
                return _comments(getattr(node, "raw", b""))

    def master(self, document: master_cf.MasterCf) -> str:
        """master.cf, line for line: every service with its columns, its options, and no other argument."""
        return "".join(self._master_node(node) for node in document.nodes)

    def _master_node(self, node: object) -> str:
        match node:
            case Service():
                return self._service(node)
            case master_cf.Malformed():
                return _orphan(node.raw)
            case _:
                return _comments(getattr(node, "raw", b""))

    def _service(self, service: Service) -> str:
        """On each line what begins there: options stay in front of or behind the comments between them."""
        written = {option.tokens[0].at[0]: self._option(option.name, option.value) for option in service.options}
        ours = {token.at for option in service.options for token in option.tokens}
        others = (token for token in service.arguments if token.at not in ours)
        written |= {token.at[0]: self._token(token, service) for token in others}
        header = " ".join(_text(field.text) for field in service.fields)
        lines: list[str] = []
        for start, line in _physical(service.raw):
            here = [text for at, text in sorted(written.items()) if start <= at < start + len(line) and text]
            first = [header] if not lines else []
            body = " ".join((*first, *here))
            if not body:
                lines.append(_comment(line))
            else:
                lines.append((body if not start else f"  {body}") + _newline(line))
        return "".join(lines)

    def _option(self, name: str, value: str) -> str:
        shown = self.parameter(name, value)
        return f"-o {{ {name} = {shown} }}" if re.search(r"\s", shown) else f"-o {name}={shown}"

    def _token(self, token: Token, service: Service) -> str:
        text = _text(token.text)
        if service.type == "inet":
            return self._other_argument(text)
        return text if _FLAGS.fullmatch(text) else ""


def references(values: Iterable[str]) -> frozenset[str]:
    """The names of the parameters that values refer to."""
    return frozenset(name for value in values for name in _REFERENCE.findall(value))


def is_login(name: str) -> bool:
    """Whether a parameter says where passwords are looked up."""
    return _SECRET.search(name) is not None


def may_follow(name: str) -> bool:
    """Whether a parameter that a value in clear refers to may be shown too: not who may relay, nor where mail goes."""
    return scope.refusal(name) == scope.refusal("no_such_parameter")


def table_words(element: str) -> Iterator[str]:
    """The references to tables in one element of a list."""
    yield from (word for word in split_list(element) if _TYPE.match(word))


def _entry(line: LogicalLine, name: str, value: str) -> str:
    """The entry over as many lines as it had: its comments stay inside it."""
    lines = list(_physical(line.raw))
    last = max(index for index, (start, _) in enumerate(lines) if any(start == it for it, _ in line.spans))
    out = []
    for index, (_, raw) in enumerate(lines):
        if index == 0:
            out.append(f"{name} = {value}".rstrip(" ") if last == 0 or not value else f"{name} =")
        elif index == last and value:
            out.append(f" {value}")
        else:
            out.append(_comment(raw).rstrip("\n"))
        out.append(_newline(raw))
    return "".join(out)


def _orphan(raw: bytes) -> str:
    return "".join((_comment(line) if _is_comment(line) else f" -{_newline(line)}") for _, line in _physical(raw))


def _comments(raw: bytes) -> str:
    return "".join(_comment(line) for _, line in _physical(raw))


def _comment(line: bytes) -> str:
    """A comment without its words, but for another tool's marker and a service that is commented out."""
    if is_marker(line):
        return line.decode("utf-8", "replace").rstrip("\r\n") + _newline(line)
    if not line.strip() and line:
        return _newline(line)
    fields = line.decode("utf-8", "replace").strip().lstrip("# \t").split()
    is_service = _is_comment(line) and len(fields) >= 8 and fields[1] == "inet" and all(map(_plain, fields[:8]))
    return f"#{' '.join(fields[:8]) if is_service else ''}{_newline(line)}"


def _plain(field: str) -> bool:
    return _PLAIN_PATH.fullmatch(field.replace(":", "").replace("[", "").replace("]", "").replace("?", "")) is not None


def _is_comment(line: bytes) -> bool:
    return line.lstrip().startswith(b"#")


def _physical(raw: bytes) -> Iterator[tuple[int, bytes]]:
    """The physical lines with where they begin."""
    at = 0
    for line in raw.split(b"\n"):
        ended = at + len(line) < len(raw)
        if line or ended:
            yield at, line + (b"\n" if ended else b"")
        at += len(line) + 1


def _newline(line: bytes) -> str:
    return "\n" if line.endswith(b"\n") else ""


def _text(raw: bytes) -> str:
    return raw.decode("utf-8", "surrogateescape")
