"""The digest of a candidate is that of its meaning."""

from __future__ import annotations

import pytest

from reconciler.model.candidate import Candidate

BASE = Candidate("/etc/postfix", {"/a": b"1", "/b": b"2"}, frozenset({"/c"}), {"/d": "hash"})


def test_the_order_of_files_does_not_count():
    assert BASE.digest == Candidate("/etc/postfix", {"/b": b"2", "/a": b"1"}, frozenset({"/c"}), {"/d": "hash"}).digest


@pytest.mark.parametrize(
    "other",
    [
        Candidate("/etc/other", BASE.files, BASE.removed, BASE.tables),
        Candidate("/etc/postfix", {"/a": b"1", "/b": b"3"}, BASE.removed, BASE.tables),
        Candidate("/etc/postfix", BASE.files, frozenset(), BASE.tables),
        Candidate("/etc/postfix", BASE.files, BASE.removed, {"/d": "lmdb"}),
        Candidate("/etc/postfix", {"/a": b"1"}, frozenset({"/b", "/c"}), BASE.tables),
    ],
)
def test_whatever_differs_gives_another_digest(other):
    assert other.digest != BASE.digest
