"""Whole reviews, printed in every form: each case is two revisions of a state, and hosts that published themselves.

    reviews/<case>/base/, head/   the state repository before and after
    reviews/<case>/review.*       what is shown: text, HTML, JSON, and the comment, the same on each forge unless it is cut

The hosts follow base, but for what the case says of them below; their snapshots are signed, wrapped and believed as real
ones are. A case that lacks review.txt is written anew; read what was written before it is committed.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from datetime import timedelta
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from reconciler.errors import SnapshotRefused
from reconciler.model import wire
from reconciler.model.plan import Plan
from reconciler.model.review import Review
from reconciler.model.snapshot import RepoSnapshot
from reconciler.publish import signers
from reconciler.publish.key import Key
from reconciler.publish.open import believed
from reconciler.report import html, markdown, review_json, review_text
from reconciler.review import Asked, Found, review
from tests.review.conftest import NOW, Machine

HERE = Path(__file__).parent / "reviews"
KEY, STRANGER = Key(Ed25519PrivateKey.generate()), Key(Ed25519PrivateKey.generate())
FULL = "https://ci.example.org/mail/state/7"


@dataclass(frozen=True)
class Host:
    """What is special about one host: the age of its snapshot, who signed it, what was edited by hand."""

    age: timedelta = timedelta(hours=1)
    key: Key = KEY
    edited: tuple[str, str] | None = None
    follows: str = "base"  # or nothing, where it was never applied to


@dataclass(frozen=True)
class Case:
    name: str
    hosts: Mapping[str, Host] = field(default_factory=dict)

    @property
    def directory(self) -> Path:
        return HERE / self.name

    def files(self, side: str) -> dict[str, str]:
        root = self.directory / side
        return {str(it.relative_to(root)): it.read_text() for it in sorted(root.rglob("*")) if it.is_file()}

    def published(self, name: str) -> bytes | None:
        host = self.hosts.get(name)
        if host is None:
            return None
        there = Machine(name)
        there = there.applied(self.files("base")) if host.follows else there
        there = there.edited(*host.edited) if host.edited else there
        message = wire.to_json(there.published(host.age))
        return wire.wrap(message, host.key.sign(message))

    def review(self, tmp_path: Path) -> Review:
        (tmp_path / "signers").write_text(KEY.line("*.example.org") + "\n")
        allowed = signers.read(str(tmp_path / "signers"))

        def snapshot(name: str) -> Found | SnapshotRefused | None:
            content = self.published(name)
            if content is None:
                return None
            try:
                found = believed(content, name, allowed)
            except SnapshotRefused as refused:
                return refused
            return Found(found.seen, found.signer)

        base, head = (
            RepoSnapshot({path: it.encode() for path, it in self.files(side).items()}, digit * 40, "mail/state")
            for side, digit in (("base", "a"), ("head", "b"))
        )
        made = review(Asked(base, head, NOW, snapshot))
        hosts = (replace(it, plan=_without_digest(it.plan), owed=_without_digest(it.owed)) for it in made.hosts)
        return replace(made, hosts=tuple(hosts))


def _without_digest(plan: Plan | None) -> Plan | None:
    return replace(plan, digest="") if plan else None


def names(pattern: str, count: int) -> list[str]:
    return [pattern.format(number) for number in range(1, count + 1)]


CASES = (
    Case("no-snapshot", {"mx2.example.org": Host()}),
    Case(
        "old-snapshots",
        {
            "mx1.example.org": Host(),
            "mx2.example.org": Host(age=timedelta(hours=30)),
            "mx3.example.org": Host(age=timedelta(days=9)),
        },
    ),
    Case("bad-signature", {"mx1.example.org": Host(key=STRANGER), "mx2.example.org": Host()}),
    Case("guards", {"mx1.example.org": Host(), "mx2.example.org": Host()}),
    Case("same-plan", {name: Host() for name in names("mx{}.example.org", 7)}),
    Case(
        "drift",
        {
            "mx1.example.org": Host(edited=("smtpd_tls_security_level = may\n", "")),
            "mx2.example.org": Host(follows=""),
        },
    ),
    Case("invalid", {"mx1.example.org": Host()}),
    Case("come-and-gone", {"mx1.example.org": Host(), "mx2.example.org": Host(follows="")}),
    Case("too-long", {"mx1.example.org": Host()}),
)
FORMS: Mapping[str, Callable[[Review], str]] = {
    "review.txt": review_text.render,
    "review.html": html.render_review,
    "review.json": review_json.render,
    "review.md": lambda made: markdown.render_review(made, full=FULL).text,
}


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
def test_a_review_is_the_golden_one_in_every_form(case: Case, tmp_path: Path) -> None:
    made = case.review(tmp_path)
    shown = {name: render(made) for name, render in FORMS.items()}
    kept = {name: shown[name] for name in (["review.md"] if case.name == "too-long" else FORMS)}
    if not (case.directory / next(iter(kept))).exists():
        for name, content in kept.items():
            (case.directory / name).write_text(content)
        pytest.fail(f"{case.name} was written anew: read it, then run again")
    for name, content in kept.items():
        assert content == (case.directory / name).read_text(), name
    if case.name != "too-long":
        assert {markdown.render_review(made, forge, full=FULL).text for forge in markdown.Forge} == {shown["review.md"]}


def test_what_is_too_long_for_one_forge_is_cut_there_alone_and_within_its_limit(tmp_path: Path) -> None:
    made = next(case for case in CASES if case.name == "too-long").review(tmp_path)
    shown = {forge: markdown.render_review(made, forge, full=FULL) for forge in markdown.Forge}
    assert [forge.value for forge, it in shown.items() if it.cut] == ["github", "forgejo"]
    assert all(len(it.text.encode()) <= forge.limit for forge, it in shown.items())
    assert "Passes" not in shown[markdown.Forge.GITHUB].text
    assert shown[markdown.Forge.GITHUB].text.count("```") % 2 == 0


def test_there_is_no_case_that_nobody_runs() -> None:
    assert {it.name for it in HERE.iterdir()} == {case.name for case in CASES}
