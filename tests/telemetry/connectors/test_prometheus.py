"""What Prometheus scrapes; checked by its own programs where they are installed."""

import json
import subprocess
import sys
import time
import urllib.error
import urllib.parse
import urllib.request
from dataclasses import replace

import pytest
from prometheus_client.parser import text_string_to_metric_families
from waiting import DEADLINE_S, free_port

from soulsai_core.app import judge
from soulsai_telemetry.connectors.prometheus import plugin


@pytest.fixture
def served(make, update, status):
    connector = make(plugin, port=0)
    connector.episodes_recorded(update(1, 25))
    connector.status_received(replace(status, time=time.time()))
    return connector


def scrape(connector):
    with urllib.request.urlopen(f"http://127.0.0.1:{connector.port}/metrics", timeout=60) as answer:
        return answer.read().decode()


def samples(connector):
    families = text_string_to_metric_families(scrape(connector))
    return {(s.name, *sorted(s.labels.values())): s.value for family in families for s in family.samples}


def test_numbers_of_the_run_are_exported(served):
    found = samples(served)
    assert found["soulsai_run_up", "run-1"] == 1
    assert found["soulsai_run_iteration",] == 3
    assert found["soulsai_run_env_steps_total",] == 60
    assert found["soulsai_run_rejected_total", "stale"] == 6
    assert found["soulsai_run_update_seconds",] == 0.01
    assert found["soulsai_run_backlog_messages",] == 1
    assert found["soulsai_run_staleness", "iterations"] == 1.0
    assert found["soulsai_run_learner", "loss"] == 0.5
    assert found["soulsai_run_metric_average", "return"] == 37.5
    assert found["soulsai_run_best_average", "return"] == 37.5
    assert found["soulsai_run_odd_reports_total", "garbled"] == 2
    assert found["soulsai_run_episodes_total",] == 25


def test_each_client_has_its_own_numbers(served):
    found = samples(served)
    assert found["soulsai_run_client_steps_per_second", "client-1"] == 9.5
    assert found["soulsai_run_client_silence_seconds", "client-2"] == 99.0
    assert ("soulsai_run_client_return", "client-2") not in found
    assert found["soulsai_run_clients",] == 1


def test_silent_training_node_is_down(served, status):
    served.status_received(replace(status, time=time.time(), health=judge(status.node, age=60, now=0)))
    found = samples(served)
    assert found["soulsai_run_up", "run-1"] == 0
    assert (found["soulsai_run_state", "silent"], found["soulsai_run_state", "learning"]) == (1, 0)


def test_training_node_is_down_if_the_last_status_is_old(served, status):
    served.status_received(replace(status, time=time.time() - 60))
    assert samples(served)["soulsai_run_up", "run-1"] == 0


def test_training_node_is_down_before_the_first_status(make):
    found = {name: value for name, value in samples(make(plugin, port=0)).items() if not name[0].startswith("process_")}
    assert found == {("soulsai_run_up", "run-1"): 0}


def test_names_of_the_settings_may_be_asked_for(make):
    connector = make(plugin, port=0, hosts=["telemetry_node"])

    def status(name):
        request = urllib.request.Request(f"http://127.0.0.1:{connector.port}/metrics", headers={"Host": name})
        try:
            return urllib.request.urlopen(request, timeout=60).status
        except urllib.error.HTTPError as error:
            return error.code

    assert [status(name) for name in ("telemetry_node:8083", "evil.example")] == [200, 400]


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="the library reads the process' numbers on Linux only")
def test_time_and_memory_of_the_process_are_exported(make):
    found = samples(make(plugin, port=0))
    assert found["process_resident_memory_bytes",] > 1e6
    assert ("process_cpu_seconds_total",) in found


def test_promtool_accepts_the_metrics(served, needs):
    checked = subprocess.run(
        [needs("promtool"), "check", "metrics"], input=scrape(served), capture_output=True, text=True
    )
    assert (checked.returncode, checked.stderr + checked.stdout) == (0, "")


@pytest.mark.stack
def test_prometheus_scrapes_the_metrics(served, needs, tmp_path, eventually):
    prometheus = needs("prometheus")
    target = f"127.0.0.1:{served.port}"
    (tmp_path / "prometheus.yml").write_text(
        "global: {scrape_interval: 200ms, scrape_timeout: 200ms}\n"
        f"scrape_configs: [{{job_name: telemetry, static_configs: [{{targets: ['{target}']}}]}}]\n"
    )
    port = free_port()
    command = [prometheus, f"--config.file={tmp_path / 'prometheus.yml'}", f"--storage.tsdb.path={tmp_path / 'data'}"]
    process = subprocess.Popen([*command, f"--web.listen-address=127.0.0.1:{port}"], stderr=subprocess.DEVNULL)
    try:
        for query, value in (
            ("soulsai_run_iteration", "3"),
            ('up{job="telemetry"}', "1"),
            ('soulsai_run_metric_average{metric="boss hp"}', "0.04"),
        ):
            assert eventually(lambda query=query: answer_to(port, query)) == value
    finally:
        process.terminate()
        process.wait(DEADLINE_S)


def answer_to(port, query):
    """What Prometheus answers to a query, None while it has no value or does not answer at all."""
    url = f"http://127.0.0.1:{port}/api/v1/query?query={urllib.parse.quote(query)}"
    try:
        with urllib.request.urlopen(url, timeout=5) as answer:
            found = json.loads(answer.read())["data"]["result"]
    except OSError:
        return None
    return found[0]["value"][1] if found else None
