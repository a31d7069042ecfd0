"""certbot's lineages and further server names, from the repository to the handshake."""

from __future__ import annotations

import stat
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from reconciler.host import certificates
from reconciler.probe import smtp

pytestmark = pytest.mark.postfix
Make = Callable[..., Any]


def lineage(directory: Path, *names: str) -> Path:
    """A directory as certbot keeps it: privkey.pem and fullchain.pem."""
    key, chain = certificates.make_self_signed(names, timedelta(days=90), datetime.now(UTC))
    directory.mkdir(parents=True, exist_ok=True)
    for name, content in (("privkey.pem", key), ("fullchain.pem", chain)):
        path = directory / name
        path.write_bytes(content)
        path.chmod(0o600)
    return directory


def leaf(path: Path) -> str:
    pem = certificates.read_pem(str(path))
    assert pem is not None
    return pem.certificates[0].sha256


def served(mx, name: str = "") -> str:
    port = mx.instance.smtpd_port
    session = smtp.visit(smtp.Visit("127.0.0.1", port, "client.example", server_name=name))
    assert session.tls is not None, session.problem
    return session.tls.certificate


def state(where: Path, more: str = "") -> str:
    return f"enforce: all\ncertificates:\n  default: {{certbot: {where}, until_present: self_signed}}\n{more}incoming: {{security_level: may}}\n"


def test_a_lineage_is_put_together_served_and_renewed(site: Make, tmp_path: Path) -> None:
    where = tmp_path / "live/mx1"
    mx = site(state(where))
    made = Path(mx.instance.config_directory, "tls/mx1.pem")
    mx.apply()
    first = leaf(made)
    assert served(mx) == first, "self-signed until the lineage is there"

    lineage(where, "mx1.example.org")
    mx.apply()
    assert served(mx) == leaf(where / "fullchain.pem") != first
    assert stat.S_IMODE(made.stat().st_mode) == 0o600
    assert made.read_bytes().index(b"PRIVATE KEY") < made.read_bytes().index(b"BEGIN CERTIFICATE")
    assert mx.plan().returncode == 0

    lineage(where, "mx1.example.org")
    planned = mx.plan()
    assert "file/tls/mx1.pem: corrective, CertificateRenewed (reload)" in planned.stdout
    mx.apply()
    assert served(mx) == leaf(where / "fullchain.pem")
    assert mx.plan().returncode == 0


def test_a_lineage_whose_key_is_another_is_stopped(site: Make, tmp_path: Path) -> None:
    where = lineage(tmp_path / "live/mx1", "mx1.example.org")
    mx = site(state(where))
    mx.apply()
    before = served(mx)
    (where / "privkey.pem").write_bytes(lineage(tmp_path / "other", "x.example").joinpath("privkey.pem").read_bytes())
    done = mx.run("apply", "--auto-approve")
    assert done.returncode == 1
    assert "key_mismatch at file/tls/mx1.pem" in done.stdout
    assert served(mx) == before


def test_further_names_get_their_own_certificates(site: Make, tmp_path: Path) -> None:
    where = lineage(tmp_path / "live/mx1", "mx1.example.org")
    other = lineage(tmp_path / "live/mail.customer.example", "mail.customer.example")
    more = f"  mail.customer.example: {{certbot: {other}}}\n  new.example: {{chain_files: [tls/new.pem], until_present: self_signed}}\n"
    mx = site(state(where, more))
    table = Path(mx.instance.config_directory, "tls_sni")
    mx.apply()
    assert served(mx) == leaf(where / "fullchain.pem")
    assert served(mx, "mail.customer.example") == leaf(other / "fullchain.pem")
    assert served(mx, "new.example") == leaf(Path(mx.instance.config_directory, "tls/new.pem"))
    assert {stat.S_IMODE(path.stat().st_mode) for path in table.parent.glob("tls_sni*")} == {0o600}
    assert mx.plan().returncode == 0
    proved = mx.run("verify")
    assert proved.stdout.count("passed    server-name-served") == 2, proved.stdout

    lineage(other, "mail.customer.example")
    planned = mx.plan()
    assert "postmap hash:" in planned.stdout
    mx.apply()
    assert served(mx, "mail.customer.example") == leaf(other / "fullchain.pem")
    assert mx.plan().returncode == 0


def test_a_table_of_names_built_by_hand_without_the_files_is_healed(site: Make, tmp_path: Path) -> None:
    where = lineage(tmp_path / "live/mx1", "mx1.example.org")
    mx = site(state(where, f"  b.example: {{certbot: {lineage(tmp_path / 'live/b', 'b.example')}}}\n"))
    mx.apply()
    mx.instance.postfix.build("hash", f"{mx.instance.config_directory}/tls_sni")
    assert "TableStale" in mx.plan().stdout
    mx.apply()
    assert served(mx, "b.example") == leaf(tmp_path / "live/b/fullchain.pem")


def test_no_key_leaves_the_host(site: Make, tmp_path: Path) -> None:
    where = lineage(tmp_path / "live/mx1", "mx1.example.org")
    mx = site(state(where, f"  b.example: {{certbot: {lineage(tmp_path / 'live/b', 'b.example')}}}\n"))
    mx.apply()
    secret = (where / "privkey.pem").read_text().splitlines()[1]
    told = [
        mx.run(*words).stdout
        for words in (("plan",), ("plan", "--format", "json"), ("explain", "table/tls_sni#b.example"))
    ]
    kept = "".join(path.read_text(errors="replace") for path in mx.memory.rglob("*") if path.is_file())
    assert secret not in kept
    assert not [text for text in told if secret in text]
