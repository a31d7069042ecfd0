"""The JSON Schemas: current, valid, and of one mind with the loader about the example."""

from __future__ import annotations

import datetime as dt
import json
from pathlib import Path

import jsonschema
import pytest
import yaml

from reconciler.desired import reference, schemas
from reconciler.desired.models import FleetFile, HostFile, ProfileFile

ROOT = Path(__file__).parents[2]
EXAMPLE = ROOT / "state-repo-example"
FILES = {
    "fleet.yaml": "fleet-v1.json",
    "hosts/mx1.example.org.yaml": "host-v1.json",
    "hosts/submit1.example.org.yaml": "host-v1.json",
    "profiles/house.yaml": "profile-v1.json",
}


def as_json(value: object) -> object:
    """What plain YAML loading gives, as JSON has it: dates are texts."""
    return json.loads(json.dumps(value, default=dt.date.isoformat))


def validator(name: str) -> jsonschema.Draft202012Validator:
    return jsonschema.Draft202012Validator(json.loads(schemas.generate()[name]))


@pytest.mark.parametrize("directory", ["schemas", "state-repo-example/schemas"])
def test_the_schemas_on_disk_are_current(directory: str) -> None:
    stale = {
        name
        for name, content in schemas.generate().items()
        if not (ROOT / directory / name).is_file() or (ROOT / directory / name).read_bytes() != content
    }
    assert not stale, "run: make schemas"


def test_a_state_repository_holds_the_schemas_of_its_own_files_and_no_other() -> None:
    assert {it.name for it in (EXAMPLE / "schemas").iterdir()} == set(FILES.values()) == set(schemas.generate())


@pytest.mark.parametrize("name", schemas.generate())
def test_a_schema_is_valid_draft_2020_12(name: str) -> None:
    schema = json.loads(schemas.generate()[name])
    jsonschema.Draft202012Validator.check_schema(schema)
    assert schema["$id"].endswith(name)


def test_the_schemas_are_the_same_bytes_each_time() -> None:
    assert schemas.generate() == schemas.generate()


@pytest.mark.parametrize("model", [HostFile, FleetFile, ProfileFile])
def test_every_key_has_a_title_and_a_description(model: type) -> None:
    schema = json.loads(schemas.generate()[f"{model.__name__.removesuffix('File').lower()}-v1.json"])
    for definition in (schema, *schema.get("$defs", {}).values()):
        assert definition["additionalProperties"] is False
        for key, written in definition["properties"].items():
            assert written.get("title"), (definition["title"], key)
            assert written.get("description", "").strip().endswith((".", ")")), (definition["title"], key)


@pytest.mark.parametrize(("file", "schema"), FILES.items())
def test_an_editor_accepts_the_example(file: str, schema: str) -> None:
    text = (EXAMPLE / file).read_text()
    validator(schema).validate(as_json(yaml.safe_load(text)))
    first = text.splitlines()[0]
    assert first.startswith("# yaml-language-server: $schema=")
    assert (EXAMPLE / file).parent.joinpath(first.partition("=")[2]).resolve() == EXAMPLE / "schemas" / schema


ACCEPTED = {
    "a boolean": "incoming: {received_header: true}",
    "yes": "incoming: {received_header: yes}",
    "a word": "incoming: {received_header: 'no'}",
    "a number": "incoming: {loglevel: 1, session_cache_timeout: 60}",
    "a port": "submission: {listen: 587, enabled: no}",
    "numbers and booleans as parameters": "parameters: {smtpd_tls_loglevel: 1, smtpd_tls_auth_only: true, tls_x: a}",
    "a date": "waivers: [{guard: key_exposed, at: main.cf/x, reason: b, until: 2027-01-31}]",
    "a section with nothing below": "incoming:\noutgoing:\nparameters:\n",
    "words for sections": "certificates: {default: unmanaged}\nenforce: all",
    "sections for words": "certificates: {default: {certbot: a, until_present: {days: 9}}}\nenforce: [incoming]",
}
REJECTED = {
    "an unknown key": "incomming: {}",
    "an unknown key below": "incoming: {securty_level: may}",
    "an unknown key in a certificate": "certificates: {default: {chain_file: a}}",
    "a level of the other side": "incoming: {security_level: dane}",
    "a list for a value": "incoming: {loglevel: [1]}",
    "an unknown part": "enforce: [incomming]",
    "a value that is missing": "incoming: {security_level: }",
}


@pytest.mark.parametrize("text", ACCEPTED.values(), ids=ACCEPTED)
def test_an_editor_accepts_what_the_loader_accepts(text: str) -> None:
    validator("host-v1.json").validate(as_json(yaml.safe_load(text)))


@pytest.mark.parametrize("text", REJECTED.values(), ids=REJECTED)
def test_an_editor_marks_what_the_loader_refuses(text: str) -> None:
    assert not validator("host-v1.json").is_valid(as_json(yaml.safe_load(text)))


def test_the_page_of_all_keys_is_current() -> None:
    assert (ROOT / "docs/reference/state.md").read_text() == reference.render()
