"""From the files of a state repository to the state of a host."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from dataclasses import field
from difflib import get_close_matches
from functools import cached_property
from typing import TypeVar

from reconciler import __version__
from reconciler.desired import document, maps, meaning, parameters, profiles, readers, secrets
from reconciler.desired.assemble import Subject, assemble
from reconciler.desired.few import few
from reconciler.desired.kept import Kept
from reconciler.desired.merging import labelled, merge
from reconciler.desired.reading import File, read, read_host
from reconciler.desired.state_file import FleetFile, HostFile, ProfileFile
from reconciler.desired.tree import Mapping, Scalar, Sequence, Source, entry_at
from reconciler.errors import Position, Problem, StateInvalid
from reconciler.frozen import dataclass
from reconciler.model.desired import DesiredState
from reconciler.model.snapshot import RepoSnapshot
from reconciler.postfix.domain import check_domain

FLEET = "fleet.yaml"
HOST_FILE = re.compile(r"hosts/([^/@]+)(?:@([^/@]+))?\.yaml")
PROFILE_FILE = re.compile(r"profiles/([^/]+)\.yaml")
_SHOWN_HOSTS = 50

Result = TypeVar("Result")


@dataclass(frozen=True, slots=True)
class Known:
    """What two revisions of a repository share: files that were read and checked, by path and content.

    `kept` is what was made of the last host's sections.
    """

    trees: dict[tuple[str, bytes], Mapping] = field(default_factory=dict)
    maps: dict[tuple[str, bytes], tuple[maps.MapRow, ...]] = field(default_factory=dict)
    kept: Kept = field(default_factory=Kept)


def load(repo: RepoSnapshot, host: str, instance: str = "") -> DesiredState:
    """The merged, validated state of one host, from `hosts/HOST@INSTANCE.yaml` or else `hosts/HOST.yaml`.

    Raises StateInvalid with every problem of the files this host's state is made of, and with every secret anywhere.
    """
    path = _host_file(repo, host, instance)
    repository = Repository(repo)
    if path not in repo.files:
        raise StateInvalid((*repository.problems, _unknown_host(repo, path, host)))
    state = repository.state(path, host, instance)
    if repository.problems or state is None:
        raise StateInvalid(tuple(repository.problems))
    return state


def layers(repo: RepoSnapshot, host: str, instance: str = "") -> tuple[Mapping, ...]:
    """The layers that the state of one host is merged from, the lowest first; none where they have problems."""
    path = _host_file(repo, host, instance)
    return Repository(repo).layers(path) if path in repo.files else ()


def _host_file(repo: RepoSnapshot, host: str, instance: str) -> str:
    own = f"hosts/{host}@{instance}.yaml"
    return own if instance and own in repo.files else f"hosts/{host}.yaml"


def validate(repo: RepoSnapshot) -> tuple[DesiredState, ...]:
    """The states of all hosts, in the order of their files' names, after a look at every file of the repository.

    Raises StateInvalid with every problem found.
    """
    repository = Repository(repo)
    repository.fleet()
    states = []
    for path in sorted(repo.files):
        if match := HOST_FILE.fullmatch(path):
            repository.check_host_name(path, match[1])
            states.append(repository.state(path, match[1], match[2] or ""))
        elif match := PROFILE_FILE.fullmatch(path):
            repository.check_profile_name(path, match[1])
            repository.profile_file(match[1])
        elif path.startswith("policies/") and path.endswith(".map"):
            repository.rows(path)
        else:
            repository.check_unread(path)
    if repository.problems:
        raise StateInvalid(tuple(repository.problems))
    return tuple(state for state in states if state is not None)


def hosts(repo: RepoSnapshot) -> tuple[str, ...]:
    """The names of the host files, `NAME` or `NAME@INSTANCE`, sorted."""
    return tuple(path[6:-5] for path in sorted(repo.files) if HOST_FILE.fullmatch(path))


def _unknown_host(repo: RepoSnapshot, path: str, host: str) -> Problem:
    known = hosts(repo)
    if not known:
        fix = "write it; this repository has no host files yet" if repo.files else "write it; the repository is empty"
        return Problem(Position(path), f"there is no state for the host {host!r}", fix)
    near = get_close_matches(host, known, n=3)
    listed = [*near, *(name for name in known if name not in near)]
    more = f" and {len(listed) - _SHOWN_HOSTS} more" if len(listed) > _SHOWN_HOSTS else ""
    names = ", ".join(listed[:_SHOWN_HOSTS]) + more
    return Problem(
        Position(path), f"there is no state for the host {host!r}", f"write the file, or name one of: {names}"
    )


class Repository:
    """The files of one snapshot, each read once; `problems` gathers what is wrong with those that were read."""

    def __init__(self, repo: RepoSnapshot, known: Known | None = None) -> None:
        self._repo = repo
        self._known = Known() if known is None else known
        self.problems: list[Problem] = list(secrets.find(repo))
        self._unreadable = {problem.position.file for problem in self.problems}
        self._trees: dict[str, Mapping | None] = {}
        self._groups: dict[str, Mapping] = {}
        self._maps: dict[str, tuple[maps.MapRow, ...]] = {}
        self._profiles: dict[str, Mapping | None] = {}

    def state(self, path: str, host: str, instance: str) -> DesiredState | None:
        """The state of one host file, or None where it, or a layer below it, has problems."""
        layers = self.layers(path)
        if not layers:
            return None
        merged = merge(layers)
        return self._collect(lambda: self._assembled(merged, path, host, instance))

    def layers(self, path: str) -> tuple[Mapping, ...]:
        """The layers of a host file, the lowest first; none where it, or one of them, has problems."""
        fleet = self.fleet()
        tree = self._tree(path, "host", HostFile)
        if tree is None or (fleet is None and FLEET in self._repo.files):
            return ()
        return tuple(self._layers(tree) or ())

    def _assembled(self, tree: Mapping, path: str, host: str, instance: str) -> DesiredState:
        file = read_host(tree, self._known.kept)
        problems = tuple(meaning.check(file, tree)) + self._missing_maps(tree)
        if problems:
            raise StateInvalid(problems)
        named = file.outgoing.policy_files if file.outgoing is not None else ()
        rows = {path: self.rows(path) for path in named or ()}
        return assemble(Subject(host, instance, path), file, tree, rows, self._known.kept)

    def forget(self, path: str) -> None:
        """Let go of a file's tree."""
        self._trees.pop(path, None)
        self._known.trees.pop((path, self._repo.files.get(path, b"")), None)

    def _missing_maps(self, tree: Mapping) -> tuple[Problem, ...]:
        entry = entry_at(tree, "outgoing", "policy_files")
        items = entry.value.items if entry is not None and isinstance(entry.value, Sequence) else ()
        return tuple(
            Problem(
                item.origin.position,
                f"outgoing.policy_files[{index}]: {item.text!r} is not in the repository",
                f"{readers.did_you_mean(item.text, self._map_names)}write the file, or remove the line",
            )
            for index, item in enumerate(items)
            if isinstance(item, Scalar) and item.text not in self._repo.files
        )

    def rows(self, path: str) -> tuple[maps.MapRow, ...]:
        """The rows of a policy file; none where it has problems."""
        if path not in self._maps:
            readable = path in self._repo.files and path not in self._unreadable
            found = self._collect(lambda: self._read_map(path)) if readable else None
            self._maps[path] = found or ()
        return self._maps[path]

    def _read_map(self, path: str) -> tuple[maps.MapRow, ...]:
        key = path, self._repo.files[path]
        if key not in self._known.maps:
            self._known.maps[key] = maps.read(*key)
        return self._known.maps[key]

    def fleet(self) -> Mapping | None:
        """fleet.yaml, or None where there is none or it has problems."""
        if FLEET not in self._repo.files or FLEET in self._trees:
            return self._trees.get(FLEET)
        tree = self._tree(FLEET, "fleet", FleetFile)
        self.problems += _requirement(tree) if tree is not None else ()
        groups = entry_at(tree, "groups") if tree is not None else None
        if tree is None or groups is None or not isinstance(groups.value, Mapping):
            return tree
        for name, entry in groups.value.entries.items():
            empty = Mapping({}, entry.key.line, entry.key.column, entry.key.source)
            group = labelled(entry.value if isinstance(entry.value, Mapping) else empty, f"group {name}")
            self._groups[name] = group
            self.problems += few(parameters.check(group, ("groups", name)))
        return tree

    def _layers(self, host: Mapping) -> list[Mapping] | None:
        """The layers of a host, the lowest first, or None where one is missing or has problems."""
        before = len(self.problems)
        groups = [group for group in map(self._group, _items(host, "groups")) if group is not None]
        chosen = next((entry for layer in (host, *reversed(groups)) if (entry := entry_at(layer, "profile"))), None)
        chain = self._chain(chosen.value) if chosen is not None and isinstance(chosen.value, Scalar) else []
        return None if chain is None or len(self.problems) > before else [*chain, *groups, host]

    def _group(self, name: Scalar) -> Mapping | None:
        group = self._groups.get(name.text)
        if group is None:
            fix = f"{readers.did_you_mean(name.text, self._groups)}write one of: {', '.join(self._groups)}"
            fix = fix if self._groups else f"write it into {FLEET}, under 'groups: {name.text}'"
            what = f"groups: there is no group {name.text!r} in {FLEET}"
            self.problems.append(Problem(name.origin.position, what, fix))
        return group

    def _chain(self, name: Scalar) -> list[Mapping] | None:
        """A profile and the ones it starts from, the lowest first, or None where one is missing or has problems."""
        chain: list[Mapping] = []
        seen: list[str] = []
        while True:
            if name.text in seen:
                circle = " → ".join((*seen[seen.index(name.text) :], name.text))
                what = f"profile: {name.text!r} starts from itself: {circle}"
                self.problems.append(Problem(name.origin.position, what, "name a profile that does not"))
                return None
            seen.append(name.text)
            if name.text not in self._profile_names:
                names = self._profile_names
                fix = f"{readers.did_you_mean(name.text, names)}write one of: {', '.join(names)}"
                what = f"profile: there is no profile {name.text!r}"
                self.problems.append(Problem(name.origin.position, what, fix))
                return None
            tree = self.profile_file(name.text)
            if tree is None:
                return None
            chain.insert(0, _without_profile(tree))
            base = entry_at(tree, "profile")
            if base is None or not isinstance(base.value, Scalar):
                return chain
            name = base.value

    @cached_property
    def _map_names(self) -> tuple[str, ...]:
        return tuple(path for path in self._repo.files if path.endswith(".map"))

    @cached_property
    def own_profiles(self) -> tuple[str, ...]:
        """The names of the profiles that are files of the repository."""
        return tuple(match[1] for match in map(PROFILE_FILE.fullmatch, sorted(self._repo.files)) if match)

    @cached_property
    def _profile_names(self) -> tuple[str, ...]:
        return (*profiles.BUILT_IN, *self.own_profiles)

    def profile_file(self, name: str) -> Mapping | None:
        """A profile, built in or a file of the repository, or None where it has problems."""
        if name not in self._profiles:
            data = profiles.BUILT_IN.get(name)
            source = Source(profiles.file_of(name), f"profile {name}")
            if data is not None:
                self._profiles[name] = document.parse(data, source)
            else:
                self._profiles[name] = self._tree(source.file, source.layer, ProfileFile)
        return self._profiles[name]

    def check_profile_name(self, path: str, name: str) -> None:
        """A file under a built-in profile's name would be read by nobody."""
        if name in profiles.BUILT_IN:
            what = f"{name!r} is a built-in profile, and this file is not read"
            self.problems.append(
                Problem(Position(path), what, f"give it another name, and write 'profile: {name}' in it")
            )

    def check_unread(self, path: str) -> None:
        """A file beside those that are read, under a name that is nearly one of theirs."""
        if path.startswith(("hosts/", "profiles/")) and path.endswith((".yaml", ".yml")):
            fix = f"call it {path.partition('/')[0]}/NAME.yaml"
            self.problems.append(Problem(Position(path), "no file of this name is read", fix))

    def check_host_name(self, path: str, name: str) -> None:
        """A host file is found by the name of its host."""
        try:
            check_domain(name)
        except ValueError as error:
            self.problems.append(Problem(Position(path), f"the file's name: {error}", "call it hosts/HOST.yaml"))

    def _tree(self, path: str, layer: str, model: type[File]) -> Mapping | None:
        """One file, read and checked by itself, or None where it has problems."""
        if path not in self._trees:
            self._trees[path] = (
                None if path in self._unreadable else self._collect(lambda: self._read(path, layer, model))
            )
        return self._trees[path]

    def _read(self, path: str, layer: str, model: type[File]) -> Mapping:
        key = path, self._repo.files[path]
        if key not in self._known.trees:
            self._known.trees[key] = self._read_anew(path, layer, model)
        return self._known.trees[key]

    def _read_anew(self, path: str, layer: str, model: type[File]) -> Mapping:
        tree = document.parse(self._repo.files[path], Source(path, layer))
        problems = few(self._wrong(model, tree))
        if problems:
            raise StateInvalid(problems)
        return tree

    def _wrong(self, model: type[File], tree: Mapping) -> Iterator[Problem]:
        try:
            if model is HostFile:
                read_host(tree, self._known.kept)
            else:
                read(model, tree)
        except StateInvalid as invalid:
            yield from invalid.problems
        yield from parameters.check(tree)

    def _collect(self, step: Callable[[], Result]) -> Result | None:
        try:
            return step()
        except StateInvalid as invalid:
            self.problems += invalid.problems
            return None


def _items(tree: Mapping, key: str) -> tuple[Scalar, ...]:
    entry = entry_at(tree, key)
    items = entry.value.items if entry is not None and isinstance(entry.value, Sequence) else ()
    return tuple(item for item in items if isinstance(item, Scalar))


def _without_profile(tree: Mapping) -> Mapping:
    """The profile's settings: which profile a host chose is not for the profile to say."""
    return tree._replace(entries={key: entry for key, entry in tree.entries.items() if key != "profile"})


def _requirement(fleet: Mapping) -> tuple[Problem, ...]:
    entry = entry_at(fleet, "requires")
    if entry is None or not isinstance(entry.value, Scalar):
        return ()
    least = readers.requirement(entry.value.text)
    if least <= tuple(map(int, re.findall(r"\d+", __version__)[:3])):
        return ()
    what = f"requires: this repository wants {entry.value.text}, and this is reconciler {__version__}"
    return (Problem(entry.value.origin.position, what, "upgrade reconciler on this machine"),)
