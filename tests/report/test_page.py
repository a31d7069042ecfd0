"""The HTML as a browser shows it: in both colour schemes, wide and narrow, with a payload in every field."""

from __future__ import annotations

from pathlib import Path

import pytest

from reconciler.report import html
from tests.hostile.payloads import ALL
from tests.report import chromium
from tests.report.conftest import plan_with, review_with
from tests.report.structure import of_html

GOLDEN = Path(__file__).parents[1] / "golden"
HOSTILE = html.render(plan_with("".join(ALL.values())))
REVIEW = html.render_review(review_with("mx1.example.org"))
GROUND = {"light": (255, 255, 255), "dark": (13, 17, 23)}

browser = pytest.mark.skipif(chromium.PROGRAM is None, reason="Chromium is not installed")


@pytest.fixture(params=["hostile", "review"])
def page(request: pytest.FixtureRequest) -> str:
    return HOSTILE if request.param == "hostile" else REVIEW


@browser
@pytest.mark.parametrize("scheme", GROUND)
def test_the_page_is_shown_on_the_ground_of_the_scheme_and_is_not_blank(scheme: str, tmp_path: Path) -> None:
    picture = chromium.shoot((GOLDEN / "drift/plan.html").read_text(), scheme, 640, tmp_path)
    assert picture.ground == GROUND[scheme]
    assert sum(picture.colours.values()) - picture.colours[picture.ground] > 10_000
    assert len(picture.colours) > 50  # letters, smoothed


@browser
@pytest.mark.parametrize("scheme", GROUND)
@pytest.mark.parametrize("width", [320, 500, 1280])
def test_nothing_is_wider_than_the_window_and_every_text_can_be_read(
    page: str, scheme: str, width: int, tmp_path: Path
) -> None:
    seen = chromium.measure(page, scheme, width, tmp_path)
    assert seen["width"] == width
    assert seen["scroll"] <= width
    assert min(chromium.contrast(text, ground) for text, ground in seen["texts"]) >= 4.5


def test_the_page_loads_nothing_and_runs_nothing(page: str) -> None:
    tags = [found for found in of_html(page) if found[0] == "start"]
    assert not {tag for _, tag, _ in tags} & {"script", "img", "iframe", "object", "embed", "link", "a", "form", "base"}
    names = {name for _, _, attributes in tags for name, _ in attributes}
    assert names <= {"aria-hidden", "charset", "class", "content", "http-equiv", "lang", "name", "open"}
    assert "default-src 'none'" in page
    assert "url(" not in page.partition("</style>")[0]
