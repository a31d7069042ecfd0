"""Plans as one HTML file, to be read, printed or kept; it needs no script and asks the network for nothing."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from itertools import groupby

from reconciler import __version__
from reconciler.model.plan import Plan
from reconciler.model.review import Group, Judgement, Review
from reconciler.report import reviewed
from reconciler.report.blocks import HEADINGS, Block, Line, blocks, short, shown, summary, title
from reconciler.report.draft import escaped, escaped_lines, in_html
from reconciler.report.page import page

_NAMED = 10  # hosts named in a heading

_KINDS = {Judgement.FAIL: "stop", Judgement.WARN: "warn", Judgement.PASS: "go"}
# class of a line, and what its sign says to who does not see it
_SIGNS = {
    "+": ("add", "added"),
    "~": ("change", "changed"),
    "-": ("remove", "removed"),
    ".": ("forget", "no longer managed"),
}


def render(plan: Plan) -> str:
    """One host's plan as a whole document."""
    body = [
        "<header>",
        f"<h1>Mail TLS on {in_html(title(plan))}</h1>",
        "</header>",
        verdict(plan),
        *sections(blocks(plan), level=2),
        footer(
            f"Commit {in_html(short(plan.revision))} of {in_html(shown(plan.origin))}",
            f"{in_html(plan.config_directory)}, Postfix {in_html(plan.mail_version)}, as of {in_html(plan.now)}",
        ),
    ]
    return page(f"Mail TLS on {title(plan)}", body)


def render_review(review: Review) -> str:
    """What a change does to every host it touches, as a whole document."""
    title = f"Mail TLS: {short(review.base)} → {short(review.head)}"
    body = [
        "<header>",
        f"<h1>Mail TLS: {in_html(short(review.base))} → {in_html(short(review.head))}</h1>",
        "</header>",
        f'<p class="verdict {_KINDS[review.judgement]}">{escaped(reviewed.verdict(review))}</p>',
        *sections((*reviewed.problems(review), *reviewed.remarks(review.remarks)), level=2),
        *(line for group in review.groups for line in _group(group)),
        footer(f"{in_html(shown(review.origin))}, as of {in_html(review.now)}"),
    ]
    return page(title, body)


def _group(group: Group) -> Iterator[str]:
    first, more = reviewed.names(group, _NAMED)
    hosts = ", ".join(in_html(name) for name in first) + (f" and {more} more" if more else "")
    yield f'<section class="host {_KINDS[group.judgement]}">'
    yield f"<h2>{hosts}: {escaped(reviewed.headline(group))}</h2>"
    if len(group.hosts) == 1:
        yield f'<p class="basis">{in_html(reviewed.basis(group.first, signer=True))}</p>'
    else:
        yield f"<details{' open' if not more else ''}><summary>Planned against</summary>"
        yield f"<pre>{escaped_lines(reviewed.roll(group))}</pre></details>"
    yield from sections(reviewed.group_blocks(group), level=3)
    yield "</section>"


def verdict(plan: Plan) -> str:
    """The summary, as a paragraph that shows whether the plan may be carried out."""
    return f'<p class="verdict {"stop" if plan.blockers else "go"}">{escaped(summary(plan))}</p>'


def footer(*facts: str) -> str:
    """What the report was made from; `facts` are HTML."""
    return f"<footer>{' · '.join((*facts, f'reconciler {__version__}'))}</footer>"


def sections(of: Iterable[Block], *, level: int) -> Iterator[str]:
    """The blocks under headings of this level, each topic once."""
    for topic, group in groupby(of, key=lambda block: block.topic):
        of_topic = list(group)
        heading = HEADINGS.get(topic, of_topic[0].title)
        yield f'<section class="{topic.value}">'
        yield f"<h{level}>{heading}</h{level}>"
        for block in of_topic:
            if topic in HEADINGS:
                yield f"<h{level + 1}>{in_html(block.title)}</h{level + 1}>"
            yield "<ul>"
            yield from (_line(it) for it in block.lines)
            yield "</ul>"
        yield "</section>"


def _line(line: Line) -> str:
    kind, said = _SIGNS.get(line.sign, ("plain", ""))
    sign = f'<span class="sign" aria-hidden="true">{line.sign}</span>'
    said = f'<span class="unseen">{said}: </span>' if said else ""
    lead = f'<strong class="stop">{line.lead}</strong> ' if line.lead else ""
    note = f' <span class="note">{escaped(line.note)}</span>' if line.note else ""
    return f'<li class="{kind}">{sign}<div>{said}{lead}{in_html(line.text)}{note}</div></li>'
