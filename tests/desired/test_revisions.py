"""Which hosts a change touches: those whose state differs, whatever it is made of and however its names are written."""

from __future__ import annotations

from collections.abc import Mapping

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from reconciler.desired import load
from reconciler.desired.revisions import Touched, alike, difference
from reconciler.model.snapshot import RepoSnapshot

HOSTS = ("a", "b", "c", "d")
LEVELS = ("medium", "high")
SECTIONS = ("parameters: {smtpd_starttls_timeout: 8s}", "submission: {enabled: no}", "incoming: {loglevel: 1}")
BASE = {
    "fleet.yaml": "groups:\n  eu: {profile: house}\n  us: {outgoing: {ciphers: medium}}\n  top: {outgoing: {policy_files: [policies/p.map]}}\n",
    "profiles/house.yaml": "profile: floor\nincoming: {ciphers: medium}\n",
    "profiles/floor.yaml": "outgoing: {mandatory_ciphers: medium}\n",
    "policies/p.map": "bank.example encrypt\n",
    "policies/q.map": "shop.example encrypt\n",
    "hosts/a.yaml": "groups: [eu]\n",
    "hosts/b.yaml": "groups: [us]\noutgoing: {policy_files: [policies/q.map]}\n",
    "hosts/c.yaml": "groups: [us, top]\n",
    "hosts/d.yaml": "profile: floor\n",
}  # fmt: skip


def snapshot(files: Mapping[str, str]) -> RepoSnapshot:
    return RepoSnapshot({path: text.encode() for path, text in files.items()}, "r", "test")


def touched(base: Mapping[str, str], head: Mapping[str, str]) -> list[str]:
    def name(it: Touched) -> str:
        return it.name

    found = difference(snapshot(base), snapshot(head), name)
    assert (found.problems, found.inherited) == ((), ())
    return sorted(found.touched)


def one_by_one(base: Mapping[str, str], head: Mapping[str, str]) -> list[str]:
    """The same question, asked without any short cut."""
    both = [(host, load(snapshot(base), host), load(snapshot(head), host)) for host in HOSTS]
    return [host for host, before, after in both if not alike(before, after)]


@pytest.mark.parametrize(
    ("path", "old", "new", "hosts"),
    [
        ("hosts/a.yaml", "groups: [eu]", "groups: [us]", ["a"]),
        ("fleet.yaml", "us: {outgoing: {ciphers: medium}}", "us: {outgoing: {ciphers: high}}", ["b", "c"]),
        ("profiles/house.yaml", "medium", "high", ["a"]),
        ("profiles/floor.yaml", "medium", "high", ["a", "d"]),
        ("fleet.yaml", "{profile: house}", "{profile: floor}", ["a"]),
        ("policies/q.map", "encrypt", "secure", ["b"]),
        ("policies/p.map", "encrypt", "secure", ["c"]),
        ("policies/p.map", "bank", "# of the bank\nbank", []),
    ],
)
def test_a_host_is_touched_through_whatever_its_state_is_made_of(path: str, old: str, new: str, hosts: list[str]):
    assert touched(BASE, {**BASE, path: BASE[path].replace(old, new)}) == hosts


@pytest.mark.parametrize(
    "written",
    [
        'groups: ["\\x75s"]\n',
        'groups: ["u\\\n  s"]\n',
        "groups: ['us']\n",
        "groups:\n- us\n",
        "groups: &names [us]\n",
        "? groups\n: [us]\n",
        "\ufeffgroups: [us]\r\n",
    ],
)
def test_a_name_hides_behind_no_spelling(written: str) -> None:
    base = {**BASE, "hosts/b.yaml": written}
    head = {**base, "fleet.yaml": base["fleet.yaml"].replace("{ciphers: medium}", "{ciphers: high}")}
    assert touched(base, head) == ["b", "c"]


@st.composite
def repositories(draw: st.DrawFn) -> dict[str, str]:
    level = st.sampled_from(LEVELS)
    groups = {
        name: f"{{outgoing: {{ciphers: {draw(level)}, policies: {{{name}.example: may}}}}, {draw(st.sampled_from(SECTIONS))}}}"
        for name in ("eu", "us")
    }
    groups["top"] = draw(st.sampled_from(("{profile: house}", "{profile: floor}", "{}")))
    files = {
        "fleet.yaml": "groups:\n" + "".join(f"  {name}: {text}\n" for name, text in groups.items()),
        "profiles/floor.yaml": f"outgoing: {{mandatory_ciphers: {draw(level)}}}\n",
        "profiles/house.yaml": f"profile: {draw(st.sampled_from(('floor', 'modern')))}\nincoming: {{ciphers: {draw(level)}}}\n",
        "policies/p.map": f"bank.example {draw(st.sampled_from(('encrypt', 'secure')))}\n",
    }
    for host in HOSTS:
        named = draw(st.lists(st.sampled_from(("eu", "'us'", '"t\\x6fp"', "top")), max_size=3, unique=True))
        lines = [f"groups: [{', '.join(named)}]"] if named else []
        lines += draw(st.sampled_from(([], ["profile: house"], ["profile: floor"], ["enforce: all"])))
        lines.append(f"outgoing: {{loglevel: {draw(st.sampled_from('01'))}}}")
        lines += draw(
            st.sampled_from(([], ["parameters: {smtp_starttls_timeout: 9s}"], ["submissions: {enabled: no}"]))
        )
        files[f"hosts/{host}.yaml"] = "\n".join(lines)
    return files


@settings(deadline=None, max_examples=50)
@given(repositories(), repositories())
def test_the_hosts_that_are_looked_at_are_all_that_differ(base: dict[str, str], head: dict[str, str]) -> None:
    assert touched(base, head) == one_by_one(base, head)


@settings(deadline=None, max_examples=50)
@given(repositories(), repositories())
def test_states_that_share_what_they_are_made_of_are_what_each_would_be_alone(
    base: dict[str, str], head: dict[str, str]
) -> None:
    found = difference(snapshot(base), snapshot(head), lambda it: it)
    for it in found.touched:
        assert (it.before, it.after) == (load(snapshot(base), it.host), load(snapshot(head), it.host))


@settings(deadline=None, max_examples=50)
@given(repositories(), repositories(), st.sampled_from(sorted(BASE)))
def test_so_they_are_where_one_file_changes(base: dict[str, str], other: dict[str, str], path: str) -> None:
    head = {**base, path: other[path]} if path in base and path in other else base
    assert touched(base, head) == one_by_one(base, head)
