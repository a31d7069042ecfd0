"""Any one line of the applied configuration commented out by hand: seen where Postfix sees it, and only there."""

from __future__ import annotations

import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from reconciler.host.ports import free_port
from reconciler.loop.look import look, plan_of
from reconciler.loop.place import Where
from reconciler.model.address import OptionAddress, ServiceAddress
from reconciler.model.plan import Plan
from reconciler.postfix import endpoint, table

pytestmark = pytest.mark.postfix

STATE = """\
enforce: all
certificates:
  default: {{chain_files: [tls/mx.pem], until_present: self_signed}}
incoming:
  security_level: may
  loglevel: 1
  received_header: no
  policies: {{senders: [bank.example], clients: [192.0.2.0/24]}}
outgoing:
  security_level: may
  loglevel: 1
  policies: {{bank.example: encrypt, "[relay.example]:587": secure}}
submission: {{listen: "127.0.0.1:{0}", sasl: {{type: cyrus, path: smtpd}}}}
submissions: {{listen: "127.0.0.1:{1}", sasl: {{type: cyrus, path: smtpd}}}}
"""


def plan_now(mx: Any) -> Plan:
    return plan_of(look(Where(str(mx.repo), mx.instance.config_directory, str(mx.memory))))


def meaning(directory: str) -> dict[str, str]:
    """What Postfix itself says it runs with: main.cf expanded, and over it each service's options."""
    main = dict(_pairs(_postconf(directory, "-x")))
    services = [line.split()[:8] for line in _postconf(directory, "-M").splitlines()]
    options: dict[str, dict[str, str]] = {}
    for where, value in _pairs(_postconf(directory, "-P", "-x")):
        name, kind, parameter = where.split("/")
        options.setdefault(f"{name}/{kind}", {})[parameter] = value
    said = {f"main.cf/{name}": value for name, value in main.items() if name != "process_id"}
    for fields in services:
        where = f"{fields[0]}/{fields[1]}"
        said[where] = " ".join(fields)
        if fields[7] == "smtpd":
            said |= {f"{where}/{name}": value for name, value in {**main, **options.get(where, {})}.items()}
    return {name: " ".join(value.split()) for name, value in said.items() if not name.endswith("/process_id")}


def _postconf(directory: str, *arguments: str) -> str:
    done = subprocess.run(["postconf", "-c", directory, *arguments], capture_output=True, text=True, check=False)
    return done.stdout


def _pairs(output: str) -> list[tuple[str, str]]:
    pairs = (line.partition(" =") for line in output.splitlines())
    return [(name, value.strip()) for name, _, value in pairs]


def test_commenting_out_any_one_line_is_seen_where_postfix_sees_it(site: Callable[..., Any]) -> None:
    mx = site(STATE.format(free_port(), free_port()))
    mx.instance.write("sasl/smtpd.conf", "pwcheck_method: auxprop\nauxprop_plugin: sasldb\nmech_list: PLAIN\n")
    found = {path: path.read_text().splitlines(keepends=True) for path in (mx.main_cf, mx.master_cf)}
    mx.apply()
    assert plan_now(mx).is_empty
    before = meaning(mx.instance.config_directory)
    seen = unseen = 0
    for path in (mx.main_cf, mx.master_cf):
        for number, line in applied_lines(path, found[path]):
            comment_out(mx, path, number)
            now = meaning(mx.instance.config_directory)
            changed = {name for name in before.keys() | now.keys() if before.get(name) != now.get(name)}
            made = plan_now(mx)
            assert made.is_empty == (not changed), f"{path.name}: {line!r}: Postfix sees {changed}"
            assert {str(it.address) for it in made.drift} >= expected(path.name, line, changed, made)
            restore(mx, path, number)
            seen, unseen = seen + bool(changed), unseen + (not changed)
    assert seen >= 20
    assert unseen >= 1, "no line equal to a default was tried"
    assert plan_now(mx).is_empty


@pytest.mark.parametrize("name", ["tls_policy", "tls_senders", "tls_clients"])
def test_commenting_out_any_row_is_seen(site: Callable[..., Any], name: str) -> None:
    mx = site(STATE.format(free_port(), free_port()))
    mx.instance.write("sasl/smtpd.conf", "pwcheck_method: auxprop\nauxprop_plugin: sasldb\nmech_list: PLAIN\n")
    mx.apply()
    path = Path(mx.instance.config_directory, name)
    for number, line in applied_lines(path, []):
        key = next(iter(table.parse(line.encode(), indexed=name != "tls_clients").rows)).decode()
        comment_out(mx, path, number)
        assert f"table/{name}#{key}" in {str(change.address) for change in plan_now(mx).changes}
        restore(mx, path, number)


def applied_lines(path: Path, found: list[str]) -> list[tuple[int, str]]:
    """The lines that the apply wrote."""
    lines = path.read_text().splitlines(keepends=True)
    return [(number, line) for number, line in enumerate(lines) if line not in found and not line.startswith("#")]


def comment_out(mx: Any, path: Path, number: int) -> None:
    _write(mx, path, number, lambda line: f"#{line}")


def restore(mx: Any, path: Path, number: int) -> None:
    _write(mx, path, number, lambda line: line.removeprefix("#"))


def _write(mx: Any, path: Path, number: int, change: Callable[[str], str]) -> None:
    lines = path.read_text().splitlines(keepends=True)
    lines[number] = change(lines[number])
    mx.instance.write(path.name, "".join(lines))  # cold, or postconf would wait


def expected(name: str, line: str, changed: set[str], made: Plan) -> set[str]:
    """The addresses whose meaning changed, in our words."""
    if not changed:
        return set()
    if name == "main.cf":
        parameter = line.partition("=")[0].strip()
        return {str(it.address) for it in made.changes if parameter in str(it.address)} or {"nothing names it"}
    if not line.startswith(" "):
        return _header(line, changed)
    option = line.strip().removeprefix("-o ").partition("=")[0]
    return {str(it.address) for it in made.changes if str(it.address).endswith(f"/-o/{option}")} or {"nothing names it"}


def _header(line: str, changed: set[str]) -> set[str]:
    """The service, and the options that moved to its neighbour as far as they mean something there."""
    service = ServiceAddress(endpoint.canonical(line.split(maxsplit=1)[0]))
    moved = set()
    for entry in changed:
        where, _, parameter = entry.rpartition("/")
        port, _, kind = where.rpartition("/")
        if kind == "inet" and not line.startswith(f"{port} "):
            moved.add(str(OptionAddress(ServiceAddress(endpoint.canonical(port)), parameter)))
    return {str(service), *moved}
