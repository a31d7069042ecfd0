"""What we wrote can be read and shown again; what somebody else wrote is refused in one sentence, or inert."""

from __future__ import annotations

import json as reader
from pathlib import Path
from typing import Any

import jsonschema
import pytest

from reconciler.errors import DocumentRefused
from reconciler.report import documents, json, markdown, reading, review_json, text
from tests.hostile.payloads import ALL
from tests.report.conftest import review_with
from tests.report.structure import of_markdown

ROOT = Path(__file__).parents[2]
PLANS = sorted(ROOT.glob("tests/golden/*/plan.json"))
HARMLESS = of_markdown(markdown.render_review(review_with("harmless")).text)
REVIEW = review_json.render(review_with("x"))


@pytest.mark.parametrize("path", PLANS, ids=lambda path: path.parent.name)
def test_a_plan_that_is_read_is_shown_as_the_plan_it_was(path: Path) -> None:
    read = reading.plan(path.read_bytes())
    assert json.render(read) == path.read_text()
    assert text.render(read) == path.with_name("plan.txt").read_text()
    assert markdown.render(read).text == path.with_name("plan.md").read_text()


@pytest.mark.parametrize("path", PLANS, ids=lambda path: path.parent.name)
def test_every_golden_plan_is_of_the_published_shape(path: Path) -> None:
    schema = reader.loads((ROOT / "schemas/plan-v1.json").read_text())
    jsonschema.Draft202012Validator(schema).validate(reader.loads(path.read_text()))


def test_a_review_that_is_read_is_shown_as_the_review_it_was() -> None:
    read = reading.review(REVIEW.encode())
    assert review_json.render(read) == REVIEW
    assert markdown.render_review(read) == markdown.render_review(review_with("x"))
    assert read.judgement == review_with("x").judgement


def test_a_review_is_of_the_published_shape_and_has_no_member_that_the_schema_does_not_name() -> None:
    schema = reader.loads((ROOT / "schemas/review-v1.json").read_text())
    for definition in schema["$defs"].values():
        if definition.get("type") == "object":
            definition["additionalProperties"] = False
    jsonschema.Draft202012Validator(schema).validate(reader.loads(REVIEW))


@pytest.mark.parametrize("name", documents.generate())
def test_the_published_schemas_are_current(name: str) -> None:
    assert (ROOT / "schemas" / name).read_bytes() == documents.generate()[name]


def test_an_unknown_member_is_passed_over_and_an_unknown_minor_is_read() -> None:
    assert reading.review(_with(format_version="1.7", added={"later": 1})).hosts


BAD: dict[str, tuple[dict[str, Any] | bytes, str]] = {
    "not-json": (b"<html>", "the document: Invalid JSON: expected value at line 1 column 1"),
    "empty": (b"", "the document: Invalid JSON: EOF while parsing a value at line 1 column 0"),
    "not-utf8": (b'{"errored": "\xff"}', "the document: Invalid JSON: invalid unicode code point at line 1 column 14"),
    "major": ({"format_version": "2.0"}, r"format_version: String should match pattern '^1\.[0-9]{1,4}$'"),
    "rule": ({"failed_rules": ["[x](//evil)"]}, "failed_rules.0: String should match pattern '^[A-Za-z][A-Za-z0-9_]{0,63}$'"),
    "type": ({"untouched": "many"}, "untouched: Input should be a valid integer"),
    "negative": ({"untouched": -1}, "untouched: Input should be greater than or equal to 0"),
    "long": ({"head": "x" * 2_000_001}, "head: longer than is read"),
    "time": ({"timestamp": "soon"}, "timestamp: Input should be a valid datetime, input is too short"),
    "error": ({"errored": True, "reason": "StateInvalid", "message": "m"}, "it holds no review but an error: StateInvalid"),
    "deep": (b"[" * 100_000, "the document: Invalid JSON: recursion limit exceeded at line 1 column 202"),
    "address": (
        {"remarks": [{"judgement": "fail", "rule": "r", "address": "\x1b[31m", "text": ""}]},
        "'\\\\x1b[31m' is no address; they begin with main.cf/, master.cf/, table/ or file/",
    ),
}  # fmt: skip


@pytest.mark.parametrize("name", BAD)
def test_what_is_no_review_is_refused_in_one_sentence(name: str) -> None:
    change, said = BAD[name]
    data = change if isinstance(change, bytes) else _with(**change)
    with pytest.raises(DocumentRefused) as refused:
        reading.review(data)
    assert str(refused.value).replace("\\\\", "\\") == said.replace("\\\\", "\\")


def test_what_is_larger_than_any_review_is_not_even_parsed() -> None:
    with pytest.raises(DocumentRefused, match="larger than 64 MiB"):
        reading.review(b" " * (reading.MAX_BYTES + 1))


@pytest.mark.parametrize("payload", ALL.values(), ids=ALL)
def test_guarantee_26_a_payload_in_a_foreign_document_is_as_inert_as_in_our_own(payload: str) -> None:
    text_of = payload.encode("utf-8", "replace").decode()
    foreign = _everywhere(reader.loads(review_json.render(review_with("harmless"))), text_of)
    read = reading.review(reader.dumps(foreign).encode())
    assert of_markdown(markdown.render_review(read).text) == HARMLESS


def _everywhere(value: Any, payload: str) -> Any:
    match value:
        case dict():
            return {key: item if key == "address" else _everywhere(item, payload) for key, item in value.items()}
        case list():
            return [_everywhere(item, payload) for item in value]
        case str():
            return value.replace("harmless", payload)
        case _:
            return value


def _with(**members: Any) -> bytes:
    return reader.dumps({**reader.loads(REVIEW), **members}).encode()
