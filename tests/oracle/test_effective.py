"""What a service really runs with equals what `postconf -x` and `-P -x` say: every TLS and SASL parameter, expanded.

The corpus pairs each main.cf with a master.cf; `LONG=1` (as `make oracle` sets it) takes all pairs.
"""

from __future__ import annotations

import smtplib
import socket
from pathlib import Path

import pytest
from hypothesis import HealthCheck, assume, given, settings
from hypothesis import strategies as st

from tests.conftest import Instances
from tests.oracle import judge

NAMES = ["smtpd_tls_security_level", "smtpd_tls_cert_file", "smtp_tls_security_level", "smtpd_banner", "own", "other"]
oracle = settings(
    max_examples=20_000 if judge.LONG else 60,
    deadline=None,
    suppress_health_check=list(HealthCheck),
    derandomize=not judge.LONG,
)


def pairs() -> list[object]:
    mains, masters = judge.files("main"), judge.files("master")
    if not mains or not masters:
        return [pytest.param(None, None, marks=pytest.mark.skip(reason=f"no corpus at {judge.CORPUS}"))]
    chosen = [(main, masters[at % len(masters)]) for at, main in enumerate(mains)]
    if judge.LONG:
        chosen = [(main, master) for main in mains for master in masters]
    return [pytest.param(*pair, id="-".join(path.name for path in pair)) for pair in chosen]


@pytest.mark.postfix
@pytest.mark.parametrize(("main", "master"), pairs())
def test_the_view_of_a_corpus_pair_is_that_of_postconf(main: Path, master: Path) -> None:
    agree(main.read_bytes(), master.read_bytes())


def agree(main: bytes, master: bytes) -> None:
    theirs, ours = judge.effective_by_postfix(main, master), judge.effective_by_us(main, master)
    if isinstance(theirs, str):
        judged = any(word in theirs for word in ("macro", "attribute name", "bad field", "invalid"))
        assert isinstance(ours, str) or not judged, theirs
        return
    if isinstance(ours, str):  # a parameter that nothing asks for, which postconf prints with a warning
        assert "no parameter name after '$'" in ours, ours
        return
    assert judge.differences(ours, theirs) == {}


plain = st.sampled_from(
    ["", "a", "may", "none", "10", "9", "3.6", "x y", " sp ", "A", "=", "}", "a:b", "?", "ä", "0x1", "007"]
)
Settings = list[tuple[str, str]]
BUILT_IN = frozenset({*NAMES, "service_name", "process_name", "mail_version", "compatibility_level"}) - {"own", "other"}
names = st.sampled_from([*NAMES, "mydomain", "myhostname", "nowhere", *sorted(BUILT_IN - set(NAMES))])
operators = st.sampled_from(
    ["==", "!=", "<", "<=", ">", ">=", "<level", ">=level", "==level", " == ", "<=level ", "=", "~", "<=x"]
)


def references(inner: st.SearchStrategy[str]) -> st.SearchStrategy[str]:
    """Every form of reference, a few of them wrong."""
    text = st.one_of(inner, plain)
    return st.one_of(
        names.map(lambda it: f"${it}"),
        names.map(lambda it: f"${{{it}}}"),
        names.map(lambda it: f"$({it})"),
        st.builds("${{ {} }}".format, names),
        st.builds("${{{}?{}}}".format, names, text),
        st.builds("${{{}:{}}}".format, names, text),
        st.builds("${{{} ? {{{}}} : {{{}}}}}".format, names, text, text),
        st.builds("${{{}?{{{}}}:{}}}".format, names, text, text),
        st.builds("${{{{{}}}{}{{{}}}}}".format, text, operators, text),
        st.builds("${{{{{}}}{}{{{}}}?{{{}}}:{{{}}}}}".format, text, operators, text, text, text),
        st.builds("${{{{{}}} {} {{{}}} ? {}}}".format, text, operators, text, text),
        st.builds("{}{}".format, text, text),
        st.sampled_from(
            [
                "$$",
                "$$own",
                "$",
                "${",
                "${}",
                "${own",
                "$(own",
                "${own?{a}",
                "${own?{a}b}",
                "${o-n}",
                "${domain_to_ascii{a}}",
                "${?a}",
            ]
        ),
    )


values = st.recursive(plain, references, max_leaves=5)
parameters = st.lists(st.tuples(st.sampled_from([*NAMES, "mydomain", "myhostname"]), values), max_size=5)
services = st.lists(
    st.tuples(
        st.sampled_from(["smtp inet n - n - - smtpd", "587 inet n - n - - smtpd", "smtp unix - - n - - smtp"]),
        parameters,
    ),
    max_size=3,
    unique_by=lambda it: it[0],
)


@pytest.mark.postfix
@oracle
@given(parameters, services, st.sampled_from(["", "0", "1", "2", "3.6", "3.7", "3.10", "9999"]))
def test_the_view_of_a_generated_configuration_is_that_of_postconf(main, master, level: str) -> None:
    assume(not names_the_host_by_what_comes_later(main, master))
    lines = [f"{name} = {value}\n" for name, value in main] + ([f"compatibility_level = {level}\n"] if level else [])
    entries = [
        head
        + "".join(
            f"\n -o {{ {name} = {value} }}" for name, value in options if balanced(value) and not name.startswith("my")
        )
        + "\n"
        for head, options in master
    ]
    agree("".join(lines or ["own =\n"]).encode(), "".join(entries or ["x unix - - n - - x\n"]).encode())


def names_the_host_by_what_comes_later(main: Settings, master: list[tuple[str, Settings]]) -> bool:
    """Whether postconf, while it starts, may see myhostname or mydomain otherwise than it prints them, or a service has them.

    It works both out first, when it has neither a service's name and options nor the parameters that main.cf leaves out.
    """
    here = {name for name, _ in main}
    later = (BUILT_IN - here) | {name for _, options in master for name, _ in options}
    named = any(name in value for name in later for _, value in main)
    return named and not here.isdisjoint({"mydomain", "myhostname"})


@pytest.mark.postfix
def test_a_real_smtpd_makes_its_default_myhostname_with_its_own_service_name(instances: Instances) -> None:
    """So do we; postconf makes it once, without a service: the pair that is left out above."""
    if "." in socket.gethostname():
        pytest.skip("this machine's name has a domain, so myhostname takes nothing from mydomain")
    instance = instances(started=False)
    main = Path(instance.config_directory, "main.cf").read_text() + "mydomain = x$service_name\n"
    main = "".join(line for line in main.splitlines(keepends=True) if not line.startswith("myhostname"))
    service = str(instance.smtpd_port)  # a name that may stand in a host's name
    master = Path(instance.config_directory, "master.cf").read_text().replace(f"127.0.0.1:{service}", service)
    read = judge.config(main.encode(), master.encode())
    view = next(read.view_of(it) for it in read.master.services if it.name == service)
    instance.write("main.cf", main)
    instance.write("master.cf", master)
    instance.start()
    with smtplib.SMTP("127.0.0.1", instance.smtpd_port) as session:
        _, answer = session.ehlo("client.test")
    ours = view.expand(view.raw("myhostname") or "")
    assert ours == f"{socket.gethostname()}.x{service}"
    assert answer.split(b"\n")[0].decode() == ours


def balanced(value: str) -> bool:
    """Whether a value can stand between braces."""
    depth = 0
    for letter in value:
        depth += (letter == "{") - (letter == "}")
        if depth < 0:
            return False
    return depth == 0
