from __future__ import annotations

import subprocess
from pathlib import Path

import pytest

from reconciler.postfix import main_cf, restrictions

OURS = "check_sender_access hash:/etc/postfix/tls_senders"


def same(one: str, other: str) -> bool:
    return one == other


def edited(source: str, *, present: bool) -> str:
    document = main_cf.parse(source.encode())
    entry = document.entries[0]
    raw = restrictions.remove(entry, OURS, parameter="smtpd_sender_restrictions", same=same)
    document = document.replace_entry(entry, raw)
    if present:
        document = document.replace_entry(document.entries[0], restrictions.insert(document.entries[0], OURS))
    return document.render().decode()


@pytest.mark.parametrize(
    ("without", "with_ours"),
    [
        ("x = permit_mynetworks, reject\n", f"x = {OURS}, permit_mynetworks, reject\n"),
        ("x = permit_mynetworks reject\n", f"x = {OURS} permit_mynetworks reject\n"),
        ("x =\n  permit_mynetworks\n  reject\n", f"x =\n  {OURS}\n  permit_mynetworks\n  reject\n"),
        ("x =\n\tpermit,\n# note\n\treject\n", f"x =\n\t{OURS},\n\tpermit,\n# note\n\treject\n"),
        ("x=permit", f"x={OURS} permit"),
        ("x =\n", f"x = {OURS}\n"),
    ],
)
def test_our_element_goes_in_front_and_comes_out_without_a_trace(without: str, with_ours: str) -> None:
    assert edited(without, present=True) == with_ours
    assert edited(with_ours, present=False).rstrip("\n ") == without.rstrip("\n ")


def test_an_element_behind_a_permit_is_said_to_be_unreachable() -> None:
    assert (
        restrictions.blocker("smtpd_sender_restrictions", f"permit_mynetworks, {OURS}", OURS, same)
        == "permit_mynetworks"
    )
    assert (
        restrictions.blocker("smtpd_sender_restrictions", f"reject_unknown_sender_domain, {OURS}", OURS, same) is None
    )
    assert restrictions.blocker("smtp_tls_policy_maps", "hash:/a hash:/b", "hash:/b", same) is None


def test_an_argument_belongs_to_its_restriction() -> None:
    text = "warn_if_reject check_client_access cidr:/a, reject_rbl_client rbl.example permit"
    found = [element.text for element in restrictions.elements(text, with_arguments=True)]
    assert found == ["warn_if_reject check_client_access cidr:/a", "reject_rbl_client rbl.example", "permit"]


@pytest.mark.postfix
def test_every_restriction_is_one_of_this_postfix() -> None:
    """As smtpd(8) itself spells them; the short ones are words of any program."""
    place = subprocess.run(["postconf", "-hd", "daemon_directory"], capture_output=True, text=True, check=True)
    program = Path(place.stdout.strip(), "smtpd").read_bytes()
    assert [name for name in restrictions.NAMES if "_" in name and name.encode() not in program] == []
