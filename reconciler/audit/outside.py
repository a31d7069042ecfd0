"""What an audit did not look at, and why: silence about it is no praise."""

from __future__ import annotations

from collections.abc import Iterator

from reconciler.audit.certificates import is_withheld
from reconciler.audit.references import TYPES, pem_uses, table_uses
from reconciler.audit.remedy import by_hand
from reconciler.audit.scene import Scene
from reconciler.model.finding import Finding


def check(scene: Scene) -> Iterator[Finding]:
    if not scene.is_understood:
        why = "nothing is said of what services do, of tables and certificates, while Postfix itself cannot read this"
        fix = by_hand("mend what is broken in main.cf and master.cf first, then audit again")
        yield scene.said_file(scene.directory).finding(
            "not_looked_at", why, fix, "main.cf and master.cf: their meaning"
        )
    absent = () if scene.in_place else tuple(dict.fromkeys(_not_in_the_copy(scene)))
    if absent:
        why = "no Postfix here uses this directory; it is taken for a copy, and only what lies in it is judged"
        fix = by_hand("run the audit on the host itself, as root")
        evidence = f"{len(absent)} files that are not in the copy: {', '.join(absent[:3])}"
        yield scene.said_file(scene.directory).finding("not_looked_at", why, fix, evidence)
    for path, reason in _withheld(scene).items():
        fix = by_hand("run the audit as root")
        why = "nothing is known of what stands in it"
        yield scene.said_file(path).finding("not_looked_at", why, fix, f"{path}: {reason}")


def _not_in_the_copy(scene: Scene) -> Iterator[str]:
    uses = [(it.path, it.written) for it in pem_uses(scene)]
    uses += [(it.path, it.written) for it in table_uses(scene) if it.kind in TYPES]
    yield from (written for path, written in uses if path is None or path not in scene.surroundings.names)


def _withheld(scene: Scene) -> dict[str, str]:
    pems = {path: pem.problem for path, pem in scene.snapshot.pems.items() if is_withheld(pem)}
    return {**pems, **scene.surroundings.unreadable}
