from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from reconciler import live
from reconciler.incident.drift import Noted, Scene, attributes, found, note
from reconciler.model.address import Address, OptionAddress, ParameterAddress, RowAddress, ServiceAddress, TableAddress
from reconciler.model.drift import Cause, Drifted, Kind
from reconciler.model.plan import Change, Difference, Disruption, Drift, Plan, Reason, Why
from reconciler.model.presented import Presented
from reconciler.model.snapshot import Certificate, FileState, HostSnapshot, PemFile

DEFAULTS = (Path(__file__).parents[1] / "golden/postconf-d.txt").read_bytes()
NOW = datetime(2026, 11, 23, 12, tzinfo=UTC)
MAIN, MASTER = b"myhostname = mx1.test\n", b"smtp inet n - y - - smtpd\n"
PLAN = Plan("mx1", "", "/etc/postfix", "3.7.11", "1a2b", "repo", NOW.isoformat(), "d", ())
LEVEL = ParameterAddress("smtpd_tls_security_level")


def scene(plan: Plan = PLAN, main: bytes = MAIN, mode: int = 0o644, **more) -> Scene:
    files = {"/etc/postfix/main.cf": main, "/etc/postfix/master.cf": MASTER}
    about = {key: more.pop(key) for key in ("pems", "master_pid") if key in more}
    snapshot = HostSnapshot(
        config_directory="/etc/postfix",
        files={path: FileState(raw, mode, 0, 0, 0, path) for path, raw in files.items()},
        now=NOW, mail_version="3.7.11", defaults=DEFAULTS, table_types=frozenset({"hash"}), sasl_server_types=frozenset(),
        **{"master_pid": 1, **about},
    )  # fmt: skip
    return Scene(plan, live.read(snapshot), **more)


def told(scene: Scene, noted: Noted | None = None) -> list[tuple[str, str, str | None, str | None]]:
    return [(it.kind.value, it.subject, it.written, it.live) for it in found(scene, noted or Noted())]


def pem(days: int) -> PemFile:
    leaf = Certificate(
        "aa", "bb", "CN=mx1.test", ("mx1.test",), NOW - timedelta(days=60), NOW + timedelta(days=days), False
    )
    return PemFile("cc", (leaf,), "bb", ("key", "certificate"), 0o600, 0)


def test_each_address_has_its_kind() -> None:
    addresses: list[Address] = [
        LEVEL,
        OptionAddress(ServiceAddress("submission"), "x"),
        ServiceAddress("submission"),
        RowAddress("t", "k"),
        TableAddress("another"),
    ]
    plan = replace(PLAN, drift=tuple(Drift(it, "1", "2") for it in addresses))
    assert {it.kind for it in found(scene(plan), Noted())} == {
        Kind.PARAMETER, Kind.OPTION, Kind.SERVICE, Kind.TABLE_ROW, Kind.TABLE_STALE,
    }  # fmt: skip


def test_the_cause_is_that_of_the_change_and_what_is_observed_is_told_as_such() -> None:
    change = Change(LEVEL, "none", "may", Why.INTENTIONAL, Reason.DECLARED, Disruption.RELOAD)
    other = ParameterAddress("smtp_tls_loglevel")
    plan = replace(
        PLAN, changes=(change,), drift=(Drift(LEVEL, "encrypt", "none"),), observed=(Difference(other, "1", "2", None),)
    )
    assert {it.subject: it.cause for it in found(scene(plan), Noted())} == {
        str(LEVEL): Cause.INTENTIONAL,
        str(other): Cause.OBSERVED,
    }


def test_who_is_the_owner_of_the_file_and_the_audit_trail_where_there_is_one() -> None:
    plan = replace(PLAN, drift=(Drift(LEVEL, "may", None),))
    (without,) = found(scene(plan), Noted())
    (with_trail,) = found(scene(plan, audit={"/etc/postfix/main.cf": "login uid 1000 with /usr/bin/vim"}), Noted())
    assert str(without.who) == "file of uid 0, written 1970-01-01T00:00:00+00:00"
    assert str(with_trail.who) == "login uid 1000 with /usr/bin/vim"


def test_25_a_password_is_not_in_it_and_its_change_is_told_all_the_same() -> None:
    where = ParameterAddress("smtp_sasl_password_maps")
    plan = replace(PLAN, drift=(Drift(where, "inline:{h=u:s3cret}", "inline:{h=u:s4cret}"),))
    ((_, _, written, now),) = told(scene(plan))
    assert written != now
    assert "cret" not in f"{written} {now}"


@pytest.mark.parametrize(
    ("days", "live_"), [(22, None), (20, "ends 2026-12-13T12:00:00+00:00"), (-1, "ended 2026-11-22T12:00:00+00:00")]
)
def test_a_certificate_that_ends_soon_or_has_is_told(days: int, live_: str | None) -> None:
    seen = told(scene(pems={"/etc/postfix/chain.pem": pem(days)}))
    assert seen == ([("certificate expiring", "file/chain.pem", "renewed in time", live_)] if live_ else [])


def test_a_certificate_that_is_not_the_served_one_is_told_without_counting_sessions() -> None:
    seen = Presented("127.0.0.1:25", ("/etc/postfix/chain.pem",), ("a" * 64,), ("a" * 64, "b" * 64))
    (drifted,) = found(scene(presented=(seen,), pems={"/etc/postfix/chain.pem": pem(60)}), Noted())
    assert (drifted.kind, drifted.subject) == (Kind.CERTIFICATE_SERVED, "127.0.0.1:25")
    assert (drifted.written, drifted.live) == (f"sha256 {'a' * 16}…", f"sha256 {'b' * 16}…")
    assert drifted.detail == "/etc/postfix/chain.pem: postfix reload lets it be served"
    assert found(scene(presented=(replace(seen, given=seen.held),)), Noted()) == ()


def test_who_renewed_a_certificate_is_told_by_its_file() -> None:
    path = "/etc/postfix/chain.pem"
    (drifted,) = found(scene(pems={path: pem(3)}, mtimes={path: 10**9}), Noted())
    assert str(drifted.who) == "file of uid 0, written 1970-01-01T00:00:01+00:00"


def test_a_row_that_was_edited_is_told_once_and_not_as_a_stale_table_too() -> None:
    row, table = RowAddress("tls_policy", "bank.example"), TableAddress("tls_policy")
    stale = Change(table, "hash (stale)", "hash", Why.CORRECTIVE, Reason.TABLE_STALE, Disruption.POSTMAP)
    of_table = Drift(table, "hash", "hash (stale)")
    edited = replace(PLAN, changes=(stale,), drift=(Drift(row, "encrypt", "none"), of_table))
    assert [it.kind for it in found(scene(edited), Noted())] == [Kind.TABLE_ROW]
    assert [it.kind for it in found(scene(replace(edited, drift=(of_table,))), Noted())] == [Kind.TABLE_STALE]
    absent = (Difference(row, None, "encrypt", None), Difference(table, None, "hash", None))
    assert [it.kind for it in found(scene(replace(PLAN, observed=absent)), Noted())] == [Kind.TABLE_ROW]


def test_a_mode_that_changed_is_told_against_what_was_noted() -> None:
    noted = note(scene(), Noted())
    assert told(scene(), noted) == []
    seen = told(scene(mode=0o666), noted)
    assert seen[0] == ("file attributes", "file/main.cf", "mode 0644, owner 0:0", "mode 0666, owner 0:0")
    assert note(scene(mode=0o666), noted).attributes == attributes(scene().live)


def test_files_that_were_not_read_are_told_until_they_are_and_comments_mean_nothing() -> None:
    noted = note(scene(reading="first", read_at="t1"), Noted())
    changed = MAIN + b"in_flow_delay = 2s\n"
    (old,) = told(scene(main=changed, reading="first", read_at="t1"), noted)
    assert old[:2] == ("configuration old", "postfix")
    assert told(scene(main=b"# a comment\n" + MAIN, reading="first", read_at="t1"), noted) == []
    assert told(scene(main=changed, reading="second", read_at="t2"), noted) == []


def test_a_postfix_that_is_down_is_told_unless_it_was_stopped_on_purpose() -> None:
    assert told(scene(master_pid=None)) == [("postfix down", "postfix", "running", "not running")]
    assert told(scene(master_pid=None, expected_running=False)) == []


def test_there_is_no_drift_without_a_difference() -> None:
    with pytest.raises(ValueError, match="without a difference"):
        Drifted(Kind.PARAMETER, "main.cf/x", "1", "1")
