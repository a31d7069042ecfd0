"""Generated files, read by us and by the real Postfix: the same names and values, and the same refusals.

`LONG=1` (as `make oracle` sets it) runs 20,000 documents of each kind, otherwise a few hundred.
"""

from __future__ import annotations

import smtplib
from pathlib import Path

import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from reconciler.postfix import main_cf, master_cf, table
from tests.conftest import Instances
from tests.oracle import edits, judge

BATCH = 24 if judge.LONG else 8  # documents an example, judged at the same time: a refusal of Postfix sleeps 1 s
EXAMPLES = 20_000 // BATCH if judge.LONG else 30
oracle = settings(
    max_examples=EXAMPLES,
    deadline=None,
    suppress_health_check=list(HealthCheck),
    print_blob=True,
    derandomize=not judge.LONG,
)

NAMES = [b"smtpd_tls_loglevel", b"smtpd_banner", b"smtp_tls_policy_maps", b"relayhost", b"smtpd_tls_ciphers"]
SEPARATORS = [b" = ", b"=", b" =", b"= ", b"\t=\t", b"  =  ", b"\r= ", b"\v=\f"]
BYTES = st.one_of(
    st.from_regex(rb"[ -~]{0,16}", fullmatch=True).filter(lambda it: b"$" not in it),
    st.binary(max_size=8).map(lambda it: it.replace(b"$", b"S").replace(b"\n", b"")),
    st.sampled_from(
        [b"", b"#", b"# not a comment", b"a # b", b"\xff\xfe", b"\xc3\xa4", b"a\rb", b"a\0b", b"\0", b"x" * 5000]
    ),
)
ENDINGS = st.sampled_from([b"\n", b"\n", b"\n", b"\r\n", b" \n", b"\n\n", b""])
entries = st.builds(
    lambda name, sign, value, end: name + sign + value + end,
    st.sampled_from([*NAMES, b"", b" smtpd_banner", b"odd-name", b"\xef\xbb\xbfrelayhost"]),
    st.sampled_from([*SEPARATORS, *SEPARATORS, b" ", b""]),
    BYTES,
    ENDINGS,
)
good_entries = st.builds(
    lambda name, sign, value, end: name + sign + value + end,
    st.sampled_from(NAMES), st.sampled_from(SEPARATORS), BYTES, ENDINGS,
)  # fmt: skip
interludes = st.sampled_from(
    [b"# note\n", b"  # indented\n", b"\n", b" \n", b"\t\n", b"\r\n", b"#\n", b"\v\n", b"# no end", b"\0\n", b" \0\n"]
)
continuations = st.builds(
    lambda lead, text, end: lead + text + end, st.sampled_from([b" ", b"\t", b"\v", b"\r"]), BYTES, ENDINGS
)
mains = st.lists(st.one_of(good_entries, good_entries, continuations, interludes), max_size=12).map(b"".join)
odd_mains = st.lists(st.one_of(entries, continuations, interludes), max_size=8).map(b"".join)


@pytest.mark.postfix
@oracle
@given(st.lists(st.one_of(mains, mains, odd_mains), min_size=BATCH, max_size=BATCH))
def test_a_generated_main_cf_says_what_postconf_says(documents: list[bytes]) -> None:
    with judge.directory() as where:
        folders = [lay_out(where / str(number), document) for number, document in enumerate(documents)]
        answers = judge.ask_all(("postconf", "-c", folder, "-n") for folder in folders)
    for document, answer in zip(documents, answers, strict=True):
        ours = main_cf.parse(document)
        assert ours.render() == document
        assert any(bad.fatal for bad in ours.malformed) == bool(answer.status), (document, answer.err)
        if not answer.status:
            said = {name: fold(value) for name, value in judge.lines(answer.out).items() if name != b"config_directory"}
            mine = {name: fold(value) for name, value in ours.parameters.items()}
            assert {name: value for name, value in mine.items() if name in NAMES} == said, document


def lay_out(folder: Path, main: bytes, master: bytes = b"") -> Path:
    folder.mkdir()
    judge.write(folder / "main.cf", main)
    judge.write(folder / "master.cf", master)
    return folder


def fold(value: bytes) -> bytes:
    return judge.folded(value.decode("latin-1")).encode("latin-1")


FIELDS = [
    b"smtp",
    b"587",
    b"inet",
    b"unix",
    b"n",
    b"y",
    b"-",
    b"0",
    b"60?",
    b"smtpd",
    b"{n}",
    b"x",
    b"[::1]:25",
    b"100",
    b"-1",
    b"?",
]
ARGUMENTS = [  # no `-oname`, nor `-`: postconf itself misreads them, as the test below shows
    b"-v", b"-o", b"smtpd_banner=a", b"smtpd_banner=b", b"smtpd_banner=", b"{ smtpd_banner = a b }", b"{smtpd_banner=c}", b"-vv", b"-D",
    b"{ x = {y z} }", b"flags=R", b"{ a b }", b"--", b"x=>=TLSv1.2", b"a={b", b"a}b=c", b"smtpd_tls_loglevel=1#2", b"y=\xff",
    b"-o smtpd_banner={ a b }", b"-o syslog_name=postfix/x", b"=", b"=x", b"{", b"}", b"{}", b"-o {}",
]  # fmt: skip
gaps = st.sampled_from([b" ", b"  ", b"\t", b"\n ", b"\n\t", b"\n# note\n  ", b"\n  # note\n\n ", b"\r\n ", b" \r "])
starts = st.one_of(
    st.just(b"smtp inet n - y - - smtpd"),
    st.sampled_from([b"587\tinet n - n - 100 smtpd", b"x unix - n n 60? 1 pipe", b"y pass - - n - - /usr/sbin/smtpd"]),
    st.lists(st.sampled_from(FIELDS), min_size=6, max_size=9).map(b" ".join),
)
services = st.builds(
    lambda head, pairs, end: head + b"".join(gap + text for gap, text in pairs) + end,
    starts,
    st.lists(st.tuples(gaps, st.sampled_from(ARGUMENTS)), max_size=7),
    st.sampled_from([b"\n", b"\n", b"\n", b"\r\n", b" \n", b"\n\n", b""]),
)
masters = st.lists(st.one_of(services, services, interludes), max_size=4).map(b"".join)


@pytest.mark.postfix
@oracle
@given(st.lists(masters, min_size=BATCH, max_size=BATCH))
@example([b"smtp inet n - y - - smtpd -o {} { smtpd_banner = a b }\n", b"x unix - - n - - smtpd -o { a b } { c d }\n"])
def test_a_generated_master_cf_says_what_postconf_says(documents: list[bytes]) -> None:
    with judge.directory() as where:
        folders = [lay_out(where / str(number), b"", document) for number, document in enumerate(documents)]
        answers = judge.ask_all(("postconf", "-c", folder, "-M") for folder in folders)
    for document, answer in zip(documents, answers, strict=True):
        ours = master_cf.parse(document)
        assert ours.render() == document
        assert any(bad.fatal for bad in ours.malformed) == bool(answer.status), (document, answer.err)
        if not answer.status and not any(edits.misread(service) for service in ours.services):
            said = [b" ".join(line.split()) for line in answer.out.split(b"\n") if line]
            assert [b" ".join(judge.as_postconf(service).split()) for service in ours.services] == said, document


@pytest.mark.postfix
def test_an_option_in_one_word_is_an_option_to_smtpd_whatever_postconf_makes_of_it(instances: Instances) -> None:
    instance = instances(started=False)
    path = Path(instance.config_directory, "master.cf")
    source = path.read_bytes().replace(b" smtpd\n", b" smtpd -osmtpd_banner=one-word\n", 1)
    ours = next(it for it in master_cf.parse(source).services if it.command == "smtpd")
    assert (ours.overrides, edits.misread(ours)) == ({"smtpd_banner": "one-word"}, True)
    assert b"one-word" not in judge.postconf(b"", source, "-P").out
    instance.write("master.cf", source)
    instance.start()
    with smtplib.SMTP() as session:
        assert session.connect("127.0.0.1", instance.smtpd_port) == (220, b"one-word")


KEYS = st.one_of(
    st.from_regex(rb"[a-zA-Z0-9.@_-]{1,8}", fullmatch=True),
    st.sampled_from(
        [b'"a b"', b'"x\\"y"', b"a\\ b", b'q"u', b"\\", b"\xc3\x84", b"\xc3\x9f", b"\xff", b'""', b"[h]:25", b"a\0b"]
    ),
)
rows = st.builds(
    lambda key, gap, value, end: key + gap + value + end,
    KEYS,
    st.sampled_from([b" ", b"\t", b"\n ", b"", b"\r"]),
    BYTES,
    ENDINGS,
)
tables = st.lists(st.one_of(rows, rows, continuations, interludes), max_size=12).map(b"".join)


@pytest.mark.postfix
@oracle
@given(st.lists(tables, min_size=BATCH, max_size=BATCH))
@example(
    [b"- \xc3\xa4\n \0\n \x80\n", b"- a\n \0\n \x80\n", b"\\\n\ta # b\n"]
)  # UTF-8 is asked for behind a NUL, but not behind ASCII
def test_a_generated_table_says_what_postmap_says(documents: list[bytes]) -> None:
    with judge.directory() as where:
        judge.write(where / "main.cf", b"compatibility_level = 3.6\n")
        for number, document in enumerate(documents):
            judge.write(where / str(number), document)
        judge.ask_all(("postmap", "-c", where, f"hash:{where}/{number}") for number in range(len(documents)))
        answers = judge.ask_all(
            ("postmap", "-c", where, "-s", f"hash:{where}/{number}") for number in range(len(documents))
        )
    for document, answer in zip(documents, answers, strict=True):
        ours = table.parse(document)
        assert ours.render() == document
        said = {line for line in answer.out.split(b"\n") if line}  # not cut: a key can hold a tab behind a backslash
        assert {key + b"\t" + row.value for key, row in ours.rows.items()} == said, (document, answer.err)
