"""Who vouches for servers: without authorities that are valid, mail under `verify` and `secure` waits for ever.

Source: TLS_README, "Client-side certificate verification"; postconf(5), smtp_tls_CAfile.
"""

from __future__ import annotations

import re
import warnings
from collections.abc import Callable, Iterator
from pathlib import Path

from reconciler.errors import HostUnreadable
from reconciler.host import files
from reconciler.live.config import LiveConfig
from reconciler.model.candidate import Candidate
from reconciler.model.snapshot import PemFile
from reconciler.postfix.effective import client_level
from reconciler.postfix.values import split_list

_FILES = ("smtp_tls_CAfile", "smtp_tls_CApath", "smtp_tls_trust_anchor_file")
_NAMED = tuple(
    f"{side}_tls_{what}" for side in ("smtp", "lmtp", "smtpd") for what in ("CAfile", "CApath", "trust_anchor_file")
)
_DEMANDING = ("verify", "secure")
_DEMANDS = re.compile(rb"^\S+[ \t]+(verify|secure)\b(?!.*\btafile=)", re.MULTILINE | re.IGNORECASE)
_LARGE = 64 << 20  # bytes of a table that is looked through


def faults(
    config: LiveConfig, candidate: Candidate, pem: Callable[[str], PemFile | None], live: LiveConfig
) -> Iterator[str]:
    """Where a certificate somebody vouches for is demanded: nobody is named, or nobody who is still valid.

    And what is newly named and cannot be read, or is taken away.
    """
    view = config.view
    if not any(view.get(name) for name in _FILES) and not view.is_yes("tls_append_default_CA"):
        demand = _demand(config)
        if demand:
            yield f"main.cf: {demand}, and smtp_tls_CAfile and smtp_tls_CApath name no authority"
    for name in _NAMED:
        for path in split_list(view.get(name)):
            at = config.path(path)
            if path in split_list(live.view.get(name)) and at not in {*candidate.files, *candidate.removed}:
                continue
            fault = _fault(name, at, candidate, pem, config)
            if fault:
                yield f"main.cf: {name}: {fault}"


def _fault(name: str, path: str, candidate: Candidate, pem: Callable[[str], PemFile | None], config: LiveConfig) -> str:
    if name.endswith("_CApath"):
        return "" if Path(path).is_dir() else f"there is no directory {path}"
    if path in candidate.removed or not (path in candidate.files or Path(path).is_file()):
        return f"there is no {path}"
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # bundles of systems hold authorities with a serial number of zero
        found = pem(path)
    if found is None or not found.certificates:
        is_key = name.endswith("_anchor_file") and found is not None and "PUBLIC KEY" in found.problem
        return "" if is_key else f"no certificate is in {path}"
    ended = all(config.snapshot.now > it.not_after for it in found.certificates)
    return f"every certificate in {path} has ended" if ended else ""


def _demand(config: LiveConfig) -> str:
    if client_level(config.view) in _DEMANDING:
        return f"smtp_tls_security_level is {client_level(config.view)}"
    for reference in split_list(config.view.get("smtp_tls_policy_maps")):
        path = config.path(reference.rpartition(":")[2])
        try:
            state = files.read(path) if "/" in path and "{" not in path else None
        except HostUnreadable:
            state = None
        if state and len(state.content) < _LARGE and _DEMANDS.search(state.content):
            return f"{path} demands verified certificates"
    return ""
