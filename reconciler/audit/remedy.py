"""What would mend a finding: lines of a host file, or a sentence.

Which key says which parameter is known from `reconciler.desired.models`; a test holds this list against it, for reading
the models costs more than the rest of an audit.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from typing import Final, Union

from reconciler.model.finding import Fix
from reconciler.postfix import scope

Value = Union[str, tuple[str, ...], Mapping[str, "Value"]]  # noqa: UP007 # it names itself

_FLOORS = ("protocols", "mandatory_protocols", "ciphers", "mandatory_ciphers")
_COMMON = (*_FLOORS, "exclude_ciphers", "mandatory_exclude_ciphers", "security_level", "loglevel")
_INCOMING = (*_COMMON, "received_header", "auth_only")
_OUTGOING = (*_COMMON, "note_starttls_offer", "connection_reuse")
_FILES = {"ca_file": "CAfile", "ca_path": "CApath"}
KEYS: Final[Mapping[str, tuple[str, str]]] = {
    **{f"smtpd_tls_{key}": ("incoming", key) for key in _INCOMING},
    **{f"smtp_tls_{key}": ("outgoing", key) for key in _OUTGOING},
    **{f"smtpd_tls_{name}": ("incoming", key) for key, name in _FILES.items()},
    **{f"smtp_tls_{name}": ("outgoing", key) for key, name in _FILES.items()},
    "smtpd_tls_ask_ccert": ("incoming", "ask_client_certificate"),
}
SELF_SIGNED: Final[Mapping[str, Value]] = {
    "certificates": {"default": {"chain_files": ("tls/chain.pem",), "until_present": "self_signed"}}
}
UNMANAGED: Final[Mapping[str, Value]] = {"certificates": {"default": "unmanaged"}}
_NEED_CERTIFICATE = frozenset({"smtpd_tls_security_level"})  # a host file must say where it comes from
_PLAIN = re.compile(r"[A-Za-z0-9/_.$][A-Za-z0-9/_.$@+=~^-]*(?: [A-Za-z0-9/_.$@+=~^-]+)*")
_NOT_TEXT = frozenset({"null", "true", "false", "on", "off", "y", "n"})  # to an editor's parser


def setting(name: str, value: str) -> dict[str, Value]:
    """The key of a host file that gives a parameter of main.cf a value; empty where none may."""
    if name in KEYS:
        section, key = KEYS[name]
        return {**(UNMANAGED if name in _NEED_CERTIFICATE else {}), section: {key: value}}
    return {} if scope.refusal(name) else {"parameters": {name: value}}


def declare(keys: Mapping[str, Value], advice: str = "") -> Fix:
    """Lines of a host file, where the keys can be written."""
    try:
        return Fix(advice, tuple(_lines(keys)))
    except ValueError:
        return Fix(advice)


def parameter(name: str, value: str, advice: str = "") -> Fix:
    """Give a parameter of main.cf a value: in the host file where it may say so, else by hand."""
    keys = setting(name, value)
    return declare(keys, advice) if keys else Fix(advice or f"write {name} = {value}")


def by_hand(advice: str) -> Fix:
    return Fix(advice)


def _lines(keys: Mapping[str, Value], indent: int = 0) -> Iterator[str]:
    lead = " " * indent
    for key, value in keys.items():
        match value:
            case str():
                yield f"{lead}{_scalar(key)}: {_scalar(value)}"
            case tuple():
                yield f"{lead}{_scalar(key)}: [{', '.join(map(_scalar, value))}]"
            case _:
                yield f"{lead}{_scalar(key)}:"
                yield from _lines(value, indent + 2)


def _scalar(text: str) -> str:
    """Raises ValueError where a state file cannot hold the text."""
    if not text.isprintable():
        raise ValueError(f"{text!r} holds a character that does not show")
    if _PLAIN.fullmatch(text) and text.lower() not in _NOT_TEXT:
        return text
    return json.dumps(text, ensure_ascii=False)
