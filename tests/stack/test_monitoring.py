"""The rules of Prometheus and the dashboards of Grafana use metrics that the nodes export."""

from __future__ import annotations

import json
import re
import subprocess
from itertools import combinations

import pytest
import yaml

from soulsai_core.node.metrics import NodeMetrics

PANELS = {
    "timeseries": {"legend", "tooltip"},
    "stat": {
        "colorMode", "graphMode", "justifyMode", "orientation", "percentChangeColorMode", "reduceOptions",
        "showPercentChange", "textMode", "wideLayout",
    },
}  # fmt: skip
"""Options of each kind of panel in Grafana 11.6's schema: all that are required, and no unknown ones."""

RUN = re.compile(r'_(?:gauge|counter)\(\s*"(\w+)"')


@pytest.fixture(scope="module")
def monitoring(root):
    return root / "compose/monitoring"


@pytest.fixture(scope="module")
def known(root):
    """Names of all metrics that the nodes export."""
    node = {sample.name for family in NodeMetrics().registry.collect() for sample in family.samples}
    declared = {family.name for family in NodeMetrics().registry.collect()}
    suffixes = ("", "_total", "_bucket", "_sum", "_count")
    node |= {name + suffix for name in declared for suffix in suffixes}
    source = (root / "soulsai_telemetry/src/soulsai_telemetry/connectors/prometheus.py").read_text(encoding="utf-8")
    run = {f"soulsai_run_{name}{suffix}" for name in RUN.findall(source) for suffix in suffixes}
    return node | run | {"up", "ALERTS", "process_cpu_seconds_total", "process_resident_memory_bytes"}


def dashboards(root):
    return {
        path.stem: json.loads(path.read_text(encoding="utf-8")) for path in sorted(root.glob("grafana/dashboards/*"))
    }


def test_promtool_accepts_the_configuration(monitoring, needs, tmp_path):
    text = (monitoring / "prometheus/prometheus.yml").read_text(encoding="utf-8")
    (tmp_path / "prometheus.yml").write_text(text.replace("/etc/prometheus/", ""), encoding="utf-8")
    (tmp_path / "rules.yml").write_bytes((monitoring / "prometheus/rules.yml").read_bytes())
    command = [needs("promtool"), "check", "config", "--lint-fatal", str(tmp_path / "prometheus.yml")]
    checked = subprocess.run(command, capture_output=True, text=True)
    assert checked.returncode == 0, checked.stdout + checked.stderr


def test_each_alert_fires_only_when_it_should(root, needs):
    command = [needs("promtool"), "test", "rules", "alerts.yml"]
    checked = subprocess.run(command, cwd=root / "tests/stack", capture_output=True, text=True)
    assert checked.returncode == 0, checked.stdout + checked.stderr


def test_every_alert_has_a_test_in_which_it_fires_and_one_in_which_it_does_not(root, monitoring):
    rules = yaml.safe_load((monitoring / "prometheus/rules.yml").read_text(encoding="utf-8"))["groups"][0]["rules"]
    tests = yaml.safe_load((root / "tests/stack/alerts.yml").read_text(encoding="utf-8"))["tests"]
    tested = {case["alertname"]: case for test in tests for case in test["alert_rule_test"] if case["exp_alerts"]}
    silent = {case["alertname"] for test in tests for case in test["alert_rule_test"] if not case["exp_alerts"]}
    assert {rule["alert"] for rule in rules if "alert" in rule} == tested.keys() == silent


def test_dashboards_have_unique_ids(monitoring):
    found = dashboards(monitoring)
    assert found.keys() == {"training", "system"}
    assert len({board["uid"] for board in found.values()}) == 2


@pytest.mark.parametrize("name", ["training", "system"])
def test_panels_follow_the_schema_of_grafana(monitoring, name):
    panels = dashboards(monitoring)[name]["panels"]
    assert len({panel["id"] for panel in panels}) == len(panels)
    for panel in panels:
        place = panel["gridPos"]
        assert place["x"] + place["w"] <= 24, panel["title"]
        assert PANELS[panel["type"]] == panel["options"].keys(), panel["title"]
        assert panel["fieldConfig"]["defaults"]["thresholds"]["steps"][0]["value"] is None
        references = [target["refId"] for target in panel["targets"]]
        assert references and len(set(references)) == len(references)


@pytest.mark.parametrize("name", ["training", "system"])
def test_panels_do_not_overlap(monitoring, name):
    def apart(one, two):
        side_by_side = one["x"] + one["w"] <= two["x"] or two["x"] + two["w"] <= one["x"]
        return side_by_side or one["y"] + one["h"] <= two["y"] or two["y"] + two["h"] <= one["y"]

    places = [panel["gridPos"] for panel in dashboards(monitoring)[name]["panels"]]
    assert all(apart(one, two) for one, two in combinations(places, 2))


@pytest.mark.parametrize("name", ["training", "system"])
def test_panels_query_existing_metrics_of_existing_sources(monitoring, known, name):
    provisioned = (monitoring / "grafana/provisioning/datasources/soulsai.yaml").read_text(encoding="utf-8")
    sources = {source["uid"]: source["type"] for source in yaml.safe_load(provisioned)["datasources"]}
    for panel in dashboards(monitoring)[name]["panels"]:
        for target in panel["targets"]:
            assert sources[target["datasource"]["uid"]] == target["datasource"]["type"]
            asked = set(re.findall(r"\b(?:soulsai|process)_\w+|\bup\b|\bALERTS\b", target.get("expr", "")))
            assert asked <= known, panel["title"]


def test_rules_query_existing_metrics(monitoring, known):
    text = (monitoring / "prometheus/rules.yml").read_text(encoding="utf-8")
    asked = set(re.findall(r"\b(?:soulsai|process)_\w+", text))
    assert asked and asked <= known | {"process_start_time_seconds"}
