"""What changes in a file, as a unified diff for people; a secret never stands in it."""

from __future__ import annotations

import re
from difflib import unified_diff

from reconciler.model.address import RowAddress
from reconciler.report.masking import MASK, masked, masked_value

_LIMIT = 1 << 20  # bytes of both sides; difflib takes minutes for a large table
_PASSWORD = re.compile(r"(\w*password\w*\s*=.*?\b(?:static|inline|[a-z0-9]+(?=:\s*\{)):).*", re.IGNORECASE)
_ROW = re.compile(r"(\S+[ \t]+)(\S.*)")


def unified(path: str, before: bytes | None, after: bytes | None) -> str:
    """The difference of one file; None is absence. Empty where there is none."""
    if before == after:
        return ""
    if len(before or b"") + len(after or b"") > _LIMIT:
        return f"--- {path}\n+++ {path}\n# too large to be compared line by line; see the changes\n"
    old, new = (_lines(side) for side in (before, after))
    names = ("/dev/null" if before is None else path, "/dev/null" if after is None else path)
    return "".join(unified_diff(old, new, *names))


def _lines(side: bytes | None) -> list[str]:
    text = masked((side or b"").decode("utf-8", "replace"))
    lines = [f"{_without_password(line)}\n" for line in text.split("\n")]
    return lines[:-1] if text.endswith("\n") or not text else lines


def _without_password(line: str) -> str:
    """A parameter that carries passwords, or a row that is a login."""
    row = _ROW.fullmatch(line)
    if row and masked_value(RowAddress("", ""), row[2]) == MASK:
        return row[1] + MASK
    return _PASSWORD.sub(lambda found: found[1] + MASK, line)
