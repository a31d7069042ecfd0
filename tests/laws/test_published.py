"""The law of snapshots: whatever stands on a host and whatever is declared, what leaves the host plans as the host does."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import timedelta

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from reconciler import desired, live, plan, review
from reconciler.errors import HostUnreadable, StateInvalid
from reconciler.live.config import LiveConfig
from reconciler.live.publishing import Owner, published
from reconciler.model import wire
from reconciler.model.address import RowAddress, TableAddress
from reconciler.model.applied import LastApplied
from reconciler.model.plan import Plan
from reconciler.model.snapshot import FILES_DIGEST, Certificate, CompiledTable, FileState, HostSnapshot, PemFile
from reconciler.postfix import table
from reconciler.review.offline import LEFT_OUT
from tests.live.test_publishing import DIRECTORY, HOST, NOW, differing, host, outcome
from tests.review.conftest import repo

OWNER = Owner(HOST, "", b"s" * 32)
FILES = ("tls/mx.pem", "tls/a.pem", "/etc/letsencrypt/live/a/privkey.pem", "/etc/letsencrypt/live/a/fullchain.pem")
LINEAGE = " ".join(f"/etc/letsencrypt/live/a/{name}.pem" for name in ("privkey", "fullchain"))

levels = st.sampled_from(["none", "may", "encrypt"])
clients = st.sampled_from(["none", "may", "encrypt", "verify", "secure", "dane"])
domains = st.sampled_from(["a.example", "b.example", "xn--bcher-kva.example", "[relay.example]:587", ".c.example"])
rows = st.dictionaries(domains, clients | st.just("secure match=nexthop:dot-nexthop"), max_size=4)
certificates = st.sampled_from(
    [
        "default: unmanaged",
        "default: {chain_files: [tls/mx.pem], until_present: self_signed}",
        "default: {certbot: a, until_present: self_signed}",
        "default: unmanaged, a.example: {chain_files: [tls/a.pem], until_present: self_signed}",
        "default: {chain_files: [tls/mx.pem], until_present: self_signed}, a.example: {certbot: a, until_present: self_signed}",
    ]
)
parts = st.sampled_from(["all", "[outgoing]", "[certificates, incoming]", "[outgoing.policies, submission]"])


@st.composite
def states(draw: st.DrawFn) -> str:
    lines = [f"enforce: {draw(parts)}", f"certificates: {{{draw(certificates)}}}"]
    if draw(st.booleans()):
        lines.append(f"profile: {draw(st.sampled_from(['intermediate', 'old']))}")
    senders = draw(st.lists(st.sampled_from(["x.example", "y.example"]), unique=True, min_size=1))
    networks = draw(st.sampled_from(["[]", "[192.0.2.0/24]", '["2001:db8::/32", z.example]'])).strip("[]")
    policies = f"policies: {{senders: [{', '.join(senders)}]" + (f", clients: [{networks}]}}" if networks else "}")
    lines.append(f"incoming: {{security_level: {draw(levels)}, {policies}}}")
    outgoing = ", ".join(f'"{key}": "{value}"' for key, value in draw(rows).items())
    level = draw(clients.filter(lambda it: it in ("none", "may", "encrypt", "dane")))
    lines.append(f"outgoing: {{security_level: {level}" + (f", policies: {{{outgoing}}}}}" if outgoing else "}"))
    if draw(st.booleans()):
        lines.append("submission: {sasl: {type: dovecot, path: private/auth}}")
    if draw(st.booleans()):
        lines.append(
            draw(st.sampled_from(["submissions: {enabled: no}", "submissions: {sasl: {type: cyrus, path: smtpd}}"]))
        )
    return "\n".join(lines) + "\n"


MAIN = st.lists(
    st.sampled_from(
        [
            "smtpd_tls_security_level = may\n", "smtp_tls_security_level = $mine\n", "mine = dane\n",
            "smtp_dns_support_level = dnssec\n", "relayhost = [smart.example]:587\n", "mynetworks = 10.0.0.0/8\n",
            "smtp_sasl_password_maps = static:user:secret\n", "smtp_tls_policy_maps = hash:/etc/postfix/tls_policy\n",
            "smtp_tls_policy_maps = cdb:/etc/other, hash:$config_directory/tls_policy\n",
            "smtpd_sender_restrictions = permit_mynetworks,\n  # why\n  check_sender_access hash:/etc/postfix/tls_senders\n",
            "smtpd_sender_restrictions = reject_unknown_sender_domain\n", "smtpd_tls_loglevel = 1\nsmtpd_tls_loglevel = 2\n",
            "smtpd_client_restrictions = $mine_too\n", "mine_too = permit_mynetworks, check_client_access static:ok\n",
            "# BEGIN ANSIBLE MANAGED BLOCK\nsmtpd_tls_auth_only = yes\n# END ANSIBLE MANAGED BLOCK\n",
            "tls_server_sni_maps = hash:/etc/postfix/tls_sni\n", "smtpd_tls_cert_file = /etc/ssl/old.pem\n", "# a note\n\n",
            "smtpd_tls_chain_files = $config_directory/tls/mx.pem\n", "content_filter = scan:[127.0.0.1]:10024\n",
        ]
    ),
    max_size=9,
)  # fmt: skip
MASTER = st.lists(
    st.sampled_from(
        [
            "submission inet n - n - - smtpd\n  -o smtpd_tls_security_level=may\n",
            "587 inet n - y - - smtpd\n  -o { smtpd_client_restrictions = permit_sasl_authenticated, reject }\n",
            "#submissions inet n - y - - smtpd\n#  -o syslog_name=postfix/submissions\n",
            "submissions inet n - y - - smtpd -v\n  -o content_filter=scan:[127.0.0.1]:1\n",
            "scan unix - - n - - pipe user=me argv=/usr/bin/scan --key=secret ${sender}\n",
        ]
    ),
    max_size=3,
    unique=True,
)
TABLES = st.fixed_dictionaries(
    {},
    optional={
        "tls_policy": st.sampled_from(
            [b"a.example encrypt\n", b"# mine\nb.example  may\nA.example SECURE\n", b"z none\n z\n"]
        ),
        "tls_senders": st.sampled_from(
            [b"x.example reject_plaintext_session\n", b"q.example 550 go away\nx.example OK\n"]
        ),
        "tls_sni": st.sampled_from([b"a.example /etc/postfix/tls/a.pem\n", b"b.example /etc/ssl/b.pem\n"]),
        "tls_clients": st.just(b"192.0.2.0/24 reject_plaintext_session\n10.0.0.0/8 DUNNO\n"),
    },
)


@dataclass(frozen=True)
class Machine:
    """The files of a configuration directory by name, and the certificates anywhere."""

    content: Mapping[str, bytes]
    pems: Mapping[str, str]  # path → fit, ended or mismatch

    def snapshot(self) -> HostSnapshot:
        return replace(host(dict(self.content), {}), pems={path: _pem(path, kind) for path, kind in self.pems.items()})


@st.composite
def machines(draw: st.DrawFn) -> Machine:
    main = f"myhostname = {HOST}\ncompatibility_level = 3.6\n" + "".join(draw(MAIN))
    master = "smtp inet n - y - - smtpd\n" + "".join(draw(MASTER))
    content = {"main.cf": main.encode(), "master.cf": master.encode(), **draw(TABLES)}
    paths = [name if name.startswith("/") else f"{DIRECTORY}/{name}" for name in (*FILES, LINEAGE)]
    kinds = {path: draw(st.sampled_from(["absent", "fit", "ended", "mismatch"])) for path in paths}
    return Machine(content, {path: kind for path, kind in kinds.items() if kind != "absent"})


def _pem(path: str, kind: str) -> PemFile:
    end = NOW + timedelta(days=-1 if kind == "ended" else 60)
    leaf = Certificate(f"leaf {path}", "k", "", (HOST,), NOW - timedelta(days=30), end, self_signed=False)
    key = "other" if kind == "mismatch" else "k"
    return PemFile(f"digest {path}", (leaf,), key, ("key", "certificate"), 0o600, 0)


def seen_by(state: str, machine: Machine, last: LastApplied) -> LiveConfig:
    """The host with what a plan of this state looks at, as the host's part would fetch it."""
    seen = machine.snapshot()
    everything = {f"{DIRECTORY}/{name}": raw for name, raw in machine.content.items()}
    wanted = plan.interests(desired.load(repo({f"hosts/{HOST}.yaml": state}), HOST), live.read(seen), last)
    kinds = {path: kind for path, kind in wanted.tables.items() if path in everything}
    files = {path: FileState(everything[path], 0o644, 0, 0, 0, path) for path in kinds}
    compiled = {path: _built(path, everything[path]) for path, kind in kinds.items() if table.TableType(kind).compiled}
    absent = {path for path in (*wanted.pems, *wanted.files) if path not in seen.pems}
    absent |= wanted.tables.keys() - everything.keys()
    pems = {path: facts for path, facts in seen.pems.items() if path in wanted.pems}
    files = {**seen.files, **files}
    return live.read(replace(seen, files=files, kinds=kinds, compiled=compiled, pems=pems, absent=frozenset(absent)))


def _built(path: str, source: bytes) -> CompiledTable:
    rows = {key: row.value for key, row in table.parse(source).rows.items()}
    if path.endswith("tls_sni"):  # postmap -F puts the files in
        rows = dict.fromkeys(rows, FILES_DIGEST + b"digest tls/a.pem")
    return CompiledTable(rows)


def whole_and_published(state: str, machine: Machine, last: LastApplied) -> tuple[object, object]:
    """What is planned from the snapshot, and on the host: but for rows of which the snapshot says that some stayed."""
    config = seen_by(state, machine, last)
    said = desired.load(repo({f"hosts/{HOST}.yaml": state}), HOST)
    seen = wire.from_json(wire.to_json(published(config, last, OWNER)))
    made = review.planned(said, review.read(seen, NOW), revision="r", origin="o")
    assert {it.rule for it in made.warned} <= {LEFT_OUT}
    here = made.plan if made.plan is not None else tuple(map(str, made.problems))
    there = outcome(said, config, last)
    if not isinstance(here, Plan) or not isinstance(there, Plan):
        return here, there
    assert made.warned or differing(here, there) == []
    unsaid = {it.address.path for it in made.warned if isinstance(it.address, TableAddress)}
    return _shown(here, unsaid), _shown(_marked(there, here), unsaid)


def _shown(made: Plan, unsaid: set[str]) -> object:
    changes = [
        (it.address, it.after, it.why, it.reason, it.disruption, it.forget)
        for it in made.changes
        if not (isinstance(it.address, RowAddress | TableAddress) and it.address.path in unsaid)
    ]
    guards = [it for it in made.guards if not (unsaid and isinstance(it.address, RowAddress))]
    return changes, made.warnings, guards, None if unsaid else (made.actions, made.matching)


def _marked(whole: Plan, published: Plan) -> Plan:
    """With marks for what goes back to a value that stayed on the host."""
    marks = {it.address: it.after for it in published.changes if (it.after or "").startswith("kept-on-the-host.")}
    return replace(whole, changes=tuple(replace(it, after=marks.get(it.address, it.after)) for it in whole.changes))


def after(state: str, machine: Machine) -> tuple[Machine, LastApplied]:
    """The host and its record once a state has been carried out there; as it was where it cannot be."""
    nothing = LastApplied(DIRECTORY)
    made = outcome(desired.load(repo({f"hosts/{HOST}.yaml": state}), HOST), seen_by(state, machine, nothing), nothing)
    if not isinstance(made, Plan):
        return machine, nothing
    written = {it.path.rpartition("/")[2]: it.after for it in made.edits if it.after is not None}
    return replace(machine, content={**machine.content, **written}), LastApplied(
        DIRECTORY, "r", made.record, made.history
    )


LAW = settings(
    max_examples=120, deadline=None, suppress_health_check=[HealthCheck.too_slow, HealthCheck.filter_too_much]
)


@LAW
@given(states(), machines())
def test_a_host_that_was_never_applied_to_plans_the_same_from_its_snapshot(state: str, machine: Machine) -> None:
    try:
        here, there = whole_and_published(state, machine, LastApplied(DIRECTORY))
    except (HostUnreadable, StateInvalid):
        return
    assert here == there


@LAW
@given(states(), states(), machines(), st.data())
def test_a_host_that_followed_another_state_and_was_edited_plans_the_same_from_its_snapshot(
    before: str, state: str, machine: Machine, data: st.DataObject
) -> None:
    try:
        machine, last = after(before, machine)
        name = data.draw(st.sampled_from(sorted(machine.content)))
        lines = machine.content[name].splitlines(keepends=True)
        gone = data.draw(st.integers(0, max(len(lines) - 1, 0)))
        edited = replace(machine, content={**machine.content, name: b"".join(lines[:gone] + lines[gone + 1 :])})
        here, there = whole_and_published(state, edited, last)
    except (HostUnreadable, StateInvalid):
        return
    assert here == there
