from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from reconciler.model.plan import Plan
from reconciler.report import markdown
from reconciler.report.draft import Draft
from reconciler.report.markdown import Forge, marker
from tests.report.conftest import plan_with, review_with
from tests.report.structure import of_markdown


def long_plan(of: int) -> Plan:
    plan = plan_with("``x``")
    return replace(plan, changes=plan.changes[-3:-2] * of)


@pytest.mark.parametrize("forge", Forge)
def test_a_plan_within_the_limit_is_shown_whole(forge: Forge) -> None:
    assert not markdown.render(plan_with("x"), forge).cut


@pytest.mark.parametrize("forge", Forge)
def test_a_longer_plan_is_cut_within_the_limit_and_has_no_verdict_but_to_look_at_the_whole(forge: Forge) -> None:
    plan = long_plan(of=forge.limit // 40)
    comment = markdown.render(plan, forge, full="https://ci.example.org/run/1")
    lines = comment.text.split("\n")
    assert comment.cut
    assert forge.limit - 500 < len(comment.text.encode()) <= forge.limit
    assert lines[3].startswith("**Look at the full plan: this comment was cut")
    assert lines[3].endswith("It is at `https://ci.example.org/run/1`.")
    assert markdown.verdict(plan) not in comment.text


@settings(max_examples=100, deadline=None)
@given(st.integers(min_value=400, max_value=9000))
def test_wherever_it_is_cut_everything_that_was_opened_is_closed(size: int) -> None:
    draft = Draft()
    draft.say(marker(), "### Title", "")
    for _ in range(3):
        with draft.details("a host", unfolded=True):
            draft.say("**Changes**", "")
            draft.fence([f"+ ```` {number}" for number in range(40)])
            draft.say("Words.")
    text = draft.cut(size)
    assert len(text.encode()) <= size
    assert text.count("<details") == text.count("</details>")
    assert of_markdown(text + "\n# Outside\n")[-3:] == [
        ("heading_open", "h1", ""), ("text", "", "Outside"), ("heading_close", "h1", ""),
    ]  # fmt: skip


def test_what_many_hosts_have_in_common_stands_before_their_names() -> None:
    review = review_with("x")
    hosts = tuple(replace(review.hosts[0], host=f"mx{number}.example.org", instance="") for number in range(2000))
    lines = markdown.render_review(replace(review, hosts=hosts, remarks=())).text.split("\n")
    names = lines.index("<details><summary>All 2000 hosts, by what they were planned against</summary>")
    assert lines.index("**Changes**") < names
    assert lines.index("**Actions**") < names
    assert "mx1999.example.org" in "\n".join(lines[names:])
    assert "mx1999.example.org" not in "\n".join(lines[:names])
    few = markdown.render_review(replace(review, hosts=hosts[:5], remarks=())).text
    assert few.count("<details") == 1


def test_the_first_line_is_the_marker_of_its_key() -> None:
    comment = markdown.render(plan_with("x"), key="eu").text
    assert comment.split("\n")[0] == "<!-- postfix-tls-reconciler: eu -->"


@pytest.mark.parametrize("key", ["", "-->", "a b", "A", "a" * 41, "a\n"])
def test_a_key_that_is_no_word_is_refused(key: str) -> None:
    with pytest.raises(ValueError, match="a key is a word"):
        marker(key)
