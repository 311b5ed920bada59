"""Commands to the training node."""

import msgspec
import pytest

from soulsai_core import TransportError
from soulsai_telemetry.commands import command_sender


class AnsweringTransport:
    """Gives one answer to every command."""

    def __init__(self, answer):
        self.answer = answer

    def command(self, identifier, payload, timeout):
        if isinstance(self.answer, Exception):
            raise self.answer
        self.sent = msgspec.json.decode(payload)
        return self.answer


def test_command_is_sent_and_its_answer_returned():
    transport = AnsweringTransport(b'{"id": "1", "ok": true, "detail": "saved"}')
    reply = command_sender(transport)("quicksave")
    assert (reply.ok, reply.detail, transport.sent["name"]) == (True, "saved", "quicksave")


def test_missing_answer_is_a_failure():
    reply = command_sender(AnsweringTransport(None))("quicksave")
    assert not reply.ok
    assert "No training node answered" in reply.detail


def test_server_that_is_away_is_a_failure():
    reply = command_sender(AnsweringTransport(TransportError("No Redis server answers.")))("quicksave")
    assert (reply.ok, reply.detail) == (False, "No Redis server answers.")


@pytest.mark.parametrize("answer", [b"nonsense", b'{"id": "\xff"}', b'{"newer": ' + b"[" * 9000])
def test_unreadable_answer_is_a_failure(answer):
    assert not command_sender(AnsweringTransport(answer))("quicksave").ok
