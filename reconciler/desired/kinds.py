"""The words of Postfix that keys take."""

from __future__ import annotations

from enum import StrEnum


class ServerLevel(StrEnum):
    """What smtpd asks of clients. Source: postconf(5), smtpd_tls_security_level."""

    NONE = "none"
    MAY = "may"
    ENCRYPT = "encrypt"


class ClientLevel(StrEnum):
    """What smtp asks of servers. Source: postconf(5), smtp_tls_security_level."""

    NONE = "none"
    MAY = "may"
    ENCRYPT = "encrypt"
    DANE = "dane"
    DANE_ONLY = "dane-only"
    FINGERPRINT = "fingerprint"
    VERIFY = "verify"
    SECURE = "secure"


class Grade(StrEnum):
    """The least cipher grade. Source: postconf(5), smtpd_tls_ciphers."""

    HIGH = "high"
    MEDIUM = "medium"
    LOW = "low"
    EXPORT = "export"
    NULL = "null"


class SaslType(StrEnum):
    """Who checks names and passwords. Source: SASL_README."""

    DOVECOT = "dovecot"
    CYRUS = "cyrus"
