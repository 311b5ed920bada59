"""What the page's server answers, over real sockets."""

import json
import math
import socket
import threading
import urllib.error
import urllib.request

import pytest
from pydantic import ValidationError
from waiting import wait_for

from soulsai_core import ConfigError
from soulsai_telemetry.config import PageSettings
from soulsai_telemetry.history.records import EpisodeRecord
from soulsai_telemetry.page import Page


@pytest.fixture
def serve(training, start):
    """Starts the page of a node that has recorded three episodes."""
    pages = []

    def serve(**settings):
        node = training.node()
        page = Page(node, PageSettings(**settings))
        page.listen()
        pages.append(page)
        node._observers.register("page", page)
        running = start(node)
        training.report_returns(1, 2, 3)
        running.until(lambda: node.history.episodes == 3 and node.status is not None)
        return page

    yield serve
    for page in pages:
        page.close()


def ask(page, path, *, method="GET", headers=None):
    request = urllib.request.Request(page.url + path, method=method, headers=headers or {})
    try:
        with urllib.request.urlopen(request, timeout=60) as answer:
            return answer.status, answer.read(), answer.headers
    except urllib.error.HTTPError as error:
        return error.code, error.read(), error.headers


def read(page, path):
    status, body, _ = ask(page, path)
    assert status == 200, body
    return json.loads(body)


def test_page_loads_nothing_from_other_servers(serve):
    page = serve()
    status, body, headers = ask(page, "/")
    assert (status, headers["Content-Type"]) == (200, "text/html; charset=utf-8")
    assert "default-src 'self'" in headers["Content-Security-Policy"]
    assert b"http://" not in body.replace(b"http://www.w3.org", b"")
    assert b"https://" not in body


@pytest.mark.parametrize(
    ("name", "kind"),
    [("main.js", "text/javascript"), ("style.css", "text/css"), ("uPlot.iife.min.js", "text/javascript"),
     ("icon.svg", "image/svg+xml"), ("uPlot-LICENSE.txt", "text/plain")],
)  # fmt: skip
def test_files_are_served_with_their_media_type(serve, name, kind):
    status, body, headers = ask(serve(), f"/static/{name}")
    assert (status, headers["Content-Type"].startswith(kind), len(body) > 100) == (200, True, True)


@pytest.mark.parametrize("path", ["/static/../server.py", "/static/%2e%2e/server.py", "/static/", "/etc/passwd"])
def test_other_files_are_not_served(serve, path):
    assert ask(serve(), path)[0] == 404


def test_run_has_environment_algorithm_and_configuration(serve):
    run = read(serve(), "/api/run")
    assert (run["environment"], run["algorithm"], run["window"], run["writable"]) == ("Lander", "dqn", 3, False)
    assert run["config"]["algorithm"] == {"name": "dqn"}


def series(answer):
    """Metric -> the curve of the training in an answer about curves."""
    return {one["metric"]: one for one in answer["series"] if one["source"] == "training"}


def test_state_has_status_episodes_best_and_clients(serve):
    state = read(serve(), "/api/state")
    assert (state["health"]["live"], state["episodes"], state["status"]["iteration"]) == (True, 3, 7)
    assert (state["highest"]["score"], state["clients"][0]["id"]) == (2.0, "client-1")
    assert (state["best"], state["lead"]) == (None, {"metric": "return", "value": 2.0, "values": 3})
    assert state["metrics"][0] == "return"


def test_part_of_the_history_can_be_requested(serve):
    page = serve()
    whole = read(page, "/api/history?axis=step&points=10")
    assert series(whole)["return"]["mean"] == [1.0, 2.0, 3.0]
    assert whole["extent"] == [10, 30]
    part = read(page, "/api/history?axis=step&start=15&end=25")
    assert series(part)["return"]["x"] == [20]


def test_smoothing_can_be_chosen_up_to_a_bound(serve):
    page = serve()
    assert series(read(page, "/api/history?window=2"))["return"]["average"] == [1.0, 1.5, 2.5]
    assert series(read(page, "/api/history?window=1e300"))["return"]["average"] == [1.0, 1.5, 2.0]


def test_history_of_the_status_can_be_requested(serve):
    assert series(read(serve(), "/api/status-history?axis=time"))["admitted"]["average"][0] == 50.0


@pytest.mark.parametrize("query", ["axis=color", "points=many", "start=nan", "end=1e", "points=%ff", "window=x"])
def test_malformed_request_is_a_bad_request(serve, query):
    assert ask(serve(), f"/api/history?{query}")[0] == 400


@pytest.mark.parametrize(
    "query", ["points=-1e308", "points=inf", "start=inf&end=-inf", "axis=&start=", "axis=time&end=1e308"]
)
def test_odd_part_of_the_history_is_answered(serve, query):
    assert read(serve(), f"/api/history?{query}")["episodes"] == 3


@pytest.mark.parametrize("name", ["%00", "x" * 5000, "%2e%2e/", "%ff", "*"])
def test_odd_name_of_a_log_is_answered(serve, name):
    assert read(serve(), f"/api/log?name={name}")["lines"] == []


def test_logs_can_be_read_and_no_other_files(serve, training):
    (training.folder / "logs").mkdir()
    (training.folder / "logs" / "client-1.log").write_text("joined\n")
    page = serve()
    assert read(page, "/api/log?name=client-1") == {"names": ["client-1"], "lines": ["joined"]}
    assert read(page, "/api/log?name=../config")["lines"] == []


def test_health_check_is_answered(serve):
    assert read(serve(), "/health") == {"ok": True, "run_id": "run-1"}


def test_page_is_read_by_its_own_names_and_those_of_the_settings(serve):
    page = serve(hosts=["play.example.org"])
    assert [ask(page, "/api/state", headers={"Host": name})[0] for name in ("localhost", "play.example.org")] == [
        200,
        200,
    ]
    status, body, headers = ask(page, "/api/state", headers={"Host": "evil.example"})
    assert (status, "telemetry.config.page.hosts" in json.loads(body)["error"]) == (400, True)
    assert headers["X-Content-Type-Options"] == "nosniff"


@pytest.mark.parametrize("name", ["http://play.example.org", "play.example.org:8081", "*example.org", "a.*.org", ""])
def test_setting_of_a_name_is_a_bare_name(name):
    with pytest.raises(ValidationError, match="must be a name without a port"):
        PageSettings(hosts=[name])


def events(page):
    """The events that the server sends, each (name, value), until it closes the connection."""
    with socket.create_connection(("127.0.0.1", int(page.url.rpartition(":")[2]))) as connection:
        connection.sendall(b"GET /api/events HTTP/1.1\r\nHost: localhost\r\n\r\n")
        with connection.makefile("rb") as lines:
            for line in lines:
                if line.startswith(b"event: "):
                    yield line[7:].strip().decode(), json.loads(next(lines)[6:])


def test_state_and_episodes_are_sent_as_they_come(serve, training, eventually):
    page = serve()
    received = {}

    def read():
        for name, value in events(page):
            received.setdefault(name, value)

    threading.Thread(target=read, daemon=True).start()
    eventually(lambda: received.get("hello") == {"run_id": "run-1"})
    training.report_returns(10)
    state = eventually(lambda: received.get("state"))
    assert state["status"]["run_id"] == "run-1"
    [record] = eventually(lambda: received.get("episodes"))
    assert record["values"]["return"][0] == 10


def test_events_are_not_sent_in_answer_to_a_head(serve):
    status, body, headers = ask(serve(), "/api/events", method="HEAD")
    assert (status, body, headers["Content-Type"].partition(";")[0]) == (200, b"", "text/event-stream")


# -- other runs


def test_other_runs_are_listed_and_their_curves_answered(serve, save):
    save("run-0", [5, 7], saves=".", algorithm="ppo")
    page = serve()
    rows = {row["name"]: row for row in read(page, "/api/runs")["runs"]}
    assert (rows["run-0"]["algorithm"], rows["run-0"]["shown"], rows["run-1"]["shown"]) == ("ppo", False, True)
    assert series(read(page, "/api/history?run=run-0"))["return"]["mean"] == [5.0, 7.0]


@pytest.mark.parametrize("name", ["run-7", "..", "../run-0", "%2fetc", "%00", "x" * 5000])
def test_only_runs_that_are_listed_can_be_read(serve, name):
    assert ask(serve(), f"/api/history?run={name}")[0] == 400


def test_a_page_can_be_that_of_one_run_alone(serve, save):
    save("run-0", [5, 7], saves=".")
    page = serve(runs=False)
    assert read(page, "/api/runs")["runs"] == []
    assert ask(page, "/api/history?run=run-0")[0] == 400


def test_what_happened_is_told(serve):
    page = serve()
    assert [event["kind"] for event in read(page, "/api/happened")["events"]] == ["start"]


# -- ports


def test_second_page_on_a_machine_takes_the_next_port(training):
    pages = [Page(training.node(), PageSettings()) for _ in range(2)]
    try:
        for page in pages:
            page.listen()
        assert pages[0].url != pages[1].url
        assert "port 8081 is taken" in pages[1].note
    finally:
        for page in pages:
            page.close()


def test_taken_port_of_the_settings_is_an_error(training):
    first = Page(training.node(), PageSettings())
    try:
        first.listen()
        port = int(first.url.rpartition(":")[2])
        second = Page(training.node(), PageSettings(port=port))
        with pytest.raises(ConfigError, match=rf"telemetry\.config\.page\.port is {port}"):
            second.listen()
    finally:
        first.close()


def test_page_takes_its_previous_port_after_a_restart(training):
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    page = Page(training.node(), PageSettings())
    page.listen(preferred=port)
    try:
        assert page.url == f"http://localhost:{port}"
    finally:
        page.close()


def test_page_answers_whatever_numbers_were_reported(serve, training):
    page = serve()
    for number, value in enumerate((1e308, -1e308, 1e15, 1e15, 5.0), start=10):
        training.report(f"client-1-{number}", 1.0, metrics={"damage": value})
        training.report(f"client-2-{number}", value, client="client-2")
    training.report("client-3-1", 1.0, client="client-3", length=2**62)
    wait_for("the reports", lambda: read(page, "/api/state")["episodes"] == 3 + 5 + 3)
    for points in (1, 3, 1000):
        metrics = series(read(page, f"/api/history?axis=step&points={points}"))
        assert all(number is not None for columns in metrics.values() for number in columns["mean"])
    assert max(metrics["damage"]["high"]) == 1e15


def test_page_answers_for_a_history_with_infinite_numbers(serve):
    page = serve()
    values = {"return": math.inf, "old": -math.inf}
    page._source.history.add(EpisodeRecord(4, 40, 1e9, 0, "client-1", True, values, values))
    assert read(page, "/api/history?axis=episode")["episodes"] == 4
