"""The types of the keys: how a text of a file becomes a value, and what an editor's YAML parser may offer for it.

Every value arrives as a text (see `document`); the type declared for the key decides what it is. What Postfix takes for
a parameter is decided in one place, `reconciler.postfix.values`, which the keys ask under their parameter's name.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import date, timedelta
from enum import Enum
from functools import partial
from types import NoneType
from typing import Annotated, Any, Literal, get_args

from pydantic import Discriminator, GetCoreSchemaHandler, GetJsonSchemaHandler, Tag
from pydantic_core import CoreSchema, PydanticCustomError, core_schema

from reconciler.desired import readers, wording
from reconciler.desired.keys import become, converted
from reconciler.desired.kinds import SaslType, ServerLevel
from reconciler.frozen import dataclass
from reconciler.model.desired import GUARDS, Part
from reconciler.postfix.table import TableType

JsonSchema = dict[str, Any]


def refused(what: str, fix: str = "", why: str = "") -> PydanticCustomError:
    """The error of a value: pydantic carries it to the place where the position is known."""
    return PydanticCustomError("refused", "{what}", {"what": what, "fix": fix, "why": why})


def refused_by(error: ValueError, why: str = "") -> PydanticCustomError:
    """The same from a ValueError of `reconciler.postfix`, whose text is `what; fix`."""
    what, _, fix = str(error).partition("; ")
    return refused(what, fix, why)


def one_text(given: object) -> str:
    """The one text that stands at a key.

    Raises PydanticCustomError where there is none, or more.
    """
    match given:
        case str():
            return given
        case None:
            raise refused("there is no value", 'write one, or "" where it shall be empty, or remove the key')
        case tuple():
            raise refused("one value belongs here, not a list", "write the value without '[', ']' and '-'")
        case _:
            raise refused("one value belongs here, not keys", "write the value behind the ':'")


@dataclass(frozen=True, slots=True, eq=False)
class Reads:
    """Annotates a key whose text is turned into a value by `convert`, which raises ValueError for what is wrong."""

    convert: Callable[[str], object]
    schema: JsonSchema
    why: str = ""

    def __get_pydantic_core_schema__(self, source: object, handler: GetCoreSchemaHandler) -> CoreSchema:
        return core_schema.no_info_before_validator_function(self._read, handler(source))

    def __get_pydantic_json_schema__(self, _: CoreSchema, __: GetJsonSchemaHandler) -> JsonSchema:
        return dict(self.schema)

    def _read(self, given: object) -> object:
        text = one_text(given)
        try:
            return converted(self.convert, text)
        except ValueError as error:
            raise refused_by(error, self.why) from error


class Section:
    """Annotates a section that says something even where nothing stands below it."""

    def __get_pydantic_core_schema__(self, source: object, handler: GetCoreSchemaHandler) -> CoreSchema:
        return core_schema.no_info_before_validator_function(
            lambda given: {} if given is None else given, handler(source)
        )


class Given:
    """Annotates an optional key that, once written, must have a value."""

    def __get_pydantic_core_schema__(self, source: object, handler: GetCoreSchemaHandler) -> CoreSchema:
        return core_schema.no_info_before_validator_function(self._read, handler(source))

    @staticmethod
    def _read(given: object) -> object:
        return one_text(given) if given is None else given


@dataclass(frozen=True, slots=True)
class Becomes:
    """Annotates a key that is written as a Postfix parameter: checked as Postfix would, then read as the key's type."""

    parameter: str

    def __get_pydantic_core_schema__(self, source: object, handler: GetCoreSchemaHandler) -> CoreSchema:
        kind = kind_of(source)
        if kind is tuple:  # its items are checked one by one
            return handler(source)
        return core_schema.no_info_before_validator_function(partial(self._read, kind), handler(source))

    def __get_pydantic_json_schema__(self, schema: CoreSchema, handler: GetJsonSchemaHandler) -> JsonSchema:
        kind = self._kind_of(schema)
        if kind is tuple or kind is None:
            return handler(schema)
        return _schema_of(kind)

    @staticmethod
    def _kind_of(schema: CoreSchema) -> type | None:
        inner: Any = schema
        if inner["type"] == "function-before" and isinstance(inner["function"]["function"], partial):
            kind = inner["function"]["function"].args[0]
            return kind if isinstance(kind, type) else None
        return None

    def _read(self, kind: type, given: object) -> object:
        text = one_text(given)
        try:
            return become(self.parameter, kind, text)
        except ValueError as error:
            why = f"{self.parameter} takes {wording.described(self.parameter)} (postconf(5))"
            raise refused_by(error, why) from error


def kind_of(source: object) -> type:
    """The type of a key, without its `| None`."""
    for option in get_args(source):
        origin = getattr(option, "__origin__", option)
        if origin is not NoneType and isinstance(origin, type):
            return origin
    return source if isinstance(source, type) else str


_YES_OR_NO: JsonSchema = {"enum": [True, False, "yes", "no"]}


def _schema_of(kind: type) -> JsonSchema:
    if issubclass(kind, Enum):
        return {"type": "string", "enum": [member.value for member in kind]}
    if kind is bool:
        return dict(_YES_OR_NO)
    if kind is int:
        return {"type": "integer", "minimum": 0}
    if kind is timedelta:
        return {"type": ["string", "integer"], "pattern": "^[0-9]+[smhdwSMHDW]?$", "minimum": 0}
    return {"type": "string"}


_STRING: JsonSchema = {"type": "string"}

Switch = Annotated[bool, Reads(readers.yes_or_no, _YES_OR_NO)]
Days = Annotated[
    int, Reads(partial(readers.whole_number, least=1, most=825), {"type": "integer", "minimum": 1, "maximum": 825})
]
ConfigPath = Annotated[str, Reads(readers.config_path, _STRING)]
CertificateName = Annotated[str, Reads(readers.certificate_name, _STRING)]
Domain = Annotated[str, Reads(readers.domain, _STRING)]
Lineage = Annotated[str, Reads(readers.lineage, _STRING)]
SelfSignedWord = Annotated[
    Literal["self_signed"], Reads(partial(readers.only_word, "self_signed", "keys below it"), {"const": "self_signed"})
]
UnmanagedWord = Annotated[
    Literal["unmanaged"], Reads(partial(readers.only_word, "unmanaged", "keys below it"), {"const": "unmanaged"})
]
SubmissionLevel = Annotated[
    ServerLevel,
    Reads(
        readers.submission_level, {"const": "encrypt"}, "AUTH over plaintext is what RFC 8314 and SASL_README warn of"
    ),
]
Listen = Annotated[str, Reads(readers.listen, {"type": ["string", "integer"]})]
SaslPath = Annotated[str, Reads(readers.sasl_path, _STRING)]
SaslOptions = Annotated[str, Reads(readers.sasl_options, _STRING)]
Realm = Annotated[str, Reads(readers.plain_text, _STRING)]
Sender = Annotated[str, Reads(readers.sender, _STRING)]
Client = Annotated[str, Reads(readers.client, _STRING)]
NextHop = Annotated[str, Reads(readers.nexthop, _STRING)]
PolicyText = Annotated[
    str, Reads(readers.policy_text, _STRING, "smtp_tls_policy_maps: a level, then name=value attributes")
]
PolicyFile = Annotated[str, Reads(readers.repository_path, {"type": "string", "pattern": r"^policies/.+\.map$"})]
IndexedTable = Annotated[str, Reads(partial(readers.table, readers.INDEXED), _STRING)]
ClientTable = Annotated[str, Reads(partial(readers.table, (TableType.CIDR.value,)), _STRING)]
ParameterName = Annotated[
    str,
    Reads(
        readers.parameter_name,
        _STRING,
        "a commit must not be able to open a relay or to run a program: only TLS and SASL parameters are settable",
    ),
]
ParameterText = Annotated[str, Reads(readers.plain_text, {"type": ["string", "number", "boolean"]})]
Requirement = Annotated[tuple[int, ...], Reads(readers.requirement, {"type": "string", "pattern": "^>= *[0-9]+"})]
Day = Annotated[date, Reads(readers.day, {"type": "string", "format": "date"})]
AddressText = Annotated[str, Reads(readers.address_text, _STRING)]
Guard = Annotated[str, Reads(readers.guard, {"type": "string", "enum": list(GUARDS)})]
Reason = Annotated[str, Reads(readers.filled, _STRING)]
Name = Annotated[str, Reads(readers.name, _STRING)]
PartName = Annotated[Part, Reads(readers.part, {"type": "string", "enum": [member.value for member in Part]})]
PartList = tuple[PartName, ...]
AllWord = Annotated[Literal["all"], Reads(partial(readers.only_word, "all", "a list of parts"), {"const": "all"})]
SaslKind = Annotated[
    SaslType, Reads(readers.sasl_type, {"type": "string", "enum": [member.value for member in SaslType]})
]


def shape(given: object) -> str:
    """Which form of a key that takes a word or more than a word was written: the tag of its model."""
    return "<word>" if given is None or isinstance(given, str) else "<section>"


Parts = Annotated[Annotated[AllWord, Tag("<word>")] | Annotated[PartList, Tag("<section>")], Discriminator(shape)]
