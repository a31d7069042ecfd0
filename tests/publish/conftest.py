"""A snapshot of a small host, and keys to sign it."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path

import pytest

from reconciler.model.published import FORMAT_VERSION, Published
from reconciler.publish import key
from reconciler.publish.key import Key

NAME = "mx1.example.org"


@pytest.fixture
def seen() -> Published:
    return Published(
        format_version=FORMAT_VERSION,
        host=NAME,
        instance="",
        config_directory="/etc/postfix",
        taken=datetime(2026, 11, 23, 12, tzinfo=UTC),
        mail_version="3.7.11",
        running=True,
        table_types=("hash",),
        sasl_server_types=("cyrus",),
        defaults="",
        main_cf="myhostname = mx1.example.org\n",
        master_cf="smtp inet n - y - - smtpd\n",
    )


@pytest.fixture
def own(tmp_path: Path) -> Key:
    return key.of(tmp_path / "state")


@pytest.fixture
def allowed(tmp_path: Path) -> Callable[..., str]:
    """A file of allowed signers with these lines; gives its path."""

    def write(*lines: str) -> str:
        path = tmp_path / "allowed"
        path.write_text("# who may sign\n\n" + "".join(f"{line}\n" for line in lines))
        return str(path)

    return write
