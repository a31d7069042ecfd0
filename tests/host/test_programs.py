"""Postfix's programs answer, and their silences are understood."""

from __future__ import annotations

import re
import subprocess
import time
from pathlib import Path

import pytest

from reconciler.errors import CommandFailed
from reconciler.postfix.effective import parse_defaults

pytestmark = pytest.mark.postfix


@pytest.fixture
def instance(instances):
    return instances(started=False)


def test_the_facts_are_what_postconf_says(instance):
    facts = instance.postfix.facts()
    own = ("-c", instance.config_directory)  # a fresh machine has no /etc/postfix/main.cf
    said = {
        flag: subprocess.run(["postconf", *own, flag], capture_output=True, check=True).stdout.decode()
        for flag in ("-m", "-a")
    }
    version = (
        subprocess.run(["postconf", *own, "-dh", "mail_version"], capture_output=True, check=True)
        .stdout.decode()
        .strip()
    )
    assert facts.mail_version == version
    assert facts.table_types == set(said["-m"].split())
    assert facts.sasl_server_types == set(said["-a"].split())


def test_the_facts_are_the_same_bytes_each_time(instance):
    assert instance.postfix.facts() == instance.postfix.facts()


def test_the_defaults_hold_every_tls_parameter(instance):
    own = ("-c", instance.config_directory)
    said = subprocess.run(["postconf", *own, "-d"], capture_output=True, check=True).stdout
    ours, theirs = (parse_defaults(source) for source in (instance.postfix.facts().defaults, said))
    assert {name: ours[name] for name in theirs if "tls" in name or "sasl" in name} == {
        name: value for name, value in theirs.items() if "tls" in name or "sasl" in name
    }


@pytest.mark.parametrize("content", ["no equals sign\n", "a = ${b\n"])
def test_the_facts_of_a_broken_configuration_are_to_be_had(instance, content):
    instance.write("main.cf", content)
    instance.write("master.cf", "too few fields\n")
    assert "hash" in instance.postfix.facts().table_types


def test_the_facts_do_not_wait_for_a_fresh_main_cf_to_cool(instance):
    Path(instance.config_directory, "main.cf").touch()
    begun = time.monotonic()
    instance.postfix.facts()
    assert time.monotonic() - begun < 1  # postconf -m would take 2.4 s


def test_parameters_come_back_expanded_and_with_their_names(instance):
    assert instance.postfix.expanded("mydestination", "alias_maps") == {"mydestination": "mx1.test", "alias_maps": ""}


@pytest.mark.parametrize("kind", ["hash", "btree", "lmdb", "cdb"])
def test_what_was_built_can_be_dumped_and_asked(instance, kind):
    if kind not in instance.postfix.facts().table_types:
        pytest.skip(f"this Postfix has no tables of type {kind}")
    source = instance.write("table", "Key value with blanks\nother x\n")
    assert instance.postfix.build(kind, source) == ()
    assert sorted(instance.postfix.dump(kind, source).splitlines()) == [b"key\tvalue with blanks", b"other\tx"]
    assert instance.postfix.query(kind, source, "KEY") == "value with blanks"
    assert instance.postfix.query(kind, source, "none") is None


def test_many_keys_are_asked_at_once(instance):
    source = instance.write("table", "a value with blanks\nb x\n")
    instance.postfix.build("hash", source)
    assert instance.postfix.query_all("hash", source, ["a", "c", "b"]) == {"a": "value with blanks", "b": "x"}
    assert instance.postfix.query_all("hash", source, ["c"]) == {}
    assert instance.postfix.query_all("hash", source, []) == {}
    with pytest.raises(CommandFailed, match="No such file or directory"):
        instance.postfix.query_all("hash", f"{source}.none", ["a"])


def test_rows_that_postmap_leaves_out_are_warned_of(instance):
    source = instance.write("table", "key one\nkey two\nlonely\n")
    duplicate, empty = instance.postfix.build("hash", source)
    assert "duplicate entry" in duplicate
    assert "expected format" in empty


def test_a_table_that_is_not_built_is_an_error_and_not_an_empty_answer(instance):
    source = instance.write("table", "key one\n")
    with pytest.raises(CommandFailed, match="No such file or directory"):
        instance.postfix.query("hash", source, "key")


def test_a_check_passes_and_a_missing_service_table_does_not(instance):
    instance.postfix.check()
    Path(instance.config_directory, "master.cf").unlink()
    with pytest.raises(CommandFailed):
        instance.postfix.check()


def test_a_reload_of_what_does_not_run_fails(instance):
    with pytest.raises(CommandFailed, match=re.escape(f"postfix -c {instance.config_directory} reload: ")):
        instance.postfix.reload()
