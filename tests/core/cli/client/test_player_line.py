"""The line of a player's own terminal."""

from soulsai_core.cli.client.player_line import PlayerLine
from soulsai_core.client.standing import Standing


def test_line_has_steps_own_return_place_and_the_age_of_the_model(clock):
    standing = Standing(0, 0, None, 0, None, -1)
    line = PlayerLine(lambda: standing, clock)
    assert line() == "0 s  waiting for the first model"
    standing = Standing(12_345, 7, 31.25, 7, (2, 5), 40)
    assert line().startswith("0 s  12,345 steps  7 episodes  return 31.2 (mean of your last 7)")
    clock.now += 65
    assert line().endswith("place 2 of 5 clients by steps  model 40, 1 min 05 s old")
    standing = Standing(12_400, 7, 31.25, 7, (1, 5), 41)
    assert line().endswith("place 1 of 5 clients by steps  model 41, 0 s old")
