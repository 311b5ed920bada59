"""Asking the training node for something."""

import msgspec

from soulsai_core import TransportError
from soulsai_telemetry.orders import order_through


class Line:
    def __init__(self, answer):
        self.answer = answer

    def command(self, identifier, payload, timeout):
        if isinstance(self.answer, Exception):
            raise self.answer
        self.sent = msgspec.json.decode(payload)
        return self.answer


def test_an_order_is_sent_and_its_answer_given():
    line = Line(b'{"id": "1", "ok": true, "detail": "saved"}')
    reply = order_through(line)("quicksave")
    assert (reply.ok, reply.detail, line.sent["name"]) == (True, "saved", "quicksave")


def test_no_answer_is_an_answer():
    reply = order_through(Line(None))("quicksave")
    assert not reply.ok
    assert "No training node answered" in reply.detail


def test_a_server_that_is_away_is_an_answer():
    reply = order_through(Line(TransportError("No Redis server answers.")))("quicksave")
    assert (reply.ok, reply.detail) == (False, "No Redis server answers.")


def test_an_answer_that_cannot_be_read_is_an_answer():
    assert not order_through(Line(b"nonsense"))("quicksave").ok
