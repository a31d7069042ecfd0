"""TLS policy table entries: the nexthop on the left, the level and its attributes on the right.

Source: postconf(5), smtp_tls_policy_maps; TLS_README, "Client TLS security policies".
"""

from __future__ import annotations

import re
from functools import lru_cache

from reconciler.frozen import dataclass
from reconciler.postfix import values
from reconciler.postfix.domain import check_domain

_ATTRIBUTES: dict[str, tuple[int, int]] = {  # name → the series that introduced it
    "ciphers": (2, 6),
    "protocols": (2, 3),
    "exclude": (2, 6),
    "match": (2, 5),
    "servername": (3, 4),
    "tafile": (2, 11),
    "connection_reuse": (3, 4),
    "enable_rpk": (3, 9),
    "policy_type": (3, 10),
    "policy_domain": (3, 10),
    "policy_string": (3, 10),
    "policy_ttl": (3, 10),
    "policy_failure": (3, 10),
    "mx_host_pattern": (3, 10),
}
REPEATABLE = frozenset({"match", "policy_string", "mx_host_pattern"})
MANDATORY = frozenset({"encrypt", "dane-only", "fingerprint", "verify", "secure"})


@dataclass(frozen=True, slots=True)
class Policy:
    """One right-hand side: a client security level, then attributes in the order written."""

    level: str
    attributes: tuple[tuple[str, str], ...] = ()

    @property
    def mandatory(self) -> bool:
        """Whether mail is held back where the peer has no TLS. `dane` is not: without TLSA records it is `may`."""
        return self.level in MANDATORY


@lru_cache(maxsize=1024)
def parse(text: str) -> Policy:
    """Read a right-hand side.

    Raises ValueError with what is wrong and what to write.
    """
    words = text.replace(",", " ").split()
    if not words:
        raise ValueError("a policy begins with a security level; write for example 'encrypt'")
    level = words[0].lower()
    values.check_level(level, side="client")
    attributes = tuple(_attribute(word) for word in words[1:])
    seen: set[str] = set()
    for name, _ in attributes:
        if name in seen and name not in REPEATABLE:
            raise ValueError(f"the attribute {name!r} stands twice; Postfix would take the last one; keep one")
        seen.add(name)
    _check_against_level(level, seen)
    if level == "fingerprint":
        for digest in (digest for name, value in attributes if name == "match" for digest in value.split("|")):
            _check_fingerprint(digest)
    return Policy(level, attributes)


_DIGEST_BYTES = (16, 20, 28, 32, 48, 64)  # md5, sha1, sha224 to sha512


def _check_fingerprint(text: str) -> None:
    pairs = re.findall(r"[0-9A-Fa-f]{2}", text)
    if len(pairs) not in _DIGEST_BYTES or text not in ("".join(pairs), ":".join(pairs)):
        raise ValueError(f"{text!r} is no fingerprint; write the digest as hex pairs with ':' between: AB:CD:…")


def _attribute(word: str) -> tuple[str, str]:
    name, equals, value = word.partition("=")
    name = name.lower()
    if not equals:
        raise ValueError(f"{word!r} is no attribute; after the level come name=value pairs without white space inside")
    if name not in _ATTRIBUTES:
        raise ValueError(
            f"{name!r} is no policy attribute, and one unknown to Postfix defers the mail; "
            f"write one of {', '.join(sorted(_ATTRIBUTES))}"
        )
    if not value:
        raise ValueError(f"the attribute {name!r} has no value")
    if name == "protocols":
        values.check_some_protocol(value)
    elif name == "ciphers":
        values.check_grade(value)
    elif name in ("connection_reuse", "enable_rpk"):
        values.check_bool(value)
    return name, value


def _check_against_level(level: str, names: set[str]) -> None:
    if level == "none" and names:
        raise ValueError(f"'none' takes no attributes, Postfix ignores them; drop {', '.join(sorted(names))}")
    if level == "fingerprint" and "match" not in names:
        raise ValueError("'fingerprint' needs at least one match=DIGEST")
    if "match" in names and level not in ("fingerprint", "verify", "secure"):
        raise ValueError(f"'match' has a meaning for fingerprint, verify and secure only, not for {level!r}")


def canonical(text: str) -> tuple[str, tuple[tuple[str, str], ...]]:
    """A form in which policies that mean the same are equal: attributes by name, match values in their order."""
    policy = parse(text)
    merged: dict[str, str] = {}
    for name, value in policy.attributes:
        folded = values.canonical_protocols(value) if name == "protocols" else value.lower()
        merged[name] = f"{merged[name]}:{folded}" if name in merged else folded
    return policy.level, tuple(sorted(merged.items()))


def unknown_to(policy: Policy, version: tuple[int, int]) -> tuple[str, ...]:
    """The attributes that came after `version`: that Postfix would defer every mail of the row."""
    return tuple(name for name, _ in policy.attributes if _ATTRIBUTES[name] > version)


@lru_cache(maxsize=1024)
def for_version(text: str, version: tuple[int, int]) -> str:
    """A right-hand side in a syntax that this Postfix knows: `>=` and `<=` came with 3.6.

    Attributes hold no white space, so the protocols that are left out are separated by colons.
    """
    words = text.replace(",", " ").split()
    found = [word for word in words if word.lower().startswith("protocols=")]
    if not any(values.protocols_for(word.partition("=")[2], version) != word.partition("=")[2] for word in found):
        return text
    return " ".join(_for_version(word, version) if word in found else word for word in words)


def _for_version(word: str, version: tuple[int, int]) -> str:
    name, _, protocols = word.partition("=")
    return f"{name}={values.protocols_for(protocols, version).replace(', ', ':')}"


def introduced(attribute: str) -> tuple[int, int]:
    """The series that introduced a policy attribute."""
    return _ATTRIBUTES[attribute]


def parse_nexthop(text: str) -> str:
    """Check a left-hand side: `example.com`, `.example.com`, `[host]`, `[host]:port`, `host:port`.

    The key is compared with the nexthop verbatim, brackets and port included. Returns it in lower case.
    Raises ValueError with what is wrong and what to write.
    """
    match = re.fullmatch(r"(\[[^\[\]]+\]|[^\[\]:]+)(:([A-Za-z0-9-]+))?", text)
    if not match or not text:
        raise ValueError(f"{text!r} is no nexthop; write a domain, .domain, [host] or [host]:port")
    host, port = match[1], match[3] or ""
    if port.isdecimal() and not 0 < int(port[:6]) < 65536:
        raise ValueError(f"{text!r}: there is no port {port}; write 1 to 65535")
    if host.startswith("["):
        inner = host[1:-1]
        if ":" not in inner:
            check_domain(inner)
        return text.lower()
    check_domain(host.removeprefix("."))
    return text.lower()
