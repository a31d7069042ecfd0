"""Cyrus SASL without the configuration that is named: smtpd offers mechanisms all the same, and nobody can log in.

Source: SASL_README, "Cyrus SASL configuration file location"; Debian's libsasl2 reads CONFIG_DIR/sasl first.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

from reconciler.live.config import LiveConfig
from reconciler.postfix.values import split_list

_PLACES = ("/etc/postfix/sasl", "/etc/sasl2", "/usr/lib/sasl2", "/usr/lib64/sasl2", "/usr/local/lib/sasl2")
_USERS = ("/etc/sasldb2", "/etc/sasl2/sasldb2")  # what Cyrus asks where it is told nothing
_BELOW = Path("/usr/lib")  # multiarch: /usr/lib/x86_64-linux-gnu/sasl2


def faults(config: LiveConfig) -> Iterator[str]:
    """One for each smtpd that lets users log in through Cyrus, with a name that no configuration has."""
    for service in config.master.by_key.values():
        view = config.view_of(service)
        if service.command != "smtpd" or not view.is_yes("smtpd_sasl_auth_enable"):
            continue
        name = view.get("smtpd_sasl_path")
        if view.get("smtpd_sasl_type").lower() != "cyrus" or not name:
            continue
        own = [
            f"{config.snapshot.config_directory}/sasl",
            *split_list(view.get("cyrus_sasl_config_path").replace(":", " ")),
        ]
        places = [*map(Path, (*own, *_PLACES)), *_BELOW.glob("*/sasl2")]
        if not any((place / f"{name}.conf").is_file() for place in places) and not any(map(_has_users, _USERS)):
            yield f"master.cf: {service.name}/{service.type}: Cyrus has no {name}.conf, so nobody can log in"


def _has_users(path: str) -> bool:
    """Debian makes one with nobody in it but this one."""
    with suppress(OSError):
        content = Path(path).read_bytes()
        return content.count(b"userPassword") > content.count(b"no:such:user")
    return False
