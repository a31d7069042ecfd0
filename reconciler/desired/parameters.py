"""The values under `parameters`, where the name decides what the text must be."""

from __future__ import annotations

from collections.abc import Iterator
from functools import lru_cache

from reconciler.desired import readers, wording
from reconciler.desired.tree import Entry, Mapping, Scalar, entry_at, shown
from reconciler.errors import Problem
from reconciler.postfix import catalogue, expand, scope, values

SERVICES = ("submission", "submissions")
OF_SERVICE = {  # what a submission service sets itself → the key that says it
    "syslog_name": "",
    "smtpd_tls_security_level": "security_level",
    "smtpd_tls_wrappermode": "",
    "smtpd_tls_auth_only": "",
    "smtpd_sasl_auth_enable": "enabled",
    "smtpd_sasl_type": "sasl.type",
    "smtpd_sasl_path": "sasl.path",
    "smtpd_sasl_security_options": "sasl.security_options",
    "smtpd_sasl_local_domain": "sasl.local_domain",
    "smtpd_tls_mandatory_protocols": "protocols",
    "smtpd_tls_mandatory_ciphers": "ciphers",
}
_WITHOUT_EFFECT = ("_session_cache_database", "_session_cache_timeout")


def check(tree: Mapping, prefix: tuple[str, ...] = ()) -> Iterator[Problem]:
    """The problems of every `parameters` of one layer, one for each; names out of scope are not looked at again."""
    for section in ((), *((service,) for service in SERVICES)):
        entry = entry_at(tree, *section, "parameters")
        if entry is None or not isinstance(entry.value, Mapping):
            continue
        for name, item in entry.value.entries.items():
            service = section[0] if section else ""
            if not isinstance(item.value, Scalar) or item.value.is_absent or _is_right(name, item.value.text, service):
                continue
            if scope.in_scope(name):
                yield from _check(item, (*prefix, *section, "parameters", name), service)


@lru_cache(maxsize=4096)
def _is_right(name: str, text: str, service: str) -> bool:
    """Whether there is nothing to say, as nearly always; the same few stand in the files of a whole fleet."""
    if not _is_plain(text) or name not in catalogue.parameters():
        return False
    if _of_service(name, service) if service else _of_main(name, text):
        return False
    try:
        _check_text(name, text)
    except ValueError:
        return False
    return True


def _check(item: Entry, path: tuple[str, ...], service: str) -> Iterator[Problem]:
    name, text = path[-1], item.value.text if isinstance(item.value, Scalar) else ""
    where = shown(path)
    if not _is_plain(text):
        return  # the model has said so
    if name not in catalogue.parameters():
        fix = f"{readers.did_you_mean(name, catalogue.parameters())}write a name from postconf(5)"
        why = "Postfix would warn of it as unused, and ignore it"
        yield Problem(item.key.origin.position, f"{where}: no Postfix has a parameter of this name", fix, why)
        return
    misplaced = _of_service(name, service) if service else _of_main(name, text)
    if misplaced:
        what, fix, why = misplaced
        yield Problem(item.key.origin.position, f"{where}: {what}", fix, why)
        return
    try:
        _check_text(name, text)
    except expand.ExpansionFailed as error:
        what, _, why = str(error).partition("; ")
        fix = "write the reference as ${name}, or the text without '$'"
        yield Problem(item.value.origin.position, f"{where}: {what}", fix, why)
    except ValueError as error:
        what, _, fix = str(error).partition("; ")
        why = f"{name} takes {wording.described(name)} (postconf(5))" if wording.is_known(name) else ""
        yield Problem(item.value.origin.position, f"{where}: {what}", fix, why)


def _is_plain(text: str) -> bool:
    try:
        readers.plain_text(text)
    except ValueError:
        return False
    return True


def _check_text(name: str, text: str) -> None:
    """Raises ValueError where `text` is no value of the parameter, or one that no Postfix program survives."""
    kind, colon, rest = text.partition(":")
    if name.endswith("_password_maps") and colon and kind in ("static", "inline") and rest:
        raise ValueError(
            "a password in the repository; remove it, and change it: name a table whose source stays on the host"
        )

    def lookup(other: str) -> str:
        if other == name:
            raise ValueError(f"{text!r} refers to itself; write the value out")
        return "3.6" if other == "compatibility_level" else ""

    expand.expand(text, lookup)
    values.check(name, _as_postfix_writes(name, text))
    if name.endswith("_protocols") and "$" not in text:
        values.check_some_protocol(text)


_WORDS = {"true": "yes", "false": "no"}


def _as_postfix_writes(name: str, text: str) -> str:
    """`true` for a yes-or-no parameter, as an editor might rewrite it, is `yes`."""
    return _WORDS.get(text.lower(), text) if wording.is_switch(name) else text


def written(name: str, text: str) -> str:
    """A checked value as main.cf takes it."""
    return _as_postfix_writes(name, text)


def _of_service(name: str, service: str) -> tuple[str, str, str] | None:
    if name in OF_SERVICE:
        key = OF_SERVICE[name]
        fix = f"write {service}.{key}" if key else "remove it"
        return f"{service} sets {name} itself", fix, ""
    if name.endswith(_WITHOUT_EFFECT):
        why = "tlsmgr(8) owns the session caches, and it reads main.cf only (postconf(5))"
        return "it has no effect as an option of a service", f"write it under 'parameters: {name}'", why
    return None


def _of_main(name: str, text: str) -> tuple[str, str, str] | None:
    if name == "smtpd_tls_wrappermode" and text.lower() not in ("no", "false"):
        why = "in main.cf it is in force on port 25 too, where every client begins in plaintext"
        return "wrappermode on port 25", "remove it, and declare the service under 'submissions'", why
    return None
