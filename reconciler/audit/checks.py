"""All checks, and their findings in one order."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Final

from reconciler.audit import (
    certificates,
    documents,
    levels,
    outside,
    parameters,
    permissions,
    policies,
    restrictions,
    sasl,
    services,
    tables,
)
from reconciler.audit.scene import Scene
from reconciler.model.finding import Finding, order

Check = Callable[[Scene], Iterable[Finding]]

OF_FILES: Final[tuple[Check, ...]] = (
    documents.check,
    parameters.check,
    restrictions.check,
    permissions.check,
    outside.check,
)
OF_MEANING: Final[tuple[Check, ...]] = (
    levels.check,
    sasl.check,
    services.check,
    certificates.check,
    tables.check,
    policies.check,
)


def audit(scene: Scene) -> tuple[Finding, ...]:
    """Everything that the checks find, gravest first, then by address; the same thing is said once.

    What services do is only asked where Postfix itself would read both files to the end.
    """
    checks = OF_FILES + (OF_MEANING if scene.is_understood else ())
    return tuple(sorted(dict.fromkeys(found for check in checks for found in check(scene)), key=order))
