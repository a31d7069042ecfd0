"""What a parameter takes, in a few of Postfix's own words: the `why` of an error."""

from __future__ import annotations

from reconciler.postfix import catalogue, values
from reconciler.postfix.catalogue import Kind

MOST_SECONDS = 2**31 - 1  # a time is an int to Postfix
PATHS = ("_CAfile", "_CApath", "_cert_file", "_key_file")


def described(parameter: str) -> str:
    """The values a parameter takes, to follow the word `takes`."""
    client = parameter.startswith(("smtp_", "lmtp_"))
    if parameter.endswith("security_level"):
        return _listed(values.CLIENT_LEVELS if client else values.SERVER_LEVELS)
    if parameter.endswith("protocols"):
        return (
            f"protocols ({', '.join(values.PROTOCOLS)}), each with or without '!', and from Postfix 3.6 '>=' and '<='"
        )
    if parameter.endswith("exclude_ciphers"):
        return "OpenSSL's names of ciphers and cipher types"
    if parameter.endswith("ciphers"):
        return _listed(values.GRADES)
    if parameter.endswith("_CApath"):
        return "the path of a directory"
    if parameter.endswith(PATHS):
        return "the path of a file"
    if parameter.endswith("loglevel"):
        return "0 to 4"
    if parameter.endswith(("timeout", "lifetime")):
        return "a time: a number with the unit s, m, h, d or w"
    return "yes or no"


def _listed(words: tuple[str, ...]) -> str:
    return f"{', '.join(words[:-1])} or {words[-1]}"


_SWITCHES = frozenset({Kind.BOOL, Kind.STRING_OF_BOOL})


def is_switch(parameter: str) -> bool:
    """Whether a parameter is yes or no."""
    known = catalogue.parameters().get(parameter)
    return known is not None and known.kind in _SWITCHES


def is_known(parameter: str) -> bool:
    """Whether `described` is right about a parameter."""
    return described(parameter) != "yes or no" or is_switch(parameter)


def most(parameter: str) -> int:
    """The largest number a parameter takes."""
    return 4 if parameter.endswith("_loglevel") else 2**31 - 1
