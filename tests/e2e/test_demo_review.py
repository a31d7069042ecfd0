"""`make demo-review`, whole: it ends with exit code 1 where the review and what apply did differ by a single change."""

from __future__ import annotations

import copy
import re
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from reconciler.cli.demo_review import disagreement
from tests.report.structure import of_html, of_markdown

PROJECT = Path(__file__).parents[2]
CHANGE = {"address": "main.cf/smtpd_tls_loglevel", "before": "1", "after": "2", "why": "intentional"}
PLAN: dict[str, Any] = {
    "changes": [CHANGE], "drift": [], "observed": [], "guards": [], "actions": [{"action": "reload"}], "summary": "Plan: 1.",
    "applied": {"written": ["/etc/postfix/main.cf"], "built": [], "removed": []},
}  # fmt: skip


@pytest.mark.postfix
def test_the_demo_prints_the_comment_writes_the_page_and_ends_well(tmp_path: Path) -> None:
    page = tmp_path / "build/page.html"
    command = [sys.executable, "-m", "reconciler", "demo-review", "--html", str(page)]
    done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=300, cwd=PROJECT)
    assert done.returncode == 0, done.stdout[-4000:] + done.stderr[-4000:]
    comment = re.search(
        r"^<!-- postfix-tls-reconciler: review -->\n.*?^→ exit 0", done.stdout, re.MULTILINE | re.DOTALL
    )
    assert comment
    assert "image" not in {token for token, *_ in of_markdown(comment[0])}
    assert re.findall(r"^  (\d+) shown, (\d+) done, nothing left$", done.stdout, re.MULTILINE) == [
        ("2", "2"), ("3", "3"), ("2", "2"),
    ]  # fmt: skip
    assert "≠" not in done.stdout
    assert ("start", "h1", ()) in of_html(page.read_text())


SPOILED: dict[str, Callable[[dict[str, Any]], object]] = {
    "another value": lambda plan: plan["changes"][0].update(after="3"),
    "another reason": lambda plan: plan["changes"][0].update(why="corrective"),
    "one change more": lambda plan: plan["changes"].append(CHANGE),
    "one change less": lambda plan: plan["changes"].clear(),
    "an action less": lambda plan: plan["actions"].clear(),
    "a drift that was not shown": lambda plan: plan["drift"].append({}),
    "nothing done": lambda plan: plan["applied"].update(written=[]),
}


def test_a_plan_that_was_carried_out_as_shown_agrees() -> None:
    assert disagreement(PLAN, PLAN) is None


@pytest.mark.parametrize("name", SPOILED)
def test_the_demo_would_notice(name: str) -> None:
    done = copy.deepcopy(PLAN)
    SPOILED[name](done)
    assert disagreement(PLAN, done) is not None
