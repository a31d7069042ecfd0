"""A review as text for a terminal or a log."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from itertools import groupby

from reconciler.model.review import Review
from reconciler.report.blocks import HEADINGS, Block, short, shown
from reconciler.report.reviewed import group_blocks, headline, names, problems, remarks, roll, verdict
from reconciler.report.terminal import PLAIN, Style
from reconciler.report.text import told


def render(review: Review, style: Style = PLAIN) -> str:
    """The whole review: each group of hosts with the same plan once, and one line last."""
    change = f"{short(review.base)} → {short(review.head)} of {shown(review.origin)}"
    parts = [f"{style.bold}{change}{style.reset}", *told((*problems(review), *remarks(review.remarks)), style)]
    for group in review.groups:
        first, more = names(group, 3)
        title = f"{', '.join(first)}{f' and {more} more' if more else ''}: {headline(group)}"
        parts.append("\n".join([f"{style.bold}== {title}{style.reset}", *roll(group)]))
        parts += _headed(group_blocks(group), style)
    return "\n\n".join([*parts, f"{style.bold}{verdict(review)}{style.reset}"]) + "\n"


def _headed(of: Iterable[Block], style: Style) -> Iterator[str]:
    """The same, with a heading over the blocks that have a resource for their title."""
    for topic, group in groupby(of, key=lambda block: block.topic):
        yield from ([f"{HEADINGS[topic]}:"] if topic in HEADINGS else [])
        yield from told(group, style)
