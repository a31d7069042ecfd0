"""Where alerts go, by the settings."""

from __future__ import annotations

from collections.abc import Iterable

from reconciler.errors import HostUnreadable
from reconciler.frozen import dataclass, replace
from reconciler.host import files
from reconciler.incident.alerts import Policy
from reconciler.model.incident import Severity
from reconciler.notify.send import Target
from reconciler.settings.alerts import Alerts

JOURNAL = "journal"  # the route that is always there


@dataclass(frozen=True, slots=True)
class Route:
    target: Target | None  # None is the journal
    policy: Policy

    @property
    def id(self) -> str:
        return self.target.id if self.target else JOURNAL


def routes(settings: Alerts) -> tuple[Route, ...]:
    """Every URL of the settings with its policy, and the journal.

    Raises HostUnreadable for a file of URLs that cannot be read.
    """
    found = {JOURNAL: Route(None, _policy(settings, frozenset(Severity)))}
    for route in settings.routes:
        policy = _policy(settings, frozenset(Severity(it.value) for it in route.severities))
        urls = [url.get_secret_value() for url in route.urls] + [url for file in route.url_files for url in _urls(file)]
        for url in urls:
            target = Target(url)
            other = found.get(target.id)
            wider = policy.severities | (other.policy.severities if other else frozenset())
            found[target.id] = Route(target, replace(policy, severities=wider))
    return tuple(found.values())


def _policy(settings: Alerts, severities: frozenset[Severity]) -> Policy:
    return Policy(
        severities,
        tuple(it.value for it in settings.group_by),
        settings.group_wait,
        settings.repeat_interval,
        settings.n_of_m.seen,
        settings.n_of_m.of,
    )


def _urls(file: str) -> Iterable[str]:
    state = files.read(file)
    if state is None:
        raise HostUnreadable(f"{file}: there is no such file; alerts.routes names it in url_files")
    lines = (line.strip() for line in state.content.decode("utf-8", "replace").splitlines())
    return [line for line in lines if line and not line.startswith("#")]
