"""A table as a whole: its source, what postmap made of it, who names it, and who asks it."""

from __future__ import annotations

from collections.abc import Iterator

from reconciler.explain import sessions
from reconciler.explain.asked import Asked
from reconciler.explain.explanation import Explanation, Fact, Session, Standing
from reconciler.explain.references import Reference, references
from reconciler.live.config import LiveConfig
from reconciler.model.address import TableAddress


def tell(asked: Asked, address: TableAddress) -> Explanation:
    """A table."""
    live = asked.live
    path = live.path(address.path)
    source = live.tables.get(path)
    named = list(references(path, live))
    facts = [Fact("type", kind(path, named, live) or "a table"), *_about(path, live)]
    facts += [Fact("named by", str(it)) for it in named]
    notes = [f"{path} does not exist"] if source is None else []
    notes += [] if named else ["no parameter names it: its rows have no effect"]
    notes += [f"{path}:{bad.line}: {bad.what}" for bad in source.malformed] if source else []
    value = live.at(address)
    standing = (Standing(path, 1, value or "", value or ""),) if source else ()
    return asked.answer(tuple(facts), standing, value, sessions=tuple(asking(named, live)), notes=tuple(notes))


def kind(path: str, named: list[Reference], live: LiveConfig) -> str:
    """The type as it was read, else as the host names it, else empty."""
    return live.snapshot.kinds.get(path) or next((it.kind for it in named if it.kind), "")


def _about(path: str, live: LiveConfig) -> Iterator[Fact]:
    state = live.snapshot.files.get(path)
    if state is not None:
        yield Fact("mode", f"{state.mode:04o}, owner {state.uid}")
        yield Fact("rows", str(len(live.tables[path].rows)))
    compiled = live.snapshot.compiled.get(path)
    if compiled is not None:
        yield Fact("compiled", compiled.problem if compiled.rows is None else f"{len(compiled.rows)} rows")


def asking(named: list[Reference], live: LiveConfig) -> Iterator[Session]:
    """The services that ask the table."""
    for reference in named:
        for service in sessions.services_reading(reference.parameter, live):
            theirs = reference.parameter in service.overrides
            if (reference.service is None and not theirs) or reference.service is service:
                yield Session(sessions.subject(service), f"asks it through {reference.parameter}")
