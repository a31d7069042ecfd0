"""The law of settling once: two states of one host, planned one after the other, plan as each would alone."""

from __future__ import annotations

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from reconciler import plan
from reconciler.desired.revisions import Touched, difference
from reconciler.errors import HostUnreadable, PlanRefused, StateInvalid
from reconciler.model.desired import DesiredState
from reconciler.model.plan import Plan
from reconciler.plan import Settled
from tests.laws.test_published import Machine, after, machines, seen_by, states
from tests.live.test_publishing import HOST
from tests.review.conftest import repo


@st.composite
def changes(draw: st.DrawFn) -> tuple[str, str]:
    """A host file, and the same with some of its lines from another one."""
    base, other = draw(states()).splitlines(), draw(states()).splitlines()
    named = {line.partition(":")[0]: line for line in other}
    taken = draw(st.sets(st.sampled_from(sorted(named)), max_size=2))
    head = [named[line.partition(":")[0]] if line.partition(":")[0] in taken else line for line in base]
    return "\n".join(base) + "\n", "\n".join(head) + "\n"


def on(host: Settled, state: DesiredState) -> Plan | tuple[str, ...]:
    try:
        return plan.plan_on(host, state, revision="r", origin="o")
    except PlanRefused as refused:
        return tuple(map(str, refused.problems))


@settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.too_slow, HealthCheck.filter_too_much])
@given(changes(), states(), machines())
def test_two_states_planned_on_one_host_plan_as_each_alone(
    change: tuple[str, str], before: str, machine: Machine
) -> None:
    base, head = change
    try:
        machine, last = after(before, machine)
        live = seen_by(base, machine, last)
    except (HostUnreadable, StateInvalid):
        return

    def check(touched: Touched) -> None:
        both = [state for state in (touched.before, touched.after) if state is not None]
        for in_turn in (both, both[::-1]):
            host = Settled(live, last)
            assert [on(host, state) for state in in_turn] == [on(Settled(live, last), state) for state in in_turn]

    difference(repo({f"hosts/{HOST}.yaml": base}), repo({f"hosts/{HOST}.yaml": head}), check)
