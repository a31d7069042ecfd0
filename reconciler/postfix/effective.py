"""What a daemon really runs with: `-o` over main.cf over this version's defaults, expanded.

Source: postconf(5); TLS_README, "Server-side TLS activation"; `postconf -x`.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import field
from functools import cached_property, lru_cache
from types import MappingProxyType
from typing import Final

from reconciler.frozen import dataclass
from reconciler.postfix.expand import ExpansionFailed, expand
from reconciler.postfix.values import SERVER_LEVELS, canonical

_NO_DOMAIN: Final = "localdomain"
_LEGACY: Final = (("enforce_tls", "encrypt"), ("use_tls", "may"))


@dataclass(frozen=True)
class View:
    """The parameters of one service, or of main.cf where `overrides` is empty."""

    explicit: Mapping[str, str]
    defaults: Mapping[str, str]
    overrides: Mapping[str, str] = field(default_factory=dict)

    def raw(self, name: str) -> str | None:
        """The unexpanded value in force, or None for a name that neither main.cf nor this Postfix knows."""
        for layer in (self.overrides, self.explicit):
            if name in layer:
                return layer[name]
        if name in ("myhostname", "mydomain") and name in self.defaults:
            return self._own_name() if name == "myhostname" else self._own_domain()
        return self.defaults.get(name)

    def _own_name(self) -> str:
        """The machine's name; where that has no domain, the one that is set is added."""
        name = self.defaults["myhostname"]
        machine, ending, _ = name.partition(f".{_NO_DOMAIN}")
        domain = self._set("mydomain")
        return f"{machine}.{domain}" if ending and domain is not None else name

    def _own_domain(self) -> str:
        """myhostname without its first label, as it is set here."""
        name = self._set("myhostname")
        name = self.raw("myhostname") if name is None else name
        return name.partition(".")[2] if name and "." in name else _NO_DOMAIN

    def _set(self, name: str) -> str | None:
        """What is set here, expanded before there are any defaults; None where it is not set."""
        own = {**self.explicit, **self.overrides}
        return expand(own[name], own.get) if name in own else None

    def expand(self, text: str) -> str:
        """Raises ExpansionFailed where Postfix would stop."""
        return expand(text, self.raw)

    def get(self, name: str) -> str:
        """The expanded value; empty where the name does not exist or its expansion fails."""
        known = self._expanded.get(name)
        if known is None:
            known = self._expanded[name] = self._get(name)
        return known

    def _get(self, name: str) -> str:
        try:
            return self.expand(self.raw(name) or "")
        except ExpansionFailed:
            return ""

    @cached_property
    def _expanded(self) -> dict[str, str]:
        """What was asked for before."""
        return {}

    def is_yes(self, name: str) -> bool:
        return self.get(name).lower() == "yes"

    def same(self, name: str, one: str, other: str) -> bool:
        """Whether two texts for `name` mean the same here."""
        if one == other:
            return True
        try:
            return canonical(name, self.expand(one)) == canonical(name, self.expand(other))
        except ExpansionFailed:
            return False

    def with_overrides(self, overrides: Mapping[str, str]) -> View:
        return View(self.explicit, self.defaults, overrides)


def server_level(view: View) -> str:
    """The security level of an smtpd: wrappermode implies encrypt, an unknown level is taken for encrypt."""
    if view.is_yes("smtpd_tls_wrappermode"):
        return "encrypt"
    level = view.get("smtpd_tls_security_level").lower()
    if not level:
        level = next((level for name, level in _LEGACY if view.is_yes(f"smtpd_{name}")), "none")
    return level if level in SERVER_LEVELS else "encrypt"


def client_level(view: View) -> str:
    """The security level of the smtp client."""
    level = view.get("smtp_tls_security_level").lower()
    if level:
        return level
    if view.is_yes("smtp_enforce_tls"):
        return "verify" if view.is_yes("smtp_tls_enforce_peername") else "encrypt"
    return "may" if view.is_yes("smtp_use_tls") else "none"


def auth_only_under_tls(view: View) -> bool:
    """Whether AUTH is refused in plaintext: said so, or implied by encrypt."""
    return server_level(view) == "encrypt" or view.is_yes("smtpd_tls_auth_only")


@lru_cache(maxsize=16)
def parse_defaults(source: bytes) -> Mapping[str, str]:
    """The output of `postconf -d` as a mapping; hosts with one version of Postfix have nearly the same."""
    defaults = {}
    for line in source.decode("utf-8", "surrogateescape").split("\n"):
        name, equals, value = line.partition(" =")
        if equals:
            defaults[name] = value.strip(" ")
    return MappingProxyType(defaults)
