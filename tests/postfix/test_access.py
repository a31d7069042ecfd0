"""Actions of access(5); what smtpd(8) makes of each was measured with Postfix 3.7."""

from __future__ import annotations

import pytest

from reconciler.postfix import access


@pytest.mark.parametrize(
    "text", ["OK", "reject go away", "450 4.7.1 later", "450", "999", "45", "Permit_Mynetworks", "DUNNO"]
)
def test_what_smtpd_knows(text: str) -> None:
    assert access.is_action(text.split())


@pytest.mark.parametrize("text", ["ACCEPT", "999 no", "55O no", "reject_plaintext_sesion", "permit_mynetwork"])
def test_what_it_answers_with_451(text: str) -> None:
    assert not access.is_action(text.split())


def test_what_needs_more() -> None:
    assert access.says_nothing(["FILTER"])
    assert access.says_nothing(["check_client_access"])
    assert not access.says_nothing(["FILTER", "smtp:"])
    assert not access.says_nothing(["REJECT"])
