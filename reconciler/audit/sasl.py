"""Logging in: passwords on the wire, and logins without a name.

Source: SASL_README, "Enabling SASL authentication"; RFC 8314; server `encrypt` and wrappermode imply auth_only.
"""

from __future__ import annotations

from collections.abc import Iterator

from reconciler.audit import remedy
from reconciler.audit.remedy import Value
from reconciler.audit.scene import Running, Said, Scene
from reconciler.model.address import Address
from reconciler.model.finding import Finding, Fix
from reconciler.postfix import endpoint
from reconciler.postfix.effective import auth_only_under_tls, server_level
from reconciler.postfix.values import split_list

_EVERYBODY = ("0.0.0.0/0", "static:all")
_OPTIONS = ("smtpd_sasl_security_options", "smtpd_sasl_tls_security_options")
_MECHANISM = {"dovecot", "cyrus"}


def check(scene: Scene) -> Iterator[Finding]:
    findings: dict[tuple[str, Address], Finding] = {}
    for listener in scene.listeners:
        if listener.view.is_yes("smtpd_sasl_auth_enable"):
            for found in (*_plaintext(scene, listener), *_anonymous(scene, listener)):
                findings.setdefault((found.rule, found.address), found)
    yield from findings.values()


def _plaintext(scene: Scene, listener: Running) -> Iterator[Finding]:
    view = listener.view
    if auth_only_under_tls(view) or "noplaintext" in _words(view.get("smtpd_sasl_security_options")):
        return
    if any(it in view.get("smtpd_sasl_exceptions_networks") for it in _EVERYBODY):
        return  # AUTH is offered to nobody
    said = _decisive(scene, listener)
    name = listener.service.name if listener.service else "smtpd"
    enabled = scene.said("smtpd_sasl_auth_enable", listener)
    evidence = f"{name} offers AUTH ({enabled.text}) with TLS {_spoken(server_level(view))}; {said.text}"
    why = "passwords travel readable to everybody on their way"
    yield said.finding("auth_in_plaintext", why, _only_under_tls(listener), evidence)


def _spoken(level: str) -> str:
    return "switched off" if level == "none" else "left to the client"


def _decisive(scene: Scene, listener: Running) -> Said:
    """Of what would keep AUTH under TLS, what is said nearest to the service."""
    names = ("smtpd_tls_auth_only", "smtpd_tls_security_level")
    own = next((name for name in names if listener.says(name)), names[0])
    return scene.said(own, listener)


def _only_under_tls(listener: Running) -> Fix:
    service = listener.service
    name = endpoint.canonical(service.name) if service else ""
    if name == "submission":
        kind, path = listener.view.get("smtpd_sasl_type").lower(), listener.view.get("smtpd_sasl_path")
        if kind in _MECHANISM and path:
            keys: dict[str, Value] = {"security_level": "encrypt", "sasl": {"type": kind, "path": path}}
            return remedy.declare({**remedy.UNMANAGED, "submission": keys})
    advice = "" if not listener.says("smtpd_tls_auth_only") else "remove -o smtpd_tls_auth_only from the service"
    return remedy.parameter("smtpd_tls_auth_only", "yes", advice)


def _anonymous(scene: Scene, listener: Running) -> Iterator[Finding]:
    level = server_level(listener.view)
    plaintext = not auth_only_under_tls(listener.view)
    names = [_OPTIONS[0]] if plaintext else []
    names += [_OPTIONS[1]] if level != "none" else []
    for name in names:
        options = listener.view.get(name)
        if "noanonymous" in _words(options):
            continue
        said = scene.said(name, listener)
        inherited = listener.view.raw(name) == f"${_OPTIONS[0]}"
        said = scene.said(_OPTIONS[0], listener) if inherited else said
        why = "whoever offers no name is logged in, and may relay"
        value = " ".join(("noanonymous", *_words(options)))
        fix = remedy.parameter(_OPTIONS[0] if inherited else name, value)
        yield said.finding("anonymous_sasl", why, fix)


def _words(options: str) -> tuple[str, ...]:
    return split_list(options.lower())
