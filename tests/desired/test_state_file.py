"""`state_file` takes what the models take, gives the same values, and needs no pydantic for it."""

from __future__ import annotations

import copy
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from benchmarks import typical
from reconciler.desired import codegen, document, models, schemas, state_file
from reconciler.desired.tree import Source, plain

ROOT = Path(__file__).parents[2]
CERTIFICATES = """\
certificates:
  default: {chain_files: [tls/mx.pem], until_present: self_signed}
  one.example: {cert_file: tls/a.pem, key_file: tls/b.pem, until_present: {names: [one.example, two.example], days: 30}}
  two.example: {certbot: mx1.example.org}
  three.example: unmanaged
"""
FLOORS = """
  protocols: ">=TLSv1.2"
  mandatory_protocols: ">=TLSv1.3"
  ciphers: medium
  mandatory_ciphers: high
  exclude_ciphers: aNULL, MD5
  mandatory_exclude_ciphers: RC4
"""
SIDES = f"""\
incoming: {FLOORS}
  security_level: may
  ca_file: /etc/ca.pem
  ca_path: /etc/ca
  loglevel: 1
  received_header: yes
  auth_only: yes
  ask_client_certificate: no
  session_cache_timeout: 2h
  policies:
    senders: [bank.example, user@bank.example]
    clients: [192.0.2.0/24, "2001:db8::/32", client.example]
    sender_table: lmdb:senders
    client_table: cidr:clients
    client_name_table: names
outgoing: {FLOORS}
  security_level: dane
  ca_file: /etc/ca.pem
  ca_path: /etc/ca
  loglevel: 1
  note_starttls_offer: yes
  connection_reuse: yes
  session_cache_timeout: 3600
  chain_files: [tls/client.pem]
  cert_file: tls/client-cert.pem
  key_file: tls/client-key.pem
  policies: {{bank.example: secure match=nexthop, "[relay.example]:587": encrypt}}
  policy_files: [policies/partners.map]
  policy_table: hash:tls_policy
"""
SERVICES = """\
submission:
  enabled: yes
  listen: 587
  security_level: encrypt
  sasl: {type: cyrus, path: smtpd, security_options: noanonymous, local_domain: example.org}
  protocols: ">=TLSv1.2"
  ciphers: high
  parameters: {smtpd_tls_loglevel: 1}
submissions:
  enabled: no
  listen: "[::1]:10465"
  security_level: encrypt
  sasl: {type: dovecot, path: private/auth}
  protocols: ">=TLSv1.2"
  ciphers: high
  parameters: {}
parameters: {tls_preempt_cipherlist: no}
"""
SETTINGS = (
    f"profile: intermediate\nenforce: all\nobserve: [certificates, outgoing.policies]\n{CERTIFICATES}{SIDES}{SERVICES}"
)
WAIVERS = "waivers: [{guard: tls_weakened, at: main.cf/smtpd_tls_ciphers, reason: x, until: 2027-01-31}]\n"
HOST = f"groups: [submission, eu]\n{SETTINGS}{WAIVERS}"
INDENTED = SETTINGS.replace("\n", "\n    ")
FLEET = f"requires: '>=0.1'\nrollout: [canary]\ngroups:\n  eu:\n    {INDENTED}\n  us:\n"
PROFILE = f"profile: intermediate\nincoming: {FLOORS}\noutgoing: {FLOORS}\n"
FILES: dict[str, tuple[str, ...]] = {
    "HostFile": (HOST, typical.state(), "enforce: [incoming, submission]\n", "submission:\nsubmissions:\n"),
    "FleetFile": (FLEET,),
    "ProfileFile": (PROFILE,),
}
WHOLE = [(name, text) for name, texts in FILES.items() for text in texts]


def read(text: str) -> Any:
    return plain(document.parse(text.encode(), Source("file.yaml", "host")))


def by_models(name: str, given: object) -> Any:
    """The values as nested dicts, or None where pydantic takes exception."""
    try:
        return comparable(getattr(models, name).model_validate(given))
    except ValidationError:
        return None


def by_takers(name: str, given: object) -> Any:
    try:
        return comparable(state_file.TAKERS[getattr(state_file, name)](given))
    except ValueError:
        return None


def comparable(value: Any) -> Any:
    """An object of either kind as its class and its keys; a value with its type: 1 and True are two."""
    match value:
        case models.Frozen():
            return type(value).__name__, {key: comparable(getattr(value, key)) for key in type(value).model_fields}
        case tuple():
            return tuple(map(comparable, value))
        case dict():
            return {key: comparable(below) for key, below in value.items()}
        case _ if hasattr(value, "__dataclass_fields__"):
            return type(value).__name__, {key: comparable(getattr(value, key)) for key in value.__dataclass_fields__}
        case _:
            return type(value), value


def test_the_module_is_what_the_models_say() -> None:
    assert Path(state_file.__file__).read_text() == codegen.render(), "run: make schemas"


@pytest.mark.parametrize(("name", "text"), WHOLE)
def test_a_valid_file_has_the_values_that_the_models_give(name: str, text: str) -> None:
    taken = by_takers(name, read(text))
    assert taken is not None
    assert taken == by_models(name, read(text))


def test_the_files_above_write_every_key_there_is() -> None:
    written = {
        (name, key)
        for name, text in WHOLE
        for model, keys in keys_of(getattr(models, name), read(text))
        for key in keys
        for name in (model,)
    }
    known = {(model.__name__, key) for model in codegen.models() for key in model.model_fields}
    assert known - written == set()


def keys_of(model: type[models.Frozen], given: Any) -> Iterator[tuple[str, set[str]]]:
    """Every model that a file is made of, with the keys that it writes."""
    below = {key: tuple(schemas.models_in(field.annotation)) for key, field in model.model_fields.items()}
    yield model.__name__, set(given)
    for key, kinds in below.items():
        for kind in kinds:
            for item in sections(given.get(key)):
                if item.keys() <= kind.model_fields.keys():
                    yield from keys_of(kind, item)


def sections(given: Any) -> Iterator[dict[str, Any]]:
    """A section, or those in a list or under names."""
    if isinstance(given, dict):
        yield given
    for item in given.values() if isinstance(given, dict) else given if isinstance(given, tuple) else ():
        yield from sections(item)


def texts(given: Any) -> Iterator[str]:
    match given:
        case str():
            yield given
        case tuple():
            for item in given:
                yield from texts(item)
        case dict():
            for key, item in given.items():
                yield key
                yield from texts(item)


TEXTS = sorted({text for _, whole in WHOLE for text in texts(read(whole))})
ODD = [
    "",
    " ",
    "0",
    "-1",
    "825",
    "826",
    "10000000000",
    "NO",
    "all",
    "self_signed",
    "unmanaged",
    "encrpyt",
    "$mynetworks",
]
SCALARS = st.none() | st.sampled_from(TEXTS + ODD) | st.text(max_size=5)
VALUES = st.recursive(
    SCALARS,
    lambda inner: st.lists(inner, max_size=3).map(tuple) | st.dictionaries(st.sampled_from(TEXTS), inner, max_size=3),
    max_leaves=4,
)


def places(given: Any, steps: tuple[Any, ...] = ()) -> Iterator[tuple[Any, ...]]:
    yield steps
    if isinstance(given, dict | tuple):
        for step in given if isinstance(given, dict) else range(len(given)):
            yield from places(given[step], (*steps, step))


def changed(given: Any, steps: tuple[Any, ...], new: Any) -> Any:
    if not steps:
        return new
    step, *rest = steps
    if isinstance(given, tuple):
        return (*given[:step], changed(given[step], tuple(rest), new), *given[step + 1 :])
    return {**given, step: changed(given[step], tuple(rest), new)}


@given(data=st.data())
@pytest.mark.parametrize(("name", "text"), WHOLE)
def test_what_the_models_refuse_is_not_taken_and_nothing_else(name: str, text: str, data: st.DataObject) -> None:
    file = copy.deepcopy(read(text))
    for _ in range(data.draw(st.integers(1, 2))):
        steps = data.draw(st.sampled_from(list(places(file))))
        new = data.draw(VALUES)
        if steps and data.draw(st.booleans()):
            key = data.draw(st.sampled_from(TEXTS))
            above = steps[:-1]
            there = file
            for step in above:
                there = there[step]
            file = changed(file, above, {**there, key: new} if isinstance(there, dict) else (*there, new))
        else:
            file = changed(file, steps, new)
    assert by_takers(name, file) == by_models(name, file)


def test_a_file_without_a_mistake_is_read_without_pydantic() -> None:
    code = (
        "import sys; from reconciler.desired import load; from reconciler.model.snapshot import RepoSnapshot\n"
        "load(RepoSnapshot({'hosts/mx.example.org.yaml': sys.argv[1].encode()}, 'x', 'x'), 'mx.example.org')\n"
        "print([name for name in sys.modules if name.startswith('pydantic')])"
    )
    argv = [sys.executable, "-c", code, typical.state()]
    assert subprocess.run(argv, cwd=ROOT, capture_output=True, text=True, check=True).stdout == "[]\n"
