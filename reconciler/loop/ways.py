"""The settings of this host as the agent and the puller take them. Both idle: each loads no more than it needs."""

from __future__ import annotations

import socket
from datetime import timedelta
from typing import TYPE_CHECKING

from reconciler import log
from reconciler.apply.state import StateDirectory
from reconciler.frozen import dataclass
from reconciler.host import clock
from reconciler.host.notify_socket import from_environment
from reconciler.loop import origin
from reconciler.loop.agent import Agent, Following, Turns
from reconciler.loop.place import Where
from reconciler.loop.pull import Pull
from reconciler.loop.schedule import Times
from reconciler.loop.statuses import Statuses
from reconciler.loop.telling import Teller
from reconciler.settings.agent import Agent as Section
from reconciler.settings.agent import Weekday
from reconciler.settings.fields import HealWhen
from reconciler.settings.model import Settings

if TYPE_CHECKING:
    from reconciler.loop.carrier import Carrier
    from reconciler.loop.heal import Policy
    from reconciler.loop.holds import Rules
    from reconciler.loop.outgoing import Outgoing
    from reconciler.loop.publisher import Publisher
    from reconciler.settings.publish import Publish

_DAYS = {day: number for number, day in enumerate(Weekday)}


@dataclass(frozen=True, slots=True)
class Ways:
    """What is asked of the agent beside the settings. `poll` is how often a remote is asked, `stale_after` how long
    it may have nothing new; with a `spool` what is to leave the host goes through that directory.
    """

    where: Where
    poll: timedelta
    stale_after: timedelta = timedelta(0)
    watching: bool = True
    spool: str = ""


def agent(ways: Ways, section: Section) -> Agent:
    """The agent of one instance."""
    from reconciler.loop.recover import memory_of  # noqa: PLC0415 - 6 MB
    from reconciler.loop.serving import Serving  # noqa: PLC0415
    from reconciler.loop.turn import Turn  # noqa: PLC0415

    state = memory_of(ways.where)
    turn = Turn(
        where=ways.where,
        state=state,
        origin=origin.of(ways.where, poll_s=ways.poll.total_seconds(), stale_after=ways.stale_after),
        policy=policy(section),
        rules=rules(section),
        clock=clock.now,
        teller=Teller(state),
        watched=tuple(it for it in (section.trigger_file, section.freeze_file) if it),
        serving=Serving(section.resync.total_seconds()),
    )
    return _agent(turn, ways, section)


def puller(ways: Ways, settings: Settings) -> Agent:
    """What fetches and hands over, in the same loop; its state directory is its own.

    Raises HostUnreadable for a file of URLs that cannot be read.
    """
    section = settings.agent
    state = StateDirectory(ways.where.state_directory, "puller")
    turn = Pull(
        path=f"{ways.where.state_directory}/state",
        state=state,
        origin=origin.of(ways.where, poll_s=ways.poll.total_seconds(), stale_after=ways.stale_after),
        clock=clock.now,
        teller=Teller(state),
        carrier=carrier(ways.spool, settings) if ways.spool else None,
        source=ways.where.source,
        watched=tuple(it for it in (section.trigger_file, ways.spool) if it),
    )
    return _agent(turn, ways, section)


def _agent(turn: Turns, ways: Ways, section: Section) -> Agent:
    notify = from_environment()
    times = Times(
        interval=min(section.interval, ways.poll).total_seconds(),
        resync=section.resync.total_seconds(),
        debounce=section.debounce.total_seconds(),
        heartbeat=min(30.0, notify.watchdog_s / 2) if notify.watchdog_s else 30.0,
    )
    return Agent(turn, times, section.trigger_file, section.cycle_limit, notify, ways.watching)


def policy(section: Section) -> Policy:
    from reconciler.loop.heal import Policy  # noqa: PLC0415 - see agent

    heal = section.heal
    match heal.when:
        case HealWhen.NEVER:
            return Policy(None, section.time_zone)
        case _:
            return Policy(heal.delay, section.time_zone)


def rules(section: Section) -> Rules:
    from reconciler.loop.holds import Rules  # noqa: PLC0415 - see agent
    from reconciler.loop.windows import Window  # noqa: PLC0415

    windows = tuple(Window(frozenset(_DAYS[day] for day in it.days), it.begin, it.end) for it in section.windows)
    return Rules(section.freeze_file, windows, section.time_zone)


def statuses(ways: Ways, settings: Settings) -> Statuses | None:
    """Who says on the forge what became of a commit here; None where the settings give no token for it."""
    if not settings.forge.status_token_file:
        return None
    from reconciler.loop.standing import standing  # noqa: PLC0415 - see following

    host = ways.where.host or standing(ways.where).host or socket.gethostname()
    name = f"{host}@{ways.where.instance}" if ways.where.instance else host
    return Statuses(settings.forge, name, outgoing(ways).status) if ways.spool else Statuses(settings.forge, name)


def outgoing(ways: Ways) -> Outgoing:
    """Where what is to leave the host is laid down."""
    from reconciler.loop.outgoing import Outgoing  # noqa: PLC0415 - see agent
    from reconciler.loop.recover import memory_of  # noqa: PLC0415

    return Outgoing(ways.spool, memory_of(ways.where).instance)


def carrier(spool: str, settings: Settings) -> Carrier:
    """Who carries what lies there to where the settings say.

    Raises HostUnreadable for a file of URLs that cannot be read.
    """
    from reconciler.loop.carrier import Carrier  # noqa: PLC0415 - for who has a spool
    from reconciler.loop.routes import routes  # noqa: PLC0415

    targets = {route.id: route.target for route in routes(settings.alerts) if route.target}
    return Carrier(spool, targets, settings.publish, settings.forge)


def following(ways: Ways, settings: Settings, *, serving: bool = True) -> Following:
    """What follows a look, by the settings. Where the numbers are `serving`, from here on.

    Raises HostUnreadable for a file of URLs that cannot be read.
    """
    from reconciler.loop.afterwards import Afterwards  # noqa: PLC0415 - SQLAlchemy and prometheus-client: 250 ms
    from reconciler.loop.alerting import Alerting  # noqa: PLC0415
    from reconciler.loop.recover import memory_of  # noqa: PLC0415
    from reconciler.loop.routes import routes  # noqa: PLC0415
    from reconciler.loop.standing import standing  # noqa: PLC0415
    from reconciler.record.connection import default_url  # noqa: PLC0415
    from reconciler.record.store import Whose  # noqa: PLC0415
    from reconciler.web.metrics import Metrics, MetricsFailed, own_file  # noqa: PLC0415

    state, url = memory_of(ways.where), settings.store.url
    whose = Whose(ways.where.host or standing(ways.where).host or socket.gethostname(), state.instance)
    metrics = Metrics()
    if serving and settings.metrics.listen and not settings.metrics.textfile:
        address, _, port = settings.metrics.listen.rpartition(":")
        try:
            metrics.serve(address.strip("[]"), int(port))
        except MetricsFailed as error:  # another instance's agent has the port, maybe
            log.get(instance=state.instance).warning("metrics.failed", why=str(error))
    laid = outgoing(ways) if ways.spool else None
    return Afterwards(
        where=ways.where,
        directory=state.path,
        whose=whose,
        store_url=url.get_secret_value() if url else default_url(ways.where.state_directory),
        retention=settings.store.retention,
        alerting=Alerting(whose, routes(settings.alerts), laid.alert, "alert.spooled")
        if laid
        else Alerting(whose, routes(settings.alerts)),
        metrics=metrics,
        freeze_file=settings.agent.freeze_file,
        textfile=own_file(settings.metrics.textfile, state.instance),
        publisher=_publisher(ways, settings.publish, laid) if settings.publish.target else None,
    )


def _publisher(ways: Ways, said: Publish, laid: Outgoing | None) -> Publisher:
    from reconciler.loop.publisher import Publisher, send  # noqa: PLC0415 - cryptography, and what makes a plan

    sending = laid.snapshot if laid else send
    return Publisher(ways.where, said.target, said.interval.total_seconds(), said.token_file, said.signing_key, sending)
