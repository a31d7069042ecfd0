"""The certificate that smtpd serves."""

from __future__ import annotations

from reconciler.errors import StateInvalid
from reconciler.importer.draft import Draft, complaint, declared, differing
from reconciler.importer.emit import Value
from reconciler.live.config import LiveConfig
from reconciler.model.address import FileAddress, ParameterAddress
from reconciler.postfix.values import split_list

CHAIN = "smtpd_tls_chain_files"
PAIR = ("smtpd_tls_cert_file", "smtpd_tls_key_file")
OTHER_PAIRS = tuple(f"smtpd_tls_{kind}{file}" for kind in ("d", "ec") for file in ("cert_file", "key_file"))
NAMES = (CHAIN, *PAIR, *OTHER_PAIRS)
_SECTION = "certificates"


def files(live: LiveConfig) -> tuple[str, ...]:
    """The absolute paths of the files that main.cf names for smtpd."""
    named = [path for name in (CHAIN, *PAIR) for path in split_list(live.view.get(name))]
    return tuple(dict.fromkeys(live.path(path) for path in named if path.lower() != "none"))


def take(draft: Draft) -> None:
    """Declare the certificate where its files are there, say who else must manage it where they are not."""
    live = draft.live
    present = [name for name in NAMES if name in live.explicit]
    used = (CHAIN,) if live.view.get(CHAIN) else PAIR
    certificate = _section(live, used)
    reason = _why_not(live, used, certificate) if certificate else ""
    reason = reason or draft.unwanted(*map(ParameterAddress, used))
    if certificate and not reason:
        draft.section(_SECTION)["default"] = certificate
    for name in present:
        if name not in used:
            draft.leave(ParameterAddress(name), _beside(name, used), _SECTION)
        elif not certificate or reason:
            draft.leave(ParameterAddress(name), _missing(live, name) or reason or "it names no file", _SECTION)


def complete(draft: Draft) -> None:
    """Whatever turns TLS on needs a certificate that is declared, or said to be managed elsewhere."""
    level = draft.keys.get("incoming", {}).get("security_level")
    served = level in ("may", "encrypt") or "submission" in draft.keys or "submissions" in draft.keys
    if served and "default" not in draft.section(_SECTION):
        draft.section(_SECTION)["default"] = "unmanaged"


def _section(live: LiveConfig, used: tuple[str, ...]) -> dict[str, Value]:
    paths = [split_list(live.view.get(name)) for name in used]
    if used == (CHAIN,):
        return {"chain_files": paths[0]}
    if not all(paths):
        return {}
    return {"cert_file": " ".join(paths[0]), "key_file": " ".join(paths[1])}


def _why_not(live: LiveConfig, used: tuple[str, ...], certificate: dict[str, Value]) -> str:
    try:
        state = declared({_SECTION: {"default": certificate}})
    except StateInvalid as invalid:
        return complaint(invalid, (_SECTION, "default", next(iter(certificate))))
    changed = differing(state, live)
    if changed:
        return f"declaring it would set {changed[0][0]} = {changed[0][1]}"
    return next(filter(None, (_missing(live, name) for name in used)), "")


def _missing(live: LiveConfig, name: str) -> str:
    """Which of the files that a parameter names is not on this machine."""
    missing = [path for path in split_list(live.view.get(name)) if live.at(FileAddress(path)) is None]
    return f"{live.path(missing[0])} is not there" if missing else ""


def _beside(name: str, used: tuple[str, ...]) -> str:
    if used == (CHAIN,):
        return f"Postfix ignores it beside {CHAIN}"
    return f"a second certificate; name all of them in {CHAIN} to declare it" if name in OTHER_PAIRS else "not in use"
