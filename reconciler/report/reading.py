"""A plan or a review from its JSON, so that what is shown is always made here, and never taken over as somebody's text.

What JSON does not carry (the bytes of files, the record) is empty: what was read can be shown, and not be applied.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from typing import TypeVar

from pydantic import BaseModel, ValidationError

from reconciler.errors import DocumentRefused, DocumentTooLarge, Position, Problem
from reconciler.model.address import Address, parse
from reconciler.model.desired import Origin, Waiver
from reconciler.model.plan import (
    Action,
    BuildTable,
    Change,
    Difference,
    Drift,
    Plan,
    Reload,
    Tripped,
    Warned,
)
from reconciler.model.review import AgainstSnapshot, Basis, DifferenceOnly, HostReview, Refused, Remark, Review
from reconciler.report import documents
from reconciler.report.terminal import clean

MAX_BYTES = 64 * 1024 * 1024
Document = TypeVar("Document", bound=BaseModel)
Noun = TypeVar("Noun", Plan, Review)


def plan(data: bytes) -> Plan:
    """Raises DocumentRefused where it is no plan, or one beyond its bounds."""
    document = _document(documents.PlanOutput, data).root
    if isinstance(document, documents.ErrorDocument):
        raise DocumentRefused(f"it holds no plan but an error: {document.reason}")
    return _made(lambda: _plan(document))


def review(data: bytes) -> Review:
    """Raises DocumentRefused where it is no review, or one beyond its bounds."""
    document = _document(documents.ReviewOutput, data).root
    if isinstance(document, documents.ErrorDocument):
        raise DocumentRefused(f"it holds no review but an error: {document.reason}")
    return _made(lambda: _review(document))


def _document(kind: type[Document], data: bytes) -> Document:
    if len(data) > MAX_BYTES:
        raise DocumentTooLarge(f"larger than {MAX_BYTES // 1024 // 1024} MiB")
    try:
        return kind.model_validate_json(data)
    except ValidationError as error:
        first = error.errors(include_url=False, include_context=False, include_input=False)[0]
        where = ".".join(str(part) for part in first["loc"][1:]) or "the document"  # after which kind it is of
        if first["type"] in ("too_long", "string_too_long"):
            raise DocumentTooLarge(clean(f"{where}: longer than is read")) from None
        raise DocumentRefused(clean(f"{where}: {first['msg']}")) from None


def _made(make: Callable[[], Noun]) -> Noun:
    """Raises DocumentRefused where an address, a place or a time is none."""
    try:
        return make()
    except (ValueError, OverflowError) as error:
        raise DocumentRefused(clean(str(error))) from None


def _plan(of: documents.PlanDocument) -> Plan:
    return Plan(
        host=of.host,
        instance=of.instance,
        config_directory=of.config_directory,
        mail_version=of.mail_version,
        revision=of.revision,
        origin=of.origin,
        now=of.timestamp.isoformat(),
        digest=of.digest,
        changes=tuple(_change(it) for it in of.changes),
        drift=tuple(Drift(parse(it.address), it.written, it.live) for it in of.drift),
        observed=tuple(Difference(parse(it.address), it.live, it.desired, None) for it in of.observed),
        warnings=tuple(Warned(it.rule, _address(it.address), it.text) for it in of.checks),
        guards=tuple(_guard(it) for it in of.guards),
        actions=tuple(_action(it) for it in of.actions),
        matching=of.matching,
    )


def _address(text: str | None) -> Address | None:
    return None if text is None else parse(text)


def _change(of: documents.ChangeDocument) -> Change:
    return Change(
        parse(of.address),
        of.before,
        of.after,
        of.why,
        of.reason,
        of.disruption,
        of.detail,
        None if of.origin is None else Origin(_position(of.origin), ""),
        forget=of.actions == ("forget",),
    )


def _position(text: str) -> Position:
    file, line, column = text.rsplit(":", 2)
    return Position(file, int(line), int(column))


def _guard(of: documents.GuardDocument) -> Tripped:
    waived = (
        Waiver(of.rule, of.address, of.waiver.reason, of.waiver.until, Origin(Position(""), "")) if of.waiver else None
    )
    return Tripped(of.rule, parse(of.address), of.text, waived)


def _action(of: documents.ActionDocument) -> Action:
    if of.action == "reload":
        return Reload(of.why)
    kind, _, path = of.table.partition(":")
    return BuildTable(kind, path, of.why)


def _review(of: documents.ReviewDocument) -> Review:
    return Review(
        base=of.base,
        head=of.head,
        origin=of.origin,
        now=of.timestamp.isoformat(),
        marked_after=timedelta(seconds=of.marked_after_s),
        refused_after=timedelta(seconds=of.refused_after_s),
        hosts=tuple(_host(it) for it in of.hosts),
        untouched=of.untouched,
        problems=tuple(_problem(it) for it in of.problems),
        remarks=tuple(_remark(it) for it in of.remarks),
    )


def _host(of: documents.HostDocument) -> HostReview:
    return HostReview(
        of.host,
        of.instance,
        of.touch,
        _basis(of.basis),
        None if of.plan is None else _plan(of.plan),
        None if of.owed is None else _plan(of.owed),
        tuple(_problem(it) for it in of.problems),
        tuple(_remark(it) for it in of.remarks),
    )


def _basis(of: documents.BasisDocument) -> Basis:
    if of.kind == "refused":
        return Refused(of.why)
    if of.kind == "difference" or of.taken is None:
        return DifferenceOnly()
    return AgainstSnapshot(of.taken, timedelta(seconds=of.age_s), of.freshness, of.signer)


def _problem(of: documents.ProblemDocument) -> Problem:
    return Problem(Position(of.file, of.line, of.column), of.what, of.fix, of.why)


def _remark(of: documents.RemarkDocument) -> Remark:
    return Remark(of.judgement, of.rule, of.text, _address(of.address))
