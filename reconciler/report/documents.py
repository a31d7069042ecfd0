"""The shape of a plan's and a review's JSON, as schemas for others and as the check of what comes from elsewhere.

`json` and `review_json` write these documents. A minor version only adds, so unknown members are passed over; a major
that is not known is refused. Whatever is read here may come from an untrusted job: everything has its bounds.
"""

from __future__ import annotations

import json
from datetime import date, datetime
from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field, RootModel

from reconciler.desired.schemas import DIALECT
from reconciler.model.plan import Disruption, Reason, Why
from reconciler.model.review import Freshness, Judgement, Touch

Text = Annotated[str, Field(max_length=2_000_000)]  # a value can be as long as the file it stands in
Value = Text | None
Word = Annotated[str, Field(pattern=r"^[A-Za-z][A-Za-z0-9_]{0,63}$")]  # of ours: it is shown as it stands
Version = Annotated[str, Field(pattern=r"^1\.[0-9]{1,4}$")]
Count = Annotated[int, Field(ge=0, le=10_000_000)]
Seconds = Annotated[float, Field(ge=-1e10, le=1e10)]
MANY = 100_000


class _Document(BaseModel):
    model_config = ConfigDict(frozen=True, strict=True, extra="ignore")


class ChangeDocument(_Document):
    """One address goes from `before` to `after`; null is absence, and `forget` leaves it as it is."""

    address: Text
    actions: tuple[Literal["create", "update", "delete", "forget"], ...] = Field(min_length=1, max_length=1)
    before: Value
    after: Value
    why: Why
    reason: Reason
    disruption: Disruption
    detail: Text
    origin: Value = Field(description="FILE:LINE:COLUMN of the declaration, where there is one.")


class DriftDocument(_Document):
    """A managed address that somebody changed outside of git."""

    address: Text
    written: Value
    live: Value


class DifferenceDocument(_Document):
    """A declared address that is only observed, and differs."""

    address: Text
    live: Value
    desired: Value


class CheckDocument(_Document):
    """Something a reviewer should know."""

    rule: Word
    address: Value
    text: Text


class WaiverDocument(_Document):
    reason: Text
    until: date


class GuardDocument(_Document):
    """A guard that stops the plan, or would, had it no waiver."""

    rule: Word
    address: Text
    text: Text
    waiver: WaiverDocument | None


class ActionDocument(_Document):
    """`postmap` builds `table`; `reload` names none."""

    action: Literal["postmap", "reload"]
    table: Text = ""
    why: Text


class PlanDocument(_Document):
    """What one apply would do to one instance."""

    format_version: Version
    reconciler_version: Text
    host: Text
    instance: Text
    config_directory: Text
    mail_version: Text
    revision: Text
    origin: Text
    timestamp: datetime
    digest: Text
    errored: Literal[False]
    sync: Literal["Synced", "OutOfSync"]
    changes: tuple[ChangeDocument, ...] = Field(max_length=MANY)
    drift: tuple[DriftDocument, ...] = Field(max_length=MANY)
    observed: tuple[DifferenceDocument, ...] = Field(max_length=MANY)
    checks: tuple[CheckDocument, ...] = Field(max_length=MANY)
    guards: tuple[GuardDocument, ...] = Field(max_length=MANY)
    actions: tuple[ActionDocument, ...] = Field(max_length=MANY)
    matching: Count
    summary: Text


class ProblemDocument(_Document):
    """One error with its place, and what to write instead."""

    file: Text
    line: Count
    column: Count
    what: Text
    why: Text
    fix: Text


class ErrorDocument(_Document):
    """Instead of a plan or a review: why there is none."""

    format_version: Version
    errored: Literal[True]
    reason: Word
    message: Text
    problems: tuple[ProblemDocument, ...] = Field(max_length=MANY)


class RemarkDocument(_Document):
    """One reason for a judgement."""

    judgement: Judgement
    rule: Word
    address: Value
    text: Text


class BasisDocument(_Document):
    """`snapshot`: what the host published; `difference`: there is no snapshot; `refused`: it is not to be believed."""

    kind: Literal["snapshot", "difference", "refused"]
    taken: datetime | None = None
    age_s: Seconds = 0
    freshness: Freshness = Freshness.FRESH
    signer: Text = ""
    why: Text = ""


class HostDocument(_Document):
    """One touched host. `plan` is what head would do, `owed` what base would have done already."""

    host: Text
    instance: Text
    touch: Touch
    basis: BasisDocument
    judgement: Judgement
    plan: PlanDocument | None
    owed: PlanDocument | None
    problems: tuple[ProblemDocument, ...] = Field(max_length=MANY)
    remarks: tuple[RemarkDocument, ...] = Field(max_length=MANY)


class ReviewDocument(_Document):
    """What a change from `base` to `head` would do to every host that it touches."""

    format_version: Version
    reconciler_version: Text
    base: Text
    head: Text
    origin: Text
    timestamp: datetime
    marked_after_s: Seconds
    refused_after_s: Seconds
    errored: Literal[False]
    judgement: Judgement
    failed_rules: tuple[Word, ...] = Field(max_length=MANY)
    pending: bool
    untouched: Count
    hosts: tuple[HostDocument, ...] = Field(max_length=MANY)
    problems: tuple[ProblemDocument, ...] = Field(max_length=MANY)
    remarks: tuple[RemarkDocument, ...] = Field(max_length=MANY)
    summary: Text


class PlanOutput(RootModel[Annotated[PlanDocument | ErrorDocument, Field(discriminator="errored")]]):
    """What `reconciler plan --format json` writes."""


class ReviewOutput(RootModel[Annotated[ReviewDocument | ErrorDocument, Field(discriminator="errored")]]):
    """What `reconciler review --format json` writes."""


def generate() -> dict[str, bytes]:
    """File name → schema."""
    return {
        "plan-v1.json": _schema("plan-v1.json", PlanOutput),
        "review-v1.json": _schema("review-v1.json", ReviewOutput),
    }


def _schema(name: str, model: type[BaseModel]) -> bytes:
    body = {"$schema": DIALECT, "$id": f"urn:postfix-tls-reconciler:schemas:{name}", **model.model_json_schema()}
    return (json.dumps(body, indent=2, ensure_ascii=False) + "\n").encode()
