"""Parameter values: what Postfix accepts, and when two texts mean the same.

`check` says what is wrong with a value; `canonical` gives equal results for values that are equal to Postfix. Both take
literal text: `$name` is expanded before (see `reconciler.postfix.expand`).

Source: postconf(5); `tls_proto_mask_lims()` in tls/tls_misc.c; `conv_time()` in global/conv_time.c.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Hashable
from difflib import get_close_matches

from reconciler.postfix import catalogue
from reconciler.postfix.catalogue import Kind
from reconciler.postfix.table import TableType

SERVER_LEVELS = ("none", "may", "encrypt")
CLIENT_LEVELS = ("none", "may", "encrypt", "fingerprint", "dane", "dane-only", "verify", "secure")
PROTOCOLS = ("SSLv3", "TLSv1", "TLSv1.1", "TLSv1.2", "TLSv1.3")  # weakest first; SSLv2 no library offers any more
GRADES = ("null", "export", "low", "medium", "high")  # weakest first
DIGESTS = ("md5", "sha1", "sha224", "sha256", "sha384", "sha512")
DNS_LEVELS = ("disabled", "enabled", "dnssec")
_UNITS = {"s": 1, "m": 60, "h": 3600, "d": 86400, "w": 604800}
_TIME = re.compile(r"(\d+)([smhdw]?)\Z", re.IGNORECASE)
_SEPARATORS = re.compile(r"[\s,]+")
_WORD = re.compile(r"[^, \t\r\n\v\f]+")
_PROTOCOL_SEPARATORS = re.compile(r"[\s,:]+")


def check_level(text: str, *, side: str) -> None:
    """Raises ValueError where `text` is no security level of that side, `server` or `client`."""
    levels = SERVER_LEVELS if side == "server" else CLIENT_LEVELS
    if text.lower() in levels:
        return
    other = CLIENT_LEVELS if side == "server" else ()
    what = (
        f"{text!r} is a level of the client side only" if text.lower() in other else f"{text!r} is not a security level"
    )
    raise ValueError(f"{what}; write one of: {', '.join(levels)}{_suggestion(text, levels)}")


def check_grade(text: str) -> None:
    """Raises ValueError where `text` is no cipher grade."""
    if text.lower() not in GRADES:
        raise ValueError(
            f"{text!r} is not a cipher grade; write one of: {', '.join(GRADES)}{_suggestion(text, GRADES)}"
        )


def check_bool(text: str) -> None:
    """Raises ValueError where `text` is neither yes nor no."""
    if text.lower() not in ("yes", "no"):
        raise ValueError(f"{text!r} is neither yes nor no, the only words Postfix takes; write yes or no")


def check_protocols(text: str) -> None:
    """Raises ValueError where `text` is no protocol list, in either syntax."""
    enabled_protocols(text)


def check_some_protocol(text: str) -> None:
    """Raises ValueError where a protocol list leaves no version of TLS that an OpenSSL of today speaks."""
    if not enabled_protocols(text) - {"SSLv3"}:
        raise ValueError(f'{text!r} leaves no version of TLS, so every handshake fails; write ">=TLSv1.2"')


def enabled_protocols(text: str) -> frozenset[str]:
    """The protocols that a list leaves enabled, whichever syntax it is written in; an empty list leaves all.

    Raises ValueError where it is no protocol list.
    """
    included: set[str] = set()
    excluded: set[str] = set()
    floor, ceiling = 0, len(PROTOCOLS)
    for word in filter(None, _PROTOCOL_SEPARATORS.split(text)):
        sign = next((sign for sign in (">=", "<=", "!") if word.startswith(sign)), "")
        name = _protocol(word.removeprefix(sign), word)
        if sign == ">=":
            floor = PROTOCOLS.index(name) if name in PROTOCOLS else 0
        elif sign == "<=":
            ceiling = PROTOCOLS.index(name) + 1 if name in PROTOCOLS else 0
        else:
            (excluded if sign else included).add(name)
    enabled = set(PROTOCOLS[floor:ceiling]) - excluded
    return frozenset(enabled & included if included else enabled)


def _protocol(name: str, word: str) -> str:
    known = {name.lower(): name for name in ("SSLv2", *PROTOCOLS)}
    if name.lower() not in known:
        hint = "; there is no space after the sign" if not name else _suggestion(name, tuple(known.values()))
        raise ValueError(f"{word!r} is not a TLS protocol; write one of: {', '.join(PROTOCOLS)}{hint}")
    return known[name.lower()]


def canonical_protocols(text: str) -> str:
    """The enabled protocols, weakest first."""
    enabled = enabled_protocols(text)
    return " ".join(name for name in PROTOCOLS if name in enabled)


def protocols_for(text: str, version: tuple[int, int]) -> str:
    """The list in a syntax that this Postfix knows: `>=` and `<=` came with 3.6."""
    if version >= (3, 6) or not any(sign in text for sign in (">=", "<=")):
        return text
    enabled = enabled_protocols(text)
    return ", ".join(f"!{name}" for name in ("SSLv2", *PROTOCOLS) if name not in enabled)


def seconds(text: str) -> int:
    """A time value in seconds.

    Raises ValueError where it is none.
    """
    match = _TIME.match(text)
    if not match:
        raise ValueError(f"{text!r} is no time; write a number and one of the units s, m, h, d, w, such as 3600s")
    return int(match[1]) * _UNITS[match[2].lower() or "s"]


def split_list(text: str) -> tuple[str, ...]:
    """The elements of a list separated by commas and white space; braces hold theirs together."""
    if "{" not in text:
        return tuple(_WORD.findall(text))
    elements: list[str] = []
    start, level = None, 0
    for at, char in enumerate(text):
        if level == 0 and (char == "," or char in " \t\r\n\v\f"):
            if start is not None:
                elements.append(text[start:at])
            start = None
            continue
        start = at if start is None else start
        level += (char == "{") - (char == "}" and level > 0)
    return (*elements, text[start:]) if start is not None else tuple(elements)


def check_table(text: str) -> None:
    """Raises ValueError where a table reference of ours is not `type:/path` with a type that only looks things up."""
    kind, colon, path = text.partition(":")
    types = tuple(member.value for member in TableType)
    if not colon or not path:
        raise ValueError(f"{text!r} is no table; write type:path, such as hash:$config_directory/tls_policy")
    if kind not in types:
        raise ValueError(f"tables of type {kind!r} are not ours to declare; write one of: {', '.join(types)}")
    check_path(path)
    if path in _SECRETS:
        raise ValueError(f"{path} is no lookup table")


_SECRETS = frozenset({"/etc/shadow", "/etc/gshadow", "/etc/passwd", "/etc/sudoers", "/etc/group"})


def check_path(text: str) -> None:
    """Raises ValueError where a path climbs, or is neither absolute nor below `$config_directory`."""
    if ".." in text.split("/"):
        raise ValueError(f"{text!r} climbs with '..'; write the path it leads to")
    if not text.startswith(("/", "$", "{")):
        raise ValueError(f"{text!r} is relative, and daemons run in the queue; write $config_directory/{text}")


def check(name: str, value: str) -> None:
    """Whether Postfix would take `value` for the parameter `name`; `$` stands for what is not known yet.

    Raises ValueError with what is wrong and what to write instead. Postfix itself notices most of this only in the
    daemon that reads the value, after the reload.
    """
    if "$" in value and not name.endswith(_PATHS):
        return
    checker = _checker(name)
    if checker is not None:
        checker(value)


def canonical(name: str, value: str) -> Hashable:
    """A form in which two values of `name` are equal when Postfix takes them for the same.

    A value that is not valid is only equal to itself.
    """
    folded = " ".join(value.split())
    try:
        return _form(name)(value)
    except ValueError:
        return folded


_PATHS = ("_CAfile", "_CApath", "_cert_file", "_key_file", "_chain_files", "_maps")
_RESTRICTIONS = re.compile(r"smtpd_\w+_restrictions\Z")


def _level_side(name: str) -> str | None:
    if not name.endswith("security_level"):
        return None
    return "client" if name.startswith(("smtp_", "lmtp_", "tlsproxy_client_")) else "server"


def _checker(name: str) -> Callable[[str], None] | None:
    side = _level_side(name)
    if side is not None:
        return lambda value: check_level(value, side=side) if value else None
    if name.endswith("_protocols"):
        return check_protocols
    if name.endswith("_exclude_ciphers"):
        return _check_cipher_names
    if name.endswith("_ciphers"):
        return check_grade
    if name.endswith("_fingerprint_digest"):
        return lambda value: _check_word(value, DIGESTS, "a digest")
    if name.endswith("_dns_support_level"):
        return lambda value: _check_word(value, DNS_LEVELS, "a DNS support level") if value else None
    if name.endswith("_loglevel"):  # a string in the source, a number in what it takes
        return lambda value: _check_int(name, value)
    if name.endswith(("_maps", "_cache_database")) or name == "relay_clientcerts":
        return lambda value: _check_each(value, check_table)
    if name.endswith(_PATHS):
        return lambda value: _check_each(value, check_path)
    return _checker_of_kind(name)


def _checker_of_kind(name: str) -> Callable[[str], None] | None:
    parameter = catalogue.parameters().get(name)
    match parameter.kind if parameter else None:
        case Kind.BOOL | Kind.STRING_OF_BOOL:
            return check_bool
        case Kind.INT | Kind.STRING_OF_INT:
            return lambda value: _check_int(name, value)
        case Kind.TIME:
            return _check_time
        case _:
            return None


def _check_time(value: str) -> None:
    seconds(value)


def _check_int(name: str, value: str) -> None:
    if not value.isdecimal() or not value.isascii():
        raise ValueError(f"{value!r} is no whole number")
    if name.endswith("_loglevel") and int(value) > 4:
        raise ValueError(f"{value} is no log level; write 0 (nothing) to 4 (every byte); 1 is the one for production")


def _check_word(value: str, words: tuple[str, ...], what: str) -> None:
    if value.lower() not in words:
        raise ValueError(f"{value!r} is not {what}; write one of: {', '.join(words)}{_suggestion(value, words)}")


def _check_each(value: str, checker: Callable[[str], None]) -> None:
    for element in split_list(value):
        checker(element)


def _check_cipher_names(value: str) -> None:
    for element in split_list(value.replace(":", " ")):
        if not re.fullmatch(r"[A-Za-z0-9_+\-]+", element):
            raise ValueError(f"{element!r} is no OpenSSL cipher name; write names such as aNULL, RC4, MD5")


def _form(name: str) -> Callable[[str], Hashable]:
    if _level_side(name):
        return str.lower
    if name.endswith("_protocols"):
        return canonical_protocols
    if name.endswith("_exclude_ciphers"):
        return lambda value: frozenset(split_list(value.replace(":", " ")))
    if name.endswith(("_ciphers", "_digest", "_support_level")):
        return str.lower
    if name.endswith("_loglevel"):
        return int
    if _RESTRICTIONS.match(name):
        return lambda value: tuple(_restriction(element) for element in split_list(value))
    if name.endswith((*_PATHS, "_options", "_filter")):
        return split_list
    return _form_of_kind(name)


def _restriction(element: str) -> str:
    """Restriction names are compared without case; tables, domains and texts are not names."""
    return element if ":" in element or "/" in element else element.lower()


def _form_of_kind(name: str) -> Callable[[str], Hashable]:
    parameter = catalogue.parameters().get(name)
    match parameter.kind if parameter else None:
        case Kind.BOOL | Kind.STRING_OF_BOOL:
            return str.lower
        case Kind.INT | Kind.STRING_OF_INT:
            return int
        case Kind.TIME:
            return seconds
        case _:
            return lambda value: " ".join(value.split())


def _suggestion(text: str, words: tuple[str, ...]) -> str:
    close = get_close_matches(text, words, n=1)
    return f" (did you mean {close[0]!r}?)" if close else ""
