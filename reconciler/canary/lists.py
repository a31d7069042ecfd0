"""Words of restriction lists: smtpd(8) meets an unknown one where it asks the list, and answers 451 to everybody then.

Source: SMTPD_ACCESS_README; postconf(5), smtpd_client_restrictions and its kin.
"""

from __future__ import annotations

import posixpath
import re
from collections.abc import Iterator
from pathlib import Path

from reconciler.live.config import LiveConfig
from reconciler.model.candidate import Candidate
from reconciler.postfix import restrictions
from reconciler.postfix.effective import View
from reconciler.postfix.values import split_list

_STAGES = ("client", "helo", "sender", "relay", "recipient", "data", "end_of_data", "etrn")
_FILE = re.compile(r"\w+:([^\s,{}]+)")
LISTS = tuple(f"smtpd_{stage}_restrictions" for stage in _STAGES)


def faults(config: LiveConfig) -> Iterator[str]:
    """Every such word in the lists of every smtpd, and in restriction classes; each once."""
    said: dict[str, None] = {}
    for service in config.master.by_key.values():
        if posixpath.basename(service.command) == "smtpd":
            view = config.view_of(service)
            classes = split_list(view.get("smtpd_restriction_classes"))
            for name in (*LISTS, *classes):
                said |= dict.fromkeys(f"{name}: {text}" for text in _of(name, view, frozenset(classes), config))
    yield from said


def changed(config: LiveConfig, live: LiveConfig, candidate: Candidate) -> frozenset[str]:
    """The smtpd listeners whose lists, or tables in them, are other ones now.

    But for those that say that they are for their own networks only: what they tell a stranger is meant so.
    """
    found = set()
    for key, service in config.master.by_key.items():
        before = live.master.by_key.get(key)
        if before is None or service.type != "inet" or posixpath.basename(service.command) != "smtpd":
            continue
        now, then = ([view.get(name) for name in LISTS] for view in (config.view_of(service), live.view_of(before)))
        asked = [config.path(it) for text in now for it in _FILE.findall(text)]
        if (now != then or any(it in candidate.files for it in asked)) and not any(map(_is_for_neighbours, now)):
            found.add(service.name)
    return frozenset(found)


def _is_for_neighbours(text: str) -> bool:
    words = {it.text.lower() for it in restrictions.elements(text, with_arguments=True)}
    return "permit_mynetworks" in words and bool(words & {"reject", "defer"})


def _of(name: str, view: View, classes: frozenset[str], config: LiveConfig) -> Iterator[str]:
    for element in restrictions.elements(view.get(name), with_arguments=True):
        words = element.text.split()
        words = words[1:] if words[0].lower() == "warn_if_reject" else words
        if not words or ":" in words[0] or "/" in words[0]:
            continue  # a table by itself, as before Postfix 2.1
        if words[0].lower() not in restrictions.NAMES and words[0] not in classes:
            yield f"there is no restriction {words[0]!r}"
        elif restrictions.takes_argument(words[0]) and len(words) == 1:
            yield f"{words[0]} says nothing without what follows it"
        elif words[0].lower() == "check_policy_service" and (socket := _no_socket(words[1], config)):
            yield f"{words[0]}: master.cf has no service for {socket}, and no socket is there"


def _no_socket(text: str, config: LiveConfig) -> str:
    """A service of master.cf that is not there; nothing where there is one, or where others listen."""
    kind, _, path = text.partition(":")
    folder, _, name = path.partition("/")
    if kind != "unix" or folder not in ("private", "public") or (name, "unix") in config.master.by_key:
        return ""
    return "" if Path(config.view.get("queue_directory"), path).exists() else path
