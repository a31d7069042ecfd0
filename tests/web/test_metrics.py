from __future__ import annotations

import json
import re
import shutil
import stat
import subprocess
import urllib.request
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import pytest
import yaml
from prometheus_client.parser import text_string_to_metric_families

from reconciler.model.standing import ServedCertificate, Standing
from reconciler.web.metrics import NAMES, PREFIX, Metrics, MetricsFailed, own_file

ROOT = Path(__file__).parents[2]
NOW = datetime(2026, 11, 23, 12, tzinfo=UTC)
CERTIFICATE = ServedCertificate("/etc/postfix/chain.pem", ("mx1.test",), datetime(2027, 1, 1, tzinfo=UTC))
STANDING = Standing(
    "mx1.test", "postfix", "/etc/postfix", NOW, revision="1a2b", last_look=NOW.isoformat(), running=True, certificates=(CERTIFICATE,), waiting=7
)  # fmt: skip
OWN = {"host": "mx1.test", "instance": "postfix"}
USED = re.compile(rf"{PREFIX}\w+")


def samples(metrics: Metrics) -> dict[tuple[str, ...], float]:
    found = {}
    for family in text_string_to_metric_families(metrics.text().decode()):
        for it in family.samples:
            assert OWN.items() <= it.labels.items()
            found[(it.name.removeprefix(PREFIX), *(v for k, v in sorted(it.labels.items()) if k not in OWN))] = it.value
    return found


def test_numbers_say_how_an_instance_stands() -> None:
    metrics = Metrics()
    metrics.update(STANDING)
    metrics.passed("mx1.test", "postfix", "Synced", 0.2, at=NOW)
    found = samples(metrics)
    assert found["info", "Healthy", "false", "Synced"] == 1
    assert found["postfix_up",] == 1
    assert found["outbox_bytes",] == 7
    assert (
        found["certificate_not_after_timestamp_seconds", "/etc/postfix/chain.pem"] == CERTIFICATE.not_after.timestamp()
    )
    assert found["last_success_timestamp_seconds",] == NOW.timestamp()
    assert found["reconcile_total", "Synced"] == 1
    assert found["drift_incidents", "postfix down"] == 0


def test_what_is_no_longer_so_is_no_longer_counted() -> None:
    metrics = Metrics()
    metrics.update(STANDING)
    metrics.update(replace(STANDING, running=False, certificates=()))
    found = samples(metrics)
    assert [key for key in found if key[0] == "info"] == [("info", "Missing", "false", "Synced")]
    assert not [key for key in found if key[0].startswith("certificate")]
    assert found["postfix_up",] == 0


def test_every_name_of_the_list_is_served_and_no_other() -> None:
    metrics = Metrics()
    metrics.update(replace(STANDING, last_apply=NOW.isoformat()))
    metrics.passed("mx1.test", "postfix", "Synced", 0.2)
    families = {family.name for family in text_string_to_metric_families(metrics.text().decode())}
    own = {name for name in families if not name.endswith("_created")}
    assert own == {f"{PREFIX}{name}".removesuffix("_total") for name in NAMES}


def test_they_are_served_by_http_on_loopback() -> None:
    metrics = Metrics()
    metrics.update(STANDING)
    port = metrics.serve("127.0.0.1", 0)
    with urllib.request.urlopen(f"http://127.0.0.1:{port}/metrics", timeout=30) as answer:
        assert f"{PREFIX}postfix_up" in answer.read().decode()
    with pytest.raises(MetricsFailed, match=rf"metrics\.listen: 127\.0\.0\.1:{port}: .*; set another metrics\.listen"):
        Metrics().serve("127.0.0.1", port)


def test_28_by_default_nothing_but_loopback_is_bound() -> None:
    from reconciler.settings.model import Settings

    assert Settings().metrics.listen.startswith("127.0.0.1:")


def test_the_file_is_replaced_whole_and_the_node_exporter_may_read_it(tmp_path: Path) -> None:
    metrics, file = Metrics(), tmp_path / "reconciler.prom"
    file.write_text("old")
    held = file.open()
    metrics.update(STANDING)
    metrics.write(str(file))
    assert held.read() == "old"
    held.close()
    assert file.read_bytes() == metrics.text()
    assert stat.S_IMODE(file.stat().st_mode) == 0o644
    assert [path.name for path in tmp_path.iterdir()] == ["reconciler.prom"]
    with pytest.raises(MetricsFailed, match="No such file"):
        metrics.write(str(tmp_path / "none/reconciler.prom"))


def test_every_expression_of_the_rules_names_a_metric() -> None:
    body = yaml.safe_load((ROOT / "docs/monitoring/reconciler-rules.yml").read_text())
    rules = [rule for group in body["groups"] for rule in group["rules"]]
    used = {name for rule in rules for name in USED.findall(rule["expr"])}
    assert used <= {PREFIX + name for name in NAMES}
    assert all(USED.search(rule["expr"]) and rule["annotations"]["action"] for rule in rules)


@pytest.mark.skipif(shutil.which("promtool") is None, reason="promtool is not installed")
def test_promtool_finds_nothing_wrong_with_the_rules() -> None:
    subprocess.run(["promtool", "check", "rules", ROOT / "docs/monitoring/reconciler-rules.yml"], check=True)


def test_every_panel_of_the_dashboard_names_a_metric() -> None:
    board = json.loads((ROOT / "docs/monitoring/grafana-dashboard.json").read_text())
    expressions = [target["expr"] for panel in board["panels"] for target in panel["targets"]]
    used = {re.sub(r"_(bucket|sum|count)$", "", name) for text in expressions for name in USED.findall(text)}
    assert used == {PREFIX + name for name in NAMES}


def test_the_reference_shows_the_list() -> None:
    shown = [
        line
        for line in (ROOT / "docs/reference/metrics.md").read_text().splitlines()
        if line.startswith(f"| `{PREFIX}")
    ]
    assert shown == [
        f"| `{PREFIX}{name}` | {', '.join(f'`{it}`' for it in labels)} | {says} |"
        for name, (says, labels) in NAMES.items()
    ]


def test_instances_of_one_host_with_the_same_settings_write_files_of_their_own() -> None:
    path = "/var/lib/node/reconciler.prom"
    files = [own_file(path, name) for name in ("postfix", "postfix-out", "postfix-in.2")]
    assert files == [path, "/var/lib/node/reconciler.postfix-out.prom", "/var/lib/node/reconciler.postfix-in.2.prom"]
    assert own_file("", "postfix-out") == ""
