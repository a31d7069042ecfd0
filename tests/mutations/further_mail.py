"""Further harmful mutations: master.cf, listeners, logins, restrictions, routes, and main.cf as text."""

from __future__ import annotations

from collections.abc import Callable

from tests.mutations.cases import Files, Mutation, append, column, main, master, put
from tests.mutations.further_tls import value
from tests.mutations.site import Site


def text(old: str, new: str) -> Callable[[Site], Files]:
    """Replace text of main.cf."""

    def files(site: Site) -> Files:
        before = site.read("main.cf").decode()
        assert old in before, old
        return {"main.cf": before.replace(old, new, 1).encode()}

    return files


def both(*parts: Callable[[Site], Files]) -> Callable[[Site], Files]:
    """Changes of different files."""
    return lambda site: {name: content for part in parts for name, content in part(site).items()}


def _postscreen(*, behind: bool = True, proxy: bool = True, blocks: bool = True) -> Callable[[Site], Files]:
    """postscreen in front of the MX, with what it needs."""

    def files(site: Site) -> Files:
        lines = site.read("master.cf").decode().split("\n")
        at = next(at for at, line in enumerate(lines) if line.startswith(f"127.0.0.1:{site.instance.smtpd_port} "))
        lines[at] = f"127.0.0.1:{site.instance.smtpd_port} inet n - n - 1 postscreen"
        if behind:
            lines.insert(at + 1, "smtpd pass - - n - - smtpd")
        if proxy:
            lines.insert(at + 1, "tlsproxy unix - - n - 0 tlsproxy")
        if blocks:
            lines.insert(at + 1, "dnsblog unix - - n - 0 dnsblog")
        return {"master.cf": "\n".join(lines).encode()}

    return files


_RESTRICTED = "smtpd_client_restrictions=permit_sasl_authenticated,reject"

FURTHER_MAIL = (
    Mutation("master.cf", "submission twice, without its options",
             lambda s: {"master.cf": s.read("master.cf") + f"127.0.0.1:{s.submission} inet n - n - - smtpd\n".encode()}),
    Mutation("master.cf", "smtp twice, the second without TLS",
             append("smtp unix - - n - - smtp\n  -o smtp_tls_security_level=none\n", "master.cf")),
    Mutation("master.cf", "cleanup private", column("cleanup", 2, "y")),
    Mutation("master.cf", "tlsmgr public", column("tlsmgr", 2, "n")),
    Mutation("master.cf", "pickup private", column("pickup", 2, "y")),
    Mutation("master.cf", "qmgr private", column("qmgr", 2, "y")),
    Mutation("master.cf", "showq private", column("showq", 2, "y")),
    Mutation("master.cf", "rewrite public", column("rewrite", 2, "n")),
    Mutation("master.cf", "bounce public", column("bounce", 2, "n")),
    Mutation("master.cf", "qmgr more than once", column("qmgr", 6, "2")),
    Mutation("master.cf", "tlsmgr more than once", column("tlsmgr", 6, "0")),
    Mutation("master.cf", "verify more than once", column("verify", 6, "-")),
    Mutation("master.cf", "anvil more than once", column("anvil", 6, "5")),
    Mutation("master.cf", "scache more than once", column("scache", 6, "-")),
    Mutation("master.cf", "pickup more than once", column("pickup", 6, "2")),
    Mutation("master.cf", "virtual without privileges", column("virtual", 3, "y")),
    Mutation("master.cf", "virtual in the jail", column("virtual", 4, "y")),
    Mutation("master.cf", "smtpd keeps its privileges", column("SUBMISSION", 3, "n")),
    Mutation("master.cf", "proxymap in the jail", both(column("proxymap", 4, "y"),
                                                         main(smtp_tls_policy_maps="proxy:hash:ETC/policy"))),
    Mutation("master.cf", "process limit -1", column("SUBMISSION", 6, "-1")),
    Mutation("master.cf", "unprivileged x", column("cleanup", 3, "x")),
    Mutation("master.cf", "smtp runs lmtp", column("smtp", 7, "lmtp")),
    Mutation("master.cf", "only so many cleanups", column("cleanup", 6, "20")),
    Mutation("master.cf", "bounce discards", column("bounce", 7, "discard")),
    Mutation("master.cf", "retry runs smtp", column("retry", 7, "smtp")),
    Mutation("master.cf", "option nobody knows", column("SUBMISSION", 7, "smtpd -y")),
    Mutation("master.cf", "an argument too many", column("SUBMISSION", 7, "smtpd smtpd_tls_auth_only=yes")),
    Mutation("master.cf", "type of tlsmgr", column("tlsmgr", 1, "fifo")),
    Mutation("master.cf", "path as command", column("SUBMISSION", 7, "/usr/local/sbin/smtpd")),
    Mutation("master.cf", "no retry", master("retry                  unix", "#retry unix")),
    Mutation("master.cf", "no anvil", master("anvil                  unix", "#anvil unix")),
    Mutation("master.cf", "options indented by nothing", master("  -o syslog_name=postfix/submissions", "-o syslog_name=x")),
    Mutation("master.cf", "braces that do not close", master("-o smtpd_tls_wrappermode=yes", "-o { smtpd_tls_wrappermode = yes")),
    Mutation("master.cf", "blank in the value", master("permit_sasl_authenticated,reject", "permit_sasl_authenticated, reject")),
    Mutation("master.cf", "submission: bool misspelt", master("smtpd_sasl_auth_enable=yes", "smtpd_sasl_auth_enable=ja")),
    Mutation("postscreen", "nothing behind it", _postscreen(behind=False)),
    Mutation("postscreen", "no tlsproxy", _postscreen(proxy=False)),
    Mutation("postscreen", "time: 1q", both(_postscreen(), main(postscreen_greet_wait="1q"))),
    Mutation("postscreen", "action nobody knows", both(_postscreen(), main(postscreen_greet_action="enforced"))),
    Mutation("postscreen", "access list missing", both(_postscreen(), main(postscreen_access_list="cidr:/nonexistent"))),
    Mutation("postscreen", "block lists without dnsblog", both(
        _postscreen(blocks=False), main(postscreen_dnsbl_sites="zen.example.org*2"))),
    value("service name", "tlsmgr", tlsmgr_service_name="tls-manager"),
    value("service name", "cleanup", cleanup_service_name="clean"),
    value("service name", "queue", queue_service_name="nqmgr"),
    value("service name", "rewrite", rewrite_service_name="resolve"),
    value("service name", "bounce", bounce_service_name="bouncer"),
    value("service name", "scache", connection_cache_service_name="cache"),
    Mutation("listener", "submission under TLS from the first byte",
             master("smtpd_tls_security_level=encrypt", "smtpd_tls_security_level=encrypt\n  -o smtpd_tls_wrappermode=yes")),
    Mutation("listener", "submissions no longer from the first byte",
             master("-o smtpd_tls_wrappermode=yes", "-o smtpd_tls_security_level=encrypt")),
    Mutation("listener", "client certificates asked of users",
             master("smtpd_tls_security_level=encrypt", "smtpd_tls_security_level=encrypt\n  -o smtpd_tls_req_ccert=yes")),
    value("listener", "client certificates asked of all", smtpd_tls_req_ccert="yes"),
    value("listener", "no STARTTLS is offered", smtpd_discard_ehlo_keywords="starttls"),
    value("listener", "STARTTLS hidden by address", smtpd_discard_ehlo_keyword_address_maps="static:starttls"),
    value("listener", "XCLIENT for everybody", smtpd_authorized_xclient_hosts="0.0.0.0/0"),
    value("listener", "proxy protocol nobody knows", smtpd_upstream_proxy_protocol="squid"),
    value("listener", "milter that is no address", smtpd_milters="opendkim"),
    value("listener", "milter of a type nobody knows", smtpd_milters="tcp:localhost:8891"),
    value("listener", "milter default action", smtpd_milters="inet:127.0.0.1:9", milter_default_action="ignore"),
    value("sasl", "type empty", smtpd_sasl_type=""),
    value("sasl", "socket of another place", smtpd_sasl_path="/run/dovecot/auth"),
    value("sasl", "port where nobody listens", smtpd_sasl_path="inet:127.0.0.1:9"),
    value("sasl", "nobody may log in", smtpd_sasl_exceptions_networks="0.0.0.0/0"),
    value("sasl", "hidden by address", smtpd_discard_ehlo_keyword_address_maps="static:auth"),
    value("sasl", "plaintext passwords without TLS", smtpd_sasl_auth_enable="yes"),
    value("sasl", "mechanisms filtered away", smtpd_sasl_mechanism_filter="gssapi", smtp_sasl_auth_enable="yes"),
    Mutation("sasl", "submission: cyrus without a configuration",
             master("smtpd_sasl_auth_enable=yes", "smtpd_sasl_auth_enable=yes\n  -o smtpd_sasl_type=cyrus\n  -o smtpd_sasl_path=nothing")),
    Mutation("sasl", "submission: no plaintext mechanisms",
             master("smtpd_sasl_auth_enable=yes", "smtpd_sasl_auth_enable=yes\n  -o smtpd_sasl_security_options=noanonymous,noplaintext")),
    Mutation("sasl", "submissions: options misspelt",
             master("-o smtpd_tls_wrappermode=yes", "-o smtpd_tls_wrappermode=yes\n  -o smtpd_sasl_tls_security_options=none")),
    value("sasl", "smtp: logs in without passwords", smtp_sasl_auth_enable="yes"),
    value("sasl", "smtp: password table missing", smtp_sasl_auth_enable="yes", smtp_sasl_password_maps="hash:/nonexistent"),
    value("sasl", "smtp: type of servers", smtp_sasl_auth_enable="yes", smtp_sasl_password_maps="static:a:b",
          smtp_sasl_type="dovecot"),
    value("sasl", "smtp: security option unknown", smtp_sasl_auth_enable="yes", smtp_sasl_password_maps="static:a:b",
          smtp_sasl_security_options="noanonimous"),
    Mutation("restrictions", "submission: only own networks", master(_RESTRICTED, "smtpd_client_restrictions=permit_mynetworks,reject")),
    Mutation("restrictions", "submission: refused before the login counts",
             master(_RESTRICTED, "smtpd_client_restrictions=reject_plaintext_session,reject,permit_sasl_authenticated")),
    Mutation("restrictions", "submission: misspelt", master(_RESTRICTED, "smtpd_client_restrictions=permit_sasl_authenticatd,reject")),
    Mutation("restrictions", "submission: everybody", master(_RESTRICTED, "smtpd_client_restrictions=permit\n  -o smtpd_relay_restrictions=permit_mynetworks,permit,reject")),
    value("restrictions", "who has logged in may not relay", smtpd_relay_restrictions="permit_mynetworks, reject_unauth_destination"),
    value("restrictions", "the login comes too late",
          smtpd_relay_restrictions="permit_mynetworks, reject_unauth_destination, permit_sasl_authenticated"),
    value("restrictions", "everybody may relay", smtpd_relay_restrictions="permit_mynetworks, permit, reject_unauth_destination"),
    value("restrictions", "every recipient is fine", smtpd_relay_restrictions="check_recipient_access static:OK, reject_unauth_destination"),
    value("restrictions", "the whole net is ours", mynetworks="0.0.0.0/0"),
    value("restrictions", "networks misspelt", mynetworks="127.0.0.0/99"),
    value("restrictions", "networks with host bits", mynetworks="127.0.0.1/8"),
    value("restrictions", "misspelt for recipients", smtpd_recipient_restrictions="permit_mynetworks, reject_unauth_destinations"),
    value("restrictions", "check without a table", smtpd_recipient_restrictions="check_recipient_access, reject_unauth_destination"),
    value("restrictions", "policy service that is no address", smtpd_recipient_restrictions="check_policy_service policyd, permit_mynetworks"),
    value("restrictions", "helo restriction unknown", smtpd_helo_restrictions="reject_bad_helo"),
    value("restrictions", "no domain is ours", mydestination=""),
    value("route", "relayhost: bracket", relayhost="[smtp.partner.example"),
    value("route", "relayhost: port nobody knows", relayhost="[smtp.partner.example]:submision"),
    value("route", "relayhost: port behind a blank", relayhost="[smtp.partner.example] 587"),
    value("route", "relayhost: port out of range", relayhost="[smtp.partner.example]:587000"),
    value("route", "relayhost on 587 from the first byte", relayhost="[smtp.partner.example]:587",
          smtp_tls_wrappermode="yes", smtp_tls_security_level="encrypt"),
    value("route", "default transport that is not there", default_transport="smtps"),
    value("route", "relay transport that is not there", relay_transport="realy"),
    value("route", "virtual transport that is not there", virtual_transport="dovecot"),
    value("route", "local transport that is not there", local_transport="lmtps:unix:private/dovecot"),
    value("route", "content filter that is not there", content_filter="smtp-amavis:[127.0.0.1]:10024"),
    value("route", "smtp bound to what is no address", smtp_bind_address="all"),
    value("address", "interfaces of another host", inet_interfaces="192.0.2.1"),
    value("address", "interfaces that are no name", inet_interfaces="nobody.invalid"),
    value("address", "IPv6 alone, listeners on IPv4", inet_protocols="ipv6"),
    value("address", "protocol nobody knows", inet_protocols="ipv5"),
    value("name", "myhostname empty", myhostname=""),
    value("name", "myhostname with a blank", myhostname="mx1 example.org"),
    value("name", "myhostname with two dots", myhostname="mx1..example.org"),
    value("path", "programs elsewhere", daemon_directory="/nonexistent"),
    value("path", "commands elsewhere", command_directory="/nonexistent"),
    value("path", "log where no log may be", maillog_file="/etc/postfix.log"),
    value("path", "log of a directory that is not there", maillog_file="/var/log/nonexistent/mail.log"),
    value("path", "state of chance elsewhere", tls_random_exchange_name="/nonexistent/prng_exch"),
    value("path", "source of chance relative", tls_random_source="urandom"),
    value("path", "OpenSSL's configuration", tls_config_file="/nonexistent.cnf"),
    value("path", "libraries elsewhere", shlib_directory="/nonexistent"),
    Mutation("main.cf", "next line indented", text("\nsmtpd_sasl_type", "\n  smtpd_sasl_type")),
    Mutation("main.cf", "continuation not indented", text("= permit_mynetworks, permit_sasl", "= permit_mynetworks,\npermit_sasl")),
    Mutation("main.cf", "cut off in the middle", put("main.cf", lambda s: s.read("main.cf")[:-400])),
    Mutation("main.cf", "a table", put("main.cf", lambda s: s.read("policy"))),
    Mutation("main.cf", "merge conflict", append("<<<<<<< HEAD\nsmtpd_tls_loglevel = 1\n=======\nsmtpd_tls_loglevel = 2\n>>>>>>> x\n")),
    Mutation("main.cf", "UTF-16", lambda s: {"main.cf": s.read("main.cf").decode().encode("utf-16")}),
    Mutation("main.cf", "master.cf in its place", lambda s: {"main.cf": s.read("master.cf"), "master.cf": s.read("main.cf")}),
    Mutation("main.cf", "a NUL in it", lambda s: {"main.cf": s.read("main.cf").replace(b"level = may", b"level = m\0ay", 1)}),
    Mutation("master.cf", "byte order mark", lambda s: {"master.cf": b"\xef\xbb\xbf" + s.read("master.cf")}),
    Mutation("master.cf", "cut off in the middle", put("master.cf", lambda s: s.read("master.cf")[:900])),
)  # fmt: skip
