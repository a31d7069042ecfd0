"""The middle of the program is pure: no clock, no environment, no I/O, whatever the linters can be talked into."""

import ast
import tomllib
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
CONTRACTS = {
    contract["id"]: contract
    for contract in tomllib.loads((ROOT / "pyproject.toml").read_text())["tool"]["importlinter"]["contracts"]
}
PURE = [name.partition(".")[2] for name in CONTRACTS["purity"]["source_modules"]]
EFFECTS = frozenset({"apply", "canary", "cli", "host", "log", "loop", "notify", "probe", "publish"}) | frozenset(
    {"record", "settings", "source", "verify", "web"}
)
CLOCKS = frozenset({"now", "today", "utcnow", "time", "time_ns", "monotonic", "perf_counter", "localtime", "gmtime"})
MACHINE = frozenset({"environ", "getenv", "urandom", "read_text", "read_bytes", "write_text", "write_bytes"})
BUILTINS = frozenset({"open", "input", "print", "exec", "eval", "breakpoint", "__import__"})
BUNDLED = ("postfix/catalogue.py", "read_bytes"), ("postfix/catalogue.py", "read_text")  # the package's own data
COMPILED = (("frozen.py", "exec"),)  # constructors, as dataclasses compiles them
ALLOWED = frozenset(BUNDLED) | frozenset(COMPILED)


def packages() -> set[str]:
    found = (
        path for path in (ROOT / "reconciler").iterdir() if path.suffix == ".py" or (path / "__init__.py").exists()
    )
    return {path.stem for path in found} - {"__init__", "__main__"}


def sources(package: str) -> list[Path]:
    base = ROOT / "reconciler" / package
    return sorted(base.rglob("*.py")) if base.is_dir() else [base.with_suffix(".py")]


def impurities(tree: ast.AST) -> Iterator[tuple[int, str]]:
    for node in ast.walk(tree):
        match node:
            case ast.Call(func=ast.Name(id=name)) if name in BUILTINS:
                yield node.lineno, name
            case ast.Call(func=ast.Attribute(attr=name)) if name in CLOCKS:
                yield node.lineno, name
            case ast.Attribute(value=ast.Name(id="datetime" | "date" | "time"), attr=name) if name in CLOCKS:
                yield node.lineno, name
            case ast.Attribute(attr=name) if name in MACHINE:
                yield node.lineno, name
            case ast.ImportFrom(names=names):
                yield from ((node.lineno, alias.name) for alias in names if alias.name in CLOCKS | MACHINE)


@pytest.mark.parametrize("package", PURE)
def test_a_pure_package_asks_no_clock_no_environment_and_no_file(package: str) -> None:
    found = []
    for path in sources(package):
        module = path.relative_to(ROOT / "reconciler").as_posix()
        tree = ast.parse(path.read_bytes(), path)
        found += [f"{module}:{line}: {name}" for line, name in impurities(tree) if (module, name) not in ALLOWED]
    assert found == []


@pytest.mark.parametrize(
    "line",
    [
        "datetime.now(UTC)",
        "dt.date.today()",
        "field(default_factory=date.today)",
        "time.monotonic()",
        "os.environ['HOME']",
        "open('/etc/postfix/main.cf')",
        "Path('main.cf').read_bytes()",
        "from time import time",
        "print('done')",
    ],
)
def test_the_check_sees(line: str) -> None:
    assert list(impurities(ast.parse(line)))


@pytest.mark.parametrize(
    "line", ["config.snapshot.now", "replace(plan, now=now)", "timedelta(days=1)", "re.compile('a')"]
)
def test_the_check_lets_pass(line: str) -> None:
    assert not list(impurities(ast.parse(line)))


def test_every_package_is_either_pure_or_known_for_its_effects() -> None:
    assert packages() - EFFECTS == set(PURE)


def test_every_package_has_its_layer_and_the_pure_ones_are_the_lower() -> None:
    layers = [
        [name.strip() for name in layer.replace("(", "").replace(")", "").split("|")]
        for layer in CONTRACTS["arrows"]["layers"]
    ]
    assert packages() <= {name for layer in layers for name in layer}
    kinds = ["effects" if set(layer) <= EFFECTS | {"__main__"} else "pure" for layer in layers]
    assert kinds == sorted(kinds)
