"""One byte changed anywhere in a real file: parsed, read and planned for, or refused with an error of our own.

`LONG=1` (as `make oracle` sets it) tries 20,000 mutations of each kind of file.
"""

from __future__ import annotations

from dataclasses import replace
from functools import cache
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from reconciler import desired, live, plan
from reconciler.errors import ReconcilerError
from reconciler.model.applied import LastApplied
from reconciler.model.desired import DesiredState
from reconciler.model.snapshot import CompiledTable, FileState, RepoSnapshot
from reconciler.postfix import main_cf, master_cf, table
from tests.oracle import judge

STATE = b"""\
enforce: all
certificates: {default: {cert_file: /etc/ssl/a.pem, key_file: /etc/ssl/a.key, until_present: self_signed}}
incoming:
  security_level: may
  protocols: ">=TLSv1.2"
  policies: {senders: [bank.example], clients: [192.0.2.0/24, partner.example]}
outgoing:
  security_level: dane
  policies: {bank.example: secure match=nexthop, "[relay.example]:587": encrypt}
submission: {sasl: {type: dovecot, path: private/auth}}
submissions: {enabled: no}
"""
MASTER = b"smtp inet n - y - - smtpd\nsmtp unix - - y - - smtp\n"
MAIN = b"myhostname = mx1.example.org\ncompatibility_level = 3.6\nsmtp_tls_policy_maps = hash:$config_directory/tls_policy\n"
mutations = settings(
    max_examples=20_000 if judge.LONG else 150,
    deadline=None,
    suppress_health_check=list(HealthCheck),
    derandomize=not judge.LONG,
)
byte = st.one_of(st.sampled_from(b'\n\r\t\v\f\0 #=${}"\\-,:o\x80\xff'), st.integers(0, 255))
place = st.floats(0, 1, exclude_max=True)


@pytest.fixture(scope="module")
def state() -> DesiredState:
    return desired.load(RepoSnapshot({"hosts/mx1.example.org.yaml": STATE}, "1" * 40, "test"), "mx1.example.org")


@cache
def sources(folder: str) -> list[bytes]:
    return [path.read_bytes() for path in judge.files(folder)]


CORPUS = pytest.mark.skipif(not judge.files("main"), reason=f"no corpus at {judge.CORPUS}")


def mutated(data: st.DataObject, folder: str) -> bytes:
    source = data.draw(st.sampled_from(sources(folder)))
    at = int(data.draw(place) * len(source))
    return source[:at] + bytes([data.draw(byte)]) + source[at + 1 :]


def judged(state: DesiredState, main: bytes, master: bytes, policies: bytes = b"bank.example encrypt\n") -> None:
    """Read and plan; only errors of our own tree may come out."""
    try:
        read = judge.config(main, master, "/etc/postfix")
        path = "/etc/postfix/tls_policy"
        rows = {key: row.value for key, row in table.parse(policies).rows.items()}
        seen = replace(
            read.snapshot,
            files={**read.snapshot.files, path: FileState(policies, 0o644, 0, 0, 0, path)},
            kinds={path: "hash"},
            compiled={path: CompiledTable(rows)},
        )
        made = plan.plan(state, live.read(seen), LastApplied("/etc/postfix"), revision="1" * 40, origin="test")
    except ReconcilerError:
        return
    for edit in made.edits:
        if edit.path.endswith("/main.cf"):
            assert main_cf.parse(edit.after or b"").parameters
        if edit.path.endswith("/master.cf"):
            assert master_cf.parse(edit.after or b"").services


@CORPUS
@mutations
@given(st.data())
def test_a_mutation_of_main_cf(state, data) -> None:
    source = mutated(data, "main")
    assert main_cf.parse(source).render() == source
    judged(state, source, MASTER)


@CORPUS
@mutations
@given(st.data())
def test_a_mutation_of_master_cf(state, data) -> None:
    source = mutated(data, "master")
    assert master_cf.parse(source).render() == source
    judged(state, MAIN, source)


@CORPUS
@mutations
@given(st.data())
def test_a_mutation_of_a_table(state, data) -> None:
    source = mutated(data, "maps")
    assert table.parse(source).render() == source
    assert table.parse(source, indexed=False).render() == source
    judged(state, MAIN, MASTER, source)


@CORPUS
@mutations
@given(st.data())
def test_a_mutation_of_a_template(state, data) -> None:
    source = mutated(data, "templates")
    judged(state, source, MASTER)
    judged(state, MAIN, source)


def test_the_state_is_planned_for_a_plain_host(state) -> None:
    """Otherwise the mutations above would prove nothing."""
    read = judge.config(MAIN, MASTER, "/etc/postfix")
    made = plan.plan(state, read, LastApplied("/etc/postfix"), revision="1" * 40, origin="test")
    assert len(made.changes) > 20
    assert Path(made.edits[-1].path).name == "main.cf"
