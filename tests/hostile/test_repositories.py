"""A hostile state repository: whatever it holds, reading it has no effect but an error, in bounds, in words that steer nothing."""

from __future__ import annotations

import os
import resource
import subprocess
import sys
import unicodedata
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.hostile.payloads import ALL

HOST = "hosts/mx1.example.org.yaml"
LIMIT = 256 * 1024 * 1024  # bytes, for reading; the interpreter and its libraries come on top
_CHARACTERS = {"Cc", "Cf", "Cs", "Zl", "Zp"}


def git(root: Path, *arguments: str, **environment: str) -> str:
    identity = ("-c", "user.name=t", "-c", "user.email=t@example.org", "-c", "init.defaultBranch=main")
    done = subprocess.run(
        ["git", "-C", root, *identity, *arguments],
        capture_output=True, text=True, check=True, env={**os.environ, **environment},
    )  # fmt: skip
    return done.stdout.strip()


def run(*arguments: str, cwd: Path) -> subprocess.CompletedProcess[str]:
    def bound() -> None:
        resource.setrlimit(resource.RLIMIT_CPU, (60, 60))

    return subprocess.run(
        [sys.executable, "-m", "reconciler", *arguments],
        capture_output=True, text=True, check=False, cwd=cwd, timeout=120, preexec_fn=bound,
        env={"PATH": os.environ["PATH"], "LC_ALL": "C.UTF-8", "HOME": str(cwd), "RECONCILER_TRACEBACK": "1"},
    )  # fmt: skip


@pytest.fixture
def root(tmp_path: Path) -> Path:
    made = tmp_path / "state"
    (made / "hosts").mkdir(parents=True)
    (made / HOST).write_text("enforce: all\n")
    git(made, "init", "-q")
    return made


def _symlinked_host(root: Path) -> None:
    (root / HOST).unlink()
    (root / HOST).symlink_to("/etc/passwd")


def _symlinked_folder(root: Path) -> None:
    (root / HOST).unlink()
    (root / "hosts").rmdir()
    (root / "hosts").symlink_to("/etc")


def _symlinked_policy(root: Path) -> None:
    (root / "policies").mkdir()
    (root / "policies/shadow.map").symlink_to("/etc/shadow")


def _submodule(root: Path) -> None:
    git(root, "update-index", "--add", "--cacheinfo", f"160000,{'1' * 40},hosts/evil.example.yaml")
    (root / ".gitmodules").write_text('[submodule "x"]\n\tpath = hosts/evil.example.yaml\n\turl = ext::touch pwned\n')


def _filter(root: Path) -> None:
    (root / ".gitattributes").write_text("* filter=evil diff=evil\n")
    (root / ".lfsconfig").write_text("[lfs]\n\turl = https://evil.example/\n")


def _aliases(root: Path) -> None:
    lines = ["a0: &a0 [x, x, x, x, x, x, x, x, x, x]"]
    lines += [f"a{n}: &a{n} [{', '.join([f'*a{n - 1}'] * 10)}]" for n in range(1, 12)]
    (root / HOST).write_text("\n".join(lines) + "\n")


def _merges(root: Path) -> None:
    lines = ["a0: &a0 {x: 1}"] + [f"a{n}: &a{n} {{<<: [{', '.join([f'*a{n - 1}'] * 10)}]}}" for n in range(1, 12)]
    (root / HOST).write_text("\n".join(lines) + "\n")


def _deep(root: Path) -> None:
    (root / HOST).write_text("incoming: " + "[" * 50_000 + "\n")


def _deep_blocks(root: Path) -> None:
    (root / HOST).write_text("- " * 50_000 + "x\n")


def _huge(root: Path) -> None:
    (root / HOST).write_text("# " + "x" * (8 * 1024 * 1024) + "\n")


def _huge_line(root: Path) -> None:
    (root / HOST).write_text(f"parameters: {{smtpd_tls_received_header: {'y' * 900_000}}}\n")


def _many(root: Path) -> None:
    for number in range(20_001):
        (root / f"hosts/h{number}.example.yaml").touch()


def _tag(root: Path) -> None:
    (root / HOST).write_text("!!python/object/apply:os.system ['touch pwned']\n")


def _not_utf8(root: Path) -> None:
    (root / HOST).write_bytes(b"enforce: \xff\xfe\n")


def _utf16(root: Path) -> None:
    (root / HOST).write_bytes("enforce: all\n".encode("utf-16"))


def _names(root: Path) -> None:
    for name in ("\x1b[31mred", "new\nline", "<b>b", "[x](y)", "`", "..", "-o", " ", "\u202e", "a" * 200):
        (root / "hosts" / f"{name}.yaml").write_text("enforce: all\n")


REPOSITORIES: dict[str, Callable[[Path], None]] = {
    function.__name__.strip("_"): function
    for function in (
        _symlinked_host, _symlinked_folder, _symlinked_policy, _submodule, _filter, _aliases, _merges, _deep,
        _deep_blocks, _huge, _huge_line, _many, _tag, _not_utf8, _utf16, _names,
    )
}  # fmt: skip


@pytest.mark.parametrize("name", REPOSITORIES)
@pytest.mark.parametrize("through", ["directory", "git"])
def test_a_hostile_repository_has_no_effect_but_an_error(root: Path, tmp_path: Path, name: str, through: str) -> None:
    if name == "submodule" and through == "directory":
        pytest.skip("a directory has no submodules")
    REPOSITORIES[name](root)
    git(root, "add", "--all") if name != "submodule" else git(root, "add", ".gitmodules", HOST)
    git(root, "commit", "-qm", "hostile")
    before = _fingerprint(tmp_path)
    done = run("validate", str(root) if through == "directory" else root.as_uri(), cwd=tmp_path)
    assert _fingerprint(tmp_path) == before
    assert done.returncode == (0 if name == "filter" else 1), done.stderr[:2000]
    assert "Traceback" not in done.stderr
    assert "root:" not in done.stdout + done.stderr  # of /etc/passwd
    assert _steering(done.stdout + done.stderr) == set()
    assert resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss * 1024 < LIMIT + 128 * 1024 * 1024


@pytest.mark.parametrize("name", [it for it in REPOSITORIES if it not in ("submodule", "filter")])
def test_a_review_of_a_hostile_head_fails_by_name_within_bounds_of_time_and_memory(
    root: Path, tmp_path: Path, name: str
) -> None:
    (root / HOST).write_text("enforce: all\ncertificates: {default: unmanaged}\n")
    git(root, "add", "--all")
    git(root, "commit", "-qm", "base")
    REPOSITORIES[name](root)
    git(root, "add", "--all")
    git(root, "commit", "-qm", "hostile")
    before = _fingerprint(tmp_path)
    done = run("review", "--base", "HEAD~1", "--head", "HEAD", "--repo", str(root), cwd=tmp_path)
    assert _fingerprint(tmp_path) == before
    assert (done.returncode, done.stderr) == (1, "")
    assert "\nFails: state_invalid. The state has " in done.stdout
    assert _steering(done.stdout) == set()
    assert resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss * 1024 < LIMIT + 128 * 1024 * 1024


@pytest.mark.parametrize("payload", ALL.values(), ids=ALL)
def test_guarantee_26_a_payload_in_a_repository_is_inert_in_what_validate_says_of_it(
    root: Path, payload: str, capsys
) -> None:
    from reconciler.cli.main import main

    quoted = '"' + "".join(f"\\U{ord(it):08X}" if ord(it) < 0xD800 or ord(it) > 0xDFFF else "?" for it in payload) + '"'
    (root / HOST).write_text(
        f"groups: [{quoted}]\n{quoted}: 1\nparameters: {{{quoted}: x, smtpd_tls_received_header: {quoted}}}\n"
        f"waivers: [{{guard: {quoted}, at: {quoted}, reason: {quoted}, until: {quoted}}}]\n"
        f"outgoing: {{policies: {{{quoted}: {quoted}}}}}\n"
    )
    for form in ("text", "json"):
        assert main(("validate", str(root), "--format", form)) == 1
        shown = capsys.readouterr()
        assert _steering(shown.out + shown.err) == set()


def _fingerprint(directory: Path) -> dict[str, tuple[int, int, int]]:
    found = ((path, path.lstat()) for path in directory.rglob("*"))
    return {str(path): (about.st_mode, about.st_size, about.st_mtime_ns) for path, about in found}


def _steering(shown: str) -> set[str]:
    return {
        character for character in shown if character not in "\n\t" and unicodedata.category(character) in _CHARACTERS
    }
