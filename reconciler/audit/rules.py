"""Every rule by name, with how much it matters. docs/reference/audit.md says what each one means; a test compares."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType

from reconciler.model.finding import Severity

_BROKEN = (
    "bad_value",
    "byte_order_mark",
    "ca_file_missing",
    "certificate_expired",
    "certificate_missing",
    "certificate_not_yet_valid",
    "certificate_unusable",
    "client_wrappermode_without_tls",
    "dane_without_dnssec",
    "expansion_failed",
    "key_mismatch",
    "key_not_first",
    "main_cf_empty",
    "main_cf_line",
    "main_cf_missing",
    "master_cf_empty",
    "master_cf_line",
    "master_cf_missing",
    "no_certificate",
    "policy_invalid",
    "sni_map_without_files",
    "submissions_without_wrappermode",
    "table_missing",
    "table_not_compiled",
    "table_reference_invalid",
    "table_unreadable",
    "verify_without_ca",
    "wrappermode_port",
)
_WEAK = (
    "anonymous_sasl",
    "auth_in_plaintext",
    "compiled_exposed",
    "directory_writable",
    "file_writable",
    "key_exposed",
    "old_protocols",
    "option_weakens_main",
    "passwords_exposed",
    "policy_turns_tls_off",
    "tls_off_incoming",
    "tls_off_outgoing",
    "weak_cipher_grade",
    "weak_cipherlist",
    "weak_fingerprint_digest",
)
_STALE = ("sni_map_stale", "table_stale")
_EXPIRING = ("certificate_expiring",)
_DEPRECATED = ("deprecated_parameter", "removed_parameter")
_WITHOUT_EFFECT = (
    "certificate_ignored",
    "client_certificates_never_asked",
    "client_level_on_server",
    "duplicate_option",
    "duplicate_parameter",
    "duplicate_service",
    "legacy_overridden",
    "orphan_continuation",
    "parameter_from_later_version",
    "policy_attributes_ignored",
    "policy_never_matches",
    "restriction_unreachable",
    "row_ignored",
    "session_cache_option",
    "undefined_reference",
    "unknown_parameter",
)
_INFO = (
    "chain_out_of_order",
    "cipherlist_changed",
    "crlf",
    "deprecated_later",
    "file_not_replaceable",
    "long_line",
    "not_looked_at",
    "option_repeats_main",
    "symbolic_link",
    "tls_not_logged",
)

RULES: Mapping[str, Severity] = MappingProxyType(
    dict.fromkeys(_BROKEN, Severity.BROKEN)
    | dict.fromkeys(_WEAK, Severity.WEAK)
    | dict.fromkeys(_STALE, Severity.STALE)
    | dict.fromkeys(_EXPIRING, Severity.EXPIRING)
    | dict.fromkeys(_DEPRECATED, Severity.DEPRECATED)
    | dict.fromkeys(_WITHOUT_EFFECT, Severity.WITHOUT_EFFECT)
    | dict.fromkeys(_INFO, Severity.INFO)
)
