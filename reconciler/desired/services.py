"""The submission services as master.cf entries: who is not authenticated gets no further than the connection.

Source: Postfix's own master.cf, the commented submission and submissions entries; RFC 8314; SASL_README.
"""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial

from reconciler.desired import parameters
from reconciler.desired.kept import Kept
from reconciler.desired.state_file import HostFile, Submission, Submissions
from reconciler.desired.tree import Mapping, origin_at
from reconciler.model.desired import DesiredParameter, DesiredService, Part

_AUTHENTICATED = "permit_sasl_authenticated,reject"


def of(file: HostFile, tree: Mapping, kept: Kept) -> tuple[DesiredService, ...]:
    """The services that a host file declares, the disabled ones too: they are removed on purpose."""
    declared = ((Part.SUBMISSION, file.submission), (Part.SUBMISSIONS, file.submissions))
    return tuple(
        kept.once(f"service {part.value}", (tree.entries[part.value],), partial(_service, part, service, tree))
        for part, service in declared
        if service is not None
    )


def _service(part: Part, service: Submission | Submissions, tree: Mapping) -> DesiredService:
    origin = origin_at(tree, part.value)
    options: tuple[DesiredParameter, ...] = ()
    if service.enabled:
        options = tuple(
            DesiredParameter(name, value, part, origin_at(tree, part.value, *key.split(".")) if key else origin)
            for name, value, key in _options(part, service)
        )
    return DesiredService(service.listen, service.enabled, options, part, origin)


def _options(part: Part, service: Submission | Submissions) -> Iterator[tuple[str, str, str]]:
    """Name, value, and the key that says it, in the order of Postfix's own master.cf.

    The restrictions are written out, the empty ones too: those of main.cf are made for port 25.
    """
    yield "syslog_name", f"postfix/{part.value}", ""
    yield "smtpd_tls_security_level", "encrypt", "security_level"
    if part is Part.SUBMISSIONS:
        yield "smtpd_tls_wrappermode", "yes", ""
    yield "smtpd_sasl_auth_enable", "yes", "enabled"
    if service.sasl is not None:
        yield "smtpd_sasl_type", service.sasl.type.value, "sasl.type"
        yield "smtpd_sasl_path", service.sasl.path, "sasl.path"
        # Postfix's default, written out: with main.cf's emptied, an anonymous login would be a permit to relay.
        yield "smtpd_sasl_security_options", service.sasl.security_options, "sasl.security_options"
        if service.sasl.local_domain is not None:
            yield "smtpd_sasl_local_domain", service.sasl.local_domain, "sasl.local_domain"
    yield "smtpd_tls_auth_only", "yes", ""
    yield "smtpd_client_restrictions", _AUTHENTICATED, ""
    yield "smtpd_helo_restrictions", "", ""
    yield "smtpd_sender_restrictions", "", ""
    yield "smtpd_recipient_restrictions", "", ""
    yield "smtpd_relay_restrictions", _AUTHENTICATED, ""
    if service.protocols is not None:
        yield "smtpd_tls_mandatory_protocols", service.protocols, "protocols"
    if service.ciphers is not None:
        yield "smtpd_tls_mandatory_ciphers", service.ciphers.value, "ciphers"
    for name, text in (service.parameters or {}).items():
        yield name, parameters.written(name, text), f"parameters.{name}"
