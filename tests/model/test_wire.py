"""A snapshot from a hostile host is refused with one error, whatever it holds."""

from __future__ import annotations

import contextlib
import json
from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from reconciler.errors import SnapshotRefused
from reconciler.model import wire
from reconciler.model.published import FORMAT_VERSION, MAXIMUM_SIZE, Published

GOOD = Published(
    format_version=FORMAT_VERSION,
    host="mx1.example.org",
    instance="",
    config_directory="/etc/postfix",
    taken=datetime(2026, 11, 23, 12, tzinfo=UTC),
    mail_version="3.7.11",
    running=True,
    table_types=("hash",),
    sasl_server_types=("cyrus",),
    defaults="",
    main_cf="myhostname = mx1.example.org\n",
    master_cf="smtp inet n - y - - smtpd\n",
)
BODY = json.loads(wire.to_json(GOOD))


def test_what_is_written_is_read_back():
    assert wire.from_json(wire.to_json(GOOD)) == GOOD
    assert wire.to_json(wire.from_json(wire.to_json(GOOD))) == wire.to_json(GOOD)


@pytest.mark.parametrize(
    "message",
    [
        b"",
        b"{}",
        b"[]",
        b"null",
        b"\xff\xfe",
        b"[" * 1_000_000,
        b'{"format_version": ' + b'{"a":' * 500_000,
        b" " * (MAXIMUM_SIZE + 1),
        b"9" * 5000,
        json.dumps({**BODY, "format_version": "2.0"}).encode(),
        json.dumps({**BODY, "format_version": ["1.0"]}).encode(),
        json.dumps({**BODY, "taken": "2026-11-23T12:00:00"}).encode(),
        json.dumps({**BODY, "taken": "yesterday"}).encode(),
        json.dumps({**BODY, "taken": 1e400}).encode(),
        json.dumps({**BODY, "main_cf": ["x"]}).encode(),
        json.dumps({**BODY, "running": "yes"}).encode(),
        json.dumps({**BODY, "tables": [{"kind": "PublishedTable"}]}).encode(),
        json.dumps({**BODY, "tables": {"a": 1}}).encode(),
        json.dumps({**BODY, "pems": [[]]}).encode(),
        json.dumps({key: value for key, value in BODY.items() if key != "host"}).encode(),
    ],
    ids=range(20),
)
def test_what_is_no_snapshot_is_refused(message: bytes):
    with pytest.raises(SnapshotRefused):
        wire.from_json(message)


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from(sorted(BODY)), inner, max_size=3),
    max_leaves=5,
)


@given(st.sampled_from(sorted(BODY)), JSON)
def test_any_value_in_any_field_is_read_or_refused(name: str, value: object):
    with contextlib.suppress(SnapshotRefused):
        wire.from_json(json.dumps({**BODY, name: value}).encode())


@given(st.binary(max_size=200))
def test_any_bytes_are_opened_or_refused(content: bytes):
    for candidate in (content, wire.BEGIN + content, wire.BEGIN + content + wire.END):
        with contextlib.suppress(SnapshotRefused):
            wire.from_json(wire.unwrap(candidate).message)
