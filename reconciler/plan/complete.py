"""The complete files of an instance as they would be once a plan is carried out."""

from __future__ import annotations

from collections.abc import Iterator

from reconciler.frozen import dataclass
from reconciler.live.config import LiveConfig
from reconciler.model.plan import BuildTable, Plan
from reconciler.postfix.table import TableType

_NEW_MODE, _PRIVATE = 0o644, 0o600


@dataclass(frozen=True, slots=True)
class CompleteFile:
    """One file: `path` is the live one's, `kind` its table type or empty, `changed` whether the plan touches it."""

    path: str
    content: bytes
    mode: int
    kind: str
    changed: bool
    of_files: bool = False  # postmap takes -F

    @property
    def compiled(self) -> bool:
        """Whether Postfix asks what postmap makes of it."""
        return bool(self.kind) and TableType(self.kind).compiled


def complete(plan: Plan, live: LiveConfig) -> tuple[CompleteFile, ...]:
    """main.cf, master.cf and every table that the plan is about, changed or not; sorted by path."""
    return tuple(sorted(_files(plan, live), key=lambda file: file.path))


def _files(plan: Plan, live: LiveConfig) -> Iterator[CompleteFile]:
    edits = {edit.path: edit for edit in plan.edits if not edit.compiled}
    built = {action.path: action.type for action in plan.actions if isinstance(action, BuildTable)}
    holding = {action.path for action in plan.actions if isinstance(action, BuildTable) and action.of_files}
    kinds = {**live.snapshot.kinds, **built}
    for path in live.snapshot.files.keys() | edits.keys():
        edit, state = edits.get(path), live.snapshot.files.get(path)
        content = edit.after if edit else state.content if state else None
        if content is not None:
            mode = state.mode if state else _PRIVATE if edit and edit.private else _NEW_MODE
            kind, changed = kinds.get(path, ""), edit is not None
            yield CompleteFile(path, content, mode, kind, changed, of_files=path in holding)
