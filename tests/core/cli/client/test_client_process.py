"""How the process of a client is left."""

import os
import subprocess
import sys

import pytest
from waiting import DEADLINE_S

from soulsai_core.cli.waiting import when_enter_is_pressed


@pytest.fixture
def typed(monkeypatch):
    """A function: standard input is this text and then its end."""
    readers = []

    def type_in(text):
        reader, writer = os.pipe()
        os.write(writer, text)
        os.close(writer)
        readers.append(os.fdopen(reader))
        monkeypatch.setattr("sys.stdin", readers[-1])

    yield type_in
    for reader in readers:
        reader.close()


@pytest.mark.parametrize(("text", "leaves"), [(b"\n", True), (b"bye\n", True), (b"", False)])
def test_enter_leaves_and_the_end_of_input_does_not(typed, text, leaves):
    typed(text)
    reasons = []
    when_enter_is_pressed(reasons.append).join(10)
    assert reasons == (["Enter was pressed"] if leaves else [])


def test_client_whose_parent_is_there_still_ends_with_code_2_and_a_sentence():
    command = [sys.executable, "-m", "soulsai_core", "client", "--with-parent", "--wait", "0"]
    client = subprocess.Popen(
        [*command, "--redis-address", "127.0.0.1:1"], stdin=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    )
    said = client.stderr.read()
    with client:
        assert client.wait(DEADLINE_S) == 2, said
    assert "127.0.0.1:1" in said and "Fatal" not in said
