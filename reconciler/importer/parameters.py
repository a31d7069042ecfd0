"""The parameters of main.cf, each under the key a person would use, or under `parameters`, or left out.

Nothing here knows what a key takes: each one is tried on the schema, and kept where the plan would leave the host as it
is.
"""

from __future__ import annotations

import re
from collections.abc import Iterable

from reconciler.desired import places, wording
from reconciler.errors import StateInvalid
from reconciler.importer.draft import Draft, complaint, declared, differing, nested
from reconciler.importer.emit import Value
from reconciler.live.config import LiveConfig
from reconciler.model.address import ParameterAddress
from reconciler.postfix import catalogue, scope
from reconciler.postfix.expand import ExpansionFailed
from reconciler.postfix.values import split_list

_ABOUT_TLS = re.compile(r"tls|sasl")
_PASSWORDS = "it may hold passwords; only the name of a table in a file is taken over"
COMMENT = "Postfix takes the comment behind the value for a part of it; put it on a line of its own"
_BLANKS = re.compile(r"[ \t\n\v\f\r]+")
_CONFIGURATION = re.compile(r"\$(config_directory|\{config_directory\}|\(config_directory\))/")
_CLIENT = ("smtp_tls_cert_file", "smtp_tls_key_file")


class Refused(ValueError):
    """A parameter that no key of a host file can say."""


def take(draft: Draft, names: Iterable[str]) -> None:
    """Take over each of these parameters of main.cf that a host file can say without changing the host."""
    for name in names:
        address = ParameterAddress(name)
        if address in draft.without:
            draft.leave(address, "", section_of(name))
            continue
        try:
            path, value = key_for(name, draft.live)
        except Refused as refused:
            draft.leave(address, str(refused), section_of(name))
            continue
        draft.section(path[0])[path[1]] = value
    _pair_of_client(draft)


def in_scope(live: LiveConfig) -> list[str]:
    """The parameters that stand in main.cf and are this program's business, in the order of the file."""
    return [name for name in live.explicit if scope.in_scope(name)]


def refused(live: LiveConfig) -> list[tuple[str, str]]:
    """Those about TLS or SASL that a state repository may not set, each with the reason."""
    found = ((name, scope.refusal(name)) for name in live.explicit if _ABOUT_TLS.search(name))
    return [(name, why) for name, why in found if why and not name.endswith("_tls_policy_maps")]


def section_of(name: str) -> str:
    return places.of_parameter(name)[0][0]


def key_for(name: str, live: LiveConfig) -> tuple[tuple[str, ...], Value]:
    """The key that says what main.cf says, and its value.

    Raises Refused, with the reason, where there is none.
    """
    raw = live.explicit[name]
    if name not in live.defaults:
        raise Refused(_unknown(name, live.snapshot.mail_version))
    if has_comment(raw):
        raise Refused(COMMENT)
    if not raw.isprintable() and not _folded(raw).isprintable():
        raise Refused("its value holds bytes that a state file cannot hold")
    reason = ""
    for path in places.of_parameter(name):
        for value in spellings(name, raw, live, listed=path[0] != "parameters"):
            reason = _tried(path, value, live)
            if not reason:
                return path, _as_written(path, value)
    raise Refused(_PASSWORDS if "password" in name else reason)


def has_comment(raw: str) -> bool:
    """Whether somebody meant to write a comment behind a value."""
    return re.search(r"(^|\s)#", raw) is not None


def _tried(path: tuple[str, ...], value: Value, live: LiveConfig) -> str:
    """Why a key does not say what main.cf says; empty where it does."""
    try:
        state = declared(nested(path, value))
    except StateInvalid as invalid:
        return complaint(invalid, path)
    changed = differing(state, live)
    where, text = changed[0] if changed else ("", "")
    return f"declaring it would set {where} = {text or '(empty)'}" if changed else ""


def _as_written(path: tuple[str, ...], value: Value) -> Value:
    """`YES` and `MAY` in the form the program itself writes."""
    lowered = declared(nested(path, value)).parameters[0]
    if not isinstance(value, str) or value.lower() != lowered.value.lower():
        return value
    return lowered.value.lower() if wording.is_switch(lowered.name) else lowered.value


def spellings(name: str, raw: str, live: LiveConfig, *, listed: bool) -> list[Value]:
    """The value as found; a path also below the configuration directory, with its references written out, as a list."""
    text = _folded(raw)
    if not name.endswith((*wording.PATHS, "_files")):
        return [text]
    found: list[Value] = [_CONFIGURATION.sub("", text, count=1) if listed else text]
    try:
        expanded = live.view.expand(text)
    except ExpansionFailed:
        return [text]
    if listed:
        found += [expanded, tuple(_CONFIGURATION.sub("", word) for word in split_list(text)), split_list(expanded)]
    return list(dict.fromkeys(found))


def _folded(raw: str) -> str:
    return _BLANKS.sub(" ", raw)


def _unknown(name: str, version: str) -> str:
    known = catalogue.parameters().get(name)
    if known is None:
        return "no Postfix has a parameter of this name"
    if known.removed:
        return f"Postfix {version} does not have it; {known.removed[0]}.{known.removed[1]} removed it"
    return f"Postfix {version} does not have it; it came with {known.first[0]}.{known.first[1]}"


def _pair_of_client(draft: Draft) -> None:
    """The client's certificate and key are one thing to a host file, so that neither can be declared alone."""
    live, others = draft.live, draft.section("parameters")
    if "chain_files" in draft.keys.get("outgoing", {}) or _CLIENT[0] not in others:
        return
    paths = [_CONFIGURATION.sub("", live.view.get(name), count=1) for name in _CLIENT]
    pair: dict[str, Value] = dict(zip(("cert_file", "key_file"), paths, strict=True))
    try:
        changed = differing(declared({"outgoing": pair}), live)
    except StateInvalid:
        return
    if not changed:
        draft.section("outgoing").update(pair)
        draft.keys["parameters"] = {name: value for name, value in others.items() if name not in _CLIENT}
