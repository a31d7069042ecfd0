"""What is wanted, what is live, what was last applied: every combination, and what the plan says of it."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from reconciler.model.plan import Disruption, Plan, Reason, Reload, Why
from reconciler.report import text

Make = Callable[..., Any]
MASTER = "smtp      inet  n       -       y       -       -       smtpd\n"
BASE = "enforce: all\ncertificates: {default: unmanaged}\n"


def addresses(made: Plan) -> list[str]:
    return [f"{text.symbol(change)} {change.address}" for change in made.changes]


def test_a_host_that_matches_is_adopted_and_not_touched(host: Make) -> None:
    mx = host(main="myhostname = mx1.example.org\nsmtp_tls_loglevel = 1\n")
    made = mx.plan(BASE + "outgoing: {loglevel: 1}")
    assert made.is_empty
    assert made.edits == ()
    assert {str(where): entry.adopted for where, entry in made.record.items()} == {"main.cf/smtp_tls_loglevel": "1"}


def test_tidying_away_an_adopted_section_changes_nothing_on_the_host(host: Make) -> None:
    mx = host(main="myhostname = mx1.example.org\nsmtp_tls_loglevel = 1\n").applied(BASE + "outgoing: {loglevel: 1}")
    made = mx.plan(BASE)
    assert addresses(made) == [". main.cf/smtp_tls_loglevel"]
    assert made.edits == ()


def test_a_value_equal_to_the_default_is_no_change(host: Make) -> None:
    assert host().plan(BASE + "outgoing: {loglevel: 0}").is_empty


def test_a_value_in_other_words_is_no_change(host: Make) -> None:
    mx = host(main="smtpd_tls_session_cache_timeout = 1h\nsmtp_tls_protocols = !SSLv2, !SSLv3, !TLSv1, !TLSv1.1\n")
    state = BASE + 'incoming: {session_cache_timeout: 3600s}\noutgoing: {protocols: ">=TLSv1.2"}\n'
    assert mx.plan(state).is_empty


@pytest.mark.parametrize(
    ("hand", "state", "why", "reason"),
    [
        ("2", "1", Why.CORRECTIVE, Reason.DRIFT_DETECTED),  # only the host moved
        ("1", "2", Why.INTENTIONAL, Reason.DECLARED),  # only git moved
        ("3", "2", Why.INTENTIONAL, Reason.DECLARED),  # both moved: git wins, and the drift is shown
    ],
)
def test_a_change_is_corrective_or_intentional(host: Make, hand: str, state: str, why: Why, reason: Reason) -> None:
    mx = host().applied(BASE + "outgoing: {loglevel: 1}")
    if hand != "1":
        mx = mx.edited("smtp_tls_loglevel = 1", f"smtp_tls_loglevel = {hand}")
    made = mx.plan(BASE + f"outgoing: {{loglevel: {state}}}")
    (change,) = made.changes
    assert (change.before, change.after, change.why, change.reason) == (hand, state, why, reason)
    assert bool(made.drift) == (hand != "1")


def test_somebody_who_did_by_hand_what_git_now_says_leaves_nothing_to_do(host: Make) -> None:
    mx = host().applied(BASE + "outgoing: {loglevel: 1}").edited("smtp_tls_loglevel = 1", "smtp_tls_loglevel = 2")
    assert mx.plan(BASE + "outgoing: {loglevel: 2}").is_empty


def test_undeclaring_goes_back_to_what_stood_there(host: Make) -> None:
    mx = host(main="smtp_tls_loglevel = 3\n")
    again = mx.applied(BASE + "outgoing: {loglevel: 1}").applied(BASE)
    assert again.main == mx.main
    assert again.plan(BASE).is_empty


def test_what_somebody_else_changed_meanwhile_is_shown_and_left(host: Make) -> None:
    mx = host().applied(BASE + "outgoing: {loglevel: 1}").edited("smtp_tls_loglevel = 1", "smtp_tls_loglevel = 4")
    made = mx.plan(BASE)
    (change,) = made.changes
    assert (change.forget, change.reason) == (True, Reason.CONFLICT)
    assert "smtp_tls_loglevel = 4" in mx.after(made).main
    assert mx.after(made).plan(BASE).is_empty


def test_removing_an_option_by_hand_that_main_cf_says_too_is_no_drift(host: Make) -> None:
    state = BASE + "submission: {sasl: {type: dovecot, path: private/auth}}\n"
    mx = host(main="smtpd_tls_auth_only = yes\n").applied(state)
    assert mx.edited("  -o smtpd_tls_auth_only=yes\n", "").plan(state).is_empty


def test_an_option_is_written_where_main_cf_is_about_to_say_something_else(host: Make) -> None:
    state = (
        BASE + "incoming: {mandatory_ciphers: medium}\nsubmission: {ciphers: high, sasl: {type: dovecot, path: x}}\n"
    )
    master = "smtp inet n - y - - smtpd\nsubmission inet n - y - - smtpd\n"
    mx = host(main="smtpd_tls_mandatory_ciphers = high\n", master=master)
    assert "+ master.cf/submission/inet/-o/smtpd_tls_mandatory_ciphers" in addresses(mx.plan(state))
    assert mx.applied(state).plan(state).is_empty


def test_disabling_removes_and_undeclaring_brings_back(host: Make) -> None:
    master = "smtp inet n - y - - smtpd\n587 inet n - n - 7 smtpd -o smtpd_tls_auth_only=yes\n  -o syslog_name=x\n"
    mx = host(master=master)
    gone = mx.applied(BASE + "submission: {enabled: false}\n")
    assert "587" not in gone.master
    back = gone.applied(BASE)
    found = back.plan(BASE + "submission: {enabled: false}\n")
    assert "- master.cf/submission/inet" in addresses(found)
    assert "-o smtpd_tls_auth_only=yes" in back.master
    assert "n       -       n       -       7" in back.master


def test_rows_of_others_in_a_found_table_stay_and_in_a_made_one_go(host: Make) -> None:
    state = BASE + "outgoing: {policies: {bank.example: encrypt}}\n"
    found = host(
        main="smtp_tls_policy_maps = hash:/etc/postfix/tls_policy\n", tables={"tls_policy": b"other.example may\n"}
    )
    assert found.applied(state).tables["tls_policy"] == b"other.example may\nbank.example encrypt\n"
    made = host().applied(state)
    foreign = type(made)(
        made.main, made.master, {"tls_policy": made.tables["tls_policy"] + b"x.example none\n"}, {}, made.last
    )
    plan = foreign.plan(state)
    assert addresses(plan) == ["- table/tls_policy#x.example"]
    assert plan.changes[0].why is Why.CORRECTIVE


def test_a_table_named_by_its_absolute_path_is_the_same_table(host: Make) -> None:
    mx = host(
        main="smtp_tls_policy_maps = hash:/etc/postfix/tls_policy\n", tables={"tls_policy": b"bank.example encrypt\n"}
    )
    assert mx.plan(BASE + "outgoing: {policies: {bank.example: encrypt}}\n").is_empty


def test_our_table_is_put_beside_another_that_stands_there(host: Make) -> None:
    mx = host(main="smtp_tls_policy_maps = mysql:/etc/postfix/policy.cf\n")
    after = mx.applied(BASE + "outgoing: {policies: {bank.example: encrypt}}\n")
    assert "smtp_tls_policy_maps = hash:$config_directory/tls_policy mysql:/etc/postfix/policy.cf\n" in after.main
    assert after.applied(BASE).main == mx.main


@pytest.mark.parametrize(
    ("state", "disruption", "reloads"),
    [
        ("outgoing: {policies: {bank.example: encrypt, new.example: encrypt}}", Disruption.POSTMAP, False),
        ("outgoing: {policies: {bank.example: encrypt}, loglevel: 1}", Disruption.RELOAD, True),
        ("outgoing: {policies: {bank.example: encrypt}, policy_table: 'texthash:tls_policy'}", Disruption.RELOAD, True),
    ],
)
def test_the_action_is_the_least_that_works(host: Make, state: str, disruption: Disruption, reloads: bool) -> None:
    made = host().applied(BASE + "outgoing: {policies: {bank.example: encrypt}}\n").plan(BASE + state + "\n")
    assert disruption in {change.disruption for change in made.changes}
    assert any(isinstance(action, Reload) for action in made.actions) == reloads


def test_what_is_observed_is_shown_and_not_changed(host: Make) -> None:
    made = host().plan("outgoing: {loglevel: 1}\n")
    assert made.is_empty
    assert [str(it.address) for it in made.observed] == ["main.cf/smtp_tls_loglevel"]
    assert made.record == {}


def test_git_revert_reverts(host: Make) -> None:
    first = BASE + "outgoing: {policies: {bank.example: encrypt}}\n"
    second = BASE + "outgoing: {policies: {bank.example: encrypt, new.example: secure}, loglevel: 1}\n"
    once = host().applied(first)
    back = once.applied(second).plan(first)
    assert back.blockers == ()
    assert once.applied(second).after(back).tables == once.tables
    assert once.applied(second).after(back).main == once.main


def test_a_table_named_through_proxymap_is_the_same_table(host: Make) -> None:
    main = "smtp_tls_policy_maps = proxy:hash:$config_directory/tls_policy\n"
    mx = host(main=main, tables={"tls_policy": b"bank.example encrypt\n"})
    assert mx.plan(BASE + "outgoing: {policies: {bank.example: encrypt}}\n").is_empty


BOTH = (
    BASE
    + """\
submission: {sasl: {type: dovecot, path: private/auth}}
submissions: {sasl: {type: dovecot, path: private/auth}}
"""
)


def test_a_service_removed_whole_is_not_taken_for_one_that_lost_its_header(host: Make) -> None:
    """submission ends as submissions did; its options are its own."""
    mx = host().applied(BOTH)
    start = mx.master.index("submissions inet")
    end = (
        mx.master.index("submission inet") if mx.master.index("submission inet") > start else mx.master.index("pickup")
    )
    healed = mx.edited(mx.master[start:end], "").applied(BOTH)
    assert healed.plan(BOTH).is_empty
    assert sorted(healed.master.splitlines()) == sorted(mx.master.splitlines())


@pytest.mark.parametrize("service", ["submission", "submissions"])
def test_a_header_commented_out_gives_its_options_to_the_neighbour_and_gets_them_back(host: Make, service: str) -> None:
    mx = host().applied(BOTH)
    edited = mx.edited(f"\n{service} ", f"\n#{service} ")
    healed = edited.applied(BOTH)
    assert healed.plan(BOTH).is_empty
    lines = [line for line in healed.master.splitlines() if not line.startswith("#")]
    assert sorted(lines) == sorted(mx.master.splitlines())


def test_a_header_commented_out_is_seen_although_an_option_equal_to_the_default_went_before(host: Make) -> None:
    """And an option that somebody added at the end: everything behind the comment is the service's."""
    cyrus = BASE + "submissions: {sasl: {type: cyrus, path: smtpd}}\n"
    mx = host().applied(cyrus).edited("  -o smtpd_sasl_type=cyrus\n", "")
    assert mx.plan(cyrus).is_empty
    end = "  -o smtpd_relay_restrictions=permit_sasl_authenticated,reject\n"
    lost = mx.edited("\nsubmissions ", "\n#submissions ").edited(end, end + "  -o smtpd_tls_loglevel=1\n")
    healed = lost.applied(cyrus)
    assert healed.master.splitlines()[0] == mx.master.splitlines()[0]
    assert not healed.master.splitlines()[1].startswith(" ")
    assert healed.plan(cyrus).is_empty


def test_an_argument_added_to_our_service_goes_once(host: Make) -> None:
    state = BASE + "submission: {sasl: {type: dovecot, path: private/auth}}\n"
    mx = host().applied(state)
    line = next(line for line in mx.master.splitlines() if line.startswith("submission "))
    edited = mx.edited(line, f"{line} -v")
    assert addresses(edited.plan(state)) == ["~ master.cf/submission/inet"]
    assert edited.applied(state).master == mx.master


def test_what_a_disabled_service_was_comes_back_with_its_arguments_and_every_option(host: Make) -> None:
    master = (
        MASTER
        + "submission inet n - n - - smtpd -v\n  -o smtpd_sasl_auth_enable=no\n  -o smtpd_client_restrictions=reject\n"
    )
    back = host(master=master).applied(BASE + "submission: {enabled: no}\n").applied(BASE)
    service = back.master[back.master.index("submission") :].splitlines()
    assert service[0].split() == ["submission", "inet", "n", "-", "n", "-", "-", "smtpd", "-v"]
    assert sorted(service[1:3]) == ["  -o smtpd_client_restrictions=reject", "  -o smtpd_sasl_auth_enable=no"]


def test_chain_files_take_the_place_of_the_older_pair_and_give_it_back(host: Make) -> None:
    main = "smtpd_tls_cert_file=/etc/ssl/certs/snakeoil.pem\nsmtpd_tls_key_file=/etc/ssl/private/snakeoil.key\n"
    state = "enforce: all\ncertificates: {default: {chain_files: [a.pem], until_present: self_signed}}\n"
    mx = host(main=main)
    made = mx.plan(state)
    assert {"- main.cf/smtpd_tls_cert_file", "- main.cf/smtpd_tls_key_file"} <= set(addresses(made))
    assert mx.after(made).main == "smtpd_tls_chain_files = $config_directory/a.pem\n"
    back = mx.after(made).applied(BASE).main
    assert sorted(line.replace(" = ", "=") for line in back.splitlines()) == sorted(main.splitlines())


def test_the_older_pair_takes_the_place_of_chain_files(host: Make) -> None:
    state = "enforce: all\ncertificates: {default: {cert_file: c.pem, key_file: k.pem, until_present: self_signed}}\n"
    made = host(main="smtpd_tls_chain_files = /etc/ssl/a.pem\n").plan(state)
    assert "- main.cf/smtpd_tls_chain_files" in addresses(made)


def test_what_is_undeclared_in_an_observed_part_stays(host: Make) -> None:
    mx = host().applied(BASE + "outgoing: {loglevel: 1}\nincoming: {loglevel: 1}\n")
    made = mx.plan("enforce: [incoming]\nincoming: {loglevel: 1}\n")
    assert made.is_empty
    assert [str(it.address) for it in made.observed] == ["main.cf/smtp_tls_loglevel"]
    assert mx.after(made).plan(BASE + "outgoing: {loglevel: 1}\nincoming: {loglevel: 1}\n").is_empty


def test_lines_that_are_no_rows_go_from_a_table_that_is_managed_whole(host: Make) -> None:
    state = BASE + "incoming: {policies: {clients: [192.0.2.0/24]}}\n"
    mx = host().applied(state)
    conditional = mx.tables["tls_clients"].replace(b"192.0.2", b"if 10.0.0.0/8\n192.0.2") + b"endif\n"
    edited = type(mx)(mx.main, mx.master, {"tls_clients": conditional}, {}, mx.last)
    assert edited.applied(state).tables == mx.tables


@pytest.mark.parametrize(
    ("parameter", "value"),
    [
        ("smtp_tls_policy_maps", "static:none, hash:$config_directory/tls_policy"),
        ("smtp_tls_policy_maps", "hash:/etc/postfix/tls_policy"),
    ],
)
def test_a_table_that_answers_everything_keeps_ours_from_being_asked(host: Make, parameter: str, value: str) -> None:
    state = BASE + "outgoing: {policies: {bank.example: encrypt}}\n"
    mx = host(main=f"{parameter} = {value}\n", tables={"tls_policy": b"bank.example encrypt\n"})
    assert mx.plan(state).is_empty is not value.startswith("static")
    assert mx.applied(state).plan(state).is_empty
