"""Whether a request comes from who shares our secret: each forge's way of saying so, compared in constant time.

Source: docs.github.com "Validating webhook deliveries"; docs.gitlab.com "Webhooks", secret token and signing token (the
form of standardwebhooks.com); forgejo.org and docs.gitea.com, "Webhooks".
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import hmac
from collections.abc import Mapping
from enum import StrEnum
from typing import assert_never

_TOLERANCE = 300  # seconds that a signed time may differ
_PREFIX = "whsec_"


class Style(StrEnum):
    GITHUB = "github"
    GITLAB = "gitlab"
    FORGEJO = "forgejo"
    GITEA = "gitea"


def is_genuine(style: Style, secret: bytes, headers: Mapping[str, str], body: bytes, now: float) -> bool:
    """Whether the request is signed with the secret. `headers` are in lower case; `now` is Unix time in seconds."""
    match style:
        case Style.GITHUB:
            return _hex(secret, headers.get("x-hub-signature-256", "").removeprefix("sha256="), body)
        case Style.FORGEJO:
            return _hex(secret, headers.get("x-forgejo-signature", ""), body)
        case Style.GITEA:
            return _hex(secret, headers.get("x-gitea-signature", ""), body)
        case Style.GITLAB:
            if "webhook-signature" in headers:
                return _standard(secret, headers, body, now)
            return _same(secret, headers.get("x-gitlab-token", "").encode("utf-8", "replace"))
        case _:
            assert_never(style)


def _hex(secret: bytes, given: str, body: bytes) -> bool:
    return _same(hmac.new(secret, body, hashlib.sha256).hexdigest().encode(), given.lower().encode("utf-8", "replace"))


def _standard(secret: bytes, headers: Mapping[str, str], body: bytes, now: float) -> bool:
    at, name = headers.get("webhook-timestamp", ""), headers.get("webhook-id", "")
    if not (at.isascii() and at.isdigit() and len(at) < 16) or abs(int(at) - now) > _TOLERANCE:
        return False
    signed = f"{name}.{at}.".encode("utf-8", "replace") + body
    wanted = base64.b64encode(hmac.new(_key(secret), signed, hashlib.sha256).digest())
    given = [it.removeprefix("v1,").encode("utf-8", "replace") for it in headers["webhook-signature"].split()]
    return any(_same(wanted, it) for it in given[:10])


def _key(secret: bytes) -> bytes:
    text = secret.decode("utf-8", "replace")
    if not text.startswith(_PREFIX):
        return secret
    try:
        return base64.b64decode(text.removeprefix(_PREFIX), validate=True)
    except binascii.Error:
        return secret


def _same(wanted: bytes, given: bytes) -> bool:
    """In a time that does not tell how much of it is right; an empty secret is nobody's."""
    return bool(wanted) and hmac.compare_digest(wanted, given)
