"""LiveConfig: a host's configuration with its meaning, read from one HostSnapshot."""

from __future__ import annotations

import re
from collections.abc import Mapping
from functools import cached_property, lru_cache
from typing import assert_never

from reconciler.errors import HostUnreadable
from reconciler.frozen import dataclass
from reconciler.live.paths import absolute, joined
from reconciler.model.address import (
    Address,
    ElementAddress,
    FileAddress,
    OptionAddress,
    ParameterAddress,
    RowAddress,
    ServiceAddress,
    TableAddress,
)
from reconciler.model.snapshot import FILES_DIGEST, HostSnapshot
from reconciler.postfix import catalogue, main_cf, master_cf, restrictions, table, values
from reconciler.postfix.effective import View, parse_defaults
from reconciler.postfix.main_cf import MainCf
from reconciler.postfix.master_cf import MasterCf, Service
from reconciler.postfix.table import Table, TableType


@dataclass(frozen=True)
class LiveConfig:
    """What one instance means, address by address."""

    snapshot: HostSnapshot
    main: MainCf
    master: MasterCf

    @cached_property
    def defaults(self) -> Mapping[str, str]:
        return parse_defaults(self.snapshot.defaults)

    @cached_property
    def explicit(self) -> dict[str, str]:
        return {_text(name): _text(value) for name, value in self.main.parameters.items()}

    @cached_property
    def view(self) -> View:
        """main.cf as a service without options sees it; `config_directory` is the one Postfix was started with."""
        defaults = {**self.defaults, "config_directory": self.snapshot.config_directory}
        return View({name: value for name, value in self.explicit.items() if name != "config_directory"}, defaults)

    def view_of(self, service: Service) -> View:
        """What a service sees: its options, and what master(8) tells it of itself, over main.cf."""
        itself = {"service_name": service.name, "process_name": service.command.rpartition("/")[2]}
        return self.view.with_overrides({**service.overrides, **itself})

    @cached_property
    def version(self) -> tuple[int, int]:
        return catalogue.series(self.snapshot.mail_version) or (0, 0)

    @cached_property
    def tables(self) -> dict[str, Table]:
        """The table sources in the snapshot, by their absolute paths."""
        own = {self.path("main.cf"), self.path("master.cf")}
        return {
            path: table.parse(state.content, indexed=self._is_indexed(path))
            for path, state in self.snapshot.files.items()
            if path not in own
        }

    def _is_indexed(self, path: str) -> bool:
        kind = self.snapshot.kinds.get(path)
        return kind is None or TableType(kind).indexed

    def path(self, path: str) -> str:
        return absolute(path, self.snapshot.config_directory)

    def service(self, address: ServiceAddress) -> Service | None:
        return self.master.by_key.get((address.endpoint, address.type))

    def at(self, address: Address) -> str | None:
        """The value that stands at an address; None where nothing does."""
        match address:  # the many first
            case RowAddress():
                source = self.tables.get(self.path(address.path))
                value = source.get(address.key.encode("utf-8", "surrogateescape")) if source else None
                return None if value is None else _text(value)
            case OptionAddress():
                service = self.service(address.service)
                return service.overrides.get(address.name) if service else None
            case ParameterAddress():
                return self.explicit.get(address.name)
            case ElementAddress():
                return self._element(address)
            case ServiceAddress():
                service = self.service(address)
                return header(service) if service else None
            case TableAddress(path):
                return self._table(self.path(path))
            case FileAddress(path):
                pem = self.snapshot.pems.get(self.path(path))
                return pem.sha256 if pem else None
            case _:
                assert_never(address)

    def _element(self, address: ElementAddress) -> str | None:
        text = self.explicit.get(address.parameter)
        if text is None or not restrictions.find(address.parameter, text, address.element, self.same_element):
            return None
        blocker = restrictions.blocker(address.parameter, text, address.element, self.same_element)
        return f"{address.element} (behind {blocker}, never reached)" if blocker else address.element

    def same_element(self, one: str, other: str) -> bool:
        """Whether two spellings of an element are one: `$config_directory/x`, `/etc/postfix/x`, through proxymap."""
        one, other = (text.replace("proxy:", "", 1) for text in (one, other))
        return one == other or self.view.same("smtpd_client_restrictions", one, other)

    def _table(self, path: str) -> str | None:
        """A table as a whole: its type, and what is wrong with what postmap made of it."""
        source = self.tables.get(path)
        if source is None:
            return None
        kind = self.snapshot.kinds.get(path, "")
        compiled = self.snapshot.compiled.get(path)
        if compiled is None:
            return kind
        if compiled.rows is None:
            return f"{kind} ({compiled.problem})"
        rows = {key: self._built_of(row.value, compiled.rows.get(key)) for key, row in source.rows.items()}
        differing = sum(1 for key in rows.keys() | compiled.rows.keys() if rows.get(key) != compiled.rows.get(key))
        return f"{kind} (stale: {differing} rows differ from the source)" if differing else kind

    def _built_of(self, value: bytes, standing: bytes | None) -> bytes:
        """What postmap makes of a row: its value, or with -F the files that it names, of which the digest is known."""
        if not value.startswith(b"/"):
            return value
        pem = self.snapshot.pems.get(joined(self.path(it) for it in values.split_list(_text(value))))
        if pem is not None:
            return FILES_DIGEST + pem.sha256.encode()
        return standing if standing is not None and standing.startswith(FILES_DIGEST) else value


def _fatal_to_master(main: MainCf, path: str) -> list[str]:
    """Values that end master(8) at the next reload, although `postfix reload` says nothing (measured with 3.7)."""
    wrong = []
    for name, form in _READ_BY_MASTER.items():
        entry = main.find(name)
        if entry is not None and b"$" not in entry.value and not form.fullmatch(entry.value):
            value = entry.value.decode("utf-8", "replace")
            wrong.append(
                f"{path}:{entry.line}:1: {name.decode()} = {value}: the next reload would end master(8) over it"
            )
    return wrong


_READ_BY_MASTER = {
    b"service_throttle_time": re.compile(rb"\d+[smhdwSMHDW]?"),
    b"default_process_limit": re.compile(rb"\d+"),
}
_BYTE_ORDER_MARK = b"\xef\xbb\xbf"


def header(service: Service) -> str:
    """A service's columns, command and other arguments as written: private unpriv chroot wakeup limit command …"""
    return " ".join((*service.columns, service.command, *service.other_arguments))


def read(snapshot: HostSnapshot) -> LiveConfig:
    """Give a snapshot its meaning.

    Raises HostUnreadable, naming every line, where Postfix's own programs would stop over main.cf or master.cf.
    """
    main_path, master_path = (absolute(name, snapshot.config_directory) for name in ("main.cf", "master.cf"))
    main, master = _main(snapshot.files[main_path].content), _master(snapshot.files[master_path].content)
    wrong = [f"{main_path}:{bad.line}:1: {bad.what}" for bad in main.malformed if bad.fatal]
    wrong += [f"{master_path}:{bad.line}:1: {bad.what}" for bad in master.malformed if bad.fatal]
    for path, document in ((main_path, main.render()), (master_path, master.render())):
        if document.startswith(_BYTE_ORDER_MARK):
            wrong.append(f"{path}:1:1: a byte order mark, which Postfix takes for a part of the first name; remove it")
    wrong += _fatal_to_master(main, main_path)
    if not main.entries:
        wrong.append(f"{main_path}:1:1: no parameter stands here; Postfix would run on its defaults alone")
    if not master.services:
        wrong.append(f"{master_path}:1:1: no service stands here; Postfix would not serve mail")
    if wrong:
        raise HostUnreadable("\n".join(wrong))
    return LiveConfig(snapshot, main, master)


@lru_cache(maxsize=2)  # read twice in a pass, and then again and again as they were
def _main(source: bytes) -> MainCf:
    return main_cf.parse_file(source)


@lru_cache(maxsize=2)
def _master(source: bytes) -> MasterCf:
    return master_cf.parse_file(source)


def _text(raw: bytes) -> str:
    return raw.decode("utf-8", "surrogateescape")
