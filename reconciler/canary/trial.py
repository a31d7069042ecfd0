"""One candidate, started as a private Postfix, probed, listened to, and stopped.

Only what is new counts: where the candidate fails, the configuration as it stands is tried in the same way, and what
fails there too is told and stops nothing.
"""

from __future__ import annotations

import os
import posixpath
import re
import shutil
import tempfile
import time
from collections.abc import Callable, Container, Iterable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, suppress
from dataclasses import field
from datetime import timedelta
from pathlib import Path

from reconciler import live as meaning
from reconciler.canary import envelope, heard, lists, names, outbound, queue, static, tables, waking
from reconciler.canary.heard import Vigil
from reconciler.canary.identity import MADE, identity
from reconciler.canary.private import Place, Private, inet_services, made_private
from reconciler.canary.sink import Sink, open_sink
from reconciler.errors import CheckFailed, CommandFailed, HostUnreadable
from reconciler.frozen import dataclass, replace
from reconciler.host import shadow
from reconciler.host.instance import PrivateInstance
from reconciler.host.ports import free_port, give_back
from reconciler.live.config import LiveConfig
from reconciler.model.candidate import Candidate
from reconciler.model.proof import Outcome, Proof
from reconciler.model.snapshot import FileState
from reconciler.model.verdict import Verdict
from reconciler.postfix.values import split_list

Prove = Callable[[LiveConfig], tuple[Proof, ...]]
Progress = Callable[[str], None]

_PREFIX = "reconciler-canary-"
_LEFT = re.compile(_PREFIX + r"(\d+)-.*")
_LIFE = timedelta(seconds=60)  # after which master(8) ends by itself, should nobody be left to stop it
_PROBING = timedelta(seconds=20)  # for all probes together; what fails is known long before, see `heard`


def try_out(
    candidate: Candidate,
    live: LiveConfig,
    prove: Prove,
    *,
    proven: Container[str] = (),
    progress: Progress = lambda _: None,
) -> Verdict:
    """Try a candidate; `live` is the configuration as it stands, `prove` what is asked of every listener.

    A candidate whose digest is among the `proven` has passed and is not tried again.

    Raises CheckFailed where no private instance can be made of it, with nothing left running.
    """
    sweep()
    started = time.monotonic()
    digest = identity(candidate, live.snapshot.mail_version)
    found = _read_through(candidate, live)
    if found:  # nothing needs to be started to know
        return Verdict(passed=False, digest=digest, problems=found, duration_s=round(time.monotonic() - started, 3))
    if digest in proven:
        return Verdict(passed=True, digest=digest, already_proven=True)
    read = time.monotonic() - started
    watched = lists.changed(static.read(static.Files(candidate), live), live, candidate)
    outcome = _run(_with_sources(candidate), live, prove, progress, watched=watched)
    standing: Mapping[str, str] = {}
    if outcome.troubles:
        progress("it fails there; trying the configuration as it stands, too")
        as_it_stands = Candidate(candidate.config_directory)
        standing = _run(as_it_stands, live, prove, watched=watched, known=_Everything()).troubles
    if outcome.is_cut_short and outcome.troubles.keys() <= standing.keys():  # what else there is was not waited for
        progress("that fails in the same way; trying the rest")
        outcome = _run(_with_sources(candidate), live, prove, progress, watched=watched, known=frozenset(standing))
    new = tuple(text for key, text in outcome.troubles.items() if key not in standing)
    return Verdict(
        passed=not new,
        digest=digest,
        problems=new,
        standing=tuple(text for key, text in outcome.troubles.items() if key in standing),
        proofs=outcome.proofs,
        left_out=outcome.left_out,
        duration_s=round(time.monotonic() - started, 3),
        started=True,
        steps=(("reading", round(read, 3)), *outcome.steps),
    )


def _read_through(candidate: Candidate, live: LiveConfig) -> tuple[str, ...]:
    """What is wrong with the files by themselves, and was not before. Time passes: this is asked of the proven too."""
    found = dict(static.faults(candidate, live))
    standing = dict(static.faults(Candidate(candidate.config_directory), live)) if found else {}
    return tuple(text for key, text in found.items() if key not in standing)


def _with_sources(candidate: Candidate) -> Candidate:
    """A table is named by its source: where postmap's file alone changes, the source comes along, as it stands."""
    changed = (*candidate.files, *candidate.removed)
    sources = (posixpath.splitext(path)[0] for path in changed if path.endswith(MADE))
    own = {path: path for path in sources if path not in changed and Path(path).is_file()}
    return replace(candidate, files={**own, **candidate.files})


def sweep() -> None:
    """End and remove the canaries of processes that are no more."""
    with suppress(OSError):
        for path in Path(tempfile.gettempdir()).iterdir():
            found = _LEFT.fullmatch(path.name)
            if found and not Path(f"/proc/{found[1]}").exists() and path.lstat().st_uid == os.geteuid():
                PrivateInstance(str(path), "canary", 0).stop()
                shutil.rmtree(path, ignore_errors=True)


@dataclass(frozen=True, slots=True)
class _Outcome:
    """`troubles` are what failed, by a key that is the same in every run of the same fault.

    `is_cut_short` says that the instance was stopped over the first of them.
    """

    troubles: Mapping[str, str]
    proofs: tuple[Proof, ...]
    left_out: tuple[str, ...]
    steps: tuple[tuple[str, float], ...] = ()
    is_cut_short: bool = False


def _run(
    candidate: Candidate,
    live: LiveConfig,
    prove: Prove,
    progress: Progress = lambda _: None,
    *,
    watched: Iterable[str],
    known: Container[str] = frozenset(),
) -> _Outcome:
    """One life of the canary; over the first trouble that is not `known` it is cut short.

    `watched` are listeners that used to take the mail of strangers.
    """
    address = "127.0.0.1" if _has_ipv4(live) else "::1"
    troubles: dict[str, str] = {}
    steps = _Steps(progress)
    with _laid_out(candidate) as root, open_sink(address) as sink:
        instance = PrivateInstance(root, "canary", 0)
        etc = Path(instance.config_directory)
        seen = _Seen()
        vigil = Vigil(instance, known)
        try:
            steps.begin("laying out")
            with _privately(etc, Place(root, address, sink.port)) as private:
                seen.left_out = private.left_out
                tables.build(candidate, instance)
                _assert_private(instance, private)
                seen.add(tables.unlike_their_sources(candidate, instance))
                queue.make(instance, live)
                with vigil:
                    steps.begin("starting")
                    instance.postfix.start_for(_LIFE)
                    steps.begin("probing")
                    _probe(seen, vigil, _Asked(_meaning(live, etc), candidate, private, sink, tuple(watched)), prove)
        except (CommandFailed, HostUnreadable) as failed:
            said = str(failed).replace(root, "CANARY")
            seen.troubles[heard.key(said)] = said
        finally:
            steps.begin("stopping")
            instance.stop()
        if not vigil.is_over.is_set():  # what was asked of it afterwards tells nothing
            troubles = dict(seen.troubles)
            failed_proofs = (proof for proof in seen.proofs if proof.outcome is Outcome.FAILED)
            troubles |= {f"{it.name} {it.subject}": _told(it) for it in failed_proofs}
        troubles |= heard.troubles(instance.log(), root)
        return _Outcome(troubles, seen.proofs, seen.left_out, steps.ended(), vigil.is_over.is_set())


class _Everything(frozenset[str]):
    """Whatever fails is known: the instance is heard to its end."""

    def __contains__(self, _: object) -> bool:
        return True


@dataclass
class _Seen:
    """What a run has found so far."""

    troubles: dict[str, str] = field(default_factory=dict)
    proofs: tuple[Proof, ...] = ()
    left_out: tuple[str, ...] = ()

    def add(self, found: Iterable[str]) -> None:
        self.troubles |= {text: text for text in found}


@dataclass
class _Steps:
    """What takes how long; told when it begins."""

    progress: Progress
    _begun: list[tuple[str, float]] = field(default_factory=list)

    def begin(self, name: str) -> None:
        self.progress(f"private instance: {name}")
        self._begun.append((name, time.monotonic()))

    def ended(self) -> tuple[tuple[str, float], ...]:
        ends = [*(at for _, at in self._begun[1:]), time.monotonic()]
        return tuple((name, round(end - at, 3)) for (name, at), end in zip(self._begun, ends, strict=True))


@dataclass(frozen=True, slots=True)
class _Asked:
    """Whom to probe: the private configuration, what it was made of, where its mail goes, and which lists changed."""

    config: LiveConfig
    candidate: Candidate
    private: Private
    sink: Sink
    watched: tuple[str, ...]


def _probe(seen: _Seen, vigil: Vigil, asked: _Asked, prove: Prove) -> None:
    """Everything at once; each is bounded in time."""
    end = time.monotonic() + _PROBING.total_seconds()
    config, private = asked.config, asked.private
    with ThreadPoolExecutor(4) as beside:
        woken = beside.submit(waking.wake, config, vigil)
        mail = beside.submit(outbound.judge, vigil, config, private, asked.sink)
        mine = beside.submit(lambda: tuple(names.problems(config, asked.candidate, end)))
        ports = {port for name, port in private.ports.items() if name in asked.watched}
        sessions = beside.submit(lambda: tuple(envelope.problems(config, private.injection, ports, end)))
        seen.proofs = tuple(replace(it, subject=_public(it.subject, private)) for it in prove(config))
        seen.add(_public(text, private) for text in (*mine.result(), *sessions.result()))
        seen.add(mail.result())
        woken.result()


def _has_ipv4(live: LiveConfig) -> bool:
    protocols = split_list(live.view.get("inet_protocols").lower())
    return not protocols or bool({"all", "ipv4"} & set(protocols))


@contextmanager
def _laid_out(candidate: Candidate) -> Iterator[str]:
    root = tempfile.mkdtemp(prefix=f"{_PREFIX}{os.getpid()}-")
    try:
        Path(root).chmod(0o755)  # Postfix's own user has to traverse it
        for part in ("etc", "log", "queue"):
            Path(root, part).mkdir(mode=0o755)
        shadow.lay_out(f"{root}/etc", candidate.config_directory, candidate.files, candidate.removed)
        yield root
    finally:
        shutil.rmtree(root, ignore_errors=True)


@contextmanager
def _privately(etc: Path, place: Place) -> Iterator[Private]:
    """Rewrite the two files; the ports are free again after the block. Raises HostUnreadable."""
    master = (etc / "master.cf").read_bytes()
    ports = {name: free_port() for name in inet_services(master)}
    injection = free_port()
    try:
        private = made_private((etc / "main.cf").read_bytes(), master, place, ports=ports, injection=injection)
        for name, content in (("main.cf", private.main), ("master.cf", private.master)):
            (etc / name).write_bytes(content)
            shadow.cool(etc / name)
        for path, text in ((place.transports, private.transports), (place.nothing, "")):
            Path(path).write_text(text)
            shadow.cool(Path(path))  # trivial-rewrite(8) would wait for two seconds
        yield private
    finally:
        for port in (*ports.values(), injection):
            give_back(port)


def _assert_private(instance: PrivateInstance, private: Private) -> None:
    """Nothing is started before Postfix itself says that every path is private: its defaults are the live ones."""
    said = instance.postfix.values("config_directory", *private.parameters)
    wrong = [name for name, value in private.parameters.items() if said.get(name, value) != value]
    if said.get("config_directory") != instance.config_directory or wrong:
        raise CheckFailed(f"no private instance can be made of it: {', '.join(wrong) or 'config_directory'} stays live")


def _meaning(live: LiveConfig, etc: Path) -> LiveConfig:
    """The private configuration as probes read it. Raises HostUnreadable."""
    files = {}
    for name in ("main.cf", "master.cf"):
        content = (etc / name).read_bytes()
        files[f"{etc}/{name}"] = FileState(content, 0o644, 0, 0, 0, f"{etc}/{name}")
    return meaning.read(replace(live.snapshot, config_directory=str(etc), files=files, pems={}, kinds={}, compiled={}))


def _public(text: str, private: Private) -> str:
    """With the service's own name in place of its private port, which is another in every run."""
    for name, port in private.ports.items():
        text = re.sub(rf"(127\.0\.0\.1|\[?::1\]?):{port}(?!\d)", lambda _, name=name: name, text)  # type: ignore[misc]
    return text


def _told(proof: Proof) -> str:
    return f"{proof.name} {proof.subject}: {proof.observed} (expected: {proof.expected})"
