"""Names that are nobody's: Postfix takes them for parameters of the administrator's own, and says nothing.

A misspelt parameter is left at its default, and `$name` of a name that is not set is nothing: TLS is off. Only what is
about TLS and logins is looked for: `TRANSPORT_…` and what older versions had are names too.

Source: postconf(5), "parameter value may refer to other parameters".
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from difflib import get_close_matches

from reconciler.live.config import LiveConfig
from reconciler.postfix import catalogue, restrictions
from reconciler.postfix.effective import View
from reconciler.postfix.values import split_list

_OURS = re.compile(r"(smtpd|smtp|lmtp|tls|tlsproxy|postscreen)_")
_ALIKE = 0.93  # of 1; `smtpd_tls_chain_file` and `smtpd_tls_chain_files` have 0.98
_MENTION = re.compile(r"\$[{(]?([A-Za-z0-9_]+)")
_PLAIN = re.compile(r"\$(?:([A-Za-z0-9_]+)|\{([A-Za-z0-9_]+)\}|\(([A-Za-z0-9_]+)\))")  # not `${name?…}`: that may be


def faults(config: LiveConfig) -> Iterator[str]:
    """Every name that is not set or almost a parameter, in main.cf and in the options of services."""
    scopes: list[tuple[str, Iterable[tuple[str, str]], View]] = [("main.cf", config.explicit.items(), config.view)]
    for service in config.master.by_key.values():
        where = f"master.cf: {service.name}/{service.type}"
        scopes.append((where, service.overrides.items(), config.view_of(service)))
    own = _own_names(config, [value for _, pairs, _ in scopes for _, value in pairs])
    for where, pairs, view in scopes:
        for name, value in pairs:
            yield from (f"{where}: {text}" for text in _of(name, value, view, own))


def _own_names(config: LiveConfig, values: Iterable[str]) -> frozenset[str]:
    """What is mentioned by `$`, and restriction classes."""
    mentioned = {name for value in values for name in _MENTION.findall(value)}
    return frozenset(mentioned | set(split_list(config.view.get("smtpd_restriction_classes"))))


def _of(name: str, value: str, view: View, own: frozenset[str]) -> Iterator[str]:
    known = catalogue.parameters()
    if name in known and name in view.defaults and not restrictions.is_restriction_list(name):  # Debian has such
        for found in _PLAIN.finditer(value):
            asked = next(filter(None, found.groups()))
            if view.raw(asked) is None:
                yield f"{name}: ${asked} is set nowhere, so it stands for nothing"
    elif name not in known and name not in view.defaults and name not in own and _OURS.match(name):
        family = name.partition("_")[0] + "_"
        possible = [it for it in known if it in view.defaults and it.startswith(family)]
        meant = get_close_matches(name, possible, n=1, cutoff=_ALIKE)
        if meant:
            yield f"{name} is no parameter of this Postfix, which leaves {meant[0]} as it is without it"
