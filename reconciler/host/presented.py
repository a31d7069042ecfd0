"""The certificates that a candidate would present: those it newly names, or whose files it changes.

Postfix starts with all of them: a chain that it cannot use is a line in the log and no TLS any more. What makes a
certificate unusable is a complaint; what only makes it a bad one is a remark, for guards have judged that already.

Source: TLS_README, "Server-side certificate and private key"; postconf(5), smtpd_tls_chain_files, smtpd_tls_cert_file.
"""

from __future__ import annotations

import posixpath
import stat
from collections.abc import Iterator, Mapping
from datetime import datetime

from reconciler.errors import HostUnreadable
from reconciler.frozen import dataclass
from reconciler.host import certificates, files
from reconciler.model.snapshot import FileState, PemFile
from reconciler.postfix import main_cf, master_cf
from reconciler.postfix.effective import View
from reconciler.postfix.values import split_list

_SIDES = ("smtpd", "smtp", "lmtp", "tlsproxy")
_PAIRS = ("", "ec", "d")
Files = Mapping[str, bytes | str]


@dataclass(frozen=True, slots=True)
class Chain:
    """One certificate with its key, as `where` names it: files that are read one after the other."""

    where: str
    certificate: tuple[str, ...]
    key: tuple[str, ...] = ()  # where it lies apart, as with the older parameters

    @property
    def paths(self) -> tuple[str, ...]:
        return (*self.certificate, *self.key)


def judge(candidate: Files, config_directory: str, now: datetime) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """Complaints and remarks about what a candidate (live path to bytes) would present and the host does not yet."""
    complaints: list[str] = []
    remarks: list[str] = []
    standing = set(_chains({}, config_directory))
    name = _view({}, config_directory, candidate).get("myhostname")
    for chain in dict.fromkeys(_chains(candidate, config_directory)):
        if chain in standing and not any(path in candidate for path in chain.paths):
            continue
        found = list(_faults(chain, candidate))
        complaints += (f"{chain.where}: {fault}" for fault in found)
        if not found:
            remarks += (f"{chain.where}: {it}" for it in _remarks(chain, candidate, name, now))
    return tuple(complaints), tuple(remarks)


def _chains(candidate: Files, config_directory: str) -> Iterator[Chain]:
    main = _view({}, config_directory, candidate)
    yield from _of(main, "main.cf", config_directory)
    source = _content(f"{config_directory}/master.cf", candidate)
    for service in master_cf.parse(source.content).services if source else ():
        if any("_tls_" in name for name in service.overrides):
            scope = f"master.cf {service.name}"
            yield from _of(_view(service.overrides, config_directory, candidate), scope, config_directory)


def _view(overrides: Mapping[str, str], config_directory: str, candidate: Files) -> View:
    source = _content(f"{config_directory}/main.cf", candidate)
    parameters = main_cf.parse(source.content).parameters if source else {}
    explicit = {_text(name): _text(value) for name, value in parameters.items()}
    return View({**explicit, **overrides}, {"config_directory": config_directory})


def _of(view: View, scope: str, config_directory: str) -> Iterator[Chain]:
    """Chain files push the older parameters of their side aside."""
    for side in _SIDES:
        named = _paths(view.get(f"{side}_tls_chain_files"), config_directory)
        if named:
            yield Chain(f"{scope}: {side}_tls_chain_files", named)
            continue
        for kind in _PAIRS:
            certificate = _paths(view.get(f"{side}_tls_{kind}cert_file"), config_directory)
            if certificate:
                key = _paths(view.get(f"{side}_tls_{kind}key_file"), config_directory)
                yield Chain(f"{scope}: {side}_tls_{kind}cert_file", certificate, key or certificate)


def _paths(value: str, config_directory: str) -> tuple[str, ...]:
    if value.strip().lower() in {"", "none"}:
        return ()
    return tuple(posixpath.normpath(posixpath.join(config_directory, path)) for path in split_list(value))


def _faults(chain: Chain, candidate: Files) -> Iterator[str]:
    """What makes it unusable: the first thing, for the others follow from it."""
    for path in chain.paths:
        try:
            if _content(path, candidate) is None:
                yield f"{path}: there is no such file"
                return
        except HostUnreadable as error:
            yield str(error)
            return
    whole, names = _facts(chain.certificate, candidate), ", ".join(chain.certificate)
    if not chain.key:
        yield from _faults_of_one(whole, names)
        return
    key = _facts(chain.key, candidate)  # any order, also in one file for both
    if not whole.certificates:
        yield f"{names}: {whole.problem or 'no certificate in it'}"
    elif key.key_public_sha256 is None:
        yield f"{', '.join(chain.key)}: {key.problem or 'no private key in it'}"
    elif whole.certificates[0].public_key_sha256 != key.key_public_sha256:
        yield f"{', '.join(chain.key)}: it does not belong to the certificate in {names}"


def _faults_of_one(pem: PemFile, names: str) -> Iterator[str]:
    if pem.problem:
        yield f"{names}: {pem.problem}"
    elif pem.key_public_sha256 is None:
        yield f"{names}: no private key in it"
    elif not pem.certificates:
        yield f"{names}: no certificate in it"


def _remarks(chain: Chain, candidate: Files, name: str, now: datetime) -> Iterator[str]:
    pem = _facts(chain.certificate, candidate)
    leaf, names = pem.certificates[0], ", ".join(chain.certificate)
    if not leaf.not_before <= now <= leaf.not_after:
        yield f"{names}: valid from {leaf.not_before:%Y-%m-%d} to {leaf.not_after:%Y-%m-%d}, and not now"
    if "smtpd" in chain.where and name and not _covers(leaf.names, name):
        yield f"{names}: not for the name of this host, {name}, but for {', '.join(leaf.names) or leaf.subject}"
    for path in dict.fromkeys(chain.key or chain.certificate):
        state = _content(path, candidate)
        if state and path not in candidate and state.mode & (stat.S_IROTH | stat.S_IWOTH):
            yield f"{path}: every user of the host can read its private key (mode {state.mode:04o})"


def _covers(names: tuple[str, ...], host: str) -> bool:
    parent = host.partition(".")[2]
    return any(it.lower() in {host.lower(), f"*.{parent}".lower()} for it in names)


def _facts(paths: tuple[str, ...], candidate: Files) -> PemFile:
    """Several files count as one, key first: so does Postfix read a list of chain files."""
    states = [state for path in paths if (state := _content(path, candidate)) is not None]
    joined = b"\n".join(state.content for state in states)
    return certificates.facts(FileState(joined, states[0].mode, states[0].uid, states[0].gid, 0, states[0].target))


def _content(path: str, candidate: Files) -> FileState | None:
    """As it would be; a file that is staged is read where it waits."""
    waiting = candidate.get(path)
    if isinstance(waiting, bytes):
        return FileState(waiting, 0o600, 0, 0, 0, path)
    return files.read(waiting or path)


def _text(raw: bytes) -> str:
    return raw.decode("utf-8", "surrogateescape")
