"""Messages arrive: retried, limited, and without a word of secrets in the log."""

import logging

import pytest
from waiting import wait_for

from soulsai_telemetry.connectors.notify import delivery
from soulsai_telemetry.connectors.notify.delivery import Delivery, Failed, Refused, send_post
from soulsai_telemetry.connectors.notify.messages import Message
from soulsai_telemetry.connectors.notify.services import Post


def message(number, event="stuck"):
    return Message(event, f"message {number}", "text")


class Sink:
    """Takes what is sent. Raises what is in `failures` first."""

    def __init__(self):
        self.sent = []
        self.failures = []
        self.now = 0.0
        self._made = []

    def start(self, max_per_hour=100):
        made = Delivery(lambda *item: item, max_per_hour, send=self._send, clock=lambda: self.now)
        self._made.append(made)
        return made

    def _send(self, item):
        if self.failures:
            raise self.failures.pop(0)
        self.sent.append(item)

    def titles(self, count):
        wait_for(f"{count} messages", lambda: len(self.sent) >= count, pause=0.01)
        return [sent.title for sent, _ in self.sent]

    def close(self):
        for made in self._made:
            made.close()


@pytest.fixture
def sink(monkeypatch):
    monkeypatch.setattr(delivery, "_FIRST_PAUSE", 0.001)
    made = Sink()
    yield made
    made.close()


def test_messages_arrive_in_their_order(sink):
    delivering = sink.start()
    for number in range(5):
        delivering.put(message(number))
    assert sink.titles(5) == [f"message {number}" for number in range(5)]


def test_message_that_did_not_arrive_is_sent_again_and_this_is_logged_once(sink, caplog):
    sink.failures = [Failed("the service answered 503 Busy") for _ in range(5)]
    with caplog.at_level(logging.INFO, "soulsai_telemetry"):
        sink.start().put(message(1))
        assert sink.titles(1) == ["message 1"]
        wait_for("the end of the outage in the log", lambda: len(caplog.records) == 2, pause=0.01)
    assert caplog.messages == [
        "A message could not be sent: the service answered 503 Busy. Trying again until it can.",
        "Messages are sent again.",
    ]


def test_refused_message_is_given_up_and_the_next_is_sent(sink, caplog):
    sink.failures = [Refused("the service answered 401 Unauthorized")]
    delivering = sink.start()
    delivering.put(message(1))
    delivering.put(message(2))
    assert sink.titles(1) == ["message 2"]
    assert "'message 1' was refused: the service answered 401 Unauthorized. Check" in caplog.text


def test_server_that_takes_no_picture_gets_the_text_alone(sink):
    sink.failures = [Refused("the service answered 413 Too Large")]
    sink.start().put(message(1), b"png")
    assert sink.titles(1) == ["message 1"]
    assert sink.sent[0][1] is None


def test_too_many_in_an_hour_are_left_out_and_counted_but_never_the_end(sink):
    delivering = sink.start(max_per_hour=2)
    for number in range(5):
        delivering.put(message(number))
    delivering.put(message(5, "failed"))
    assert sink.titles(3) == ["message 0", "message 1", "message 5"]
    assert "(Left out by the limit per hour: 3 messages.)" in sink.sent[2][0].text
    sink.now = 3601.0
    delivering.put(message(6))
    assert sink.titles(4)[3] == "message 6"
    assert "Not sent" not in sink.sent[3][0].text


def test_of_too_many_that_wait_the_oldest_are_dropped(sink, monkeypatch):
    monkeypatch.setattr(delivery, "_FIRST_PAUSE", 1000.0)
    monkeypatch.setattr(delivery, "_WAITING", 3)
    sink.failures = [Failed("away")]
    delivering = sink.start()
    delivering.put(message(0))
    wait_for("the first attempt", lambda: not sink.failures, pause=0.01)
    for number in range(1, 6):
        delivering.put(message(number))
    delivering.close()
    assert sink.titles(3) == ["message 3", "message 4", "message 5"]


def test_what_cannot_be_delivered_at_the_end_is_given_up_at_once_and_counted(sink, caplog):
    sink.failures = [Failed("away") for _ in range(1000)]
    delivering = sink.start()
    delivering.put(message(1))
    delivering.put(message(2))
    delivering.close()
    delivering.close()
    assert "2 messages could not be delivered." in caplog.text


@pytest.mark.parametrize("code", [500, 503, 429, 408])
def test_answer_that_may_change_is_a_failure_to_try_again(service, code):
    service.answers = [(code, {"Retry-After": "7"})]
    with pytest.raises(Failed, match=f"the service answered {code}") as failure:
        send_post(Post(service.url, b"text", {}))
    assert failure.value.after == 7


@pytest.mark.parametrize("code", [400, 401, 404, 413])
def test_answer_that_will_not_change_is_a_refusal(service, code):
    service.answers = [code]
    with pytest.raises(Refused, match=f"the service answered {code}"):
        send_post(Post(service.url, b"text", {}))


def test_redirect_is_not_followed_with_the_token(service):
    service.answers = [(302, {"Location": service.url + "/elsewhere"})]
    with pytest.raises(Refused, match="the service answered 302"):
        send_post(Post(service.url, b"text", {"Authorization": "Bearer hush"}))
    assert len(service.requests) == 1


@pytest.mark.parametrize("url", ["http://127.0.0.1:1/secret-topic", "http://[:secret-topic", "http://a b/secret-topic"])
def test_what_is_raised_shows_no_address(url):
    with pytest.raises(Failed) as failure:
        send_post(Post(url, b"text", {}))
    assert "secret-topic" not in str(failure.value)
    assert "secret-topic" not in repr(Post(url, b"text", {"Authorization": "secret-topic"}))
