"""What this very Postfix does not know: parameters, policy attributes and table types that came later, or are going.

What the live host says of itself wins, because distributions backport; where it says nothing (an offline plan), the
catalogue serves.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from reconciler.errors import Problem
from reconciler.live.config import LiveConfig
from reconciler.model.address import OptionAddress, ParameterAddress
from reconciler.model.desired import DesiredParameter, DesiredTable
from reconciler.model.plan import Change, Warned
from reconciler.postfix import catalogue, policy, values

_FIX = "remove it for this host"
_POLICIES = "smtp_tls_policy_maps"
_NAMES_TABLES = ("_maps", "_cache_database")
_GRADES_GONE = (3, 8)


def problems_of(parameter: DesiredParameter, live: LiveConfig) -> Iterator[Problem]:
    """What would be written, warned about and ignored, or would end the daemon that reads it."""
    position = parameter.origin.position
    known = catalogue.parameters().get(parameter.name)
    if not _exists(parameter.name, live):
        what = f"{parameter.name}: {_this(live)} does not know this parameter; {_when(known, live)}"
        late = parameter.name.endswith("_chain_files") and known is not None and known.first > live.version
        yield Problem(position, what, "write cert_file and key_file" if late else _FIX)
        return
    if parameter.name.endswith(_NAMES_TABLES) or parameter.name == "relay_clientcerts":
        for kind in _missing_types(parameter.value, live):
            what = f"{parameter.name}: {_this(live)} has no tables of type {kind}; {_types(live)}"
            yield Problem(position, what, "name another type")


def _exists(name: str, live: LiveConfig) -> bool:
    if live.defaults:
        return name in live.defaults
    known = catalogue.parameters().get(name)
    return known is not None and catalogue.knows(known, live.version)


def _when(known: catalogue.Parameter | None, live: LiveConfig) -> str:
    if known is None:
        return "no Postfix has it"
    if known.removed and known.removed <= live.version:
        return f"Postfix {_series(known.removed)} removed it"
    return f"it came with Postfix {_series(known.first)}"


def _missing_types(value: str, live: LiveConfig) -> Iterator[str]:
    """The types of the tables in a list that the host does not have; a host that names none is not judged."""
    for element in values.split_list(value):
        kind, colon, _ = element.removeprefix("proxy:").partition(":")
        if colon and live.snapshot.table_types and kind not in live.snapshot.table_types and "$" not in kind:
            yield kind


def problems_of_rows(table: DesiredTable, live: LiveConfig) -> Iterator[Problem]:
    """Rows with an attribute that came later: this Postfix would defer all mail that they are for."""
    if table.parameter != _POLICIES:
        return
    for row in table.rows:
        for name in dict.fromkeys(policy.unknown_to(policy.parse(row.value), live.version)):
            since = _series(policy.introduced(name))
            what = f"{row.key}: {_this(live)} does not know the attribute {name}, and would defer all mail of this row"
            yield Problem(row.origin.position, f"{what}; it came with Postfix {since}", _FIX)


def row_value(table: DesiredTable, value: str, live: LiveConfig) -> str:
    """A row in a syntax that this Postfix reads."""
    return policy.for_version(value, live.version) if table.parameter == _POLICIES else value


def warnings(changes: Iterable[Change], live: LiveConfig) -> Iterator[Warned]:
    """What we are about to write and Postfix is about to give up."""
    for change in changes:
        if change.forget or change.after is None or not isinstance(change.address, ParameterAddress | OptionAddress):
            continue
        known = catalogue.parameters().get(change.address.name)
        if known and known.deprecated:
            text = f"{change.address}: deprecated from Postfix {_series(known.deprecated)}; {catalogue.advice(known)}"
            yield Warned("deprecated", change.address, text)
        elif change.address.name.endswith("_ciphers") and change.after.lower() in ("export", "low"):
            verb = "means" if live.version >= _GRADES_GONE else "will mean"
            text = f"{change.address}: from Postfix {_series(_GRADES_GONE)} {change.after} {verb} medium; write medium"
            yield Warned("deprecated", change.address, text)


def _this(live: LiveConfig) -> str:
    return f"Postfix {live.snapshot.mail_version}"


def _types(live: LiveConfig) -> str:
    return f"it has {', '.join(sorted(live.snapshot.table_types))}"


def _series(version: tuple[int, int]) -> str:
    return f"{version[0]}.{version[1]}"
