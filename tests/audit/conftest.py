"""A host from a few lines of text, with nothing wrong on it; every case breaks one thing. Nothing runs."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from reconciler import audit
from reconciler.model.finding import Finding
from reconciler.model.snapshot import Certificate, CompiledTable, FileState, HostSnapshot, PemFile
from reconciler.model.surroundings import Name, NameKind, Surroundings
from reconciler.postfix import table
from reconciler.postfix.table import TableType, compiled_path

DIRECTORY = "/etc/postfix"
DEFAULTS = (Path(__file__).parents[1] / "golden/postconf-d.txt").read_bytes()
NOW = datetime(2026, 11, 23, 12, tzinfo=UTC)
COMPILED = {kind.value for kind in TableType if kind.compiled}

MAIN = """\
compatibility_level = 3.6
myhostname = mx1.example.org
smtpd_tls_chain_files = /etc/ssl/private/chain.pem
smtpd_tls_security_level = may
smtpd_tls_protocols = >=TLSv1.2
smtpd_tls_mandatory_protocols = >=TLSv1.2
smtpd_tls_auth_only = yes
smtpd_tls_loglevel = 1
smtp_tls_security_level = may
smtp_tls_CAfile = /etc/ssl/certs/ca-certificates.crt
smtp_tls_protocols = >=TLSv1.2
smtp_tls_mandatory_protocols = >=TLSv1.2
smtp_tls_loglevel = 1
smtp_tls_policy_maps = hash:/etc/postfix/tls_policy
smtp_sasl_password_maps = hash:/etc/postfix/sasl_passwd
smtpd_sender_restrictions = check_sender_access hash:/etc/postfix/senders, reject_unknown_sender_domain, permit
"""
MASTER = """\
smtp      inet  n       -       y       -       -       smtpd
submission inet n       -       y       -       -       smtpd
  -o smtpd_tls_security_level=encrypt
  -o smtpd_sasl_auth_enable=yes
  -o smtpd_sasl_type=dovecot
  -o smtpd_sasl_path=private/auth
  -o smtpd_client_restrictions=permit_sasl_authenticated,reject
submissions inet n      -       y       -       -       smtpd
  -o smtpd_tls_wrappermode=yes
  -o smtpd_sasl_auth_enable=yes
127.0.0.1:10025 inet n  -       y       -       -       smtpd
  -o smtpd_tls_security_level=none
tlsmgr    unix  -       -       y       1000?   1       tlsmgr
smtp      unix  -       -       y       -       -       smtp
relay     unix  -       -       y       -       -       smtp
"""
POLICY = b"bank.example secure\n.partner.example encrypt\n[relay.example]:587 encrypt protocols=>=TLSv1.2\n"
TABLES = {"tls_policy": ("hash", POLICY), "senders": ("hash", b"bank.example reject_plaintext_session\n")}


def certificate(key: str = "k1", *, begins: int = -30, ends: int = 60) -> Certificate:
    """Valid from so many days after NOW to so many days after."""
    return Certificate(
        "c" * 64, key, "CN=mx1", ("mx1.example.org",), NOW + timedelta(begins), NOW + timedelta(ends), self_signed=False
    )


CHAIN = PemFile("d" * 64, (certificate(),), "k1", ("key", "certificate"), 0o600, 0)
AUTHORITIES = PemFile("e" * 64, (certificate(ends=-900),), None, ("certificate",), 0o644, 0)
PEMS = {"/etc/ssl/private/chain.pem": CHAIN, "/etc/ssl/certs/ca-certificates.crt": AUTHORITIES}


def name(path: str, mode: int = 0o644, *, gid: int = 0, kind: NameKind = NameKind.FILE, obstacle: str = "") -> Name:
    return Name(kind, path, mode, 0, gid, obstacle)


@dataclass(frozen=True)
class Host:
    main: str | bytes | None = MAIN
    master: str | bytes | None = MASTER
    tables: Mapping[str, tuple[str, bytes]] = field(default_factory=lambda: TABLES)
    compiled: Mapping[str, CompiledTable] = field(default_factory=dict)  # where postmap made something else
    missing: frozenset[str] = frozenset()  # names that are not there
    pems: Mapping[str, PemFile] = field(default_factory=lambda: PEMS)
    names: Mapping[str, Name] = field(default_factory=dict)
    unreadable: Mapping[str, str] = field(default_factory=dict)
    directory: str = DIRECTORY
    version: str = "3.7.11"

    def put(self, *lines: str) -> Host:
        """With parameters set, in the place of those of the same name."""
        text = self.main if isinstance(self.main, str) else ""
        for line in lines:
            word = line.partition(" =")[0]
            text = "".join(it for it in text.splitlines(keepends=True) if it.partition(" =")[0] != word) + f"{line}\n"
        return replace(self, main=text)

    def edit(self, old: str, new: str) -> Host:
        assert isinstance(self.main, str)
        assert isinstance(self.master, str)
        assert old in self.main + self.master
        return replace(self, main=self.main.replace(old, new), master=self.master.replace(old, new))

    def with_table(self, path: str, content: bytes, kind: str = "hash") -> Host:
        return replace(self, tables={**self.tables, path: (kind, content)})

    def with_pem(self, path: str, **changes) -> Host:
        """With a PEM file like the good one, but for `changes`."""
        return replace(self, pems={**self.pems, path: replace(CHAIN, **changes)})

    def with_chain(self, **changes) -> Host:
        return self.with_pem("/etc/ssl/private/chain.pem", **changes)

    def with_leaf(self, *, begins: int = -30, ends: int = 60) -> Host:
        return self.with_chain(certificates=(certificate(begins=begins, ends=ends),))

    def with_pair(self, key: str) -> Host:
        """The older pair in the place of the chain; `key` is what the key file holds."""
        host = self.edit(
            "smtpd_tls_chain_files = /etc/ssl/private/chain.pem",
            "smtpd_tls_cert_file = /etc/ssl/certs/mx1.pem\nsmtpd_tls_key_file = /etc/ssl/private/mx1.key",
        ).with_pem("/etc/ssl/certs/mx1.pem", key_public_sha256=None, order=("certificate",), mode=0o644)
        return host.with_pem("/etc/ssl/private/mx1.key", certificates=(), key_public_sha256=key, order=("key",))

    def with_name(self, path: str, mode: int = 0o644, **facts) -> Host:
        return replace(self, names={**self.names, path: name(path, mode, **facts)})

    def with_compiled(self, path: str, rows: Mapping[bytes, bytes] | None, problem: str = "") -> Host:
        return replace(self, compiled={**self.compiled, path: CompiledTable(rows, problem)})

    def without(self, *paths: str) -> Host:
        """Without names, tables or PEM files."""
        tables = {it: found for it, found in self.tables.items() if it not in paths}
        pems = {it: found for it, found in self.pems.items() if it not in paths}
        missing = self.missing | {it if it.startswith("/") else f"{self.directory}/{it}" for it in paths}
        return replace(self, tables=tables, pems=pems, missing=missing)

    def on(self, version: str) -> Host:
        """The same host with the catalogue's idea of another Postfix."""
        return replace(self, version=version)

    def scene(self) -> audit.Scene:
        first = audit.scene_of(self._snapshot({}, ()))
        wanted = audit.interests(first)
        seen = self._snapshot(wanted.tables, wanted.pems)
        scene = audit.scene_of(seen, Surroundings(self._names(wanted.names), self.unreadable))
        named = [path for paths in audit.sni_files(scene).values() for path in paths if path]
        return audit.scene_of(self._snapshot(wanted.tables, (*wanted.pems, *named)), scene.surroundings)

    def findings(self) -> tuple[Finding, ...]:
        return audit.audit(self.scene())

    def rules(self) -> set[str]:
        return {found.rule for found in self.findings()}

    def _names(self, wanted: tuple[str, ...]) -> dict[str, Name]:
        own = {f"{self.directory}/{it}" for it in ("main.cf", "master.cf", *self.tables)}
        own |= {
            compiled_path(TableType(k), f"{self.directory}/{it}") for it, (k, _) in self.tables.items() if k in COMPILED
        }
        own |= {f"{self.directory}/sasl_passwd", f"{self.directory}/sasl_passwd.db", *self.pems}
        modes = {f"{self.directory}/sasl_passwd{suffix}": 0o600 for suffix in ("", ".db")}
        found = {path: name(path, modes.get(path, 0o644)) for path in wanted if path in own - self.missing}
        directories = ("/", "/etc", "/etc/ssl", "/etc/ssl/private", "/etc/ssl/certs", self.directory)
        found |= {path: name(path, 0o755, kind=NameKind.DIRECTORY) for path in directories}
        return found | dict(self.names)

    def _snapshot(self, tables: Mapping[str, str], pems: tuple[str, ...]) -> HostSnapshot:
        given = {"main.cf": self.main, "master.cf": self.master}
        raw = {it: text.encode() if isinstance(text, str) else text for it, text in given.items() if text is not None}
        raw |= {it: content for it, (_, content) in self.tables.items() if f"{self.directory}/{it}" in tables}
        files = {f"{self.directory}/{it}": content for it, content in raw.items()}
        kinds = {path: kind for path, kind in tables.items() if path in files}
        made = {
            path: CompiledTable({key: row.value for key, row in table.parse(files[path]).rows.items()})
            for path, kind in kinds.items()
            if kind in COMPILED
        }
        wanted = {*(f"{self.directory}/{it}" for it in given), *tables, *pems}
        return HostSnapshot(
            config_directory=self.directory,
            files={path: FileState(content, 0o644, 0, 0, 0, path) for path, content in files.items()},
            now=NOW,
            mail_version=self.version,
            defaults=DEFAULTS,
            table_types=frozenset(
                {"hash", "btree", "cidr", "lmdb", "texthash", "regexp", "pcre", "proxy", "static", "inline", "ldap"}
            ),
            sasl_server_types=frozenset({"cyrus", "dovecot"}),
            master_pid=1,
            absent=frozenset(path for path in wanted if path not in files and path not in self.pems),
            kinds=kinds,
            compiled={**made, **{f"{self.directory}/{it}": found for it, found in self.compiled.items()}},
            pems={path: pem for path, pem in self.pems.items() if path in pems},
        )


@pytest.fixture
def good() -> Host:
    return Host()
