"""What is never shown: passwords and private keys, wherever a value or a sentence carries one.

Only what is shown is masked. A plan holds the values themselves, so that a mask is never written to a host.
"""

from __future__ import annotations

import re

from reconciler.model.address import Address, ElementAddress, OptionAddress, ParameterAddress, RowAddress
from reconciler.postfix.values import CLIENT_LEVELS

MASK = "(masked)"
_KEY = re.compile(r"-----BEGIN (?:[A-Z0-9]+ )*PRIVATE KEY.*?(?:-----END (?:[A-Z0-9]+ )*PRIVATE KEY-----|\Z)", re.DOTALL)
_IN_URL = re.compile(r"(?<=://)[^/\s]+(?=@)")
_PASSWD_FILE = re.compile(
    r"\{(?:PLAIN|CLEAR|CLEARTEXT|CRYPT|SHA|SSHA|MD5|SHA256|SHA512|BLF-CRYPT|ARGON2ID?)[.A-Z0-9]*\}\S+", re.IGNORECASE
)
_WRITTEN_OUT = re.compile(r"\b(static|inline|[a-z0-9]+(?=:\s*\{)):.*", re.DOTALL | re.IGNORECASE)


def masked(text: str) -> str:
    """A sentence without what is a secret by its form alone: a private key, a password in a URL or a passwd-file."""
    return _PASSWD_FILE.sub(MASK, _IN_URL.sub(MASK, _KEY.sub(MASK, text)))


def masked_value(address: Address, value: str) -> str:
    """A value without what may be a password because of where it stands."""
    match address:
        case ParameterAddress(name) | OptionAddress(_, name) | ElementAddress(name, _) if "password" in name:
            return _WRITTEN_OUT.sub(lambda found: f"{found[1]}:{MASK}", masked(value))
        case RowAddress() if _is_login(value):
            return MASK
        case _:
            return masked(value)


def masked_address(address: Address) -> str:
    """The address itself; an element of a list of passwords is one that may hold them."""
    match address:
        case ElementAddress(name, element):
            return f"main.cf/{masked(name)}[{masked_value(address, element)}]"
        case _:
            return masked(str(address))


def _is_login(value: str) -> bool:
    """Whether a row answers `name:password`, which no TLS policy does."""
    word = value.split(maxsplit=1)[0] if value.split() else ""
    name, colon, _ = word.partition(":")
    return bool(colon) and "=" not in name and word.lower() not in CLIENT_LEVELS
