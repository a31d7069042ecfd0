"""The files of a state repository as values, and what their keys take. Written by `make schemas` from `models`."""

# fmt: off
from __future__ import annotations

from datetime import date, timedelta
from functools import partial
from typing import Literal

from reconciler.desired import readers
from reconciler.desired.keys import Taker, anything, begun, either, items, names, optional, parameter, section, text
from reconciler.desired.kinds import ClientLevel, Grade, SaslType, ServerLevel
from reconciler.frozen import dataclass
from reconciler.model.desired import Part


@dataclass(frozen=True, slots=True)
class SelfSignedCertificate:
    """A certificate to make on the host where none is yet."""

    names: tuple[str, ...] | None = None
    days: int = 397


@dataclass(frozen=True, slots=True)
class Certificate:
    """The files a certificate is served from: exactly one of chain_files, cert_file with key_file, and certbot."""

    chain_files: tuple[str, ...] | None = None
    cert_file: str | None = None
    key_file: str | None = None
    certbot: str | None = None
    until_present: Literal["self_signed"] | SelfSignedCertificate | None = None


@dataclass(frozen=True, slots=True)
class IncomingPolicies:
    """Who may not send mail here in plaintext: `reject_plaintext_session`."""

    senders: tuple[str, ...] | None = None
    clients: tuple[str, ...] | None = None
    sender_table: str = "tls_senders"
    client_table: str = "tls_clients"
    client_name_table: str = "tls_client_names"


@dataclass(frozen=True, slots=True)
class Incoming:
    """smtpd, port 25: what this host asks of clients that deliver mail. Source: TLS_README, "SMTP Server"."""

    protocols: str | None = None
    mandatory_protocols: str | None = None
    ciphers: Grade | None = None
    mandatory_ciphers: Grade | None = None
    exclude_ciphers: str | None = None
    mandatory_exclude_ciphers: str | None = None
    security_level: ServerLevel | None = None
    ca_file: str | None = None
    ca_path: str | None = None
    loglevel: int | None = None
    received_header: bool | None = None
    auth_only: bool | None = None
    ask_client_certificate: bool | None = None
    session_cache_timeout: timedelta | None = None
    policies: IncomingPolicies | None = None


@dataclass(frozen=True, slots=True)
class Outgoing:
    """smtp: what this host asks of the servers it delivers to. Source: TLS_README, "SMTP Client"."""

    protocols: str | None = None
    mandatory_protocols: str | None = None
    ciphers: Grade | None = None
    mandatory_ciphers: Grade | None = None
    exclude_ciphers: str | None = None
    mandatory_exclude_ciphers: str | None = None
    security_level: ClientLevel | None = None
    ca_file: str | None = None
    ca_path: str | None = None
    loglevel: int | None = None
    note_starttls_offer: bool | None = None
    connection_reuse: bool | None = None
    session_cache_timeout: timedelta | None = None
    chain_files: tuple[str, ...] | None = None
    cert_file: str | None = None
    key_file: str | None = None
    policies: dict[str, str] | None = None
    policy_files: tuple[str, ...] | None = None
    policy_table: str = "tls_policy"


@dataclass(frozen=True, slots=True)
class Sasl:
    """Who checks names and passwords; both stay on the host. Source: SASL_README."""

    type: SaslType
    path: str
    security_options: str = "noanonymous"
    local_domain: str | None = None


@dataclass(frozen=True, slots=True)
class Submission:
    """Port 587: users' mail programs, authenticated and under STARTTLS only. Source: RFC 6409."""

    enabled: bool = True
    listen: str = "submission"
    security_level: ServerLevel = ServerLevel.ENCRYPT
    sasl: Sasl | None = None
    protocols: str | None = None
    ciphers: Grade | None = None
    parameters: dict[str, str] | None = None


@dataclass(frozen=True, slots=True)
class Submissions:
    """Port 465: users' mail programs, under TLS from the first byte (wrappermode). Source: RFC 8314."""

    enabled: bool = True
    listen: str = "submissions"
    security_level: ServerLevel | None = None
    sasl: Sasl | None = None
    protocols: str | None = None
    ciphers: Grade | None = None
    parameters: dict[str, str] | None = None


@dataclass(frozen=True, slots=True)
class WaiverEntry:
    """Permission to do what a guard would stop, with a reason and an end."""

    guard: str
    at: str
    reason: str
    until: date


@dataclass(frozen=True, slots=True)
class HostFile:
    """hosts/NAME.yaml or hosts/NAME@INSTANCE.yaml: the TLS state of one Postfix instance."""

    profile: str | None = None
    enforce: Literal["all"] | tuple[Part, ...] | None = None
    observe: tuple[Part, ...] | None = None
    certificates: dict[str, Literal["unmanaged"] | Certificate] | None = None
    incoming: Incoming | None = None
    outgoing: Outgoing | None = None
    submission: Submission | None = None
    submissions: Submissions | None = None
    parameters: dict[str, str] | None = None
    groups: tuple[str, ...] | None = None
    waivers: tuple[WaiverEntry, ...] | None = None


@dataclass(frozen=True, slots=True)
class Group:
    """What the hosts of a group have in common."""

    profile: str | None = None
    enforce: Literal["all"] | tuple[Part, ...] | None = None
    observe: tuple[Part, ...] | None = None
    certificates: dict[str, Literal["unmanaged"] | Certificate] | None = None
    incoming: Incoming | None = None
    outgoing: Outgoing | None = None
    submission: Submission | None = None
    submissions: Submissions | None = None
    parameters: dict[str, str] | None = None


@dataclass(frozen=True, slots=True)
class FleetFile:
    """fleet.yaml: what hosts have in common."""

    requires: tuple[int, ...] | None = None
    groups: dict[str, Group | None] | None = None
    rollout: object = None


@dataclass(frozen=True, slots=True)
class IncomingFloors:
    """The floors of a profile for mail that comes in."""

    protocols: str | None = None
    mandatory_protocols: str | None = None
    ciphers: Grade | None = None
    mandatory_ciphers: Grade | None = None
    exclude_ciphers: str | None = None
    mandatory_exclude_ciphers: str | None = None


@dataclass(frozen=True, slots=True)
class OutgoingFloors:
    """The floors of a profile for mail that goes out."""

    protocols: str | None = None
    mandatory_protocols: str | None = None
    ciphers: Grade | None = None
    mandatory_ciphers: Grade | None = None
    exclude_ciphers: str | None = None
    mandatory_exclude_ciphers: str | None = None


@dataclass(frozen=True, slots=True)
class ProfileFile:
    """profiles/NAME.yaml: protocol floors and cipher grades under one name, and nothing else."""

    profile: str | None = None
    incoming: IncomingFloors | None = None
    outgoing: OutgoingFloors | None = None


_self_signed_certificate = section(
    SelfSignedCertificate,
    {
        "names": optional(items(text(readers.domain), 1)),
        "days": text(partial(readers.whole_number, least=1, most=825)),
    },
)
_certificate = section(
    Certificate,
    {
        "chain_files": optional(items(text(readers.config_path), 1)),
        "cert_file": text(readers.config_path),
        "key_file": text(readers.config_path),
        "certbot": text(readers.lineage),
        "until_present": optional(either(text(partial(readers.only_word, "self_signed", "keys below it")), _self_signed_certificate)),
    },
)
_incoming_policies = section(
    IncomingPolicies,
    {
        "senders": optional(items(text(readers.sender))),
        "clients": optional(items(text(readers.client))),
        "sender_table": text(partial(readers.table, ("hash", "btree", "cdb", "lmdb", "texthash"))),
        "client_table": text(partial(readers.table, ("cidr",))),
        "client_name_table": text(partial(readers.table, ("hash", "btree", "cdb", "lmdb", "texthash"))),
    },
)
_incoming = section(
    Incoming,
    {
        "protocols": parameter("smtpd_tls_protocols", str),
        "mandatory_protocols": parameter("smtpd_tls_mandatory_protocols", str),
        "ciphers": parameter("smtpd_tls_ciphers", Grade),
        "mandatory_ciphers": parameter("smtpd_tls_mandatory_ciphers", Grade),
        "exclude_ciphers": parameter("smtpd_tls_exclude_ciphers", str),
        "mandatory_exclude_ciphers": parameter("smtpd_tls_mandatory_exclude_ciphers", str),
        "security_level": parameter("smtpd_tls_security_level", ServerLevel),
        "ca_file": parameter("smtpd_tls_CAfile", str),
        "ca_path": parameter("smtpd_tls_CApath", str),
        "loglevel": parameter("smtpd_tls_loglevel", int),
        "received_header": parameter("smtpd_tls_received_header", bool),
        "auth_only": parameter("smtpd_tls_auth_only", bool),
        "ask_client_certificate": parameter("smtpd_tls_ask_ccert", bool),
        "session_cache_timeout": parameter("smtpd_tls_session_cache_timeout", timedelta),
        "policies": optional(_incoming_policies),
    },
)
_outgoing = section(
    Outgoing,
    {
        "protocols": parameter("smtp_tls_protocols", str),
        "mandatory_protocols": parameter("smtp_tls_mandatory_protocols", str),
        "ciphers": parameter("smtp_tls_ciphers", Grade),
        "mandatory_ciphers": parameter("smtp_tls_mandatory_ciphers", Grade),
        "exclude_ciphers": parameter("smtp_tls_exclude_ciphers", str),
        "mandatory_exclude_ciphers": parameter("smtp_tls_mandatory_exclude_ciphers", str),
        "security_level": parameter("smtp_tls_security_level", ClientLevel),
        "ca_file": parameter("smtp_tls_CAfile", str),
        "ca_path": parameter("smtp_tls_CApath", str),
        "loglevel": parameter("smtp_tls_loglevel", int),
        "note_starttls_offer": parameter("smtp_tls_note_starttls_offer", bool),
        "connection_reuse": parameter("smtp_tls_connection_reuse", bool),
        "session_cache_timeout": parameter("smtp_tls_session_cache_timeout", timedelta),
        "chain_files": optional(items(text(readers.config_path), 1)),
        "cert_file": parameter("smtp_tls_cert_file", str),
        "key_file": parameter("smtp_tls_key_file", str),
        "policies": optional(names(text(readers.nexthop), text(readers.policy_text))),
        "policy_files": optional(items(text(readers.repository_path))),
        "policy_table": text(partial(readers.table, ("hash", "btree", "cdb", "lmdb", "texthash"))),
    },
)
_sasl = section(
    Sasl,
    {
        "type": text(readers.sasl_type),
        "path": text(readers.sasl_path),
        "security_options": text(readers.sasl_options),
        "local_domain": text(readers.plain_text),
    },
    frozenset({"type", "path"}),
)
_submission = section(
    Submission,
    {
        "enabled": text(readers.yes_or_no),
        "listen": text(readers.listen),
        "security_level": text(readers.submission_level),
        "sasl": optional(_sasl),
        "protocols": parameter("smtpd_tls_mandatory_protocols", str),
        "ciphers": parameter("smtpd_tls_mandatory_ciphers", Grade),
        "parameters": optional(names(text(readers.parameter_name), text(readers.plain_text))),
    },
)
_submissions = section(
    Submissions,
    {
        "enabled": text(readers.yes_or_no),
        "listen": text(readers.listen),
        "security_level": text(readers.submission_level),
        "sasl": optional(_sasl),
        "protocols": parameter("smtpd_tls_mandatory_protocols", str),
        "ciphers": parameter("smtpd_tls_mandatory_ciphers", Grade),
        "parameters": optional(names(text(readers.parameter_name), text(readers.plain_text))),
    },
)
_waiver_entry = section(
    WaiverEntry,
    {
        "guard": text(readers.guard),
        "at": text(readers.address_text),
        "reason": text(readers.filled),
        "until": text(readers.day),
    },
    frozenset({"guard", "at", "reason", "until"}),
)
_host_file = section(
    HostFile,
    {
        "profile": text(readers.name),
        "enforce": optional(either(text(partial(readers.only_word, "all", "a list of parts")), items(text(readers.part)))),
        "observe": optional(items(text(readers.part))),
        "certificates": optional(names(text(readers.certificate_name), either(text(partial(readers.only_word, "unmanaged", "keys below it")), _certificate))),
        "incoming": optional(_incoming),
        "outgoing": optional(_outgoing),
        "submission": begun(_submission),
        "submissions": begun(_submissions),
        "parameters": optional(names(text(readers.parameter_name), text(readers.plain_text))),
        "groups": optional(items(text(readers.name))),
        "waivers": optional(items(_waiver_entry)),
    },
)
_group = section(
    Group,
    {
        "profile": text(readers.name),
        "enforce": optional(either(text(partial(readers.only_word, "all", "a list of parts")), items(text(readers.part)))),
        "observe": optional(items(text(readers.part))),
        "certificates": optional(names(text(readers.certificate_name), either(text(partial(readers.only_word, "unmanaged", "keys below it")), _certificate))),
        "incoming": optional(_incoming),
        "outgoing": optional(_outgoing),
        "submission": begun(_submission),
        "submissions": begun(_submissions),
        "parameters": optional(names(text(readers.parameter_name), text(readers.plain_text))),
    },
)
_fleet_file = section(
    FleetFile,
    {
        "requires": text(readers.requirement),
        "groups": optional(names(text(readers.name), optional(_group))),
        "rollout": anything,
    },
)
_incoming_floors = section(
    IncomingFloors,
    {
        "protocols": parameter("smtpd_tls_protocols", str),
        "mandatory_protocols": parameter("smtpd_tls_mandatory_protocols", str),
        "ciphers": parameter("smtpd_tls_ciphers", Grade),
        "mandatory_ciphers": parameter("smtpd_tls_mandatory_ciphers", Grade),
        "exclude_ciphers": parameter("smtpd_tls_exclude_ciphers", str),
        "mandatory_exclude_ciphers": parameter("smtpd_tls_mandatory_exclude_ciphers", str),
    },
)
_outgoing_floors = section(
    OutgoingFloors,
    {
        "protocols": parameter("smtp_tls_protocols", str),
        "mandatory_protocols": parameter("smtp_tls_mandatory_protocols", str),
        "ciphers": parameter("smtp_tls_ciphers", Grade),
        "mandatory_ciphers": parameter("smtp_tls_mandatory_ciphers", Grade),
        "exclude_ciphers": parameter("smtp_tls_exclude_ciphers", str),
        "mandatory_exclude_ciphers": parameter("smtp_tls_mandatory_exclude_ciphers", str),
    },
)
_profile_file = section(
    ProfileFile,
    {
        "profile": text(readers.name),
        "incoming": optional(_incoming_floors),
        "outgoing": optional(_outgoing_floors),
    },
)
TAKERS: dict[type, Taker] = {
    HostFile: _host_file,
    FleetFile: _fleet_file,
    ProfileFile: _profile_file,
}
PARAMETERS: dict[type, tuple[tuple[str, str], ...]] = {  # key, and the parameter it becomes
    Incoming: (
        ("protocols", "smtpd_tls_protocols"),
        ("mandatory_protocols", "smtpd_tls_mandatory_protocols"),
        ("ciphers", "smtpd_tls_ciphers"),
        ("mandatory_ciphers", "smtpd_tls_mandatory_ciphers"),
        ("exclude_ciphers", "smtpd_tls_exclude_ciphers"),
        ("mandatory_exclude_ciphers", "smtpd_tls_mandatory_exclude_ciphers"),
        ("security_level", "smtpd_tls_security_level"),
        ("ca_file", "smtpd_tls_CAfile"),
        ("ca_path", "smtpd_tls_CApath"),
        ("loglevel", "smtpd_tls_loglevel"),
        ("received_header", "smtpd_tls_received_header"),
        ("auth_only", "smtpd_tls_auth_only"),
        ("ask_client_certificate", "smtpd_tls_ask_ccert"),
        ("session_cache_timeout", "smtpd_tls_session_cache_timeout"),
    ),
    Outgoing: (
        ("protocols", "smtp_tls_protocols"),
        ("mandatory_protocols", "smtp_tls_mandatory_protocols"),
        ("ciphers", "smtp_tls_ciphers"),
        ("mandatory_ciphers", "smtp_tls_mandatory_ciphers"),
        ("exclude_ciphers", "smtp_tls_exclude_ciphers"),
        ("mandatory_exclude_ciphers", "smtp_tls_mandatory_exclude_ciphers"),
        ("security_level", "smtp_tls_security_level"),
        ("ca_file", "smtp_tls_CAfile"),
        ("ca_path", "smtp_tls_CApath"),
        ("loglevel", "smtp_tls_loglevel"),
        ("note_starttls_offer", "smtp_tls_note_starttls_offer"),
        ("connection_reuse", "smtp_tls_connection_reuse"),
        ("session_cache_timeout", "smtp_tls_session_cache_timeout"),
        ("chain_files", "smtp_tls_chain_files"),
        ("cert_file", "smtp_tls_cert_file"),
        ("key_file", "smtp_tls_key_file"),
    ),
    Submission: (
        ("protocols", "smtpd_tls_mandatory_protocols"),
        ("ciphers", "smtpd_tls_mandatory_ciphers"),
    ),
    Submissions: (
        ("protocols", "smtpd_tls_mandatory_protocols"),
        ("ciphers", "smtpd_tls_mandatory_ciphers"),
    ),
    IncomingFloors: (
        ("protocols", "smtpd_tls_protocols"),
        ("mandatory_protocols", "smtpd_tls_mandatory_protocols"),
        ("ciphers", "smtpd_tls_ciphers"),
        ("mandatory_ciphers", "smtpd_tls_mandatory_ciphers"),
        ("exclude_ciphers", "smtpd_tls_exclude_ciphers"),
        ("mandatory_exclude_ciphers", "smtpd_tls_mandatory_exclude_ciphers"),
    ),
    OutgoingFloors: (
        ("protocols", "smtp_tls_protocols"),
        ("mandatory_protocols", "smtp_tls_mandatory_protocols"),
        ("ciphers", "smtp_tls_ciphers"),
        ("mandatory_ciphers", "smtp_tls_mandatory_ciphers"),
        ("exclude_ciphers", "smtp_tls_exclude_ciphers"),
        ("mandatory_exclude_ciphers", "smtp_tls_mandatory_exclude_ciphers"),
    ),
}
