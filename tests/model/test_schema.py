"""The published schema is that of what is written."""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import UTC, datetime

import jsonschema
import pytest

from reconciler.model import schema, wire
from reconciler.model.published import FORMAT_VERSION, Published, PublishedEntry, PublishedPem, PublishedTable
from reconciler.model.snapshot import Certificate, PemFile

NOW = datetime(2026, 11, 23, 12, tzinfo=UTC)
FULL = Published(
    format_version=FORMAT_VERSION,
    host="mx1.example.org",
    instance="",
    config_directory="/etc/postfix",
    taken=NOW,
    mail_version="3.7.11",
    running=True,
    table_types=("hash",),
    sasl_server_types=("cyrus",),
    defaults="",
    main_cf="",
    master_cf="",
    tables=(PublishedTable("/etc/postfix/tls_policy", "hash", "a b\n"),),
    pems=(PublishedPem("/x", PemFile("a", (Certificate("", "", "", (), NOW, NOW, True),), None, ("key",), 0o600, 0)),),
    entries=(PublishedEntry("main.cf/x", None, "1", ""),),
)
VALIDATOR = jsonschema.Draft202012Validator(json.loads(schema.generate()[schema.NAME]))


def test_a_snapshot_is_valid():
    VALIDATOR.validate(json.loads(wire.to_json(FULL)))


@pytest.mark.parametrize("name", ["format_version", "taken", "tables", "pems", "entries", "running"])
def test_what_is_none_is_not(name: str):
    body = json.loads(wire.to_json(FULL))
    for broken in ({**body, name: {"x": 1}}, {key: value for key, value in body.items() if key != name}):
        with pytest.raises(jsonschema.ValidationError):
            VALIDATOR.validate(broken)


def test_a_later_major_version_is_not_valid():
    with pytest.raises(jsonschema.ValidationError):
        VALIDATOR.validate(json.loads(wire.to_json(replace(FULL, format_version="2.0"))))
