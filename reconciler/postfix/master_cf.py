"""master.cf as a document: services, their columns and their options, every byte kept.

Options are read as the daemons read them (getopt, all four spellings of `-o`), not as `postconf -P` does, which
takes `-osmtpd_tls_loglevel=1` apart at the second `o`.

Source: master(5); `get_master_ent()` in master/master_ent.c; the `getopt()` loop of master/single_server.c.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from functools import cached_property, lru_cache
from itertools import chain

from reconciler.frozen import dataclass
from reconciler.postfix import endpoint
from reconciler.postfix.lines import BLANKS, LogicalLine, Trivia, inner_comments, newline_of, split

_SPACE = b" \t\r\n"  # CHARS_SPACE: what separates fields
_FIELD = re.compile(rb"[^ \t\r\n]+")
_TAKES_VALUE = frozenset(b"imnost")  # of the daemons' "cdDi:lm:n:o:s:St:uvVz"
_COMMENTED_OPTION = re.compile(rb"[ \t]*#[ \t]*-o")
_WAKEUP = re.compile(r"(-|[0-9]+)\??|\?")
_LIMIT = re.compile(r"-|[0-9]+")
DEFAULT_COLUMNS = ("y", "y", "n", "0", "-")  # chroot is y where compatibility_level < 1; the limit is main.cf's
TYPES = frozenset({"inet", "unix", "fifo", "pass", "unix-dgram"})


@dataclass(frozen=True, slots=True)
class Token:
    """One field as written, with its slice of the service's `raw`."""

    text: bytes
    at: tuple[int, int]


@dataclass(frozen=True, slots=True)
class Option:
    """One `-o name=value`, in whichever spelling; `tokens` are the one or two fields it is written in."""

    name: str
    value: str
    tokens: tuple[Token, ...]


@dataclass(frozen=True)
class Service:
    """One service: eight columns, then arguments."""

    raw: bytes
    line: int
    fields: tuple[Token, ...]  # the eight columns
    arguments: tuple[Token, ...]
    source: LogicalLine

    @cached_property
    def name(self) -> str:
        return _text(self.fields[0].text)

    @cached_property
    def type(self) -> str:
        return _text(self.fields[1].text)

    @cached_property
    def columns(self) -> tuple[str, ...]:
        """private, unprivileged, chroot, wakeup, process limit, as written (`-` for the default)."""
        return tuple(_text(field.text) for field in self.fields[2:7])

    @cached_property
    def command(self) -> str:
        return _text(self.fields[7].text)

    @cached_property
    def key(self) -> tuple[str, str]:
        """What master(8) tells services apart by: the canonical endpoint and the type."""
        return endpoint.canonical(self.name, self.type), self.type

    @cached_property
    def options(self) -> tuple[Option, ...]:
        """Every `-o`, in order; of one name the last wins."""
        return tuple(_options(self.arguments))

    @cached_property
    def overrides(self) -> dict[str, str]:
        """The parameters this service runs with instead of main.cf's."""
        return {option.name: option.value for option in self.options}

    def comment_of(self, name: str, kind: str) -> int | None:
        """Where in `raw` the commented-out header of another service ends; None where none stands inside this one."""
        at = 0
        for line in self.raw.splitlines(keepends=True):
            at += len(line)
            fields = line.decode("utf-8", "replace").strip().lstrip("# \t").split()
            is_header = line.lstrip(BLANKS).startswith(b"#") and len(fields) >= 8 and fields[1] == kind
            if is_header and endpoint.canonical(fields[0], kind) == name:
                return at
        return None

    @cached_property
    def other_arguments(self) -> tuple[str, ...]:
        """The arguments that are no `-o`, such as `-v`."""
        ours = {token.at for option in self.options for token in option.tokens}
        return tuple(_text(token.text) for token in self.arguments if token.at not in ours)


@dataclass(frozen=True, slots=True)
class Malformed:
    """A logical line that is no service, kept as it stands."""

    raw: bytes
    line: int
    what: str
    fatal: bool


Node = Trivia | Service | Malformed


@dataclass(frozen=True)
class MasterCf:
    """A master.cf. Immutable: every edit gives a new document."""

    nodes: tuple[Node, ...]

    def render(self) -> bytes:
        return b"".join(node.raw for node in self.nodes)

    @cached_property
    def services(self) -> tuple[Service, ...]:
        return tuple(node for node in self.nodes if isinstance(node, Service))

    @cached_property
    def malformed(self) -> tuple[Malformed, ...]:
        return tuple(node for node in self.nodes if isinstance(node, Malformed))

    @cached_property
    def by_key(self) -> dict[tuple[str, str], Service]:
        """The service in force for each endpoint and type: of duplicates master(8) takes the last."""
        return {service.key: service for service in self.services}

    def get(self, name: str, kind: str) -> Service | None:
        return self.by_key.get((endpoint.canonical(name, kind), kind))

    def set_option(self, service: Service, name: str, value: str) -> MasterCf:
        """Give the service `-o name=value`: in place where the option stands, on a line of its own where not."""
        standing = next((option for option in reversed(service.options) if option.name == name), None)
        if standing is None:
            return self._replace(service, _with_option(service, name, value))
        first, last = standing.tokens[0], standing.tokens[-1]
        raw = service.raw[: first.at[0]] + _written(name, value) + service.raw[last.at[1] :]
        return self._replace(service, raw)

    def set_options(self, service: Service, values: Mapping[str, str]) -> MasterCf:
        """As `set_option` one after the other; a service that has none yet is read once and not each time."""
        if service.options or _end_of_options(service) is not None or _is_cut_short(service):
            document = self
            for name, value in values.items():
                document = document.set_option(document.by_key[service.key], name, value)
            return document
        return self._replace(service, _with_lines(service, *(_written(name, it) for name, it in values.items())))

    def unset_option(self, service: Service, name: str) -> MasterCf:
        """Remove every `-o` of that name, with its line where nothing else stands on it."""
        return self.drop_options(service, (option for option in service.options if option.name == name))

    def drop_options(self, service: Service, options: Iterable[Option]) -> MasterCf:
        """Remove these very options, with their lines where nothing else stands on them."""
        return self._replace(service, _without(service, (token for option in options for token in option.tokens)))

    def duplicates(self) -> tuple[Service, ...]:
        """The services that a later one of the same endpoint and type overrides; only master(8) warns of them."""
        return tuple(service for service in self.services if self.by_key[service.key] is not service)

    def set_columns(
        self, service: Service, columns: tuple[str, ...], command: str, arguments: tuple[str, ...] = ()
    ) -> MasterCf:
        """Replace the columns, and the arguments that are no `-o`, where they differ; spacing and options stay."""
        if service.other_arguments != arguments:
            document = self._with_arguments(service, arguments)
            return document.set_columns(document.by_key[service.key], columns, command, arguments)
        raw = service.raw
        wanted = (*columns, command)
        for token, text in reversed(list(zip(service.fields[2:], wanted, strict=True))):
            if _text(token.text) != text:
                raw = raw[: token.at[0]] + text.encode() + raw[token.at[1] :]
        return self._replace(service, raw)

    def _with_arguments(self, service: Service, arguments: tuple[str, ...]) -> MasterCf:
        ours = {token.at for option in service.options for token in option.tokens}
        end = service.fields[7].at[1]
        added = "".join(f" {argument}" for argument in arguments).encode()
        others = [token for token in service.arguments if token.at not in ours]
        raw = _without(service, others)
        return self._replace(service, raw[:end] + added + raw[end:])

    def add(self, name: str, kind: str, columns: tuple[str, ...], command: str) -> MasterCf:
        """A new service without options: after its commented-out example, else after its kin, else at the end.

        `command` may have its other arguments with it.
        """
        at = _place(self.nodes, name, kind, command)
        newline = newline_of(self.render())
        before = b"".join(node.raw for node in self.nodes[:at])
        after = b"".join(node.raw for node in self.nodes[at:])
        joint = newline if before and not before.endswith(b"\n") else b""
        header = f"{name:<9} {kind:<5} " + " ".join(f"{column:<7}" for column in columns) + f" {command}"
        ending = newline if after or not joint else b""
        return parse(before + joint + header.encode() + ending + after)

    def remove(self, name: str, kind: str) -> MasterCf:
        """Remove the service, duplicates too; comments inside it stay."""
        key = (endpoint.canonical(name, kind), kind)
        nodes = chain.from_iterable(
            inner_comments(node.source) if isinstance(node, Service) and node.key == key else (node,)
            for node in self.nodes
        )
        return MasterCf(tuple(nodes))

    def _replace(self, old: Service, raw: bytes) -> MasterCf:
        nodes = chain.from_iterable(parse(raw).nodes if node is old else (node,) for node in self.nodes)
        return MasterCf(tuple(nodes))


def parse(source: bytes) -> MasterCf:
    """Read a master.cf; any bytes are a document, what Postfix would refuse is in `malformed`."""
    return MasterCf(tuple(node if isinstance(node, Trivia) else _read(node) for node in split(source)))


def parse_file(source: bytes) -> MasterCf:
    """The same for a file as it stands on a host: what stands in the same place of others was read before."""
    nodes = split(source)
    return MasterCf(tuple(it if isinstance(it, Trivia) else _remembered(it.raw, it.line, it.spans) for it in nodes))


@lru_cache(maxsize=512)  # a piece of an edited document must not be one of its own nodes, so `parse` is without
def _remembered(raw: bytes, line: int, spans: tuple[tuple[int, int], ...]) -> Service | Malformed:
    return _read(LogicalLine(raw, line, spans))


def _read(line: LogicalLine) -> Service | Malformed:
    if line.is_orphan:
        return Malformed(
            line.raw, line.line, "a continuation line that continues nothing; Postfix ignores it", fatal=False
        )
    tokens = tuple(_tokens(line))
    if len(tokens) < 8:
        return Malformed(line.raw, line.line, f"{len(tokens)} fields where a service has at least 8", fatal=True)
    wrong = _wrong_field(tokens)
    if wrong:
        return Malformed(line.raw, line.line, wrong, fatal=True)
    return Service(line.raw, line.line, tokens[:8], tokens[8:], line)


def _wrong_field(tokens: tuple[Token, ...]) -> str:
    """What is wrong with the columns; empty where they are as master(5) has them."""
    kind, *columns = (_text(token.text) for token in tokens[1:7])
    if kind not in TYPES:
        return f"{kind!r} is no service type (inet, unix, fifo, pass, unix-dgram)"
    for name, text in zip(("private", "unpriv", "chroot"), columns, strict=False):
        if text not in ("y", "n", "-"):
            return f"{text!r} in the column {name}, which takes y, n or -"
    for name, text, form in (("wakeup", columns[3], _WAKEUP), ("maxproc", columns[4], _LIMIT)):
        if not form.fullmatch(text):
            return f"{text!r} in the column {name}, which takes a number or -"
    if kind == "inet" and columns[0] != "n":
        return f"{columns[0]!r} in the column private, where an inet service needs n; master(8) ends over it"
    return ""


def _tokens(line: LogicalLine) -> Iterator[Token]:
    """Fields, separated by white space outside of braces (`mystrtokq()`)."""
    text = line.text
    fields = _braced(text) if b"{" in text else (match.span() for match in _FIELD.finditer(text))
    found = tuple(fields)
    for (start, end), at in zip(found, line.slices(found), strict=True):
        yield Token(text[start:end], at)


def _braced(text: bytes) -> Iterator[tuple[int, int]]:
    start, level = None, 0
    for at, byte in enumerate(text):
        if level == 0 and byte in _SPACE:
            if start is not None:
                yield start, at
            start = None
            continue
        start = at if start is None else start
        level += (byte == 0x7B) - (byte == 0x7D and level > 0)
    if start is not None:
        yield start, len(text)


def _options(arguments: tuple[Token, ...]) -> Iterator[Option]:
    remaining = iter(arguments)
    for token in remaining:
        text = unbraced(token.text)
        if not text.startswith(b"-") or text in (b"-", b"--"):
            return
        yield from _option_at(token, text, remaining)


def _option_at(token: Token, text: bytes, remaining: Iterator[Token]) -> Iterator[Option]:
    """The `-o` that a cluster of letters may end in; its value is the rest of the field, or the next field."""
    for at, letter in enumerate(text[1:], start=1):
        if letter not in _TAKES_VALUE:
            continue
        rest = text[at + 1 :]
        tokens: tuple[Token, ...] = (token,)
        if not rest:
            following = next(remaining, None)
            if following is None:
                return
            rest, tokens = unbraced(following.text), (token, following)
        name, equals, value = rest.partition(b"=")
        if letter == ord("o") and equals and name.strip(BLANKS):
            yield Option(_text(name.strip(BLANKS)), _text(value.strip(BLANKS)), tokens)
        return


def unbraced(text: bytes) -> bytes:
    """An argument without its outer braces, and without the white space inside them: `{ a = b }` is `a = b`."""
    if not text.startswith(b"{"):
        return text
    level = 0
    for at, byte in enumerate(text):
        level += (byte == 0x7B) - (byte == 0x7D)
        if level == 0:
            return text[1:at].strip(BLANKS)
    return text[1:].strip(BLANKS)


def _written(name: str, value: str) -> bytes:
    """An option as a person writes it; braces only where the value holds white space or begins with a brace."""
    if any(byte in _SPACE for byte in value.encode()):
        return f"-o {{ {name} = {value} }}".encode()
    return f"-o {name}={value}".encode()


def _with_option(service: Service, name: str, value: str) -> bytes:
    """A line of its own after the last one, indented as they are; in front of a first argument that is no option."""
    end = _end_of_options(service)
    if end is not None:
        start = service.raw.rfind(b"\n", 0, end) + 1
        alone = bool(start) and not service.raw[start:end].strip(BLANKS)
        gap = newline_of(service.raw) + service.raw[start:end] if alone else b" "
        return service.raw[:end] + _written(name, value) + gap + service.raw[end:]
    if _is_cut_short(service):
        end = service.source.offset(len(service.source.text))
        return service.raw[:end] + b" " + _written(name, value) + service.raw[end:]
    return _with_lines(service, _written(name, value))


def _is_cut_short(service: Service) -> bool:
    """By a NUL, behind which nobody reads."""
    return service.source.text != service.source.whole


def _with_lines(service: Service, *options: bytes) -> bytes:
    last_start, last_end = service.source.spans[-1]
    line = service.raw[last_start:last_end]
    indent = line[: len(line) - len(line.lstrip(b" \t"))] or b"  "
    newline = b"\r\n" if line.endswith(b"\r") else b"\n"
    carriage = b"\r" if newline == b"\r\n" else b""
    lines = (b"\n" + indent + option + carriage for option in options)
    return service.raw[:last_end] + b"".join(lines) + service.raw[last_end:]


def _end_of_options(service: Service) -> int | None:
    """Where the first argument stands behind which a daemon looks for no options; None where all may be options."""
    taken = {token.at for option in service.options for token in option.tokens}
    for token in service.arguments:
        text = unbraced(token.text)
        if token.at not in taken and (not text.startswith(b"-") or text in (b"-", b"--")):
            return token.at[0]
    return None


def _without(service: Service, tokens: Iterable[Token]) -> bytes:
    raw = bytearray(service.raw)
    for start, end in sorted((token.at for token in tokens), reverse=True):
        del raw[start:end]
        line_start = raw.rfind(b"\n", 0, start) + 1
        line_end = raw.find(b"\n", start)
        line_end = len(raw) if line_end < 0 else line_end + 1
        if not bytes(raw[line_start:line_end]).strip(BLANKS):
            del raw[line_start:line_end]
            continue
        gap = start
        while gap > line_start and raw[gap - 1] in b" \t":
            gap -= 1
        keep = b"" if start >= len(raw) or raw[start] in _SPACE or gap == line_start else b" "
        raw[gap:start] = raw[gap:start] if gap == line_start else keep
    return bytes(raw)


def _place(nodes: tuple[Node, ...], name: str, kind: str, command: str) -> int:
    example = re.compile(
        rb"[ \t]*#[ \t]*" + re.escape(name.encode()) + rb"[ \t]+" + re.escape(kind.encode()) + rb"[ \t]"
    )
    for index, node in enumerate(nodes):
        if isinstance(node, Trivia) and example.match(node.raw):
            return _after_orphans(nodes, _after_commented_options(nodes, index + 1))
    kin = [
        at
        for at, node in enumerate(nodes)
        if isinstance(node, Service) and (node.type, node.command) == (kind, command)
    ]
    return _after_orphans(nodes, kin[-1] + 1 if kin else len(nodes))


def _after_commented_options(nodes: tuple[Node, ...], at: int) -> int:
    while at < len(nodes):
        node = nodes[at]
        if not isinstance(node, Trivia) or not _COMMENTED_OPTION.match(node.raw):
            break
        at += 1
    return at


def _after_orphans(nodes: tuple[Node, ...], at: int) -> int:
    while at < len(nodes) and isinstance(nodes[at], Malformed):
        at += 1
    return at


def _text(raw: bytes) -> str:
    return raw.decode("utf-8", "surrogateescape")
