"""A row of a table: its lines in the source, what the compiled table holds, and what it does."""

from __future__ import annotations

from collections.abc import Iterator

from reconciler.explain.asked import Asked
from reconciler.explain.explanation import Explanation, Fact, Session, Standing
from reconciler.explain.references import Reference, references
from reconciler.explain.standing import text_of
from reconciler.explain.table import asking, kind
from reconciler.live.config import LiveConfig
from reconciler.model.address import RowAddress
from reconciler.postfix import policy, restrictions
from reconciler.postfix.table import Row

_POLICIES = ("smtp_tls_policy_maps", "lmtp_tls_policy_maps")


def tell(asked: Asked, address: RowAddress) -> Explanation:
    """A row."""
    live = asked.live
    path = live.path(address.path)
    named = list(references(path, live))
    value = live.at(address)
    facts = [Fact("type", _row_type(named)), Fact("table", kind(path, named, live) or "not named by any parameter")]
    facts += [Fact("named by", str(it)) for it in named]
    return asked.answer(
        tuple(facts),
        tuple(_rows(path, address.key, live)),
        value,
        sessions=tuple(_effects(address, value, named, live)),
        notes=tuple(_row_notes(path, address, named, live)),
    )


def _row_type(named: list[Reference]) -> str:
    if any(it.parameter in _POLICIES for it in named):
        return "a TLS policy: the nexthop, then its security level (TLS_README)"
    if any(restrictions.is_restriction_list(it.parameter) for it in named):
        return "an access row: what to do with a client or sender (access(5))"
    return "a row of a lookup table"


def _rows(path: str, key: str, live: LiveConfig) -> Iterator[Standing]:
    source = live.tables.get(path)
    if source is None:
        return
    wanted = key.encode("utf-8", "surrogateescape")
    for node in source.nodes:
        if isinstance(node, Row) and node.key == wanted:
            text = text_of(node.value)
            yield Standing(path, node.line, text, text, source.rows[node.key] is node)


def _effects(address: RowAddress, value: str | None, named: list[Reference], live: LiveConfig) -> Iterator[Session]:
    if value is None:
        return
    for session in asking(named, live):
        if session.sees.endswith(_POLICIES):
            yield Session(f"{session.subject}, mail to {address.key}", _policy(value, live))
        else:
            yield Session(session.subject, f"{session.sees}: {value}")


def _policy(value: str, live: LiveConfig) -> str:
    try:
        found = policy.parse(value)
    except ValueError as error:
        return f"mail is deferred: {error}"
    unknown = policy.unknown_to(found, live.version)
    if unknown:
        return f"mail is deferred: Postfix {live.snapshot.mail_version} does not know {', '.join(unknown)}"
    attributes = ", ".join(f"{name}={text}" for name, text in found.attributes)
    return f"{found.level} ({attributes})" if attributes else found.level


def _row_notes(path: str, address: RowAddress, named: list[Reference], live: LiveConfig) -> Iterator[str]:
    source = live.tables.get(path)
    if source is None:
        yield f"{path} does not exist"
        return
    key = address.key.encode("utf-8", "surrogateescape")
    if key not in source.rows:
        yield "there is no such row"
    elif sum(1 for node in source.nodes if isinstance(node, Row) and node.key == key) > 1:
        yield "it stands several times; postmap takes the first and drops the others with a warning"
    compiled = live.snapshot.compiled.get(path)
    if compiled is not None and compiled.rows is None:
        yield f"the compiled table is {compiled.problem}: Postfix cannot ask it"
    elif compiled is not None and compiled.rows is not None:
        built, written = compiled.rows.get(key), source.get(key)
        if built != written:
            was = "nothing" if built is None else text_of(built)
            yield f"the compiled table holds {was!r} for it: postmap has not run since it was written"
    if not named:
        yield "no parameter names the table: the row has no effect"
