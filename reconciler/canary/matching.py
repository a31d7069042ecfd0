"""What names a certificate is matched with: a strategy that is misspelt is taken for a name, which no server has.

Source: postconf(5), smtp_tls_verify_cert_match.
"""

from __future__ import annotations

from collections.abc import Iterable
from difflib import get_close_matches

_STRATEGIES = ("hostname", "nexthop", "dot-nexthop")
_ALIKE = 0.75  # of 1; `nexthop-dot` and `nexthop` have 0.78


def check(words: Iterable[str]) -> None:
    """Raises ValueError over a word that is almost a strategy. A name of one label may be a host's."""
    for word in words:
        lower = word.lower()
        meant = [] if lower in _STRATEGIES or "." in lower else get_close_matches(lower, _STRATEGIES, 1, _ALIKE)
        if meant:
            raise ValueError(f"{word!r} is taken for a name, which no certificate has; write {meant[0]}")
