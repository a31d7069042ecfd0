"""The built-in profiles: protocol floors and cipher grades, and nothing else.

`tls_*_cipherlist` are left alone: TLS_README advises strongly against changing them, and the grades follow OpenSSL.

Source: Mozilla, "Security/Server Side TLS" 5.7, for the floors; RFC 8996, which ends TLS 1.0 and 1.1; RFC 7435, by
which weak encryption is worth more than plaintext, hence the lower grade where TLS is opportunistic.
"""

from __future__ import annotations

_INTERMEDIATE = b"""\
incoming:
  protocols: ">=TLSv1.2"
  mandatory_protocols: ">=TLSv1.2"
  ciphers: medium
  mandatory_ciphers: high
outgoing:
  protocols: ">=TLSv1.2"
  mandatory_protocols: ">=TLSv1.2"
  ciphers: medium
  mandatory_ciphers: high
"""

_MODERN = b"""\
incoming:
  protocols: ">=TLSv1.3"
  mandatory_protocols: ">=TLSv1.3"
  ciphers: high
  mandatory_ciphers: high
outgoing:
  protocols: ">=TLSv1.3"
  mandatory_protocols: ">=TLSv1.3"
  ciphers: high
  mandatory_ciphers: high
"""

_OLD = b"""\
incoming:
  protocols: ">=TLSv1"
  mandatory_protocols: ">=TLSv1"
  ciphers: medium
  mandatory_ciphers: medium
outgoing:
  protocols: ">=TLSv1"
  mandatory_protocols: ">=TLSv1"
  ciphers: medium
  mandatory_ciphers: medium
"""

BUILT_IN = {"modern": _MODERN, "intermediate": _INTERMEDIATE, "old": _OLD}


def file_of(name: str) -> str:
    """The path of a profile, as positions name it; a built-in one has a place in no repository."""
    return f"built-in/{name}.yaml" if name in BUILT_IN else f"profiles/{name}.yaml"
