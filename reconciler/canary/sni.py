"""Rows of the SNI table that change: what they name is served to that name alone, and no other session tells.

Source: postconf(5), tls_server_sni_maps.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator

from reconciler.canary import tables
from reconciler.canary.covering import covers, names_of
from reconciler.live.config import LiveConfig
from reconciler.model.candidate import Candidate
from reconciler.model.snapshot import PemFile
from reconciler.postfix import table
from reconciler.postfix.values import split_list

_ROWS = 200  # of each table; a file takes milliseconds


def faults(
    config: LiveConfig, candidate: Candidate, pem: Callable[[str], PemFile | None], live: LiveConfig
) -> Iterator[str]:
    """Of each row that is new, or whose file changes: whether the file can be served to that name today."""
    for path in _tables(config):
        content = candidate.files.get(path)
        after = _rows(content if isinstance(content, bytes) else tables.standing(path))
        before = _rows(tables.standing(path)) if path in _tables(live) else {}
        changed = [key for key, value in after.items() if before.get(key) != value or value in candidate.files]
        for key in changed[:_ROWS]:
            named = [config.path(it) for it in split_list(after[key])]
            fault = _fault(key, pem(named[0]), config) if len(named) == 1 else ""
            if fault:
                yield f"{path}: {key}: {named[0]}: {fault}"


def _tables(config: LiveConfig) -> list[str]:
    return [config.path(it.rpartition(":")[2]) for it in split_list(config.view.get("tls_server_sni_maps"))]


def _rows(content: bytes) -> dict[str, str]:
    rows = table.parse(content).rows
    return {_text(key): _text(row.value) for key, row in rows.items() if row.value.startswith(b"/")}


def _fault(name: str, pem: PemFile | None, config: LiveConfig) -> str:
    if pem is None:
        return "there is no such file"
    if pem.problem or not pem.certificates or pem.key_public_sha256 is None:
        return pem.problem or "a private key and its certificate are not both in it"
    leaf, now = pem.certificates[0], config.snapshot.now
    if now > leaf.not_after:
        return f"its certificate ended on {leaf.not_after:%Y-%m-%d}"
    if now < leaf.not_before:
        return f"its certificate begins on {leaf.not_before:%Y-%m-%d} only"
    names = names_of(leaf)
    return "" if not names or covers(names, name) else f"its certificate is for {', '.join(names)}"


def _text(raw: bytes) -> str:
    return raw.decode("utf-8", "surrogateescape")
