"""The protocol of Grafana's JSON data source, with requests as Grafana sends them."""

import json
import urllib.error
import urllib.request
from pathlib import Path

import pytest

from soulsai_core import ConfigError
from soulsai_telemetry.connectors.grafana import plugin
from soulsai_telemetry.history.records import BestScore

START = "2023-11-14T22:13:20.000Z"  # 1.7e9, when the example's first episode began
RANGE = {"from": START, "to": "2023-11-14T22:14:20.000Z", "raw": {"from": "now-1m", "to": "now"}}

# Written after the protocol of the data source simpod-json-datasource; not recorded from a running Grafana.
QUERY = {
    "app": "dashboard",
    "requestId": "Q101",
    "timezone": "browser",
    "range": RANGE,
    "interval": "1m",
    "intervalMs": 60000,
    "targets": [
        {
            "refId": "A",
            "datasource": {"type": "simpod-json-datasource", "uid": "soulsai"},
            "editorMode": "builder",
            "payload": {},
            "target": "return average",
        }
    ],
    "maxDataPoints": 500,
    "scopedVars": {"__interval": {"text": "1m", "value": "1m"}, "__interval_ms": {"text": "60000", "value": 60000}},
    "startTime": 1700000060000,
    "rangeRaw": {"from": "now-1m", "to": "now"},
    "adhocFilters": [],
}
ANNOTATIONS = {
    "range": RANGE,
    "rangeRaw": {"from": "now-1m", "to": "now"},
    "annotation": {
        "name": "checkpoint",
        "datasource": {"type": "simpod-json-datasource", "uid": "soulsai"},
        "enable": True,
        "iconColor": "rgba(255, 96, 96, 1)",
        "query": "checkpoint",
    },
    "variables": {},
}


@pytest.fixture
def grafana(make, update):
    connector = make(plugin, port=0)
    connector.episodes_recorded(update(1, 40))
    return connector


@pytest.fixture
def ask(grafana):
    def ask(path, body=None, *, method=None):
        data = None if body is None else json.dumps(body).encode()
        headers = {"Content-Type": "application/json", "Accept": "application/json, text/plain, */*"}
        url = f"http://127.0.0.1:{grafana.port}{path}"
        with urllib.request.urlopen(urllib.request.Request(url, data, headers, method=method), timeout=60) as answer:
            return json.loads(answer.read() or b"null")

    return ask


def query(**changes):
    target = {**QUERY["targets"][0], **changes.pop("target_changes", {})}
    return {**QUERY, "targets": [target], **changes}


def test_data_source_can_be_tested(ask):
    assert ask("/") == {"status": "ok"}
    assert ask("/health") == {"status": "ok"}


def test_metrics_can_be_chosen_from_a_list(ask):
    found = ask("/metrics", {"payload": {}, "metric": ""})
    assert {"label": "return average", "value": "return average"}.items() <= found[0].items()
    assert {"axis", "from", "to"} == {payload["name"] for payload in found[0]["payloads"]}
    assert [option["value"] for option in ask("/metric-payload-options", {"name": "axis"})] == [
        "episode",
        "step",
        "time",
    ]


def test_older_data_sources_search_for_the_metrics(ask):
    assert ask("/search", {"target": "boss"}) == [f"boss hp {kind}" for kind in ("average", "value", "low", "high")]
    assert "return average" in ask("/search", {"target": ""})


def test_metrics_can_fill_a_variable_of_the_dashboard(ask):
    assert ask("/variable", {"payload": {"target": "metrics"}})[0] == {"__text": "return", "__value": "return"}


def test_query_is_answered_with_a_time_series(ask):
    [answer] = ask("/query", QUERY)
    assert (answer["target"], answer["refId"]) == ("return average", "A")
    assert answer["datapoints"][:2] == [[1.5, 1700000001000], [3.0, 1700000002000]]
    assert len(answer["datapoints"]) == 36  # 40 episodes, of which every tenth was cut short


@pytest.mark.parametrize(("target", "first"), [("return", 1.5), ("boss hp value", 1.0), ("boss hp", 1.0)])
def test_values_and_averages_can_be_chosen(ask, target, first):
    [answer] = ask("/query", query(target_changes={"target": target}))
    assert answer["datapoints"][0][0] == first


def test_time_series_is_limited_to_the_range(ask):
    part = {"from": "2023-11-14T22:13:25.000Z", "to": "2023-11-14T22:13:27+00:00"}
    [answer] = ask("/query", query(range=part))
    assert [at for _, at in answer["datapoints"]] == [1700000005000, 1700000006000, 1700000007000]


def test_number_of_points_is_limited_to_what_the_panel_asks_for(ask):
    [answer] = ask("/query", query(maxDataPoints=5))
    assert len(answer["datapoints"]) == 5
    assert answer["datapoints"][-1][1] == 1700000039000


def test_steps_and_episodes_come_as_a_table_with_a_range_of_their_own(ask):
    payload = {"axis": "step", "from": "100", "to": 140}
    [answer] = ask("/query", query(target_changes={"payload": payload}))
    assert answer["type"] == "table"
    assert answer["columns"] == [{"text": "step", "type": "number"}, {"text": "return average", "type": "number"}]
    assert answer["rows"] == [[100, 7.5], [120, 9.0], [140, 10.5]]


def test_several_targets_are_answered_and_hidden_ones_left_out(ask):
    targets = [
        {"target": "return", "refId": "A"},
        {"target": "length", "refId": "B", "hide": True},
        {"target": "length", "refId": "C"},
    ]
    assert [answer["refId"] for answer in ask("/query", query(targets=targets))] == ["A", "C"]


def test_series_of_an_unknown_metric_is_empty(ask):
    [answer] = ask("/query", query(target_changes={"target": "loss"}))
    assert answer["datapoints"] == []


def test_checkpoints_and_best_models_are_annotations(grafana, ask, monkeypatch):
    monkeypatch.setattr("time.time", lambda: 1.7e9 + 5)
    grafana.checkpoint_saved(Path("saves/run-1/checkpoint"), 7, "periodic")
    grafana.best_found(BestScore("return", 30.0, 20, 400, 6, 1.7e9 + 20))
    [checkpoint] = ask("/annotations", ANNOTATIONS)
    assert (checkpoint["time"], checkpoint["title"]) == (1700000005000, "Checkpoint (periodic)")
    assert "iteration 7" in checkpoint["text"]
    assert checkpoint["annotation"]["name"] == "checkpoint"
    everything = ask("/annotations", {**ANNOTATIONS, "annotation": {"name": "all", "query": ""}})
    assert [note["tags"][0] for note in everything] == ["checkpoint", "best"]


def test_annotations_are_bounded(make):
    connector = make(plugin, port=0, annotations=3)
    for i in range(10):
        connector.checkpoint_saved(Path("x"), i, "periodic")
    assert [note["text"] for note in connector._stored] == ["iteration 7: x", "iteration 8: x", "iteration 9: x"]


def test_infinity_gets_rows_with_plain_get(ask):
    rows = ask("/series?metric=return&axis=step&from=20&to=40&points=100")
    assert rows == [{"step": 20, "value": 1.5, "average": 1.5}, {"step": 40, "value": 3.0, "average": 3.0}]
    assert ask("/series?metric=return&from=1700000001000&to=1700000001500")[0]["time"] == 1700000001000


def test_browser_may_send_requests_directly(grafana):
    request = urllib.request.Request(f"http://127.0.0.1:{grafana.port}/query", method="OPTIONS")
    with urllib.request.urlopen(request, timeout=60) as answer:
        assert (answer.status, answer.headers["Access-Control-Allow-Origin"]) == (204, "*")


@pytest.mark.parametrize(
    ("path", "body"),
    [("/query", {**QUERY, "range": {"from": "yesterday"}}), ("/query", {**QUERY, "maxDataPoints": "many"}),
     ("/query", [1, 2]), ("/query", {**QUERY, "targets": ["return"]}), ("/series?axis=color", None),
     ("/query", query(target_changes={"payload": {"axis": "color"}})), ("/query", {**QUERY, "targets": 5}),
     ("/query", {**QUERY, "targets": {"a": 1}}), ("/query", {**QUERY, "range": 5}),
     ("/query", {**QUERY, "range": "now"}),
     ("/query", {**QUERY, "range": {"from": "0001-01-01", "to": "9999-12-31"}}),
     ("/query", query(target_changes={"payload": {"axis": ["time"]}})),
     ("/query", query(target_changes={"payload": {"axis": "step", "from": 10**400}})),
     ("/query", query(target_changes={"payload": {"axis": "step", "to": {}}})), ("/search", "return"),
     ("/query", {**QUERY, "targets": [{"target": "return"}] * 20_000}), ("/annotations", []),
     ("/annotations", {**ANNOTATIONS, "annotation": "checkpoint"}), ("/series?points=nan", None),
     ("/annotations", {**ANNOTATIONS, "annotation": {"query": "x" * 5000}})],
)  # fmt: skip
def test_malformed_request_is_a_bad_request(ask, path, body):
    with pytest.raises(urllib.error.HTTPError) as raised:
        ask(path, body)
    assert raised.value.code == 400
    assert json.loads(raised.value.read())["error"]


@pytest.mark.parametrize(
    ("path", "body"),
    [("/query", {**QUERY, "maxDataPoints": -1e308}), ("/query", {**QUERY, "targets": [{"target": "return"}] * 100}),
     ("/query", {**QUERY, "targets": None}), ("/query", query(target_changes={"target": ["return"], "refId": [1]})),
     ("/query", query(target_changes={"payload": {"axis": "episode", "from": 30, "to": -30}})),
     ("/query", {**QUERY, "range": {"from": START, "to": "2020-01-01"}}), ("/search", {"target": {"a": 1}}),
     ("/series?metric=return&from=inf&to=-inf&points=1e300", None), ("/series?metric=%ff%00&axis=", None),
     ("/variable", 5), ("/metrics", [])],
)  # fmt: skip
def test_odd_request_is_answered(ask, path, body):
    assert isinstance(ask(path, body), list)


def test_foreign_site_that_gives_its_name_our_address_reads_nothing(grafana):
    request = urllib.request.Request(f"http://127.0.0.1:{grafana.port}/series", headers={"Host": "evil.example"})
    with pytest.raises(urllib.error.HTTPError) as raised:
        urllib.request.urlopen(request, timeout=60)
    assert raised.value.code == 400
    assert "add it to the grafana connector's hosts" in json.loads(raised.value.read())["error"]


def test_before_the_first_episode_there_are_no_rows(make):
    connector = make(plugin, port=0)
    with urllib.request.urlopen(f"http://127.0.0.1:{connector.port}/series?metric=return", timeout=60) as answer:
        assert json.loads(answer.read()) == []


def test_port_in_use_is_named(grafana, make):
    with pytest.raises(ConfigError, match=f"the grafana connector's port is {grafana.port}"):
        make(plugin, port=grafana.port)
