"""A change made by hand, as a change of the host file: the least edit after which the state says what is live."""

from __future__ import annotations

from collections.abc import Callable, Iterator

from reconciler import desired
from reconciler.desired import places, readers
from reconciler.desired.places import Path
from reconciler.errors import ReconcilerError, StateInvalid
from reconciler.frozen import dataclass, replace
from reconciler.importer import edit
from reconciler.importer.emit import Value
from reconciler.importer.parameters import COMMENT, has_comment, spellings
from reconciler.live.config import LiveConfig
from reconciler.live.meaning import Meaning
from reconciler.live.paths import in_address
from reconciler.model.address import (
    Address,
    OptionAddress,
    ParameterAddress,
    RowAddress,
    ServiceAddress,
)
from reconciler.model.desired import DesiredService, DesiredState, DesiredTable
from reconciler.model.snapshot import RepoSnapshot
from reconciler.postfix import endpoint, scope

_FILES = ("chain_files", "cert_file", "key_file")
_CERTIFICATE = {f"smtpd_tls_{key}": ("certificates", "default", key) for key in _FILES}
_POLICY = "smtp_tls_policy_maps"


class CannotAdopt(ReconcilerError):
    """What stands on the host cannot become the declaration; the text says why, and what to do instead."""

    reason = "CannotAdopt"


@dataclass(frozen=True, slots=True)
class Patch:
    """The host file before and after; `state` is what the repository declares with it."""

    file: str
    before: str
    after: str
    repo: RepoSnapshot
    state: DesiredState


@dataclass(frozen=True, slots=True)
class _Case:
    """One adoption: the state, the host, and the repository to edit."""

    address: Address
    state: DesiredState
    live: LiveConfig
    repo: RepoSnapshot

    @property
    def text(self) -> str:
        return self.repo.files[self.state.file].decode()


def adopt(address: Address, state: DesiredState, live: LiveConfig, repo: RepoSnapshot) -> Patch:
    """The patch that declares what is live at `address`.

    Raises CannotAdopt where there is nothing to adopt, or nothing that the schema takes.
    """
    case = _Case(address, state, live, repo)
    declared = _facts(state, live).get(address)
    standing = live.at(address)
    alike = declared is not None and Meaning(live.view, _policies(state, live)).same(address, standing, declared)
    if alike and not isinstance(address, ServiceAddress):
        raise CannotAdopt(f"{address}: nothing to adopt; it is as declared ({_shown(declared)})")
    refusals: list[str | CannotAdopt] = []
    for change in _changes(case, standing, declared):
        try:
            return _tried(case, change(case.text))
        except StateInvalid as invalid:
            refusals.append(invalid.problems[0].what)
        except CannotAdopt as more:
            refusals.append(more)
        except ValueError as error:
            refusals.append(str(error))
    raise CannotAdopt(f"{address}: {_refused(address, standing, refusals)}")


def _refused(address: Address, standing: str | None, refusals: list[str | CannotAdopt]) -> str:
    """Why nothing could be declared. What may be a password is not repeated, and the schema's words may repeat it."""
    more = next((it for it in refusals if isinstance(it, CannotAdopt)), None)
    if more is not None:
        return str(more)
    if isinstance(address, RowAddress):
        return "what stands there is no TLS policy that can be declared"
    if "password" in str(address):
        return "what stands there may hold a password; only the name of a table in a file can be declared"
    return f"{_shown(standing)} cannot be declared: {refusals[0] if refusals else 'a host file has no place for it'}"


_Change = Callable[[str], str]


def _changes(case: _Case, standing: str | None, declared: str | None) -> Iterator[_Change]:
    """The edits to try, the likeliest first."""
    match case.address:
        case ParameterAddress(name):
            yield from _of_parameter(case, name, standing, declared)
        case OptionAddress():
            yield from _of_option(case, case.address, standing)
        case RowAddress():
            yield from _of_row(case, case.address, standing)
        case ServiceAddress():
            yield from _of_service(case, case.address, standing)
        case _:
            raise CannotAdopt(f"{case.address}: adopt takes a parameter, an option, a service or a row of policies")


def _of_parameter(case: _Case, name: str, standing: str | None, declared: str | None) -> Iterator[_Change]:
    if name not in case.live.defaults:
        raise CannotAdopt(f"{case.address}: Postfix {case.live.snapshot.mail_version} knows no such parameter")
    if reason := scope.refusal(name):
        raise CannotAdopt(f"{case.address}: not for a state repository to set, {reason}")
    if declared is None and standing is None:
        raise CannotAdopt(f"{case.address}: nothing to adopt; it is neither declared nor set on the host")
    raw = case.live.defaults[name] if standing is None else standing
    if has_comment(raw):
        raise CannotAdopt(f"{case.address}: {COMMENT}")
    found = ((_CERTIFICATE[name],) if name in _CERTIFICATE and declared is not None else ()) + places.of_parameter(name)
    for path in sorted(found, key=lambda path: not edit.has(case.text, path)):
        for value in spellings(name, raw, case.live, listed=path[0] != "parameters"):
            yield _putting(path, value)


def _of_option(case: _Case, address: OptionAddress, standing: str | None) -> Iterator[_Change]:
    service = _service(case, address.service)
    if service is None or not service.enabled:
        raise CannotAdopt(f"{address}: the state declares no such service")
    path = places.of_option(service.part.value, address.name)
    if path is None:
        raise CannotAdopt(f"{address}: {service.part.value} sets it without being asked; nothing can be declared there")
    raw = (case.live.view.raw(address.name) or "") if standing is None else standing
    for value in spellings(address.name, raw, case.live, listed=True):
        yield _putting(path, value)


def _of_row(case: _Case, address: RowAddress, standing: str | None) -> Iterator[_Change]:
    table = _table(case, address)
    if table is None:
        raise CannotAdopt(f"{address}: the state declares no such table")
    if table.parameter != _POLICY:
        key = "senders" if table.before == "check_sender_access" else "clients"
        raise CannotAdopt(f"{address}: edit incoming.policies.{key}, at {table.origin.position}")
    section = ("outgoing", "policies")
    written = next((key for key in edit.find(case.text, section) if _nexthop(key) == address.key), address.key)
    if standing is not None:
        yield _putting((*section, written), standing)
    elif edit.has(case.text, (*section, written)):
        yield lambda text: edit.drop(text, (*section, written))
    else:
        origin = next((row.origin for row in table.rows if row.key == address.key), None)
        where = f"; remove it at {origin}" if origin else ""
        raise CannotAdopt(f"{address}: it is not on the host, and does not stand in {case.state.file}{where}")


def _of_service(case: _Case, address: ServiceAddress, standing: str | None) -> Iterator[_Change]:
    service = _service(case, address)
    if service is None:
        raise CannotAdopt(f"{address}: the state declares no such service")
    if service.enabled == (standing is not None):
        raise CannotAdopt(f"{address}: nothing to adopt; it is there, and its columns have no place in a host file")
    yield _putting((service.part.value, "enabled"), "yes" if standing is not None else "no")


def _putting(path: Path, value: Value) -> _Change:
    return lambda text: edit.put(text, path, value)


def _nexthop(key: str) -> str:
    try:
        return readers.nexthop(key)
    except ValueError:
        return key


def _tried(case: _Case, text: str) -> Patch:
    """The patch, where it makes the state say what is live and takes nothing else away from it.

    Raises StateInvalid or CannotAdopt.
    """
    path = case.state.file
    repo = replace(case.repo, files={**case.repo.files, path: text.encode()})
    state = desired.load(repo, case.state.host, case.state.instance)
    before, after = _facts(case.state, case.live), _facts(state, case.live)
    meaning = Meaning(case.live.view, _policies(state, case.live))
    for address in dict.fromkeys((case.address, *before, *after)):
        if before.get(address) == after.get(address) and address != case.address:
            continue
        if _belongs(address, case.address):
            continue
        wanted = after.get(address)
        if not meaning.same(address, case.live.at(address), wanted):
            said = "declares" if address == case.address else "would also declare"
            raise CannotAdopt(f"the host file {said} {address} = {_shown(wanted)} then")
    return Patch(path, case.text, text, repo, state)


def _belongs(address: Address, subject: Address) -> bool:
    """The options of a service come and go with it."""
    return isinstance(address, OptionAddress) and address.service == subject


def _facts(state: DesiredState, live: LiveConfig) -> dict[Address, str | None]:
    """Every value that a state declares, by its address; a service is there or not."""
    found: dict[Address, str | None] = {ParameterAddress(it.name): it.value for it in state.parameters}
    for service in state.services:
        address = ServiceAddress(endpoint.canonical(service.name))
        found[address] = live.at(address) or "smtpd" if service.enabled else None
        found |= {OptionAddress(address, it.name): it.value for it in service.options}
    for table in state.tables:
        path = in_address(table.path, live.snapshot.config_directory)
        found |= {RowAddress(path, row.key): row.value for row in table.rows}
    return found


def _policies(state: DesiredState, live: LiveConfig) -> frozenset[str]:
    directory = live.snapshot.config_directory
    return frozenset(in_address(it.path, directory) for it in state.tables if it.parameter == _POLICY)


def _service(case: _Case, address: ServiceAddress) -> DesiredService | None:
    return next((it for it in case.state.services if endpoint.canonical(it.name) == address.endpoint), None)


def _table(case: _Case, address: RowAddress) -> DesiredTable | None:
    directory = case.live.snapshot.config_directory
    return next((it for it in case.state.tables if in_address(it.path, directory) == address.path), None)


def _shown(value: str | None) -> str:
    return "absence" if value is None else (value or "an empty value")
