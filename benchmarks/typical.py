"""The typical host: 30 TLS parameters, two submission services, a policy table and an access table of 20 rows."""

from __future__ import annotations

from pathlib import Path

from reconciler.host.instance import PrivateInstance
from reconciler.host.ports import free_port

NAME = "mx1.example.org"

STATE = """\
enforce: all
profile: intermediate
certificates: {{default: {{chain_files: [tls/mx.pem], until_present: self_signed}}}}
incoming:
  security_level: may
  loglevel: 1
  received_header: yes
  auth_only: yes
  ask_client_certificate: yes
  session_cache_timeout: 2h
  exclude_ciphers: aNULL, MD5
  mandatory_exclude_ciphers: aNULL, MD5, RC4
  policies: {{senders: [{senders}]}}
outgoing:
  security_level: may
  loglevel: 1
  note_starttls_offer: yes
  connection_reuse: yes
  session_cache_timeout: 2h
  exclude_ciphers: aNULL, MD5
  mandatory_exclude_ciphers: aNULL, MD5, RC4
  policies: {{{policies}}}
submission: {{listen: "127.0.0.1:{submission}", sasl: {{type: cyrus, path: smtpd}}}}
submissions: {{listen: "127.0.0.1:{submissions}", sasl: {{type: cyrus, path: smtpd}}}}
parameters:
  tls_preempt_cipherlist: no
  tls_ssl_options: NO_RENEGOTIATION
  smtp_tls_fingerprint_digest: sha256
  smtpd_tls_fingerprint_digest: sha256
  smtpd_starttls_timeout: 200s
  smtp_starttls_timeout: 200s
  smtpd_tls_ccert_verifydepth: 8
  smtp_tls_scert_verifydepth: 8
"""


def state() -> str:
    """The host file."""
    return STATE.format(
        senders=", ".join(f"s{number}.example" for number in range(10)),
        policies=", ".join(f"d{number}.example: encrypt" for number in range(20)),
        submission=free_port(),
        submissions=free_port(),
    )


def instance(directory: str) -> PrivateInstance:
    """A private Postfix for it, not started."""
    tlsproxy = "tlsproxy unix - - n - 0 tlsproxy\n"  # which connection_reuse needs
    made = PrivateInstance.create(directory, NAME, master_cf_extra=tlsproxy)
    made.write("sasl/smtpd.conf", "pwcheck_method: auxprop\nauxprop_plugin: sasldb\nmech_list: PLAIN\n")
    return made


def repository(directory: Path) -> Path:
    """A state repository with the host file."""
    (directory / "hosts").mkdir(parents=True)
    (directory / f"hosts/{NAME}.yaml").write_text(state())
    return directory
