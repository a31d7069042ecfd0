"""When listeners are asked what they present, and when a reload is worth a try."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from reconciler import live
from reconciler.host import certificates, snapshot
from reconciler.host.instance import PrivateInstance
from reconciler.host.processes import until
from reconciler.incident.drift import Scene
from reconciler.loop.serving import Serving
from reconciler.model import address
from reconciler.model.moment import Moment
from reconciler.model.plan import Change, Disruption, Plan, Reason, Why
from reconciler.model.presented import Presented
from reconciler.verify.service import CONNECTIONS

pytestmark = pytest.mark.postfix
TLS = {"smtpd_tls_security_level": "may", "smtpd_tls_chain_files": "$config_directory/own.pem"}


@pytest.fixture
def mx(instances: Callable[..., PrivateInstance]) -> PrivateInstance:
    made = instances(started=False, main_cf_extra=TLS)
    renew(made)
    made.start()
    return made


def renew(mx: PrivateInstance) -> None:
    key, certificate = certificates.make_self_signed((mx.name,), timedelta(days=90), datetime.now(UTC))
    staged = Path(mx.write("staged.pem", key + certificate, 0o600))
    staged.replace(staged.with_name("own.pem"))


def scene(mx: PrivateInstance, *changes: Change, reading: str = "first") -> Scene:
    seen = snapshot.take(mx.config_directory, now=datetime.now(UTC), pems=("own.pem",))
    plan = Plan(mx.name, "", mx.config_directory, "3.7", "c1", "git", "", "", changes)
    return Scene(plan, live.read(seen), reading=reading)


def at(uptime_s: float) -> Moment:
    return Moment(datetime.now(UTC), "boot", uptime_s)


def sessions(mx: PrivateInstance, since: int, expected: int) -> int:
    """How many there were; the log is written by another process, and so later."""
    found = 0
    for _ in until(timedelta(minutes=1)):
        found = mx.log_since(since).count(" disconnect from ") // CONNECTIONS
        if found >= expected:
            break
    return found


def test_listeners_are_asked_when_a_file_changed_when_postfix_was_reloaded_and_after_a_while(
    mx: PrivateInstance,
) -> None:
    serving, start = Serving(every_s=900.0), mx.mark()
    looks = ((0.0, "first", 1), (60.0, "first", 1), (61.0, "second", 2), (62.0, "second", 2), (961.0, "second", 3))
    for uptime, reading, asked in looks:
        (it,) = serving.look(scene(mx, reading=reading), at(uptime))
        assert it.others == ()
        assert sessions(mx, start, asked) == asked
    renew(mx)
    (it,) = serving.look(scene(mx, reading="second"), at(962.0))
    assert it.others == it.given


def test_what_is_not_served_is_worth_one_reload_and_no_second_where_that_did_not_help(mx: PrivateInstance) -> None:
    serving = Serving()
    serving.look(scene(mx), at(0.0))
    renew(mx)
    seen = serving.look(scene(mx), at(1.0))
    assert list(serving.unserved(seen)) == [f"{mx.config_directory}/own.pem"]
    serving.reloaded()
    assert serving.unserved(serving.look(scene(mx), at(2.0))) == {}
    renew(mx)
    assert serving.unserved(serving.look(scene(mx), at(3.0))), "another file is another matter"


def test_a_renewal_that_the_plan_takes_in_anyway_is_not_told_as_not_served(mx: PrivateInstance) -> None:
    serving = Serving()
    serving.look(scene(mx), at(0.0))
    renew(mx)
    own = address.parse("file/own.pem")
    renewed = Change(own, "old", "new", Why.CORRECTIVE, Reason.CERTIFICATE_RENEWED, Disruption.RELOAD)
    assert serving.look(scene(mx, renewed), at(1.0)) == ()
    assert serving.look(scene(mx, replace(renewed, reason=Reason.CERTIFICATE_NOT_SERVED)), at(2.0))


def test_a_postfix_that_is_down_is_not_asked(mx: PrivateInstance) -> None:
    serving = Serving()
    mx.stop()
    assert serving.look(scene(mx), at(0.0)) == ()


def test_one_smtpd_that_has_the_new_certificate_makes_no_second_reload() -> None:
    first = Presented("127.0.0.1:25", ("own.pem",), ("new",), ("old",))
    serving = Serving(_known=(first,))
    serving.reloaded()
    assert serving.unserved((replace(first, given=("new", "old")),)) == {}
    assert serving.unserved((replace(first, given=("older",)),)) == {"own.pem": "sha256 older…"}
