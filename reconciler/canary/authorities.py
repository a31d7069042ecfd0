"""Who vouches for servers: without authorities that are valid, mail under `verify` and `secure` waits for ever.

Source: TLS_README, "Client-side certificate verification"; postconf(5), smtp_tls_CAfile.
"""

from __future__ import annotations

import re
import warnings
from collections.abc import Callable, Iterator

from reconciler.errors import HostUnreadable
from reconciler.host import files
from reconciler.live.config import LiveConfig
from reconciler.model.candidate import Candidate
from reconciler.model.snapshot import PemFile
from reconciler.postfix.effective import client_level
from reconciler.postfix.values import split_list

_FILES = ("smtp_tls_CAfile", "smtp_tls_CApath", "smtp_tls_trust_anchor_file")
_DEMANDING = ("verify", "secure")
_DEMANDS = re.compile(rb"^\S+[ \t]+(verify|secure)\b(?!.*\btafile=)", re.MULTILINE | re.IGNORECASE)
_LARGE = 64 << 20  # bytes of a table that is looked through


def faults(
    config: LiveConfig, candidate: Candidate, pem: Callable[[str], PemFile | None], live: LiveConfig
) -> Iterator[str]:
    """Where a certificate somebody vouches for is demanded: nobody is named, or nobody who is still valid."""
    view = config.view
    if not any(view.get(name) for name in _FILES) and not view.is_yes("tls_append_default_CA"):
        demand = _demand(config)
        if demand:
            yield f"main.cf: {demand}, and smtp_tls_CAfile and smtp_tls_CApath name no authority"
    path = view.get("smtp_tls_CAfile")
    is_new = path != live.view.get("smtp_tls_CAfile") or config.path(path) in candidate.files
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # bundles of systems hold authorities with a serial number of zero
        found = pem(config.path(path)) if path and is_new else None
    now = config.snapshot.now
    if found and found.certificates and all(now > it.not_after for it in found.certificates):
        yield f"main.cf: smtp_tls_CAfile: every certificate in {path} has ended"


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
