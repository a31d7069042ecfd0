"""Guarantee 26: Markdown, HTML, ANSI and CRLF payloads come out inert, in every form and from every field."""

from __future__ import annotations

import json as reader
import unicodedata

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from reconciler.report import html, json, markdown, review_text, text
from reconciler.report.terminal import COLOUR
from tests.hostile.payloads import ALL
from tests.report.conftest import plan_with, review_with
from tests.report.structure import of_html, of_markdown

_HARMLESS = plan_with("harmless")
_MARKDOWN = of_markdown(markdown.render(_HARMLESS).text)
_HTML = of_html(html.render(_HARMLESS))
_REVIEW = review_with("harmless")
_REVIEW_MARKDOWN = of_markdown(markdown.render_review(_REVIEW).text)
_REVIEW_HTML = of_html(html.render_review(_REVIEW))
_UNSEEN = {"Cc", "Cf", "Cs", "Zl", "Zp"}

payloads = pytest.mark.parametrize("payload", ALL.values(), ids=ALL)


def test_there_are_fifty_payloads_and_more() -> None:
    assert len(ALL) >= 50


@payloads
def test_guarantee_26_a_comment_has_the_same_structure_whatever_stands_in_it(payload: str) -> None:
    assert of_markdown(markdown.render(plan_with(payload)).text) == _MARKDOWN


@payloads
def test_guarantee_26_a_page_has_the_same_tags_whatever_stands_in_it(payload: str) -> None:
    assert of_html(html.render(plan_with(payload))) == _HTML


@payloads
def test_guarantee_26_text_has_the_same_lines_and_steers_no_terminal(payload: str) -> None:
    shown = text.render(plan_with(payload))
    assert shown.count("\n") == text.render(_HARMLESS).count("\n")
    assert _steering(shown) == set()
    coloured = text.render(plan_with(payload), COLOUR)
    assert coloured.count("\x1b") == text.render(_HARMLESS, COLOUR).count("\x1b")


@payloads
def test_guarantee_26_a_review_is_as_inert_as_a_plan(payload: str) -> None:
    review = review_with(payload)
    assert of_markdown(markdown.render_review(review).text) == _REVIEW_MARKDOWN
    assert of_html(html.render_review(review)) == _REVIEW_HTML
    assert _steering(review_text.render(review)) == set()


@payloads
def test_guarantee_26_json_says_what_there_is_and_steers_no_terminal(payload: str) -> None:
    shown = json.render(plan_with(payload))
    assert _steering(shown) == set()
    assert reader.loads(shown)["host"] == payload.encode("utf-8", "replace").decode()


@payloads
def test_no_line_of_a_comment_begins_with_a_quick_action(payload: str) -> None:
    assert not [line for line in markdown.render(plan_with(payload)).text.split("\n") if line.lstrip().startswith("/")]


@settings(max_examples=150, deadline=None)
@given(
    st.text(alphabet=st.sampled_from("`~<>&@#[]()!|\\*_-+ \n\r\t\"'/:.aZ1\u202e\x1b\0é"), min_size=1, max_size=40)
    | st.text(min_size=1, max_size=30)
)
def test_no_text_at_all_changes_the_structure_of_a_comment_or_a_page(payload: str) -> None:
    plan = plan_with(payload)
    assert of_markdown(markdown.render(plan).text) == _MARKDOWN
    assert of_html(html.render(plan)) == _HTML


def _steering(shown: str) -> set[str]:
    return {character for character in shown if character not in "\n\t" and unicodedata.category(character) in _UNSEEN}
