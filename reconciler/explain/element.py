"""An element of a list: its place in it, and which services run with a list of their own."""

from __future__ import annotations

from reconciler.explain import sessions
from reconciler.explain.asked import Asked
from reconciler.explain.explanation import Explanation, Fact, Session, Standing
from reconciler.explain.standing import expanded, text_of
from reconciler.live.config import LiveConfig
from reconciler.model.address import ElementAddress
from reconciler.postfix import restrictions
from reconciler.postfix.effective import View
from reconciler.postfix.lines import BLANKS
from reconciler.postfix.main_cf import Entry
from reconciler.postfix.restrictions import Element


def tell(asked: Asked, address: ElementAddress) -> Explanation:
    """An element."""
    live = asked.live
    kind = "a restriction list, evaluated in order" if restrictions.is_restriction_list(address.parameter) else "a list"
    facts = (Fact("type", f"an element of {address.parameter}, {kind}"), Fact("source", "postconf(5)"))
    standing = _in_main(address, live)
    seen = [
        Session(sessions.subject(it), _reach(address, live.view_of(it), live))
        for it in sessions.services_reading(address.parameter, live)
    ]
    notes = () if standing else (f"main.cf/{address.parameter} does not hold it",)
    return asked.answer(facts, standing, live.at(address), sessions=tuple(seen), notes=notes)


def _in_main(address: ElementAddress, live: LiveConfig) -> tuple[Standing, ...]:
    entry = live.main.find(address.parameter.encode("utf-8", "surrogateescape"))
    text = text_of(entry.value) if entry else ""
    found = restrictions.find(address.parameter, text, address.element, live.same_element)
    if entry is None or found is None:
        return ()
    line = entry.line + entry.raw.count(b"\n", 0, _start(entry, text, found))
    return (Standing(live.path("main.cf"), line, found.text, expanded(found.text, live.view)),)


def _start(entry: Entry, text: str, element: Element) -> int:
    """Where an element of the entry's value, which is `text`, begins in the entry's bytes."""
    whole = entry.source.text.rstrip(BLANKS)
    start = len(whole) - len(entry.value) + len(text[: element.at[0]].encode("utf-8", "surrogateescape"))
    return entry.source.offsets(start, start)[0]


def _reach(address: ElementAddress, view: View, live: LiveConfig) -> str:
    text = view.raw(address.parameter) or ""
    listed = restrictions.elements(text, with_arguments=restrictions.is_restriction_list(address.parameter))
    if not any(live.same_element(it.text, address.element) for it in listed):
        own = address.parameter in view.overrides
        value = view.get(address.parameter) or "(empty)"
        return f"not asked: {'its own' if own else 'the'} {address.parameter} is {value}"
    blocker = restrictions.blocker(address.parameter, text, address.element, live.same_element)
    return f"never reached, behind {blocker}" if blocker else "asked"
