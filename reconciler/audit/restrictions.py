"""Restriction lists: what stands behind an answer that always comes.

Source: postconf(5), smtpd_client_restrictions and its kin: a list is evaluated in order, up to the first answer.
"""

from __future__ import annotations

from collections.abc import Iterator

from reconciler.audit.remedy import by_hand
from reconciler.audit.scene import Scene
from reconciler.model.finding import Finding
from reconciler.postfix.restrictions import elements

_LISTS = frozenset(
    f"smtpd_{name}_restrictions"
    for name in ("client", "helo", "sender", "relay", "recipient", "data", "end_of_data", "etrn")
)
_ALWAYS = frozenset({"permit", "reject", "defer"})


def check(scene: Scene) -> Iterator[Finding]:
    for stated in scene.values:
        name = stated.name
        found = [it.text for it in elements(stated.value, with_arguments=True)] if name in _LISTS else []
        at = next((number for number, text in enumerate(found) if text.lower() in _ALWAYS), len(found))
        behind = found[at + 1 :]
        if behind:
            why = f"{found[at]} answers for every session; Postfix never comes to what stands behind it"
            fix = by_hand(f"move {found[at]} to the end, or remove what stands behind it")
            evidence = f"{', '.join(behind)} behind {found[at]} in {name}"
            yield stated.said.finding("restriction_unreachable", why, fix, evidence)
