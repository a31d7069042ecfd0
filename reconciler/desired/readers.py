"""Texts of a state file, read as what their key is: each function takes the text and raises ValueError, `what; fix`."""

from __future__ import annotations

import ipaddress
import posixpath
import re
from collections.abc import Iterable
from datetime import date
from difflib import get_close_matches
from enum import Enum

from reconciler.desired.kinds import SaslType, ServerLevel
from reconciler.model import address
from reconciler.model.desired import GUARDS, Part
from reconciler.postfix import endpoint, policy, scope, values
from reconciler.postfix.domain import check_domain
from reconciler.postfix.table import TableType


def yes_or_no(text: str) -> bool:
    match text.lower():
        case "yes" | "true":
            return True
        case "no" | "false":
            return False
        case _:
            raise ValueError(f"{text!r} is neither yes nor no; write yes or no")


def one_of(kind: type[Enum], text: str) -> Enum:
    """Raises ValueError where `text` is none of an enumeration's words."""
    words = [member.value for member in kind]
    if text.lower() not in words:
        raise ValueError(f"{text!r} is no value for this place; write one of: {', '.join(words)}")
    return kind(text.lower())


def whole_number(text: str, least: int, most: int) -> int:
    """Raises ValueError where `text` is no number from `least` to `most`, written in decimal digits."""
    if not (text.isascii() and text.isdecimal()):
        raise ValueError(f"{text!r} is no whole number; write {least} to {most}")
    number = in_range(int(text[:20]), least, most)
    if text != str(number):
        raise ValueError(f"{text!r} begins with a zero; write {number}")
    return number


def in_range(number: int, least: int, most: int) -> int:
    """Raises ValueError where a number is none of `least` to `most`."""
    if not least <= number <= most:
        raise ValueError(f"{number} is out of range; write {least} to {most}")
    return number


def plain_text(text: str) -> str:
    """Raises ValueError where Postfix would not read the text back as it was written."""
    if text.startswith("#"):
        raise ValueError(f"{text!r} begins with '#', which begins a comment; remove it")
    if text != text.strip():
        raise ValueError(f"{text!r} begins or ends with a blank, which Postfix drops; remove the blank")
    return text


def config_path(text: str) -> str:
    """A path, absolute or below the configuration directory, without what would make it mean another.

    `$config_directory/x` is the same as `x`. Raises ValueError.
    """
    plain_text(text)
    for prefix in ("$config_directory/", "${config_directory}/", "$(config_directory)/"):
        text = text.removeprefix(prefix)
    if not text or text.endswith("/"):
        raise ValueError(f"{text!r} names no file; write its path")
    if "$" in text:
        raise ValueError(
            f"{text!r} holds a '$'; write the path itself: relative ones begin at the configuration directory"
        )
    if re.search(r"[\s,{}\"]", text):
        raise ValueError(
            f"{text!r} holds a blank, comma, brace or quote, which end a path in Postfix's lists; rename the file"
        )
    if ".." in text.split("/"):
        raise ValueError(f"{text!r} climbs with '..'; write the path it leads to")
    return text


def in_configuration(path: str) -> str:
    """The path as a parameter's value: daemons run in the queue, so a relative one says where it begins."""
    return path if path.startswith("/") else f"$config_directory/{path}"


def only_word(word: str, otherwise: str, text: str) -> str:
    if text.lower() != word:
        raise ValueError(f"{text!r} is no word for this place; write {word}, or {otherwise}")
    return word


def submission_level(text: str) -> ServerLevel:
    values.check_level(text, side="server")
    if text.lower() != ServerLevel.ENCRYPT:
        raise ValueError(
            f"{text!r} would let passwords travel in plaintext; write encrypt: authenticated clients only under TLS"
        )
    return ServerLevel.ENCRYPT


def listen(text: str) -> str:
    host, _, _ = text.rpartition(":")
    number = endpoint.port_number(text)
    if number is None or not 0 < number < 65536 or not re.fullmatch(r"\[[0-9a-fA-F:.]+\]|[A-Za-z0-9._-]*", host):
        raise ValueError(f"{text!r} is no address to listen on; write 587, submission, 127.0.0.1:10587 or [::1]:10587")
    if number == 25:
        raise ValueError(
            f"{text!r} is port 25, where other mail servers deliver without logging in; write the port of the clients"
        )
    return text


def sasl_path(text: str) -> str:
    plain_text(text)
    if ".." in text.split("/") or not re.fullmatch(r"[A-Za-z0-9._/:\[\]-]+", text):
        raise ValueError(f"{text!r} is no SASL path; write private/auth for Dovecot, smtpd for Cyrus")
    return text


_SASL_OPTIONS = ("noanonymous", "noplaintext", "noactive", "nodictionary", "forward_secrecy", "mutual_auth")


def sasl_options(text: str) -> str:
    words = values.split_list(text.lower())
    for word in words:
        if word not in _SASL_OPTIONS:
            raise ValueError(f"{word!r} is no SASL security option; write some of: {', '.join(_SASL_OPTIONS)}")
    if "noanonymous" not in words:
        raise ValueError(f"{text!r} lets anybody log in without a name, and relay; add noanonymous")
    return text


def domain(text: str) -> str:
    """A domain as it stands in a state file, in lower case."""
    bare = text.rstrip(".")
    if bare.startswith((".", "*.")):
        raise ValueError(f"{text!r}: subdomains are meant already; write {bare.lstrip('*.')}")
    check_domain(bare)
    return bare.lower()


def certificate_name(text: str) -> str:
    if text == "default":
        return text
    if domain(text) != text:
        raise ValueError(f"{text!r} is not in the form names are compared in; write {domain(text)}")
    return text


def sender(text: str) -> str:
    local, at, host = text.rpartition("@")
    if not at:
        return domain(text)
    if not local or not re.fullmatch(r"[A-Za-z0-9.!#$%&'*+/=?^_`{|}~-]+", local) or local.startswith("#"):
        raise ValueError(f"{text!r} is no mail address; write user@domain, or the domain alone")
    check_domain(host)
    return text.lower()


def client(text: str) -> str:
    """A client: an address, a network, or a host name."""
    if re.fullmatch(r"[0-9a-fA-F:.]*[:.][0-9a-fA-F:.]*(/.*)?|[0-9.]+(/.*)?", text) and not re.search(r"[g-zG-Z]", text):
        return network(text)
    return domain(text)


def network(text: str) -> str:
    try:
        network = ipaddress.ip_network(text, strict=False)
    except ValueError:
        if re.search(r"[a-fA-F]", text) and ":" not in text and "/" not in text:
            return domain(text)  # `cafe.bad` is a name
        raise ValueError(
            f"{text!r} is no address or network; write 192.0.2.0/24, 2001:db8::/32 or a host name"
        ) from None
    if "/" not in text:
        return str(network.network_address)
    if ipaddress.ip_interface(text).ip != network.network_address:
        raise ValueError(f"{text!r} has host bits set, and Postfix would not load the table; write {network}")
    return str(network)


def is_network(client: str) -> bool:
    """Whether a client, already read, is an address or a network, and not a host name."""
    return ":" in client or "/" in client or client.replace(".", "").isdecimal()


def nexthop(text: str) -> str:
    plain_text(text)
    if text.startswith("*."):
        raise ValueError(f"{text!r}: a policy table knows no '*'; write {text[1:]} for the subdomains")
    return policy.parse_nexthop(text)


def policy_text(text: str) -> str:
    """Raises ValueError where `text` is no TLS policy, without repeating what may be a password."""
    plain_text(text)
    if looks_like_password(text):
        raise ValueError(
            "this looks like a name and a password; remove it, and change the password: "
            "they stay on the host, and everybody who can read the repository has seen this one"
        )
    policy.parse(text)
    return text


def looks_like_password(text: str) -> bool:
    """Whether a table's right-hand side is `name:password`, which no TLS policy is."""
    word = text.split(maxsplit=1)[0] if text.split() else ""
    return ":" in word and "=" not in word.partition(":")[0] and word.lower() not in values.CLIENT_LEVELS


def parameter_name(text: str) -> str:
    reason = scope.refusal(text)
    if reason:
        raise ValueError(f"not for a state repository to set, {reason}; {OUTSIDE}")
    return text


OUTSIDE = "remove it; it stays with whoever keeps the rest of main.cf"


def table(types: tuple[str, ...], text: str) -> str:
    kind, colon, path = text.partition(":")
    if not colon:
        kind, path = "", text
    elif kind not in types:
        raise ValueError(
            f"{kind!r} is no table type for this place; write one of: {', '.join(types)}, or the path alone"
        )
    path = config_path(path)
    _refuse_reserved(path)
    values.check_table(f"{kind or TableType.HASH}:{in_configuration(path)}")
    return f"{kind}:{path}" if kind else path


_RESERVED = frozenset({"postfix-script", "post-install", "postfix-files", "makedefs.out"})
_RESERVED_ENDINGS = (".cf", ".db", ".cdb", ".lmdb", ".proto", ".pem", ".key")


def _refuse_reserved(path: str) -> None:
    """Raises ValueError where a table would be written over a file that is something else."""
    *folders, file = posixpath.normpath(path).split("/")
    if file in _RESERVED or file.endswith(_RESERVED_ENDINGS):
        raise ValueError(f"{path!r} is a name for another kind of file, which the table would overwrite; rename it")
    if "sasl" in folders:
        raise ValueError(f"{path!r} is below sasl/, where names and passwords are; write another path")


INDEXED = tuple(member.value for member in TableType if member.indexed)


def repository_path(text: str) -> str:
    if not re.fullmatch(r"policies/[^/\s][^\s]*\.map", text) or ".." in text.split("/"):
        raise ValueError(f"{text!r} is no policy file; write policies/NAME.map, a file of this repository")
    return text


def requirement(text: str) -> tuple[int, ...]:
    match = re.fullmatch(r">=\s*(\d{1,6}(\.\d{1,6}){0,2})", text)
    if not match:
        raise ValueError(f'{text!r} is no requirement; write ">=0.1"')
    return tuple(map(int, match[1].split(".")))


def day(text: str) -> date:
    complaint = f"{text!r} is no date; write it as 2027-01-31"
    if not re.fullmatch(r"\d{4}-\d{2}-\d{2}", text, re.ASCII):
        raise ValueError(complaint)
    try:
        return date.fromisoformat(text)
    except ValueError:
        raise ValueError(complaint) from None


def address_text(text: str) -> str:
    address.parse(text)
    return text


def guard(text: str) -> str:
    if text not in GUARDS:
        raise ValueError(f"{text!r} is no guard; {did_you_mean(text, GUARDS)}write one of: {', '.join(GUARDS)}")
    return text


def filled(text: str) -> str:
    if not text.strip():
        raise ValueError("the text is empty; write what a reader should know")
    return text


def name(text: str) -> str:
    if not re.fullmatch(r"[A-Za-z0-9][A-Za-z0-9._-]*", text):
        raise ValueError(f"{text!r} is no name; write letters, digits, '.', '_' and '-'")
    return text


LINEAGES = "/etc/letsencrypt/live"


def lineage(text: str) -> str:
    """The directory of a certbot lineage, from its name or its path."""
    return config_path(text) if text.startswith("/") else f"{LINEAGES}/{name(text)}"


def sasl_type(text: str) -> SaslType:
    if text not in tuple(SaslType):
        raise ValueError(f"{text!r} is no SASL server; write dovecot or cyrus")
    return SaslType(text)


def part(text: str) -> Part:
    words = tuple(member.value for member in Part)
    if text not in words:
        raise ValueError(
            f"{text!r} is no part of a host file; {did_you_mean(text, words)}write some of: {', '.join(words)}"
        )
    return Part(text)


def did_you_mean(text: str, words: Iterable[str]) -> str:
    """`did you mean 'x'? `, or nothing where no word is near."""
    close = get_close_matches(text, tuple(words), n=1)
    return f"did you mean {close[0]!r}? " if close else ""
