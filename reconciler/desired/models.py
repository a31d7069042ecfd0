"""The files of a state repository: every key, its type and what it means.

All frozen and strict, unknown keys refused. A key that was not written is None, which is not the same as a default:
only what is declared is managed. The JSON Schemas for editors are made of these classes (see `schemas`).
"""

from __future__ import annotations

from datetime import timedelta
from typing import Annotated

from pydantic import BaseModel, ConfigDict, Discriminator, Field, Tag

from reconciler.desired.fields import (
    AddressText,
    Becomes,
    CertificateName,
    Client,
    ClientTable,
    ConfigPath,
    Day,
    Days,
    Domain,
    Given,
    Guard,
    IndexedTable,
    Lineage,
    Listen,
    Name,
    NextHop,
    ParameterName,
    ParameterText,
    PartList,
    Parts,
    PolicyFile,
    PolicyText,
    Realm,
    Reason,
    Requirement,
    SaslKind,
    SaslOptions,
    SaslPath,
    Section,
    SelfSignedWord,
    Sender,
    SubmissionLevel,
    Switch,
    UnmanagedWord,
    shape,
)
from reconciler.desired.kinds import ClientLevel, Grade, ServerLevel


class Frozen(BaseModel):
    """What every part of a state file is: frozen, strict, without unknown keys."""

    model_config = ConfigDict(frozen=True, extra="forbid", strict=True)


class SelfSignedCertificate(Frozen):
    """A certificate to make on the host where none is yet."""

    names: tuple[Domain, ...] | None = Field(
        None, min_length=1, description="Host names in the certificate; the first is its subject. Default: this host."
    )
    days: Days = Field(397, description="How long it is valid, in days: 1 to 825.")


class Certificate(Frozen):
    """The files a certificate is served from: exactly one of chain_files, cert_file with key_file, and certbot."""

    chain_files: tuple[ConfigPath, ...] | None = Field(
        None,
        min_length=1,
        description="PEM files, one for each key type, each holding the private key first and then the certificates. "
        "Relative paths begin at the configuration directory. For `default`: smtpd_tls_chain_files (Postfix 3.4).",
    )
    cert_file: Annotated[ConfigPath | None, Given()] = Field(
        None, description="PEM file with the certificates, the older form, for `default` only: smtpd_tls_cert_file."
    )
    key_file: Annotated[ConfigPath | None, Given()] = Field(
        None, description="PEM file with the private key that belongs to cert_file: smtpd_tls_key_file."
    )
    certbot: Annotated[Lineage | None, Given()] = Field(
        None,
        description="A certbot lineage: its name below /etc/letsencrypt/live, or its directory. Its key and chain are "
        "checked and put together as tls/NAME.pem, key first, and again with each renewal.",
    )
    until_present: (
        Annotated[
            Annotated[SelfSignedWord, Tag("<word>")] | Annotated[SelfSignedCertificate, Tag("<section>")],
            Discriminator(shape),
        ]
        | None
    ) = Field(
        None,
        description="Make a self-signed certificate while the files do not exist: `self_signed`, or `names`, `days`.",
    )


CertificateOrWord = Annotated[
    Annotated[UnmanagedWord, Tag("<word>")] | Annotated[Certificate, Tag("<section>")], Discriminator(shape)
]


class IncomingPolicies(Frozen):
    """Who may not send mail here in plaintext: `reject_plaintext_session`."""

    senders: tuple[Sender, ...] | None = Field(
        None,
        description="Sender domains, their subdomains included, and single addresses (user@domain) whose mail is only "
        "taken under TLS. Rows of a table in smtpd_sender_restrictions.",
    )
    clients: tuple[Client, ...] | None = Field(
        None,
        description="Client addresses, networks (192.0.2.0/24, 2001:db8::/32) and host names, subdomains included, "
        "that are only served under TLS. Rows of tables in smtpd_client_restrictions.",
    )
    sender_table: IndexedTable = Field(
        "tls_senders", description="Table of `senders`: PATH, or TYPE:PATH where the host's default type is not wanted."
    )
    client_table: ClientTable = Field(
        "tls_clients", description="Table (cidr) of the addresses and networks of `clients`: PATH or cidr:PATH."
    )
    client_name_table: IndexedTable = Field(
        "tls_client_names", description="Table of the host names of `clients`: PATH or TYPE:PATH."
    )


class IncomingFloors(Frozen):
    """The floors of a profile for mail that comes in."""

    protocols: Annotated[str | None, Becomes("smtpd_tls_protocols")] = Field(
        None, description='TLS protocols under `may`, such as ">=TLSv1.2" (quote it).'
    )
    mandatory_protocols: Annotated[str | None, Becomes("smtpd_tls_mandatory_protocols")] = Field(
        None, description="TLS protocols under `encrypt`, the submission services included."
    )
    ciphers: Annotated[Grade | None, Becomes("smtpd_tls_ciphers")] = Field(
        None, description="The least cipher grade under `may`."
    )
    mandatory_ciphers: Annotated[Grade | None, Becomes("smtpd_tls_mandatory_ciphers")] = Field(
        None, description="The least cipher grade under `encrypt`."
    )
    exclude_ciphers: Annotated[str | None, Becomes("smtpd_tls_exclude_ciphers")] = Field(
        None, description="Ciphers or cipher types left out at every level."
    )
    mandatory_exclude_ciphers: Annotated[str | None, Becomes("smtpd_tls_mandatory_exclude_ciphers")] = Field(
        None, description="Ciphers left out in addition under `encrypt`."
    )


class Incoming(IncomingFloors):
    """smtpd, port 25: what this host asks of clients that deliver mail. Source: TLS_README, "SMTP Server"."""

    security_level: Annotated[ServerLevel | None, Becomes("smtpd_tls_security_level")] = Field(
        None,
        description="none, may (TLS where the client wants it) or encrypt. RFC 3207: a host that receives mail for the "
        "public must not require TLS, so encrypt is for hosts behind others.",
    )
    ca_file: Annotated[ConfigPath | None, Becomes("smtpd_tls_CAfile")] = Field(
        None, description="PEM file of the authorities that client certificates are checked against."
    )
    ca_path: Annotated[ConfigPath | None, Becomes("smtpd_tls_CApath")] = Field(
        None, description="Directory of such authorities, hashed by `openssl rehash`."
    )
    loglevel: Annotated[int | None, Becomes("smtpd_tls_loglevel")] = Field(
        None, description="0 (nothing) to 4 (every byte); 1, a line for each session, is the one for production."
    )
    received_header: Annotated[bool | None, Becomes("smtpd_tls_received_header")] = Field(
        None, description="Whether Received: headers tell protocol and cipher."
    )
    auth_only: Annotated[bool | None, Becomes("smtpd_tls_auth_only")] = Field(
        None, description="Whether AUTH is offered under TLS only."
    )
    ask_client_certificate: Annotated[bool | None, Becomes("smtpd_tls_ask_ccert")] = Field(
        None, description="Whether clients are asked for a certificate; none is required."
    )
    session_cache_timeout: Annotated[timedelta | None, Becomes("smtpd_tls_session_cache_timeout")] = Field(
        None,
        description="How long a session can be resumed: a number and the unit s, m, h, d or w; seconds without one.",
    )
    policies: IncomingPolicies | None = Field(None, description="Senders and clients that must use TLS.")


class OutgoingFloors(Frozen):
    """The floors of a profile for mail that goes out."""

    protocols: Annotated[str | None, Becomes("smtp_tls_protocols")] = Field(
        None, description='TLS protocols where TLS is opportunistic, such as ">=TLSv1.2" (quote it).'
    )
    mandatory_protocols: Annotated[str | None, Becomes("smtp_tls_mandatory_protocols")] = Field(
        None, description="TLS protocols where TLS is mandatory."
    )
    ciphers: Annotated[Grade | None, Becomes("smtp_tls_ciphers")] = Field(
        None, description="The least cipher grade where TLS is opportunistic."
    )
    mandatory_ciphers: Annotated[Grade | None, Becomes("smtp_tls_mandatory_ciphers")] = Field(
        None, description="The least cipher grade where TLS is mandatory."
    )
    exclude_ciphers: Annotated[str | None, Becomes("smtp_tls_exclude_ciphers")] = Field(
        None, description="Ciphers or cipher types left out at every level."
    )
    mandatory_exclude_ciphers: Annotated[str | None, Becomes("smtp_tls_mandatory_exclude_ciphers")] = Field(
        None, description="Ciphers left out in addition where TLS is mandatory."
    )


class Outgoing(OutgoingFloors):
    """smtp: what this host asks of the servers it delivers to. Source: TLS_README, "SMTP Client"."""

    security_level: Annotated[ClientLevel | None, Becomes("smtp_tls_security_level")] = Field(
        None,
        description="The level for destinations without a policy. dane and dane-only also set "
        "smtp_dns_support_level = dnssec, and need a resolver that validates.",
    )
    ca_file: Annotated[ConfigPath | None, Becomes("smtp_tls_CAfile")] = Field(
        None, description="PEM file of the authorities that servers are checked against."
    )
    ca_path: Annotated[ConfigPath | None, Becomes("smtp_tls_CApath")] = Field(
        None, description="Directory of such authorities, hashed by `openssl rehash`."
    )
    loglevel: Annotated[int | None, Becomes("smtp_tls_loglevel")] = Field(
        None, description="0 (nothing) to 4 (every byte); 1 logs a line for each session."
    )
    note_starttls_offer: Annotated[bool | None, Becomes("smtp_tls_note_starttls_offer")] = Field(
        None, description="Whether a server that offers STARTTLS is logged where TLS is not used."
    )
    connection_reuse: Annotated[bool | None, Becomes("smtp_tls_connection_reuse")] = Field(
        None, description="Whether one TLS connection carries several mails (Postfix 3.4)."
    )
    session_cache_timeout: Annotated[timedelta | None, Becomes("smtp_tls_session_cache_timeout")] = Field(
        None,
        description="How long a session can be resumed: a number and the unit s, m, h, d or w; seconds without one.",
    )
    chain_files: Annotated[tuple[ConfigPath, ...] | None, Becomes("smtp_tls_chain_files")] = Field(
        None,
        min_length=1,
        description="The client's own key and certificates, key first, for servers that ask for one.",
    )
    cert_file: Annotated[ConfigPath | None, Becomes("smtp_tls_cert_file")] = Field(
        None, description="The client's own certificates, the older form."
    )
    key_file: Annotated[ConfigPath | None, Becomes("smtp_tls_key_file")] = Field(
        None, description="The private key that belongs to cert_file."
    )
    policies: dict[NextHop, PolicyText] | None = Field(
        None,
        description="What single destinations get: the nexthop as Postfix sees it (example.com, .example.com, "
        "[host]:port) and Postfix's own right-hand side, such as `secure match=nexthop:dot-nexthop`.",
    )
    policy_files: tuple[PolicyFile, ...] | None = Field(
        None,
        description="Files of this repository with such rows in Postfix's table syntax, the form for many of them. "
        "Rows of `policies` win.",
    )
    policy_table: IndexedTable = Field(
        "tls_policy", description="Table of all these rows, named in smtp_tls_policy_maps: PATH or TYPE:PATH."
    )


class Sasl(Frozen):
    """Who checks names and passwords; both stay on the host. Source: SASL_README."""

    type: SaslKind = Field(description="dovecot or cyrus.")
    path: SaslPath = Field(
        description="Dovecot: its socket, below the queue directory, such as private/auth. Cyrus: the name of its "
        "configuration, such as smtpd. Becomes smtpd_sasl_path."
    )
    security_options: SaslOptions = Field(
        "noanonymous",
        description="What mechanisms must not be; noanonymous always. Becomes smtpd_sasl_security_options.",
    )
    local_domain: Annotated[Realm | None, Given()] = Field(
        None, description="The realm that Cyrus adds to names without one. Becomes smtpd_sasl_local_domain."
    )


class Submissions(Frozen):
    """Port 465: users' mail programs, under TLS from the first byte (wrappermode). Source: RFC 8314."""

    enabled: Switch = Field(True, description="`no` removes the service.")
    listen: Listen = Field(
        "submissions", description="Port, or address and port: 465, submissions, 127.0.0.1:10465, [::1]:10465."
    )
    security_level: Annotated[SubmissionLevel | None, Given()] = Field(
        None, description="encrypt; wrappermode has no other level."
    )
    sasl: Sasl | None = Field(None, description="How users log in; required where the service is enabled.")
    protocols: Annotated[str | None, Becomes("smtpd_tls_mandatory_protocols")] = Field(
        None, description="TLS protocols of this service, where they differ from `incoming.mandatory_protocols`."
    )
    ciphers: Annotated[Grade | None, Becomes("smtpd_tls_mandatory_ciphers")] = Field(
        None, description="The least cipher grade of this service."
    )
    parameters: dict[ParameterName, ParameterText] | None = Field(
        None, description="Other TLS and SASL parameters of this service, by their full names: -o in master.cf."
    )


class Submission(Submissions):
    """Port 587: users' mail programs, authenticated and under STARTTLS only. Source: RFC 6409."""

    listen: Listen = Field(
        "submission", description="Port, or address and port: 587, submission, 127.0.0.1:10587, [::1]:10587."
    )
    security_level: SubmissionLevel = Field(
        ServerLevel.ENCRYPT, description="encrypt; others are refused: users log in under TLS only."
    )


class Settings(Frozen):
    """What a host and a group can both say."""

    profile: Annotated[Name | None, Given()] = Field(
        None, description="modern, intermediate, old, or the NAME of profiles/NAME.yaml; every other key overrides it."
    )
    enforce: Parts | None = Field(
        None, description="`all`, or the parts that are healed; the rest is observed. Default: everything is observed."
    )
    observe: PartList | None = Field(None, description="Parts that are only observed, although `enforce` names them.")
    certificates: dict[CertificateName, CertificateOrWord] | None = Field(
        None,
        description="`default` is the host's certificate, every other name one for that server name (SNI). "
        "`default: unmanaged`: the certificate is managed elsewhere.",
    )
    incoming: Incoming | None = Field(None, description="smtpd: mail that comes in on port 25.")
    outgoing: Outgoing | None = Field(None, description="smtp: mail that goes out.")
    submission: Annotated[Submission | None, Section()] = Field(
        None, description="Port 587 with STARTTLS, for users' mail programs."
    )
    submissions: Annotated[Submissions | None, Section()] = Field(
        None, description="Port 465 with TLS from the start, for users' mail programs."
    )
    parameters: dict[ParameterName, ParameterText] | None = Field(
        None, description="Any other TLS or SASL parameter of main.cf, by its full name."
    )


class WaiverEntry(Frozen):
    """Permission to do what a guard would stop, with a reason and an end."""

    guard: Guard = Field(description="The guard's word, as the plan names it, such as tls_weakened.")
    at: AddressText = Field(description="The address it stops at, as the plan names it, such as table/tls_policy#KEY.")
    reason: Reason = Field(description="Why, for whoever reads this next year.")
    until: Day = Field(description="The last day it holds, as 2027-01-31.")


class HostFile(Settings):
    """hosts/NAME.yaml or hosts/NAME@INSTANCE.yaml: the TLS state of one Postfix instance."""

    groups: tuple[Name, ...] | None = Field(
        None, description="Groups of fleet.yaml whose settings apply, each overriding the ones before it."
    )
    waivers: tuple[WaiverEntry, ...] | None = Field(None, description="Guards that are told to let something pass.")


class Group(Settings):
    """What the hosts of a group have in common."""


class FleetFile(Frozen):
    """fleet.yaml: what hosts have in common."""

    requires: Annotated[Requirement | None, Given()] = Field(
        None, description='The least version of this program, such as ">=0.1" (quoted).'
    )
    groups: dict[Name, Group | None] | None = Field(
        None, description="Groups by name; hosts name the ones they belong to."
    )
    rollout: object = Field(None, description="Waves of a rollout. Accepted and not read yet.")


class ProfileFile(Frozen):
    """profiles/NAME.yaml: protocol floors and cipher grades under one name, and nothing else."""

    profile: Annotated[Name | None, Given()] = Field(None, description="The profile this one starts from.")
    incoming: IncomingFloors | None = Field(None, description="Floors for mail that comes in.")
    outgoing: OutgoingFloors | None = Field(None, description="Floors for mail that goes out.")
