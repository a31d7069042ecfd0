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
from collections.abc import Callable, Container, Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass, replace
from pathlib import Path

from reconciler import live as meaning
from reconciler.canary import outbound
from reconciler.canary.identity import identity
from reconciler.canary.outbound import OUTGOING
from reconciler.canary.private import Private, inet_services, made_private
from reconciler.canary.sink import open_sink
from reconciler.errors import CheckFailed, CommandFailed, HostUnreadable
from reconciler.host import shadow
from reconciler.host.instance import PrivateInstance
from reconciler.host.ports import free_port
from reconciler.live.config import LiveConfig
from reconciler.model.candidate import Candidate
from reconciler.model.proof import Outcome, Proof
from reconciler.model.snapshot import FileState
from reconciler.model.verdict import Verdict
from reconciler.postfix.table import TableType, compiled_path
from reconciler.postfix.values import split_list

Prove = Callable[[LiveConfig], tuple[Proof, ...]]
Progress = Callable[[str], None]

_PREFIX = "reconciler-canary-"
_LEFT = re.compile(_PREFIX + r"(\d+)-.*")
_SAYS = re.compile(r"^\S+ +\d+ \S+ \S+ \S*?/?(\w+)\[\d+\]: (fatal|panic|error|warning): (.*)")
_WARNINGS = re.compile(  # those that say mail or TLS will not be as declared
    r"TLS|SASL|smtp(d)?_tls|database|dictionary|lookup|throttling|bad command startup|exit status|killed by signal"
)
_NUMBERS = re.compile(r"\d{2,}|0x[0-9a-f]+|[0-9A-F]{8,}")
_SUPPORT = ("etc", "lib", "lib64", "usr")  # what Debian's init copies into the queue for chrooted services


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
    digest = identity(candidate, live.snapshot.mail_version)
    if digest in proven:
        return Verdict(passed=True, digest=digest, already_proven=True)
    started = time.monotonic()
    progress("trying it in a private instance")
    outcome = _run(candidate, live, prove)
    standing: Mapping[str, str] = {}
    if outcome.troubles:
        progress("trying the configuration as it stands, too")
        standing = _run(Candidate(candidate.config_directory), live, prove).troubles
    new = tuple(text for key, text in outcome.troubles.items() if key not in standing)
    return Verdict(
        passed=not new,
        digest=digest,
        problems=new,
        standing=tuple(text for key, text in outcome.troubles.items() if key in standing),
        proofs=outcome.proofs,
        left_out=outcome.left_out,
        duration_s=round(time.monotonic() - started, 3),
    )


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
    """`troubles` are what failed, by a key that is the same in every run of the same fault."""

    troubles: Mapping[str, str]
    proofs: tuple[Proof, ...]
    left_out: tuple[str, ...]


def _run(candidate: Candidate, live: LiveConfig, prove: Prove) -> _Outcome:
    address = "127.0.0.1" if _has_ipv4(live) else "::1"
    with _laid_out(candidate) as root, open_sink(address) as sink:
        instance = PrivateInstance(root, "canary", 0)
        etc = Path(instance.config_directory)
        private = _privately(etc, root, address, sink.port)
        proofs: tuple[Proof, ...] = ()
        troubles: list[tuple[str, str]] = []
        left_out = private.left_out
        try:
            _build(candidate, instance)
            instance.postfix.check()  # makes the queue
            _assert_private(instance, private)
            _bring_along(live.view.get("queue_directory"), instance)
            Path(instance.queue_directory, "quick-start").touch()
            instance.postfix.start()
            config = _meaning(live, etc)
            proofs = tuple(_named(proof, address, private) for proof in prove(config))
            mail, untried = outbound.judge(instance, config, sink)
            troubles += ((OUTGOING, text) for text in mail)
            left_out += untried
        except (CommandFailed, HostUnreadable) as failed:
            said = str(failed).replace(root, "CANARY")
            troubles.append((_key(said), said))
        finally:
            instance.stop()
        failed_proofs = (proof for proof in proofs if proof.outcome is Outcome.FAILED)
        troubles += ((f"{it.name} {it.subject}", _told(it)) for it in failed_proofs)
        return _Outcome(dict([*troubles, *_logged(instance, root).items()]), proofs, left_out)


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


def _build(candidate: Candidate, instance: PrivateInstance) -> None:
    """Compile what no compiled file was given for."""
    for path, kind in candidate.tables.items():
        if compiled_path(TableType(kind), path) not in candidate.files:
            place = Path(instance.config_directory, posixpath.relpath(path, candidate.config_directory))
            content = place.read_bytes()
            for link in (place, Path(compiled_path(TableType(kind), str(place)))):
                link.unlink(missing_ok=True)  # to the live ones, which postmap would write through it
            place.write_bytes(content)
            instance.postfix.build(kind, str(place))


def _privately(etc: Path, root: str, address: str, sink: int) -> Private:
    master = (etc / "master.cf").read_bytes()
    ports = {name: free_port() for name in inet_services(master)}
    private = made_private((etc / "main.cf").read_bytes(), master, root=root, address=address, ports=ports, sink=sink)
    for name, content in (("main.cf", private.main), ("master.cf", private.master)):
        (etc / name).write_bytes(content)
        shadow.cool(etc / name)
    return private


def _assert_private(instance: PrivateInstance, private: Private) -> None:
    """Nothing is started before Postfix itself says that every path is private: its defaults are the live ones."""
    said = instance.postfix.values("config_directory", *private.parameters)
    wrong = [name for name, value in private.parameters.items() if said.get(name, value) != value]
    if said.get("config_directory") != instance.config_directory or wrong:
        raise CheckFailed(f"no private instance can be made of it: {', '.join(wrong) or 'config_directory'} stays live")


def _bring_along(queue: str, instance: PrivateInstance) -> None:
    """What services look for in the queue: the files that chrooted ones need, and the sockets of Dovecot."""
    for name in _SUPPORT:
        source, target = Path(queue, name), Path(instance.queue_directory, name)
        if source.is_dir() and not target.exists():
            with suppress(OSError, shutil.Error):
                shutil.copytree(source, target)
    for path in _sockets(instance):
        source, target = Path(queue, path), Path(instance.queue_directory, path)
        if source.is_socket() and not target.exists():
            target.parent.mkdir(parents=True, exist_ok=True)
            _linked(source, target)


def _linked(source: Path, target: Path) -> None:
    try:
        target.hardlink_to(source)
    except OSError:  # another file system: a chrooted smtpd does not find it
        target.symlink_to(source.resolve())


def _sockets(instance: PrivateInstance) -> set[str]:
    etc = Path(instance.config_directory)
    text = (etc / "main.cf").read_text(errors="surrogateescape") + (etc / "master.cf").read_text(
        errors="surrogateescape"
    )
    found = re.findall(r"smtpd_sasl_path\s*=\s*([\w./-]+)", text)
    return {path for path in found if not path.startswith("/") and ".." not in path}


def _meaning(live: LiveConfig, etc: Path) -> LiveConfig:
    """The private configuration as probes read it. Raises HostUnreadable."""
    files = {}
    for name in ("main.cf", "master.cf"):
        content = (etc / name).read_bytes()
        files[f"{etc}/{name}"] = FileState(content, 0o644, 0, 0, 0, f"{etc}/{name}")
    return meaning.read(replace(live.snapshot, config_directory=str(etc), files=files, pems={}, kinds={}, compiled={}))


def _named(proof: Proof, address: str, private: Private) -> Proof:
    """With the service's own name in place of its private port, which is another in every run."""
    host = f"[{address}]" if ":" in address else address
    names = {f"{host}:{port}": name for name, port in private.ports.items()}
    return replace(proof, subject=names.get(proof.subject, proof.subject))


def _told(proof: Proof) -> str:
    return f"{proof.name} {proof.subject}: {proof.observed} (expected: {proof.expected})"


def _logged(instance: PrivateInstance, root: str) -> dict[str, str]:
    """What the log says against the candidate, each thing once."""
    found: dict[str, str] = {}
    for line in instance.log().splitlines():
        said = _SAYS.match(line)
        if said and (said[2] != "warning" or _WARNINGS.search(said[3])):
            text = f"{said[1]}: {said[2]}: {said[3]}".replace(f"{root}/etc/.outside", "").replace(f"{root}/etc/", "")
            text = text.replace(root, "CANARY")
            found.setdefault(_key(text), text)
    return found


def _key(text: str) -> str:
    return _NUMBERS.sub("#", text)
