"""Actions of access(5): what the right-hand side of an access table may say.

Source: access(5); `check_table_result()` of smtpd/smtpd_check.c; measured with Postfix 3.7 where the page is silent.
"""

from __future__ import annotations

import re
from collections.abc import Sequence

from reconciler.postfix import restrictions

WITH_TEXT = frozenset({"BCC", "FILTER", "PREPEND", "REDIRECT"})
_ACTIONS = WITH_TEXT | frozenset(
    ("OK", "RELAY", "REJECT", "DEFER", "DEFER_IF_REJECT", "DEFER_IF_PERMIT", "DISCARD", "DUNNO", "HOLD", "INFO", "WARN")
)
_REPLY = re.compile(r"[245]\d\d")


def is_action(words: Sequence[str]) -> bool:
    """Whether smtpd(8) knows the first word. A number is one where it is a reply, or all there is: then it means OK."""
    word = words[0]
    if word.isdecimal():
        return len(words) == 1 or bool(_REPLY.fullmatch(word))
    return word.upper() in _ACTIONS or word.lower() in restrictions.NAMES


def says_nothing(words: Sequence[str]) -> bool:
    """Whether the action needs an argument that is not there."""
    return len(words) == 1 and (words[0].upper() in WITH_TEXT or restrictions.takes_argument(words[0]))
