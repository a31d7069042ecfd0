"""Plans as a comment on a pull request, for GitHub, GitLab and Forgejo or Gitea.

What comes from a repository or a host stands in a fence, a code span or a code element, and nowhere else. There it is
no link, image, mention, reference, quick action or HTML on any of them. A comment that had to be cut says so first, and
has no verdict but "look at the full plan".
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator
from enum import Enum
from itertools import groupby

from reconciler import __version__
from reconciler.frozen import dataclass
from reconciler.model.plan import Plan
from reconciler.model.review import Group, Judgement, Review
from reconciler.report import reviewed
from reconciler.report.blocks import HEADINGS, Block, Line, Topic, blocks, counted, matching, short, shown, title
from reconciler.report.draft import Draft, code, escaped, in_html

_SHORT = 40  # lines that are shown unfolded
_NAMED = 5  # hosts named in a heading
_SIGNS = {"~": "!"}  # a diff colours `!`, and not `~`
_ORDER = (
    Topic.PROBLEMS, Topic.REMARKS, Topic.GUARDS, Topic.WAIVERS, Topic.DRIFT, Topic.OWED, Topic.CHANGES, Topic.DROPPED,
    Topic.OBSERVED, Topic.WARNINGS, Topic.ACTIONS,
)  # fmt: skip
_KEY = re.compile(r"[a-z0-9][a-z0-9.-]{0,39}")


class Forge(Enum):
    """Where a comment is shown; the value is its size limit in bytes, which no forge counts more strictly.

    Source: GitHub refuses more than 65,536 characters, GitLab more than 1,000,000. Forgejo and Gitea name no limit;
    what GitHub takes can still be read there.
    """

    GITHUB = "github"
    GITLAB = "gitlab"
    FORGEJO = "forgejo"

    @property
    def limit(self) -> int:
        return 1_000_000 if self is Forge.GITLAB else 65_536


@dataclass(frozen=True, slots=True)
class Comment:
    """`cut` says that the text is not all there is, and that nothing may be approved on its strength."""

    text: str
    cut: bool


def marker(key: str = "plan") -> str:
    """The first line of every comment of ours, hidden; `key` tells several of one pull request apart.

    Raises ValueError where `key` is more than a word.
    """
    if not _KEY.fullmatch(key):
        raise ValueError(f"{key!r}: a key is a word of small letters, digits, '.' and '-'")
    return f"<!-- postfix-tls-reconciler: {key} -->"


def render(plan: Plan, forge: Forge = Forge.GITHUB, *, key: str = "plan", full: str = "") -> Comment:
    """One host's plan. `full` is where the whole of it can be read, where there is such a place."""
    return fitted(lambda cut: _draft(plan, key, cut_notice(full) if cut else ""), forge.limit)


def fitted(draft: Callable[[bool], Draft], limit: int) -> Comment:
    """The document whole where it fits; else the one that says it was cut, cut at a line, everything closed."""
    whole = draft(False).whole()
    if len(whole.encode("utf-8", "replace")) <= limit:
        return Comment(whole, cut=False)
    return Comment(draft(True).cut(limit), cut=True)


def cut_notice(full: str) -> str:
    """The verdict of whatever was cut."""
    where = f" It is at {code(full)}." if full else ""
    return (
        "**Look at the full plan: this comment was cut, because it is longer than a comment may be.** "
        f"Do not approve what is not shown here.{where}"
    )


def _draft(plan: Plan, key: str, notice: str) -> Draft:
    draft = Draft()
    draft.say(marker(key), f"### Mail TLS on {code(title(plan))}", "", notice or verdict(plan), "")
    shown_blocks = list(blocks(plan))
    unfolded = sum(1 + len(it.lines) for it in shown_blocks) <= _SHORT
    if shown_blocks:
        with draft.details("The plan, address by address", unfolded=unfolded):
            write(draft, shown_blocks)
    draft.say(
        f"Commit {code(short(plan.revision))} of {code(shown(plan.origin))} · host as of {code(plan.now)} · "
        f"reconciler {__version__}"
    )
    return draft


def render_review(review: Review, forge: Forge = Forge.GITHUB, *, key: str = "review", full: str = "") -> Comment:
    """What a change does to every host it touches, hosts with the same plan once."""
    return fitted(lambda cut: _review(review, key, cut_notice(full) if cut else ""), forge.limit)


def too_large(*, key: str = "review", full: str = "") -> Comment:
    """In place of a review that holds more than is read: all of it was cut."""
    draft = Draft()
    draft.say(marker(key), "### Mail TLS: what this change does", "", cut_notice(full))
    return Comment(draft.whole(), cut=True)


def not_believed(path: str, *, key: str = "review") -> Comment:
    """In place of a review that the pull request could have written itself."""
    draft = Draft()
    draft.say(marker(key), "### Mail TLS: what this change does", "")
    draft.say(
        f"**Not shown: this pull request changes {code(path)}, and with it what its own review is made by.** "
        "Make that change in a pull request of its own, and have it approved by who owns it."
    )
    return Comment(draft.whole(), cut=True)


def _review(review: Review, key: str, notice: str) -> Draft:
    draft = Draft()
    draft.say(marker(key), "### Mail TLS: what this change does", "")
    draft.say(notice or f"**{reviewed.verdict(review)}**", "")
    write(draft, (*reviewed.problems(review), *reviewed.remarks(review.remarks)))
    told = [(group, list(reviewed.group_blocks(group))) for group in review.groups]
    unfolded = sum(4 + sum(1 + len(it.lines) for it in of) for _, of in told) <= _SHORT
    for group, of in told:
        with draft.details(_summary(group), unfolded=unfolded or group.judgement is Judgement.FAIL):
            many = len(group.hosts) > _NAMED
            if not many:
                draft.fence(reviewed.roll(group))
            write(draft, of)
            if many:  # what is done comes first: thousands of names would push it out of sight
                with draft.details(f"All {len(group.hosts)} hosts, by what they were planned against", unfolded=False):
                    draft.fence(reviewed.roll(group))
    draft.say(
        f"{code(short(review.base))} → {code(short(review.head))} of {code(shown(review.origin))} · "
        f"{code(review.now)} · reconciler {__version__}"
    )
    return draft


def _summary(group: Group) -> str:
    first, more = reviewed.names(group, _NAMED)
    hosts = ", ".join(in_html(name) for name in first) + (f" and {more} more" if more else "")
    return f"{hosts}: {escaped(reviewed.headline(group))}"


def verdict(plan: Plan) -> str:
    """The summary in bold; what is foreign in it as code."""
    if not plan.is_empty:
        return f"**{counted(plan)}**"
    return f"**No changes.** {matching(plan, code(title(plan)), code(short(plan.revision)))}"


def write(draft: Draft, of: Iterable[Block]) -> None:
    """Blocks by topic: what stops the plan first, then drift, then changes with their reasons."""
    grouped = sorted(of, key=lambda block: _ORDER.index(block.topic))
    for topic, group in groupby(grouped, key=lambda block: block.topic):
        of_topic = list(group)
        draft.say(f"**{HEADINGS.get(topic, of_topic[0].title)}**", "")
        draft.fence(_lines(of_topic))


def _lines(of: Iterable[Block]) -> Iterator[str]:
    for number, block in enumerate(of):
        if block.topic in HEADINGS:
            yield from ([""] if number else [])
            yield f"# {block.title}"
        yield from (_line(it) for it in block.lines)


def _line(line: Line) -> str:
    sign = "-" if line.lead else _SIGNS.get(line.sign, line.sign) or " "
    text = f"{sign} {line.lead} {line.text}" if line.lead else f"{sign} {line.text}"
    return f"{text}  # {line.note}" if line.note else text
