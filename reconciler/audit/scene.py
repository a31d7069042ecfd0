"""What the checks look at: a live configuration, whatever is wrong with it, and where each value comes from."""

from __future__ import annotations

import posixpath
from dataclasses import field
from functools import cached_property

from reconciler.audit.rules import RULES
from reconciler.errors import Position
from reconciler.frozen import dataclass
from reconciler.live.config import LiveConfig
from reconciler.live.paths import absolute, in_address
from reconciler.model.address import (
    Address,
    FileAddress,
    OptionAddress,
    ParameterAddress,
    ServiceAddress,
    TableAddress,
)
from reconciler.model.finding import Finding, Fix
from reconciler.model.snapshot import HostSnapshot
from reconciler.model.surroundings import Surroundings
from reconciler.postfix import endpoint, main_cf, master_cf, scope
from reconciler.postfix.effective import View
from reconciler.postfix.master_cf import Service
from reconciler.postfix.restrictions import is_restriction_list

_SHOWN = 160  # characters of a value in evidence
_WRITTEN_OUT = ("static:", "inline:")  # tables whose content stands in the parameter
_LOOPBACK = ("127.", "::1", "localhost", "[127.", "[::1]", "loopback-only")


@dataclass(frozen=True, slots=True)
class Said:
    """Where the value of a parameter comes from that is in force somewhere; `text` is what stands there."""

    address: Address
    position: Position | None
    text: str

    def finding(self, rule: str, why: str, fix: Fix, evidence: str = "") -> Finding:
        """What a rule has found here; `evidence` where it is more than what stands here."""
        return Finding(rule, RULES[rule], self.address, self.position, evidence or self.text, why, fix)


@dataclass(frozen=True)
class Running:
    """A service with what it runs with. `service` is None for main.cf as every service without options sees it."""

    service: Service | None
    view: View

    def says(self, name: str) -> bool:
        """Whether the service has an option of its own for it."""
        return self.service is not None and name in self.service.overrides


@dataclass(frozen=True, slots=True)
class Stated:
    """One parameter that is set: its unexpanded value, for whom, and where."""

    name: str
    value: str
    running: Running
    said: Said


@dataclass(frozen=True)
class Scene:
    """One instance, or a directory copied from one."""

    live: LiveConfig
    surroundings: Surroundings = field(default_factory=Surroundings)

    @property
    def snapshot(self) -> HostSnapshot:
        return self.live.snapshot

    @property
    def directory(self) -> str:
        return self.snapshot.config_directory

    @cached_property
    def main_path(self) -> str:
        return self.live.path("main.cf")

    @cached_property
    def master_path(self) -> str:
        return self.live.path("master.cf")

    @cached_property
    def in_place(self) -> bool:
        """Whether a Postfix here uses this directory; else it is taken for a copy, and only what lies in it is judged.

        A running master(8) tells so only where the instance has a queue of its own.
        """
        if self.directory == self.live.defaults.get("config_directory"):
            return True
        return self.snapshot.master_pid is not None and "queue_directory" in self.live.explicit

    @cached_property
    def is_understood(self) -> bool:
        """Whether Postfix itself would read main.cf and master.cf to the end."""
        if any(bad.fatal for bad in self.live.main.malformed) or any(bad.fatal for bad in self.live.master.malformed):
            return False
        return bool(self.live.main.entries and self.live.master.services)

    def resolve(self, path: str) -> str | None:
        """Where a file that the configuration names lies here; None where it lies outside of a copied directory.

        Daemons run in the queue directory: a relative path begins there.
        """
        if self.in_place:
            return posixpath.normpath(posixpath.join(self.live.view.get("queue_directory") or "/", path))
        original = self.live.explicit.get("config_directory") or self.live.defaults.get("config_directory", "")
        for directory in (self.directory, original):
            if directory and path.startswith(f"{directory}/"):
                return posixpath.normpath(posixpath.join(self.directory, path.removeprefix(f"{directory}/")))
        return None

    # --- services ---------------------------------------------------------------------------------------------------

    @cached_property
    def services(self) -> tuple[Service, ...]:
        """The services in force."""
        return tuple(self.live.master.by_key.values())

    def running(self, service: Service) -> Running:
        return Running(service, self.live.view_of(service))

    @cached_property
    def main(self) -> Running:
        return Running(None, self.live.view)

    @cached_property
    def listeners(self) -> tuple[Running, ...]:
        """Every smtpd that others than this host can reach; behind postscreen too."""
        interfaces = self.live.view.get("inet_interfaces").split()
        if interfaces and all(it.lower().startswith(_LOOPBACK) for it in interfaces):
            return ()
        found = (it for it in self.services if it.command == "smtpd" and it.type in ("inet", "pass"))
        return tuple(self.running(it) for it in found if not is_loopback(it.name))

    @cached_property
    def clients(self) -> tuple[Running, ...]:
        """The smtp clients that mail leaves through unless something says otherwise."""
        found = (self.live.master.get(name, "unix") for name in ("smtp", "relay"))
        return tuple(self.running(it) for it in found if it is not None and it.command == "smtp")

    @cached_property
    def values(self) -> tuple[Stated, ...]:
        """Every parameter that main.cf or an option of a service in force sets."""
        common = (Stated(name, value, self.main, self.said(name)) for name, value in self.live.explicit.items())
        own = (
            Stated(name, value, running, self.said(name, running))
            for service in self.services
            for running in (self.running(service),)
            for name, value in service.overrides.items()
        )
        return (*common, *own)

    @cached_property
    def _entries(self) -> dict[bytes, main_cf.Entry]:
        """The entries in force."""
        return {entry.name: entry for entry in self.live.main.entries}

    # --- where things stand -----------------------------------------------------------------------------------------

    def said(self, name: str, running: Running | None = None) -> Said:
        """Where the value of a parameter stands that a service, or main.cf, has in force."""
        service = running.service if running else None
        if service is not None and name in service.overrides:
            option = next(it for it in reversed(service.options) if it.name == name)
            return self.said_option(service, option)
        entry = self._entries.get(name.encode("utf-8", "surrogateescape"))
        if entry is not None:
            return self.said_entry(entry)
        default = self.live.defaults.get(name)
        value = f"its default is {default}" if default else "its default is empty"
        return Said(ParameterAddress(name), None, f"{name} is not set; {value}")

    def said_entry(self, entry: main_cf.Entry) -> Said:
        name, value = (text.decode("utf-8", "surrogateescape") for text in (entry.name, entry.value))
        at = Position(self.main_path, entry.line)
        return Said(ParameterAddress(name), at, f"{name} = {shown(name, value)}")

    def said_option(self, service: Service, option: master_cf.Option) -> Said:
        address = OptionAddress(service_address(service), option.name)
        line = service.line + service.raw[: option.tokens[0].at[0]].count(b"\n")
        return Said(address, Position(self.master_path, line), f"-o {option.name}={shown(option.name, option.value)}")

    def said_service(self, service: Service) -> Said:
        at = Position(self.master_path, service.line)
        return Said(service_address(service), at, f"{service.name} {service.type} … {service.command}")

    def said_file(self, path: str, evidence: str = "", line: int = 0) -> Said:
        """A file that is no table; `path` is absolute."""
        at = Position(path, line) if line else None
        return Said(FileAddress(in_address(path, self.directory)), at, evidence)

    def said_table(self, path: str, evidence: str = "", line: int = 0) -> Said:
        at = Position(path, line) if line else None
        return Said(TableAddress(in_address(path, self.directory)), at, evidence)


def scene_of(snapshot: HostSnapshot, surroundings: Surroundings | None = None) -> Scene:
    """The scene of a snapshot, also where Postfix's own programs would stop over main.cf or master.cf."""
    main, master = (
        state.content if (state := snapshot.files.get(absolute(name, snapshot.config_directory))) else b""
        for name in ("main.cf", "master.cf")
    )
    return Scene(LiveConfig(snapshot, main_cf.parse(main), master_cf.parse(master)), surroundings or Surroundings())


def service_address(service: Service) -> ServiceAddress:
    return ServiceAddress(*service.key)


def is_loopback(name: str) -> bool:
    """Whether an endpoint can only be reached from this host."""
    host, _ = endpoint.split(name)
    return host.lower().startswith(_LOOPBACK)


def shown(name: str, value: str) -> str:
    """A value as evidence: cut, and without what may be a password."""
    if any(mark in value for mark in _WRITTEN_OUT) or not (scope.in_scope(name) or is_restriction_list(name)):
        return "…"
    text = " ".join(value.split())
    return text if len(text) <= _SHOWN else f"{text[:_SHOWN]}…"
