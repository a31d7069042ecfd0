"""main.cf and master.cf as files: missing, empty, with lines that Postfix refuses, ignores or takes as something else.

Source: util/dict.c, `dict_load_fp()`; master/master_ent.c, `get_master_ent()`; measured with Postfix 3.7.11.
"""

from __future__ import annotations

from collections.abc import Iterator

from reconciler.audit.remedy import by_hand
from reconciler.audit.scene import Said, Scene
from reconciler.errors import Position
from reconciler.model.finding import Finding
from reconciler.postfix.master_cf import Service

_BOM = b"\xef\xbb\xbf"
_LONG = 1 << 20  # bytes of one line
_DROP_IT = by_hand("remove one of the two lines")


def check(scene: Scene) -> Iterator[Finding]:
    yield from _presence(scene)
    for path in (scene.main_path, scene.master_path):
        state = scene.snapshot.files.get(path)
        if state is not None:
            yield from _bytes(scene, path, state.content)
    yield from _main_lines(scene)
    yield from _master_lines(scene)
    yield from _duplicates(scene)


def _presence(scene: Scene) -> Iterator[Finding]:
    main, master = scene.said_file(scene.main_path), scene.said_file(scene.master_path)
    if scene.main_path in scene.snapshot.absent:
        why = "every Postfix program stops without it"
        yield main.finding("main_cf_missing", why, by_hand("put it back from a backup"), "there is no such file")
    elif not scene.live.main.entries:
        why = "Postfix runs on its defaults alone, in the system's own queue directory"
        yield main.finding("main_cf_empty", why, by_hand("put it back from a backup"), "no parameter stands in it")
    if scene.master_path in scene.snapshot.absent:
        why = "master(8) starts nothing without it, and no mail is served"
        yield master.finding("master_cf_missing", why, by_hand("put it back from a backup"), "there is no such file")
    elif not scene.services:
        why = "no service is started; a reload reports success all the same, and mail is dead"
        yield master.finding("master_cf_empty", why, by_hand("put it back from a backup"), "no service stands in it")


def _bytes(scene: Scene, path: str, content: bytes) -> Iterator[Finding]:
    if content.startswith(_BOM):
        why = "to Postfix these bytes belong to the first name, or make a parameter of a comment"
        fix = by_hand(f"sed -i '1s/^\\xef\\xbb\\xbf//' {path}")
        yield scene.said_file(path, line=1).finding("byte_order_mark", why, fix, "the file begins with EF BB BF")
    if b"\r\n" in content:
        line = content[: content.index(b"\r\n")].count(b"\n") + 1
        count = content.count(b"\r\n")
        why = "Postfix takes them; other tools may not"
        fix = by_hand(f"sed -i 's/\\r$//' {path}")
        yield scene.said_file(path, line=line).finding("crlf", why, fix, f"{count} lines end with CR LF")
    lines = content.split(b"\n") if len(content) > _LONG else []
    for number, text in enumerate(lines, start=1):
        if len(text) >= _LONG:
            why = "Postfix takes it; a line of that length is seldom meant"
            found = scene.said_file(path, line=number)
            yield found.finding("long_line", why, by_hand("look at the line"), f"the line is {len(text)} bytes long")


def _main_lines(scene: Scene) -> Iterator[Finding]:
    for bad in scene.live.main.malformed:
        if bad.line == 1 and bad.raw.startswith(_BOM):
            continue  # said already
        found = scene.said_file(scene.main_path, line=bad.line)
        if bad.fatal:
            why = "every Postfix program stops at such a line; new processes cannot start"
            fix = by_hand("write it as name = value, or put # in front")
            yield found.finding("main_cf_line", why, fix, bad.what)
        else:
            yield _orphan(found, bad.what)


def _orphan(found: Said, what: str) -> Finding:
    why = "Postfix warns and passes over it, whatever it says"
    return found.finding("orphan_continuation", why, by_hand("remove the blanks in front, or the line"), what)


def _master_lines(scene: Scene) -> Iterator[Finding]:
    for bad in scene.live.master.malformed:
        found = scene.said_file(scene.master_path, line=bad.line)
        if bad.fatal:
            why = "master(8) stops at such a line: no start, and a reload keeps the old services"
            fix = by_hand("write name type private unpriv chroot wakeup maxproc command, or put # in front")
            yield found.finding("master_cf_line", why, fix, bad.what)
        else:
            yield _orphan(found, bad.what)


def _duplicates(scene: Scene) -> Iterator[Finding]:
    for entry in scene.live.main.duplicates():
        last = scene.live.main.find(entry.name)
        winner = last.line if last else entry.line
        found = scene.said_entry(entry)
        why = f"the last line of a name counts: line {winner}; Postfix warns of it"
        yield found.finding("duplicate_parameter", why, _DROP_IT, f"{found.text}; line {winner} sets it again")
    for service in scene.live.master.services:
        last_service = scene.live.master.by_key[service.key]
        if service is not last_service:
            found = scene.said_service(service)
            why = "to master(8) both are one service, and the last one counts"
            evidence = f"{service.name} {service.type}; line {last_service.line} says {last_service.name} again"
            yield found.finding("duplicate_service", why, _DROP_IT, evidence)
        else:
            yield from _duplicate_options(scene, service)


def _duplicate_options(scene: Scene, service: Service) -> Iterator[Finding]:
    last = {option.name: option for option in service.options}
    for option in service.options:
        if option is not last[option.name]:
            found = scene.said_option(service, option)
            winner = scene.said_option(service, last[option.name])
            at = winner.position or Position(scene.master_path)
            why = "of one name the last -o counts"
            yield found.finding("duplicate_option", why, _DROP_IT, f"{found.text}; line {at.line} says {winner.text}")
