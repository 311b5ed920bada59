"""The connector as the telemetry node runs it, with a service on this machine."""

import json
from dataclasses import replace

import pytest

from soulsai_core import ConnectorContext, PluginError
from soulsai_core.app import PARENT_GONE, Health
from soulsai_telemetry import BestScore
from soulsai_telemetry.connectors.notify import plugin
from soulsai_telemetry.connectors.notify.config import NotifyConfig, destination
from soulsai_telemetry.connectors.notify.connector import shown_metrics
from soulsai_telemetry.testing import TelemetryConnectorContract, example_update

ENDED = Health("finished", 0.0, "Finished at 14:02: enough.")


class TestNotify(TelemetryConnectorContract):
    @pytest.fixture
    def plugin(self):
        return plugin

    @pytest.fixture
    def config(self, service, monkeypatch):
        monkeypatch.setenv("NOTIFY_URL", service.url)
        return NotifyConfig(service="webhook")


@pytest.fixture
def notify(service, make):
    def notify(**settings):
        return make(plugin, **{"service": "webhook", "url": service.url, **settings})

    return notify


def sent(service, count):
    return [json.loads(body) for *_, body in service.wait_for(count)]


def test_run_is_reported_from_its_start_to_its_end_with_a_picture(service, notify, status):
    connector = notify()
    connector.status_received(status)
    connector.episodes_recorded(example_update(1, 30))
    connector.status_received(replace(status, health=ENDED))
    first, last = sent(service, 2)
    assert (first["event"], first["title"]) == ("started", "run-1: has started")
    assert (last["event"], last["title"]) == ("finished", "run-1: finished")
    assert "picture" not in first and last["picture"].startswith("iVBORw0KGgo")  # PNG


def test_picture_shows_what_the_best_model_is_judged_by():
    update = example_update(1, 3)
    names = update.history.names
    judged = replace(update, best=BestScore("evaluation_return", 9.0, 3, 30, 1, 0.0))
    assert shown_metrics(judged) == ["evaluation_return", *names][:4]
    assert shown_metrics(replace(update, best=None)) == names[:4]


def test_picture_can_be_left_out(service, notify, status):
    connector = notify(picture=False, events=["finished"])
    connector.status_received(status)
    connector.episodes_recorded(example_update(1, 3))
    connector.status_received(replace(status, health=ENDED))
    assert "picture" not in sent(service, 1)[0]


def test_started_again_it_tells_nothing_twice(service, notify, status):
    notify().status_received(status)
    sent(service, 1)
    again = notify()
    again.status_received(status)
    again.status_received(replace(status, health=ENDED))
    assert [message["event"] for message in sent(service, 2)] == ["started", "finished"]


def test_killed_training_is_reported_when_the_node_is_asked_to_leave_for_it(service, notify, status):
    connector = notify()
    connector.status_received(status)
    connector.training_stopped("Ctrl-C")
    connector.training_stopped(PARENT_GONE)
    assert [message["title"] for message in sent(service, 2)] == ["run-1: has started", "run-1: killed"]


def test_what_waits_is_sent_before_the_end(service, notify, status):
    connector = notify()
    connector.status_received(status)
    connector.close()
    assert len(service.requests) == 1


def test_unwritable_folder_is_logged_and_messages_are_sent(service, status, tmp_path, caplog):
    (tmp_path / "telemetry").write_text("a file")
    connector = plugin.make(NotifyConfig(service="webhook", url=service.url), ConnectorContext("run-1", tmp_path, {}))
    connector.status_received(status)
    connector.close()
    assert len(service.requests) == 1
    assert "The messages that were sent cannot be noted" in caplog.text


# -- where address and token come from


def test_secrets_come_from_files_or_the_environment_and_the_setting_counts_first(tmp_path):
    (tmp_path / "url").write_text("\ufeffhttps://ntfy.sh/topic\r\n", encoding="utf-8")
    (tmp_path / "token").write_text("hush\n")
    files = {"url_file": str(tmp_path / "url"), "token_file": str(tmp_path / "token")}
    variables = {"NOTIFY_URL": "https://ntfy.sh/other\n", "NOTIFY_TOKEN": "quiet"}
    assert destination(NotifyConfig(**files), variables) == ("https://ntfy.sh/topic", "hush")
    assert destination(NotifyConfig(), variables) == ("https://ntfy.sh/other", "quiet")
    given = NotifyConfig(**files, url="https://ntfy.sh/mine", token="own")
    assert destination(given, variables) == ("https://ntfy.sh/mine", "own")


def test_secrets_are_not_shown():
    config = NotifyConfig(url="https://ntfy.sh/secret-topic", token="hush")
    assert "secret-topic" not in repr(config) and "hush" not in repr(config)


@pytest.mark.parametrize(
    "url",
    [
        "",
        "ntfy.sh/secret",
        "file:///secret",
        "https://",
        "https://a b/secret",
        "https://h:99999/secret",
        "http://[secret",
    ],
)
def test_address_that_is_none_is_a_sentence_that_does_not_show_it(url):
    with pytest.raises(PluginError) as error:
        destination(NotifyConfig(url=url), {})
    assert "secret" not in str(error.value) and len(str(error.value).split()) > 5


def test_missing_file_is_named(tmp_path):
    with pytest.raises(PluginError, match=r"notify.url_file: .*none cannot be read: No such file"):
        destination(NotifyConfig(url_file=str(tmp_path / "none")), {})
