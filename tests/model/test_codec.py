from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from reconciler import desired, source
from reconciler.model import codec
from reconciler.model.address import Address, OptionAddress, ParameterAddress, RowAddress, ServiceAddress
from reconciler.model.desired import DesiredState, SelfSigned
from reconciler.model.snapshot import Certificate, PemFile

EXAMPLE = Path(__file__).parents[2] / "state-repo-example"


@pytest.mark.parametrize("host", ["mx1.example.org", "submit1.example.org"])
def test_a_state_comes_back_as_it_was(host: str) -> None:
    state = desired.load(source.read(str(EXAMPLE)), host)
    assert codec.decode(DesiredState, json.loads(json.dumps(codec.encode(state)))) == state


texts = st.text(st.characters(exclude_categories=["Cs"]), max_size=20)
services = st.builds(ServiceAddress, texts, texts)
addresses = st.one_of(
    st.builds(ParameterAddress, texts), st.builds(RowAddress, texts, texts), services, st.builds(OptionAddress, services, texts)
)  # fmt: skip
certificates = st.builds(
    Certificate, texts, texts, texts, st.tuples(texts), st.just(datetime(2026, 1, 1, tzinfo=UTC)),
    st.just(datetime(2027, 1, 1, tzinfo=UTC)), st.booleans(),
)  # fmt: skip
pems = st.builds(
    PemFile, texts, st.tuples(certificates), st.none() | texts, st.tuples(texts), st.integers(), st.integers(), texts
)


@given(addresses)
def test_an_address_comes_back_as_it_was(address: Address) -> None:
    assert codec.decode(Address, json.loads(json.dumps(codec.encode(address)))) == address


@given(pems)
def test_facts_come_back_as_they_were(pem: PemFile) -> None:
    assert codec.decode(PemFile, json.loads(json.dumps(codec.encode(pem)))) == pem


def test_units_are_seconds_and_bytes_are_base64() -> None:
    assert codec.encode(SelfSigned(("a",), timedelta(days=1)))["lifetime"] == 86400.0
    assert codec.decode(bytes, codec.encode(b"\0\xff")) == b"\0\xff"


@pytest.mark.parametrize("wrong", [{}, [], None, "x", {"kind": "SelfSigned", "names": [1], "lifetime": 1}])
def test_what_is_none_is_refused(wrong: object) -> None:
    with pytest.raises((ValueError, KeyError, TypeError)):
        codec.decode(SelfSigned, wrong)
