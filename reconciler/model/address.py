"""Addresses: the one name of each thing that can be declared, compared, changed, waived or explained.

    main.cf/NAME                       a parameter
    main.cf/NAME[ELEMENT]              our element of a list that others may own
    master.cf/ENDPOINT/TYPE            a service
    master.cf/ENDPOINT/TYPE/-o/NAME    one of its options
    table/PATH#KEY                     a row
    table/PATH                         a table as a whole: its source, and what postmap made of it
    file/PATH                          a certificate or key file

PATH is relative where the file lies below the configuration directory, absolute elsewhere.
"""

from __future__ import annotations

from functools import lru_cache

from reconciler.frozen import dataclass


@dataclass(frozen=True, slots=True)
class ParameterAddress:
    name: str

    def __str__(self) -> str:
        return f"main.cf/{self.name}"


@dataclass(frozen=True, slots=True)
class ElementAddress:
    parameter: str
    element: str

    def __str__(self) -> str:
        return f"main.cf/{self.parameter}[{self.element}]"


@dataclass(frozen=True, slots=True)
class ServiceAddress:
    """`endpoint` is canonical: `587` is written `submission` (see `reconciler.postfix.endpoint`)."""

    endpoint: str
    type: str = "inet"

    def __str__(self) -> str:
        return f"master.cf/{self.endpoint}/{self.type}"


@dataclass(frozen=True, slots=True)
class OptionAddress:
    service: ServiceAddress
    name: str

    def __str__(self) -> str:
        return f"{self.service}/-o/{self.name}"


@dataclass(frozen=True, slots=True)
class RowAddress:
    path: str
    key: str

    def __str__(self) -> str:
        return f"table/{self.path}#{self.key}"


@dataclass(frozen=True, slots=True)
class TableAddress:
    path: str

    def __str__(self) -> str:
        return f"table/{self.path}"


@dataclass(frozen=True, slots=True)
class FileAddress:
    path: str

    def __str__(self) -> str:
        return f"file/{self.path}"


Address = ParameterAddress | ElementAddress | ServiceAddress | OptionAddress | RowAddress | TableAddress | FileAddress


@lru_cache(maxsize=4096)  # the records of a fleet's hosts name the same ones, but for rows
def parse(text: str) -> Address:
    """Read an address as a person wrote it.

    Raises ValueError with what is wrong with it.
    """
    kind, _, rest = text.partition("/")
    if not rest:
        raise ValueError(f"{text!r} is no address; they begin with main.cf/, master.cf/, table/ or file/")
    match kind:
        case "main.cf":
            name, bracket, element = rest.partition("[")
            if not bracket:
                return ParameterAddress(name)
            if not element.endswith("]"):
                raise ValueError(f"{text!r}: the element is not closed with ']'")
            return ElementAddress(name, element[:-1])
        case "master.cf":
            return _parse_service(text, rest)
        case "table":
            path, hash_, key = rest.partition("#")
            return RowAddress(path, key) if hash_ else TableAddress(path)
        case "file":
            return FileAddress(rest)
        case _:
            raise ValueError(f"{text!r} is no address; they begin with main.cf/, master.cf/, table/ or file/")


def _parse_service(text: str, rest: str) -> Address:
    match rest.split("/"):
        case [endpoint, type_]:
            return ServiceAddress(endpoint, type_)
        case [endpoint, type_, "-o", name] if name:
            return OptionAddress(ServiceAddress(endpoint, type_), name)
        case _:
            raise ValueError(
                f"{text!r}: a service is master.cf/ENDPOINT/TYPE, an option master.cf/ENDPOINT/TYPE/-o/NAME"
            )


def sort_key(address: Address) -> tuple[int, str]:
    """Files and tables first, then master.cf, then main.cf: the order in which no reference precedes its target."""
    match address:
        case FileAddress():
            rank = 0
        case TableAddress() | RowAddress():
            rank = 1
        case ServiceAddress() | OptionAddress():
            rank = 2
        case _:
            rank = 3
    return rank, str(address)
