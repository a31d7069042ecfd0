"""All mutations: those that the canary was built on, and those that a judge brought afterwards."""

from __future__ import annotations

from tests.mutations.cases import HARMFUL, HARMLESS
from tests.mutations.further_harmless import FURTHER_HARMLESS
from tests.mutations.further_mail import FURTHER_MAIL
from tests.mutations.further_tls import FURTHER_TLS
from tests.mutations.quiet import QUIET
from tests.mutations.usual import USUAL

ALL = (*HARMFUL, *FURTHER_TLS, *FURTHER_MAIL, *QUIET, *HARMLESS, *FURTHER_HARMLESS, *USUAL)
