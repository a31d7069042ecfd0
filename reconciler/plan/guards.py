"""Guards: rules that stop a plan which would weaken TLS, break it, or remove too much.

They judge the change, not the host: what was already wrong is reported and blocks nothing, and going back to a state
that was live before needs no waiver. docs/reference/guards.md lists the rules.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date

from reconciler.frozen import replace
from reconciler.live.config import LiveConfig
from reconciler.live.markers import inside_blocks, may_have_blocks
from reconciler.live.meaning import Meaning
from reconciler.model.address import (
    Address,
    ElementAddress,
    FileAddress,
    OptionAddress,
    ParameterAddress,
    RowAddress,
    ServiceAddress,
    sort_key,
)
from reconciler.model.desired import DesiredState, Waiver
from reconciler.model.plan import Change, MakeCertificate, Reason, Tripped, Why
from reconciler.plan.certificates import faults
from reconciler.plan.diff import Comparison
from reconciler.plan.target import Target
from reconciler.postfix import policy, values
from reconciler.postfix.effective import View, client_level
from reconciler.postfix.main_cf import Entry
from reconciler.postfix.master_cf import Service

CHAIN = ("smtpd_tls_chain_files", "smtpd_tls_cert_file", "smtpd_tls_key_file")
_CHAIN_ADDRESSES = frozenset(str(ParameterAddress(name)) for name in CHAIN)
_SERVER_STRENGTH = {level: rank for rank, level in enumerate(values.SERVER_LEVELS)}
_CLIENT_STRENGTH = {
    "none": 0, "may": 1, "dane": 2, "encrypt": 3, "verify": 4, "dane-only": 5, "fingerprint": 5, "secure": 5,
}  # fmt: skip
_GRADES = {grade: rank for rank, grade in enumerate(values.GRADES)}
_PROTECTIVE = {"smtpd_tls_auth_only": "yes", "smtpd_tls_wrappermode": "yes", "smtp_tls_wrappermode": "yes"}
_FEW = 10  # removals that are never too many


def judge(
    comparison: Comparison, desired: DesiredState, target: Target, live: LiveConfig, managed: int | None
) -> tuple[Tripped, ...]:
    """What trips over these changes, each with the waiver that answers it, if one does.

    `managed` is how many addresses were managed before, or None where this very state was live before.
    """
    doing = [change for change in comparison.changes if not change.forget]
    tripped = [*_certificates(doing, desired, target, live), *_elsewhere(doing, live)]
    if managed is not None:
        tripped += _weakened(doing, live, comparison.meaning)
        tripped += _without_dnssec(doing, live, comparison.meaning)
        tripped += _too_much(doing, managed)
    today = live.snapshot.now.date()
    return tuple(_answered(it, desired.waivers, today) for it in tripped)


def _answered(tripped: Tripped, waivers: tuple[Waiver, ...], today: date) -> Tripped:
    for waiver in waivers:
        if (waiver.guard, waiver.address) != (tripped.rule, str(tripped.address)):
            continue
        if waiver.until >= today:
            return replace(tripped, waiver=waiver)
        tripped = replace(tripped, text=f"{tripped.text}; its waiver ended on {waiver.until}")
    return tripped


# --- tls_weakened -------------------------------------------------------------------------------------------------


def _weakened(changes: list[Change], live: LiveConfig, meaning: Meaning) -> Iterator[Tripped]:
    going = {it.address for it in changes if isinstance(it.address, ServiceAddress) and it.after is None}
    new = {it.address for it in changes if isinstance(it.address, ServiceAddress) and it.before is None}
    for change in changes:
        if isinstance(change.address, OptionAddress) and change.address.service in going | new:
            continue
        if change.why is Why.CORRECTIVE:
            continue  # back to what was applied last
        if change.reason is Reason.UNDECLARED and not isinstance(change.address, RowAddress):
            continue  # back to what was live before it was managed
        text = _weakening(change, live, meaning)
        if text:
            yield Tripped("tls_weakened", change.address, text)


def _weakening(change: Change, live: LiveConfig, meaning: Meaning) -> str:
    match change.address:
        case ParameterAddress(name):
            return _weaker_value(name, live.view.get(name), meaning.view.get(name))
        case OptionAddress(service, name):
            standing = live.service(service)
            before = live.view_of(standing) if standing else live.view
            after = meaning.view.with_overrides({name: change.after} if change.after is not None else {})
            return _weaker_value(name, before.get(name), after.get(name))
        case RowAddress():
            return _weaker_row(change, meaning)
        case ElementAddress() if change.after is None:
            return "the table it names is no longer asked, so nothing it demands is"
        case _:
            return ""


def _weaker_value(name: str, before: str, after: str) -> str:
    ranks = _ranks(name)
    if ranks and ranks.get(after.lower(), 0) < ranks.get(before.lower(), 0):
        return f"{before} is stronger than {after or 'nothing'}"
    if name.endswith("_protocols"):
        gained = _enabled(after) - _enabled(before)
        weakest = [it for it in values.PROTOCOLS if it in gained]
        strongest_floor = [it for it in values.PROTOCOLS if it in _enabled(before)]
        if (
            weakest
            and strongest_floor
            and values.PROTOCOLS.index(weakest[0]) < values.PROTOCOLS.index(strongest_floor[0])
        ):
            return f"it would allow {', '.join(weakest)} again"
    protected = _PROTECTIVE.get(name)
    if protected and before.lower() == protected != after.lower():
        return f"{name} goes from {before} to {after or 'nothing'}"
    return ""


def _ranks(name: str) -> dict[str, int] | None:
    if name.endswith("_tls_security_level"):
        return _CLIENT_STRENGTH if name.startswith(("smtp_", "lmtp_")) else _SERVER_STRENGTH
    if name.endswith("_ciphers") and not name.endswith("exclude_ciphers"):
        return _GRADES
    return None


def _enabled(text: str) -> frozenset[str]:
    try:
        return values.enabled_protocols(text)
    except ValueError:
        return frozenset()


def _weaker_row(change: Change, meaning: Meaning) -> str:
    address = change.address
    if change.before is None or not isinstance(address, RowAddress):
        return ""
    if address.path not in meaning.policy_tables:
        dropped = "reject_plaintext_session" in change.before and "reject_plaintext_session" not in (change.after or "")
        return "plaintext would be taken again" if dropped else ""
    before = _level(change.before)
    after = _level(change.after) if change.after is not None else client_level(meaning.view)
    if _CLIENT_STRENGTH.get(after, 0) < _CLIENT_STRENGTH.get(before, 0):
        return f"{before} is stronger than {after}, which would be in force"
    return ""


def _level(text: str) -> str:
    try:
        return policy.parse(text).level
    except ValueError:
        return "none"


# --- the others ---------------------------------------------------------------------------------------------------


def _without_dnssec(changes: list[Change], live: LiveConfig, meaning: Meaning) -> Iterator[Tripped]:
    """`dane` without DNSSEC look-ups delivers in plaintext (measured with Postfix 3.7)."""
    for change in changes:
        is_policy = isinstance(change.address, RowAddress) and change.address.path in meaning.policy_tables
        unsafe = meaning.view.get("smtp_dns_support_level").lower() != "dnssec"
        if is_policy and unsafe and change.after is not None and _level(change.after) in ("dane", "dane-only"):
            text = "a dane policy, and smtp_dns_support_level is not dnssec: no TLSA record would be believed"
            yield Tripped("dane_without_dnssec", change.address, text)
    if _blind(meaning.view) and not _blind(live.view):
        text = (
            "smtp_tls_security_level is dane, and smtp_dns_support_level is not dnssec: mail would leave in plaintext"
        )
        yield Tripped("dane_without_dnssec", ParameterAddress("smtp_tls_security_level"), text)


def _blind(view: View) -> bool:
    return client_level(view) in ("dane", "dane-only") and view.get("smtp_dns_support_level").lower() != "dnssec"


def _certificates(changes: list[Change], desired: DesiredState, target: Target, live: LiveConfig) -> Iterator[Tripped]:
    """A certificate that Postfix could not serve, about to be taken into use."""
    if not any(isinstance(it.address, FileAddress) or str(it.address) in _CHAIN_ADDRESSES for it in changes):
        return
    for certificate in desired.certificates:
        for fault in faults(certificate, live):
            if not isinstance(target.certificates.get(fault.address), MakeCertificate):  # that one is made anew
                yield Tripped(fault.rule, fault.address, fault.text)


def _elsewhere(changes: list[Change], live: LiveConfig) -> Iterator[Tripped]:
    """An address that another tool's block says: the two would take turns for ever."""
    main, master = (inside_blocks(it.nodes) if may_have_blocks(it.render()) else () for it in (live.main, live.master))
    parameters = {_name(node): owner for node, owner in main if isinstance(node, Entry)}
    services = {node.key: owner for node, owner in master if isinstance(node, Service)}
    for change in changes:
        match change.address:
            case ParameterAddress(name) | ElementAddress(name):
                owner = parameters.get(name)
            case ServiceAddress(endpoint, kind) | OptionAddress(ServiceAddress(endpoint, kind)):
                owner = services.get((endpoint, kind))
            case _:
                owner = None
        if owner:
            yield Tripped("managed_elsewhere", change.address, f"it stands in a block of another tool ({owner})")


def _name(entry: Entry) -> str:
    return entry.name.decode("utf-8", "surrogateescape")


def _too_much(changes: list[Change], managed: int) -> Iterator[Tripped]:
    removed: list[Address] = sorted((it.address for it in changes if it.after is None), key=sort_key)
    if len(removed) > max(_FEW, managed // 2):
        text = f"{len(removed)} of {managed} managed addresses would go; an emptied file is seldom meant"
        yield Tripped("removes_too_much", removed[0], text)
