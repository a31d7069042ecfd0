"""The facts of an installed Postfix are asked for once, and again as soon as it may be another."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import pytest

from reconciler.host import snapshot
from reconciler.host.installation import Installed, identity, installed

pytestmark = pytest.mark.postfix
NOW = datetime(2026, 3, 1, tzinfo=UTC)


@pytest.fixture
def instance(instances):
    return instances(started=False)


def test_what_is_known_of_this_very_postfix_is_taken(instance):
    known = installed(instance.config_directory, "", None)
    assert installed(instance.config_directory, "", known) is known


def test_what_is_known_of_another_postfix_is_asked_for_again(instance):
    known = installed(instance.config_directory, "", None)
    other = Installed("0" * 64, replace(known.facts, mail_version="1.0"))
    assert installed(instance.config_directory, "", other) == known


def test_a_new_table_type_makes_it_another_postfix(instance, tmp_path: Path):
    facts = instance.postfix.facts()
    (tmp_path / "dynamicmaps.cf").write_text("")
    before = identity(str(tmp_path), facts)
    (tmp_path / "dynamicmaps.cf.d").mkdir()
    (tmp_path / "dynamicmaps.cf.d/new.cf").write_text("new postfix-new.so dict_new_open\n")
    assert identity(str(tmp_path), facts) != before


def test_a_snapshot_with_what_an_earlier_one_knew_is_the_same(instance):
    first = snapshot.take(instance.config_directory, now=NOW)
    assert snapshot.take(instance.config_directory, now=NOW, known=snapshot.postfix_of(first)) == first
