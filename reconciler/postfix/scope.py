"""What this program may touch: TLS and SASL parameters, and nothing that opens a relay or runs a program.

A commit must not be able to do either, so everything else is refused by name, with the reason.
"""

from __future__ import annotations

import re

_SCOPE = re.compile(
    r"(smtpd|smtp|lmtp|postscreen|tlsproxy)_(tls|starttls|use_tls|enforce_tls|sasl)(_\w+)?"
    r"|tls_\w+|tlsproxy_client_\w+|smtpd_client_new_tls_session_rate_limit"
    r"|smtp_dns_support_level|lmtp_dns_support_level|broken_sasl_auth_clients|relay_clientcerts|plaintext_reject_code"
)

_PROGRAMS = "it names a program or a module that would be run"
_SERVICES = "it points Postfix at another service"
_REFUSED = {
    "openssl_path": _PROGRAMS,
    "tls_config_file": "an OpenSSL configuration file can load modules",
    "tls_config_name": "an OpenSSL configuration section can load modules",
    "tls_random_source": "it names a device or a socket to read from",
    "tls_random_exchange_name": "it names a file that tlsmgr(8) overwrites",
    "tlsmgr_service_name": _SERVICES,
    "tlsproxy_service_name": _SERVICES,
    "smtpd_sasl_service": _SERVICES,
    "cyrus_sasl_config_path": "it decides which SASL plug-ins are loaded",
}

_KNOWN_DANGERS = {
    "mynetworks": "it says who may relay",
    "mynetworks_style": "it says who may relay",
    "relay_domains": "it says what is relayed",
    "smtpd_relay_restrictions": "it keeps the host from being an open relay",
    "smtpd_recipient_restrictions": "it keeps the host from being an open relay",
    "smtpd_client_restrictions": "only our own element of it is written, through incoming.policies",
    "smtpd_sender_restrictions": "only our own element of it is written, through incoming.policies",
    "smtp_tls_policy_maps": "only our own element of it is written, through outgoing.policies",
    "content_filter": "it sends mail elsewhere",
    "always_bcc": "it copies every mail",
    "mailbox_command": _PROGRAMS,
    "debugger_command": _PROGRAMS,
    "maillog_file_compressor": _PROGRAMS,
    "multi_instance_wrapper": _PROGRAMS,
    "import_environment": "it reaches into the environment of every daemon",
    "daemon_directory": _PROGRAMS,
    "command_directory": _PROGRAMS,
    "shlib_directory": _PROGRAMS,
    "queue_directory": "moving the queue loses mail",
    "data_directory": "it names files that daemons overwrite",
    "mail_owner": "it decides which user daemons run as",
    "smtpd_milters": "it sends mail through another program",
    "non_smtpd_milters": "it sends mail through another program",
}


def refusal(name: str) -> str | None:
    """Why a parameter may not be declared, or None where it lies inside the scope."""
    if name in _KNOWN_DANGERS:
        return _KNOWN_DANGERS[name]
    if name in _REFUSED:
        return _REFUSED[name]
    if name.endswith(("_transport", "_transport_maps")):
        return "it decides where mail goes"
    if not _SCOPE.fullmatch(name):
        return "it is no TLS or SASL parameter of smtpd, smtp, lmtp, postscreen or tlsproxy"
    return None


def in_scope(name: str) -> bool:
    return refusal(name) is None
