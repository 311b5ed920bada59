"""How a player's client is left."""

import argparse
import io

import pytest

from soulsai_core.cli.playing import Player


@pytest.mark.parametrize(("typed", "leaves"), [("\n", True), ("bye\n", True), ("", False)])
def test_enter_leaves_and_the_end_of_input_does_not(monkeypatch, typed, leaves):
    monkeypatch.setattr("sys.stdin", io.StringIO(typed))
    player = Player(argparse.Namespace(with_parent=False))
    player._leave_on_enter()
    assert player._left.is_set() is leaves
