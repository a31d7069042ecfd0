"""What reading tells of services and tables that Postfix starts with, and nobody can use."""

from __future__ import annotations

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from reconciler.canary import static
from reconciler.frozen import replace
from reconciler.model.address import Address, OptionAddress, ParameterAddress, ServiceAddress
from reconciler.model.candidate import Candidate
from reconciler.postfix import catalogue

pytestmark = pytest.mark.postfix
LOGIN = "permit_sasl_authenticated, reject"
CLOSED = "no listener is left"  # said of the host's only one, whatever else is wrong; it has a test of its own


def new(host, **parameters: str) -> list[str]:
    """The faults of main.cf with these parameters that the host does not have, without its ports; see CLOSED."""
    text = host.text("main.cf") + "".join(f"{name} = {value}\n" for name, value in parameters.items())
    standing = dict(static.faults(Candidate(host.instance.config_directory), host.config))
    found = dict(static.faults(host.candidate(main_cf=text), host.config))
    new_ones = [it for key, it in found.items() if key not in standing and CLOSED not in it]
    return [it.partition("/inet: ")[2] or it for it in new_ones]


@pytest.mark.parametrize(
    ("parameters", "says"),
    [
        ({"smtpd_tls_wrappermode": "yes"}, "smtpd_tls_wrappermode: its clients do not speak TLS from the first byte"),
        ({"smtpd_client_restrictions": "reject"}, "smtpd_client_restrictions: reject comes first"),
        ({"smtpd_relay_restrictions": "defer"}, "smtpd_relay_restrictions: defer comes first"),
        ({"smtpd_client_restrictions": LOGIN}, "smtpd_client_restrictions: only who has logged in gets past it"),
        (
            {
                "smtpd_client_restrictions": LOGIN,
                "smtpd_sasl_auth_enable": "yes",
                "smtpd_sasl_type": "dovecot",
                "smtpd_discard_ehlo_keywords": "dsn, AUTH",
            },
            "smtpd_client_restrictions: only who has logged in gets past it",
        ),
        ({"smtp_tls_wrappermode": "yes"}, "main.cf: smtp_tls_wrappermode: servers on port 25"),
        ({"smtp_tls_mandatory_exclude_ciphers": "MD5, ALL"}, "main.cf: smtp_tls_mandatory_exclude_ciphers: ALL leaves"),
        ({"data_directory": "/nowhere"}, "main.cf: data_directory: a Postfix that runs cannot take another one"),
        ({"transport_maps": "inline:{a=b}, hash:/nowhere"}, "transport_maps: hash:/nowhere: there is no nowhere.db"),
        ({"header_checks": "pcre:/nowhere"}, "header_checks: pcre:/nowhere: there is no nowhere"),
        ({"smtp_tls_CApath": "/nowhere"}, "main.cf: smtp_tls_CApath: there is no directory /nowhere"),
        ({"smtp_tls_secure_cert_match": "nexthp"}, "main.cf: smtp_tls_secure_cert_match: 'nexthp' is taken for a name"),
        ({"smtp_tls_protocols": "<=TLSv1.1"}, "main.cf: smtp_tls_protocols: '<=TLSv1.1' leaves no protocol"),
        ({"smtp_tls_scert_verifydepth": "-1"}, "main.cf: smtp_tls_scert_verifydepth: '-1' is less than nothing"),
        ({"access_map_reject_code": "200"}, "main.cf: access_map_reject_code: '200' is no reply that turns"),
        ({"smtpd_etrn_restrictions": "rejct"}, "smtpd_etrn_restrictions: there is no restriction 'rejct'"),
        ({"smtpd_data_restrictions": "check_policy_service unix:private/x"}, "smtpd_data_restrictions: check_policy"),
        ({"smtp_tls_policy_maps": "inline:{{a.example=encript}}"}, "smtp_tls_policy_maps: a.example: 'encript' is not"),
        ({"smtp_fallback_relay": "[a.example]:smpt"}, "main.cf: smtp_fallback_relay: there is no port smpt"),
        ({"transport_maps": "static:discard:"}, "main.cf: transport_maps: discard delivers nothing"),
        ({"postlog_service_name": "nothing"}, "master.cf: nothing/unix-dgram is gone"),
        ({"virtual_alias_maps": "/etc/virtual"}, "main.cf: virtual_alias_maps: '/etc/virtual' is no table"),
        ({"virtual_uid_maps": "static:vmail"}, "main.cf: virtual_uid_maps: 'static:vmail' is no number"),
        ({"lmtp_tcp_port": "lmpt"}, "main.cf: lmtp_tcp_port: there is no port 'lmpt'"),
        ({"lmtp_lhlo_name": "mx 1"}, "main.cf: lmtp_lhlo_name: 'mx 1' is no name of a host"),
        ({"internal_mail_filter_classes": "notfy"}, "main.cf: internal_mail_filter_classes: 'notfy' is no class"),
        ({"smtpd_policy_service_default_action": "DUNO"}, "main.cf: smtpd_policy_service_default_action: 'DUNO' is no"),
        ({"local_header_rewrite_clients": "permit"}, "main.cf: local_header_rewrite_clients: 'permit' is no such"),
        ({"relay_destination_rate_delay": "1q"}, "main.cf: relay_destination_rate_delay: '1q' is no time"),
        ({"ours_initial_destination_concurrency": "x"}, "main.cf: ours_initial_destination_concurrency: 'x' is no num"),
        ({"syslog_name": ""}, "main.cf: syslog_name: it is empty"),
        ({"default_database_type": "hsh"}, "default_database_type: this Postfix knows no tables of type hsh"),
        ({"mail_spool_directory": "/nowhere"}, "main.cf: mail_spool_directory: there is no directory /nowhere"),
        ({"mailbox_command": "/nowhere/agent -d x"}, "main.cf: mailbox_command: there is no /nowhere/agent"),
        ({"fallback_transport": "nobody:"}, "main.cf: fallback_transport: master.cf has no service nobody"),
    ],
    ids=lambda it: " ".join(it) if isinstance(it, dict) else "",
)
def test_what_nobody_can_use_is_found(host, parameters: dict[str, str], says: str) -> None:
    found = new(host, **parameters)
    assert found
    assert all(it.startswith(says) for it in found), found


@pytest.mark.parametrize(
    "parameters",
    [
        {"smtpd_client_restrictions": LOGIN, "smtpd_sasl_auth_enable": "yes", "smtpd_sasl_type": "dovecot"},
        {"smtpd_client_restrictions": "permit_mynetworks, reject"},
        {"smtp_tls_wrappermode": "yes", "relayhost": "[mail.example]:465"},
        {"smtp_tls_exclude_ciphers": "MD5, aNULL"},
        {"smtpd_tls_session_cache_database": "btree:/nowhere/cache"},
        {"my_own": "hash:/nowhere"},
        {"smtpd_data_restrictions": "check_policy_service { inet:127.0.0.1:9, timeout=1s }, reject_unauth_pipelining"},
        {"smtp_tls_secure_cert_match": "nexthop, dot-nexthop, mail, mx.a.example"},
        {"postscreen_dnsbl_whitelist_threshold": "-1"},
        {"smtp_tls_protocols": "!SSLv2, !SSLv3"},
        {"transport_maps": "inline:{{a.example=discard:}}"},
        {"virtual_alias_maps": "inline:{ {a=b c} }, static:{d e}", "virtual_uid_maps": "static:5000"},
        {"local_header_rewrite_clients": "permit_mynetworks check_address_map inline:{{192.0.2.1=OK}}"},
        {"smtpd_policy_service_default_action": "451 4.3.5 Later", "smtp_helo_name": "[IPv6:2001:db8::1]"},
        {"mailbox_command": 'exec cat; exit "$?"', "smtpd_expansion_filter": "a-z"},
        {"default_destination_concurrency_negative_feedback": "1/5", "ours_destination_recipient_limit": "1"},
        {"address_verify_relayhost": ""},
    ],
    ids=" ".join,
)
def test_what_somebody_uses_is_not(host, parameters: dict[str, str]) -> None:
    assert new(host, **parameters) == []


PIECES = (
    *(
        "$",
        "${",
        "}",
        "$?",
        "${a?b}",
        "$(x)",
        "$myhostname",
        "{",
        "{ ",
        "[",
        "]",
        "[::1]:25",
        "[192.0.2.1",
        ":",
        "=",
        "!",
    ),
    *(
        ",",
        ", ",
        " ",
        "a",
        "9",
        "-1",
        "é",
        "\udc80",
        "/",
        "/x",
        "192.0.2.1/33",
        "::/0",
        "static:",
        "inline:{",
        "hash:/x",
    ),
    *("proxy:", "unix:private/x", "smtp:", "secure", "match=", "tafile=", "may", "reject", "warn_if_reject", "sleep"),
    *("check_client_access", "check_policy_service"),
)
NAMES = sorted(catalogue.parameters())
TEXTS = st.lists(st.sampled_from(PIECES), max_size=6).map("".join)


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.dictionaries(st.sampled_from(NAMES), TEXTS, min_size=1, max_size=5), TEXTS, TEXTS)
def test_whatever_stands_there_is_read_to_its_end(host, parameters: dict[str, str], key: str, value: str) -> None:
    text = host.text("main.cf") + "".join(f"{name} = {value}\n" for name, value in parameters.items())
    files = {
        "main_cf": text.encode("utf-8", "surrogateescape"),
        "policy": f"{key} {value}\n".encode("utf-8", "surrogateescape"),
    }
    for name, told in static.faults(host.candidate(**files), host.config):
        assert name
        assert told


def test_what_was_so_before_stops_nothing(host) -> None:
    host.instance.configure(transport_maps="hash:/nowhere", smtpd_helo_restrictions="reject")
    assert new(host, smtpd_tls_loglevel="1") == []


LEVEL = ParameterAddress("smtpd_tls_security_level")


def lost(host, *planned: Address, main_cf: str = "", master_cf: str = "") -> list[str]:
    """What the candidate takes away, without the ports."""
    made = host.candidate(main_cf=main_cf or host.text("main.cf"), master_cf=master_cf or host.text("master.cf"))
    made = replace(made, planned=frozenset(planned))
    return [text.partition("/inet")[2] for _, text in static.faults(made, host.config) if "the plan does not" in text]


def test_what_the_plan_does_not_take_away_has_to_stay(host) -> None:
    without = host.text("main.cf") + "smtpd_tls_security_level = none\n"
    said = [": its level would go from may to none, and the plan does not say so"]
    assert lost(host, main_cf=without) == said
    assert lost(host, ParameterAddress("smtpd_tls_loglevel"), main_cf=without) == said
    assert lost(host, LEVEL, main_cf=without) == []
    by_name = without.replace("= none", "= $our_level")
    assert lost(host, ParameterAddress("our_level"), main_cf=by_name) == []


def test_a_listener_goes_only_where_the_plan_says_so(host) -> None:
    port = host.instance.smtpd_port
    text = host.text("master.cf")
    service = ServiceAddress(f"127.0.0.1:{port}")
    gone = text.replace(f"127.0.0.1:{port} ", f"#127.0.0.1:{port} ")
    assert lost(host, master_cf=gone) == [" would be gone, and the plan does not say so"]
    assert lost(host, service, master_cf=gone) == []
    assert lost(host, OptionAddress(service, "smtpd_tls_security_level"), master_cf=gone) == []
    assert lost(host, master_cf=text.replace(f"127.0.0.1:{port} ", f"localhost:{port} ")) == []
    disabled = host.text("main.cf") + f"master_service_disable = 127.0.0.1:{port}.inet\n"
    assert lost(host, main_cf=disabled) == [" would be gone, and the plan does not say so"]


def test_other_servers_need_a_listener_as_long_as_they_had_one(host) -> None:
    demand = "\n  -o smtpd_sasl_auth_enable=yes -o smtpd_client_restrictions=permit_sasl_authenticated,reject\n"
    before, port = host.text("master.cf"), host.instance.smtpd_port
    mx = next(line for line in before.splitlines() if line.startswith(f"127.0.0.1:{port} "))
    closed = before.replace(mx, mx + demand)

    def told(text: str) -> list[str]:
        found = static.faults(host.candidate(master_cf=text), host.config)
        return [it for _, it in found if CLOSED in it]

    assert told(closed) == [f"master.cf: 127.0.0.1:{port}: no listener is left that takes mail without a login"]
    assert told(f"{closed}127.0.0.1:20025 inet n - n - - smtpd\n") == []
    host.instance.write("master.cf", before.replace(mx, mx.replace(f":{port}", ":submission")))
    assert told(closed.replace(mx, mx.replace(f":{port}", ":submission"))) == []  # where users come, and never servers
