"""What `render` wrote, and what it left to apply, as text and as JSON."""

from __future__ import annotations

import json
from collections.abc import Iterator

from reconciler.frozen import dataclass
from reconciler.live.paths import absolute, in_address
from reconciler.model.plan import AssembleCertificate, Plan
from reconciler.plan.complete import CompleteFile
from reconciler.report.terminal import clean
from reconciler.report.text import short

FORMAT_VERSION = "1.0"


@dataclass(frozen=True, slots=True)
class Rendered:
    """`built` is whether postmap ran; `warnings` are its own."""

    plan: Plan
    files: tuple[CompleteFile, ...]
    out: str
    built: bool
    warnings: tuple[str, ...] = ()

    def name(self, file: CompleteFile) -> str:
        return in_address(file.path, self.plan.config_directory)


def render(told: Rendered) -> str:
    """The files, and what is not among them."""
    plan = told.plan
    head = f"Rendered {plan.host} ({plan.config_directory}, Postfix {plan.mail_version}) against {short(plan.revision)}"
    lines = [f"{clean(head)} into {clean(told.out)}:"]
    width = max(len(told.name(file)) for file in told.files)
    lines += [f"  {clean(told.name(file)):<{width}}  {_state(file, told)}" for file in told.files]
    lines += [f"Not made here, but by apply: {clean(path)} ({clean(how)})" for path, how in _certificates(plan)]
    return "\n".join(lines) + "\n"


def _state(file: CompleteFile, told: Rendered) -> str:
    text = "as it would be after apply" if file.changed else "as it is"
    if file.compiled:
        text += ", built" if told.built else f"; not built, run: postmap {file.kind}:{clean(told.name(file))}"
    return text


def warned(told: Rendered) -> str:
    """What would stop an apply of the same plan, and what postmap complained about; empty where nothing did."""
    lines = [f"apply would stop here: {it.rule} at {it.address}: {it.text}" for it in told.plan.blockers]
    return "".join(f"{clean(line)}\n" for line in (*lines, *told.warnings))


def _certificates(plan: Plan) -> Iterator[tuple[str, str]]:
    for made in plan.certificates:
        if isinstance(made, AssembleCertificate):
            yield absolute(made.chain_file, plan.config_directory), f"{made.sources[0]} and {made.sources[1]}"
            continue
        for path in (made.chain_file, made.certificate_file, made.key_file):
            if path:
                yield absolute(path, plan.config_directory), f"self-signed for {', '.join(made.request.names)}"


def as_json(told: Rendered) -> str:
    """One JSON document, keys in a fixed order."""
    plan = told.plan
    body = {
        "format_version": FORMAT_VERSION,
        "host": plan.host,
        "instance": plan.instance,
        "config_directory": plan.config_directory,
        "mail_version": plan.mail_version,
        "revision": plan.revision,
        "out": told.out,
        "files": [
            {"path": told.name(it), "changed": it.changed, "type": it.kind, "built": it.compiled and told.built}
            for it in told.files
        ],
        "certificates": [{"path": path, "what": how} for path, how in _certificates(plan)],
        "guards": [{"rule": it.rule, "address": str(it.address), "text": it.text} for it in plan.blockers],
        "warnings": list(told.warnings),
    }
    return json.dumps(body, indent=2, ensure_ascii=False).encode("utf-8", "replace").decode() + "\n"
