"""Hostile pull requests through validate, review and comment: nothing changes outside their own comment, all is inert.

The base is a valid repository; each head is what a stranger proposes.
"""

from __future__ import annotations

import subprocess
import unicodedata
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path

import pytest

from reconciler.cli.main import main
from tests.hostile.payloads import ALL
from tests.hostile.test_repositories import HOST, REPOSITORIES, git
from tests.notify.forge.server import REPOSITORY, TOKEN, Server, serve
from tests.report.structure import of_html, of_markdown

BASE = """enforce: all
certificates: {default: unmanaged}
outgoing:
  security_level: may
  policies: {bank.example: encrypt}
"""
# What a comment is made of by our own words alone. Anything beside it would have come from the pull request.
OURS = {
    "html_block", "heading_open", "heading_close", "paragraph_open", "paragraph_close", "strong_open", "strong_close",
    "text", "code_inline", "fence",
}  # fmt: skip
TAGS = {"details", "summary", "code"}


@pytest.fixture
def root(tmp_path: Path) -> Path:
    made = tmp_path / "state"
    (made / "hosts").mkdir(parents=True)
    (made / HOST).write_text(BASE)
    git(made, "init", "-q")
    git(made, "add", "--all")
    git(made, "commit", "-qm", "base")
    git(made, "checkout", "-qb", "topic")
    return made


@pytest.fixture
def server() -> Iterator[Server]:
    with serve("github", is_app=True) as running:
        yield running


Play = Callable[[Path], tuple[str, str, str]]


@pytest.fixture
def play(server: Server, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Play:
    """Review the head against main in every form, and comment; gives the comment, the page and what was printed."""
    monkeypatch.setenv("RECONCILER_FORGE_TOKEN", TOKEN)
    monkeypatch.setenv("RECONCILER_TRACEBACK", "1")

    def run(root: Path) -> tuple[str, str, str]:
        head = git(root, "rev-parse", "HEAD")
        server.commit = head
        server.comment("reader", "Somebody else's comment")
        change = ("--base", "main", "--head", head, "--repo", str(root))
        out = {form: tmp_path / f"review.{form}" for form in ("json", "html")}
        printed = ""
        for form, file in out.items():
            main(("review", *change, "--format", form, "--out", str(file)))
        main(("review", *change))
        main(("validate", str(root)))
        code = main(
            ("comment", "--from", str(out["json"]), "--forge", "github", "--api", server.api, "--repository", REPOSITORY,
             "--pull-request", "7", "--commit", head, "--status", "reconciler/review"),
        )  # fmt: skip
        shown = capsys.readouterr()
        printed = shown.out + shown.err
        assert code == 0, printed
        return server.comments[-1]["body"], out["html"].read_text(), printed

    return run


def commit(root: Path, host: str) -> None:
    (root / HOST).write_text(host)
    git(root, "add", "--all")
    git(root, "commit", "-qm", "proposed")


def judge(server: Server, comment: str, page: str, printed: str) -> None:
    """Inert: our own structure, no steering character, and nothing written but one comment and one status."""
    tokens = of_markdown(comment)
    assert {token for token, *_ in tokens} <= OURS
    assert {
        tag for _, *tags in (it for it in tokens if it[0] == "html_block") for kind, tag, *_ in tags if kind == "start"
    } <= TAGS
    assert not {tag for kind, tag, *_ in of_html(page) if kind == "start"} & {
        "script",
        "img",
        "iframe",
        "a",
        "form",
        "svg",
    }
    for shown in (comment, page, printed):
        assert steering(shown) == set()
    assert not [line for line in printed.split("\n") if line.lstrip().startswith("::")]  # a command to GitHub's runner
    assert [it.partition(" ")[0] for it in server.writes()] == ["POST", "POST"]
    assert [it["user"] for it in server.comments] == ["reader", "github-actions[bot]"]
    assert server.comments[0]["body"] == "Somebody else's comment"
    assert len(server.statuses) == 1


def steering(shown: str) -> set[str]:
    return {it for it in shown if it not in "\n\t" and unicodedata.category(it) in {"Cc", "Cf", "Cs", "Zl", "Zp"}}


def quoted(payload: str) -> str:
    return '"' + "".join(f"\\U{ord(it):08X}" if ord(it) < 0xD800 or ord(it) > 0xDFFF else "?" for it in payload) + '"'


@pytest.mark.parametrize("payload", ALL.values(), ids=ALL)
def test_guarantee_26_a_refused_state_is_commented_on_without_effect(root, play, server, payload: str) -> None:
    text = quoted(payload)
    commit(root, BASE + f"groups: [{text}]\n{text}: 1\nparameters: {{smtpd_tls_received_header: {text}}}\n")
    comment, page, printed = play(root)
    judge(server, comment, page, printed)
    assert "**Fails: state_invalid." in comment
    assert server.statuses[0]["state"] == "failure"


@pytest.mark.parametrize("name", ALL)
def test_guarantee_26_a_reason_that_anybody_may_write_is_commented_on_without_effect(root, play, server, name) -> None:
    until = "2026-12-31"
    waiver = f"waivers:\n  - {{guard: tls_weakened, at: table/tls_policy#bank.example, reason: {quoted(ALL[name])}, until: {until}}}\n"
    commit(root, BASE.replace("bank.example: encrypt", "bank.example: may") + waiver)
    comment, page, printed = play(root)
    judge(server, comment, page, printed)


def committed(root: Path, entries: Mapping[bytes, bytes]) -> None:
    """A commit with these files, by git's plumbing: in a tree stands what no file system takes."""
    for path, content in entries.items():
        blob = feed(root, content, "hash-object", "-w", "--stdin").strip()
        feed(root, b"100644 " + blob + b"\t" + path + b"\0", "update-index", "-z", "--add", "--index-info")
    git(
        root,
        "commit",
        "-qm",
        "proposed\n\n" + "\n".join(it.replace("\0", "") for it in ALL.values() if it.isprintable()),
    )


def feed(root: Path, stdin: bytes, *arguments: str) -> bytes:
    return subprocess.run(["git", "-C", root, *arguments], input=stdin, capture_output=True, check=True).stdout


def raw(payload: str) -> bytes:
    return payload.encode("utf-8", "surrogateescape")


def as_name(payload: str) -> bytes:
    """As much of it as a path in a tree of git may hold."""
    return raw(payload.replace("\0", "").replace("/", "\u2215").strip(".") or "x")[:200]


BATCHES = [dict(list(ALL.items())[at : at + 12]) for at in range(0, len(ALL), 12)]
FIELDS: Mapping[str, Callable[[Mapping[str, str]], Mapping[bytes, bytes]]] = {
    "host files": lambda them: {b"hosts/%s.yaml" % as_name(it): BASE.encode() for it in them.values()},
    "instances": lambda them: {b"hosts/mx1.example.org@%s.yaml" % as_name(it): BASE.encode() for it in them.values()},
    "profiles": lambda them: {b"profiles/%s.yaml" % as_name(it): b"x: 1\n" for it in them.values()},
    "policies": lambda them: {b"policies/%s.map" % as_name(it): b"x nonsense\n" for it in them.values()},
    "not UTF-8": lambda them: {b"hosts/\xff\xfe%s.yaml" % as_name(it): BASE.encode() for it in them.values()},
    "groups": lambda them: {
        b"fleet.yaml": b"groups:\n" + "".join(f"  {quoted(it)}: {{x: 1}}\n" for it in them.values()).encode()
    },
    "rows": lambda them: {
        b"policies/p%d.map" % at: raw(it) + b" encrypt\nbank.example " + raw(it) + b"\n" for at, it in enumerate(them.values())
    },
    "rows that are taken": lambda them: {
        HOST.encode(): (BASE + "parameters: {smtpd_tls_received_header: yes}\n").encode().replace(
            b"policies: {bank.example: encrypt}", b"policy_files: [policies/p.map]"
        ),
        b"policies/p.map": b"".join(
            b"k%d.example encrypt match=%s\n" % (at, raw(it).split()[0] if it.split() else b"x") for at, it in enumerate(them.values())
        ),
    },
    "names of servers": lambda them: {
        HOST.encode(): (
            BASE.replace("{default: unmanaged}", "")
            + "\n".join(["certificates:", *(f"  {quoted(it)}: {{chain_files: [{quoted(it)}]}}" for it in them.values())])
        ).replace("certificates: \n", "").encode()
    },
    "waived addresses": lambda them: {
        HOST.encode(): (
            BASE + "waivers:\n" + "".join(f"  - {{guard: {quoted(it)}, at: {quoted(it)}, reason: {quoted(it)}, until: {quoted(it)}}}\n" for it in them.values())
        ).encode()
    },
}  # fmt: skip


@pytest.mark.parametrize("batch", BATCHES, ids=range(len(BATCHES)))
@pytest.mark.parametrize("field", FIELDS)
def test_guarantee_26_every_field_of_a_pull_request_comes_out_inert(root, play, server, field, batch) -> None:
    committed(root, FIELDS[field](batch))
    comment, page, printed = play(root)
    judge(server, comment, page, printed)
    assert "**Fails: " in comment or "**Passes" in comment or "**Look at the full plan" in comment


@pytest.mark.parametrize("name", ALL)
def test_guarantee_26_a_branch_by_any_name_is_refused_or_not_found_in_one_line(root, server, capsys, monkeypatch, name):
    monkeypatch.setenv("RECONCILER_FORGE_TOKEN", TOKEN)
    to = ("--comment", "--forge", "github", "--api", server.api, "--repository", REPOSITORY)
    branch = ALL[name].replace("\0", "")
    assert main(("review", "--base", "main", f"--head={branch}", "--repo", str(root))) == 1
    assert main(("review", "--base", "main", "--head", "topic", "--repo", str(root), *to, f"--source={branch}")) == 1
    shown = capsys.readouterr().err
    assert shown.count("\n") == 2
    assert not steering(shown)
    assert server.writes() == []


@pytest.mark.parametrize("name", [it for it in REPOSITORIES if it not in ("submodule", "filter", "many")])
def test_a_hostile_repository_is_commented_on_as_invalid_and_nothing_else_happens(
    root, play, server, name: str
) -> None:
    REPOSITORIES[name](root)
    git(root, "add", "--all")
    git(root, "commit", "-qm", "hostile")
    comment, page, printed = play(root)
    judge(server, comment, page, printed)
    assert "**Fails: " in comment
