"""What Prometheus scrapes; checked by its own tools where they are installed."""

import json
import subprocess
import sys
import time
import urllib.request
from dataclasses import replace

import pytest
from prometheus_client.parser import text_string_to_metric_families

from soulsai_telemetry.connectors.prometheus import plugin


@pytest.fixture
def served(make, update, vitals):
    connector = make(plugin, port=0)
    connector.episodes_recorded(update(1, 25))
    connector.status_received(replace(vitals, time=time.time()))
    return connector


def scrape(connector):
    with urllib.request.urlopen(f"http://127.0.0.1:{connector.port}/metrics", timeout=5) as answer:
        return answer.read().decode()


def samples(connector):
    families = text_string_to_metric_families(scrape(connector))
    return {(s.name, *sorted(s.labels.values())): s.value for family in families for s in family.samples}


def test_the_runs_numbers_are_there(served):
    found = samples(served)
    assert found["soulsai_run_up", "run-1"] == 1
    assert found["soulsai_run_iteration",] == 3
    assert found["soulsai_run_env_steps_total",] == 60
    assert found["soulsai_run_rejected_total", "stale"] == 6
    assert found["soulsai_run_update_seconds",] == 0.01
    assert found["soulsai_run_backlog_messages",] == 1
    assert found["soulsai_run_sample_age", "iterations"] == 1.0
    assert found["soulsai_run_learner", "loss"] == 0.5
    assert found["soulsai_run_metric_average", "return"] == 37.5
    assert found["soulsai_run_best_average", "return"] == 37.5
    assert found["soulsai_run_odd_reports_total", "garbled"] == 2
    assert found["soulsai_run_episodes_total",] == 25


def test_clients_are_told_apart(served):
    found = samples(served)
    assert found["soulsai_run_client_steps_per_second", "client-1"] == 9.5
    assert found["soulsai_run_client_silence_seconds", "client-2"] == 99.0
    assert ("soulsai_run_client_return", "client-2") not in found
    assert found["soulsai_run_clients",] == 1


def test_a_node_that_went_silent_is_down(served, vitals):
    served.status_received(replace(vitals, time=time.time(), alive=False))
    assert samples(served)["soulsai_run_up", "run-1"] == 0


def test_a_telemetry_node_without_news_calls_the_training_node_down(served, vitals):
    served.status_received(replace(vitals, time=time.time() - 60))
    assert samples(served)["soulsai_run_up", "run-1"] == 0


def test_before_any_news_it_is_down(make):
    found = {name: value for name, value in samples(make(plugin, port=0)).items() if not name[0].startswith("process_")}
    assert found == {("soulsai_run_up", "run-1"): 0}


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="the library reads the process' numbers on Linux only")
def test_time_and_memory_of_the_process_are_there(make):
    found = samples(make(plugin, port=0))
    assert found["process_resident_memory_bytes",] > 1e6
    assert ("process_cpu_seconds_total",) in found


def test_promtool_has_nothing_to_say_about_the_metrics(served, program):
    checked = subprocess.run(
        [program("promtool", "prometheus"), "check", "metrics"], input=scrape(served), capture_output=True, text=True
    )
    assert (checked.returncode, checked.stderr + checked.stdout) == (0, "")


@pytest.mark.stack
def test_a_real_prometheus_scrapes_them(served, program, tmp_path):
    prometheus = program("prometheus")
    target = f"127.0.0.1:{served.port}"
    (tmp_path / "prometheus.yml").write_text(
        "global: {scrape_interval: 200ms, scrape_timeout: 200ms}\n"
        f"scrape_configs: [{{job_name: telemetry, static_configs: [{{targets: ['{target}']}}]}}]\n"
    )
    with free_port() as port:
        command = [
            prometheus,
            f"--config.file={tmp_path / 'prometheus.yml'}",
            f"--storage.tsdb.path={tmp_path / 'data'}",
        ]
    process = subprocess.Popen([*command, f"--web.listen-address=127.0.0.1:{port}"], stderr=subprocess.DEVNULL)
    try:
        assert eventually(port, "soulsai_run_iteration") == "3"
        assert eventually(port, 'up{job="telemetry"}') == "1"
        assert eventually(port, 'soulsai_run_metric_average{metric="boss hp"}') == "0.04"
    finally:
        process.terminate()
        process.wait(10)


class free_port:  # noqa: N801 - reads as a function
    """A port that nobody has at the moment."""

    def __enter__(self):
        import socket

        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            return probe.getsockname()[1]

    def __exit__(self, *_):
        return False


def eventually(port, query):
    """What Prometheus answers to a query, once it has anything to say."""
    url = f"http://127.0.0.1:{port}/api/v1/query?query={urllib.request.quote(query)}"
    deadline = time.monotonic() + 30
    while time.monotonic() < deadline:
        try:
            with urllib.request.urlopen(url, timeout=2) as answer:
                found = json.loads(answer.read())["data"]["result"]
            if found:
                return found[0]["value"][1]
        except OSError:
            pass
        time.sleep(0.2)
    return None
