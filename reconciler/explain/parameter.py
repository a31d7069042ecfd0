"""A parameter of main.cf, and an option of a service, which is the same with a smaller reach."""

from __future__ import annotations

from collections.abc import Iterator
from difflib import get_close_matches

from reconciler.desired import places, wording
from reconciler.desired.parameters import SERVICES
from reconciler.errors import UsageError
from reconciler.explain import sessions
from reconciler.explain.asked import Asked
from reconciler.explain.explanation import Explanation, Fact, Override, Session, Standing
from reconciler.explain.standing import expanded, of_option, of_parameter
from reconciler.live.config import LiveConfig
from reconciler.model.address import OptionAddress, ServiceAddress
from reconciler.postfix import catalogue, scope
from reconciler.postfix.catalogue import Kind
from reconciler.postfix.endpoint import split

_KINDS = {
    Kind.BOOL: "yes or no",
    Kind.STRING_OF_BOOL: "yes or no",
    Kind.INT: "a whole number",
    Kind.STRING_OF_INT: "a whole number",
    Kind.TIME: "a time: a number with the unit s, m, h, d or w",
}
_LEGACY = ("_use_tls", "_enforce_tls")


def tell(asked: Asked, name: str) -> Explanation:
    """A parameter of main.cf.

    Raises UsageError where neither Postfix nor the state nor the host knows one of this name.
    """
    live = asked.live
    standing = of_parameter(name, live)
    if not standing and not asked.declared and not _exists(name, live):
        raise UsageError(f"main.cf/{name}: Postfix has no such parameter, and nothing sets it{_near(name, live)}")
    return asked.answer(
        tuple(_facts(name, _declarable(name), live)),
        standing,
        _effective(name, live),
        overrides=tuple(_overrides(name, live)),
        sessions=tuple(sessions.of_parameter(name, live)) if _effective(name, live) is not None else (),
        notes=tuple(_notes(name, standing, live)),
    )


def tell_option(asked: Asked, address: OptionAddress) -> Explanation:
    """An option of a service; where the service does not set it, main.cf's value is in force."""
    live, name = asked.live, address.name
    facts = tuple(_facts(name, _declarable_option(address), live))
    service = live.service(address.service)
    if service is None:
        return asked.answer(facts, (), None, notes=(f"there is no service {address.service} on this host",))
    view = live.view_of(service)
    own = of_option(service, name, live)
    notes = list(_notes(name, own, live))
    notes += [] if own else [f"the service does not set it: {_inherited(name, live)}"]
    seen = Session(sessions.subject(service), sessions.level_of(service, view))
    standing = own or of_parameter(name, live)
    return asked.answer(facts, standing, view.get(name), sessions=(seen,), notes=tuple(notes))


def _effective(name: str, live: LiveConfig) -> str | None:
    return None if live.view.raw(name) is None else live.view.get(name)


def _inherited(name: str, live: LiveConfig) -> str:
    return "main.cf's value is in force" if name in live.explicit else "the default is in force"


# --- what it is ---------------------------------------------------------------------------------------------------


def _exists(name: str, live: LiveConfig) -> bool:
    return name in live.view.defaults or name in catalogue.parameters()


def _near(name: str, live: LiveConfig) -> str:
    close = get_close_matches(name, [*live.view.defaults, *catalogue.parameters()], n=1)
    return f"; did you mean main.cf/{close[0]}?" if close else ""


def _facts(name: str, declarable: str, live: LiveConfig) -> Iterator[Fact]:
    known = catalogue.parameters().get(name)
    yield Fact("type", _type(name, live))
    if known:
        yield Fact("since", f"Postfix {_series(known.first)}")
        if known.removed:
            yield Fact("removed", f"Postfix {_series(known.removed)}")
        if known.deprecated:
            yield Fact("deprecated", f"from Postfix {_series(known.deprecated)}: {catalogue.advice(known)}")
    if name in live.view.defaults:
        raw = live.view.defaults[name]
        meaning = expanded(raw, live.view)
        yield Fact("default", raw or "(empty)" if raw == meaning else f"{raw}, which is {meaning or '(empty)'}")
    else:
        yield Fact("default", f"none: Postfix {live.snapshot.mail_version} does not know this parameter")
    yield Fact("declare", declarable)
    yield Fact("source", "postconf(5)")


def _declarable(name: str) -> str:
    """Under which keys a host file says it, or why none does."""
    refusal = scope.refusal(name)
    keys = " or ".join(".".join(path) for path in places.of_parameter(name))
    return f"not ours to set: {refusal}" if refusal else keys


def _declarable_option(address: OptionAddress) -> str:
    section = split(address.service.endpoint)[1]
    if address.service.type != "inet" or section not in SERVICES:
        return "not ours to set: only the options of the submission services are"
    path = places.of_option(section, address.name)
    refusal = scope.refusal(address.name)
    if path is None:
        return f"{section} sets it itself"
    return f"not ours to set: {refusal}" if refusal else ".".join(path)


def _type(name: str, live: LiveConfig) -> str:
    known = catalogue.parameters().get(name)
    if wording.is_known(name):
        return wording.described(name)
    if known and known.kind in _KINDS:
        return _KINDS[known.kind]
    return "a text" if _exists(name, live) else "a name of this host's own, for use as $" + name


def _series(version: tuple[int, int]) -> str:
    return f"{version[0]}.{version[1]}"


# --- what keeps it from being seen ----------------------------------------------------------------------------------


def _overrides(name: str, live: LiveConfig) -> Iterator[Override]:
    for key, service in live.master.by_key.items():
        for standing in of_option(service, name, live):
            if standing.in_force:
                yield Override(OptionAddress(ServiceAddress(*key), name), standing)


def _notes(name: str, standing: tuple[Standing, ...], live: LiveConfig) -> Iterator[str]:
    if len(standing) > 1:
        yield f"it stands {len(standing)} times; Postfix takes the last"
    if standing and not _exists(name, live):
        users = [other for other, value in live.explicit.items() if f"${name}" in value or f"${{{name}" in value]
        yield f"no parameter of Postfix; used by {', '.join(users)}" if users else "no parameter of Postfix, and unused"
    level = next((f"{name.removesuffix(it)}_tls_security_level" for it in _LEGACY if name.endswith(it)), "")
    if standing and live.view.get(level):
        yield f"without effect: {level} is not empty, and wins"
    if standing and name.endswith("_protocols") and live.version < (3, 6):
        late = [it.text for it in standing if ">=" in it.text or "<=" in it.text]
        if late:
            yield f"'>=' and '<=' came with Postfix 3.6; {live.snapshot.mail_version} does not read {late[-1]!r}"
