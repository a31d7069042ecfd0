"""A few of the mutations, one for each step that stops them; `make mutations` runs them all."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.mutations.cases import Mutation
from tests.mutations.run import Session, run
from tests.mutations.site import Site, site
from tests.mutations.table import ALL

pytestmark = pytest.mark.postfix
SOME = {
    "level: smtpd: encryp": "postfix check",
    "level: smtp: encryp": "canary",
    "certificate: expired": "static",
    "key: of another certificate": "postfix check",
    "table: policy level unknown": "static",
    "port: taken by another program": "port",
    "port: two services on one": "port",
    "sasl: login required and switched off": "static",
    "certificate: for clients only": "static",
    "table: transport table missing": "static",
    "listener: TLS from the first byte for all": "static",
    "name: policy maps misspelt": "static",
    "master.cf: submission twice, without its options": "static",
    "names: for another name": "static",
    "restrictions: every recipient is fine": "canary",
    "sasl: hidden by address": "canary",
    "chain: an issuer of the right name and another key": "postfix check",
    "level: smtpd: no longer said": "static",
    "listener: MX gone": "static",
    "restrictions: DATA: refused to all": "canary",
    "restrictions: senders: refused behind the table": "canary",
    "harmless: a class that is a policy service": "",
    "harmless: refusals softened": "",
    "harmless: own networks alone": "",
    "harmless: a wildcard certificate": "",
    "harmless: a key as ecparam writes it": "",
    "harmless: a renewed certificate": "",
    "harmless: policy table through proxymap": "",
}
CASES = [mutation for mutation in ALL if str(mutation) in SOME]


@pytest.fixture(scope="module")
def host() -> Iterator[Site]:
    with site() as made:
        yield made


@pytest.mark.parametrize("mutation", CASES, ids=str)
def test_what_is_harmful_is_stopped_and_nobody_notices(host: Site, tmp_path: Path, mutation: Mutation) -> None:
    before, session = host.fingerprint(), Session(host)
    outcome = run(host, mutation, tmp_path)
    assert outcome.step == SOME[str(mutation)], outcome
    assert session.is_alive()
    assert host.fingerprint() == before
    session.close()


def test_there_is_enough_of_each_kind() -> None:
    harmful = [it for it in ALL if it.harmful]
    assert len(harmful) >= 400
    assert len(ALL) - len(harmful) >= 180
    assert len({str(it) for it in ALL}) == len(ALL)
