"""The game object as soulsgym uses it."""

from __future__ import annotations

import random
from math import pi

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from pymem.exception import MemoryReadError

from soulsai_souls_env.observation import LAYOUTS
from soulsai_souls_env.simulated_game.bosses import BOSSES
from soulsai_souls_env.simulated_game.character import Character, wrap
from soulsai_souls_env.simulated_game.clock import VirtualClock
from soulsai_souls_env.simulated_game.faults import Faults
from soulsai_souls_env.simulated_game.iudex import IUDEX
from soulsai_souls_env.simulated_game.keyboard import SimulatedInput
from soulsai_souls_env.simulated_game.vordt import VORDT
from soulsai_souls_env.simulated_game.window import SimulatedWindow


def test_time_passes_when_it_is_read_and_stands_still_in_a_pause(game):
    first = game.time
    assert game.time > first
    game.pause_game()
    assert game.time == game.time
    game.resume_game()
    before = game.time
    game.sleep(0.5)
    assert game.timed(game.time, before) >= 0.5


def test_every_animation_of_the_simulation_is_in_soulsgyms_tables(game):
    known_to_soulsgym = set(game.data.boss_animations["iudex"]["all"]) | {"Attack1500"}
    game.allow_attacks = True
    seen = set()
    for _ in range(1500):
        game.run(0.1)
        game.reset_player_hp()
        seen |= {(game.player_animation, game.iudex_animation)}
    assert {boss for _, boss in seen} <= known_to_soulsgym
    assert {player for player, _ in seen} <= set(game.data.player_animations)
    assert len({boss for _, boss in seen}) > 10


@given(st.floats(-7, 7), st.lists(st.tuples(st.floats(-7, 7), st.floats(0, 5)), max_size=30))
def test_moving_character_stays_in_the_arena(heading, moves):
    for boss in BOSSES.values():
        character = Character("Idle", boss.floor)
        layout = LAYOUTS[boss.name]
        for turn, distance in moves:
            character.move(wrap(heading + turn), distance)
            # Outside of these limits soulsgym would end the fight with an error.
            assert (layout.low[:2] < (character.x, character.y)).all()
            assert (layout.high[:2] > (character.x, character.y)).all()


def test_character_outside_of_the_arena_may_move_into_it():
    for boss, start in ((IUDEX, (104.0, 507.0)), (VORDT, (27.9, 46.0))):
        character = Character("Idle", boss.floor)
        character.place(*start, 0.0, 0.0)
        character.move(pi if boss is IUDEX else 0.0, 3.0)
        assert (character.x, character.y) != start


@given(st.floats(-3, 3), st.floats(-3, 3))
def test_character_that_turns_long_enough_looks_at_the_other(x, y):
    character = Character("Idle", IUDEX.floor)
    other = Character("Idle", IUDEX.floor)
    other.place(character.x + x, character.y + y, 0, 0)
    for _ in range(100):
        character.turn_towards(other, 0.1)
    assert abs(character.bearing(other)) < 0.1 or (x, y) == (0, 0)


def test_keys_do_not_reach_the_game_without_the_focus(game):
    keyboard = SimulatedInput(game, game.game_id)
    window = SimulatedWindow(game)
    game.faults.inject("lost_focus")
    keyboard.add_actions(["forward"])
    keyboard.update_input()
    assert not window.focused and not game.arena.held_keys
    window.focus_application()
    keyboard.reset()
    keyboard.add_actions(["forward"])
    keyboard.update_input()
    assert window.focused and game.arena.held_keys == {"forward"}
    keyboard.reset()
    assert not game.arena.held_keys


def test_frozen_game_stands_still_and_a_crashed_one_cannot_be_read(game):
    game.faults.inject("freeze")
    first = game.time
    assert game.time == first
    game.faults.inject("crash")
    with pytest.raises(MemoryReadError):
        _ = game.player_hp


def test_faults_come_at_random_or_exactly():
    def steps_between(exact):
        faults = Faults(random.Random(1), ["lost_focus"], 50, exact=exact)
        found = []
        for step in range(1, 20_000):
            faults.on_step()
            if faults.active:
                faults.active.clear()
                found.append(step)
        return np.diff(found)

    assert set(steps_between(exact=True)) == {51}
    at_random = steps_between(exact=False)
    assert at_random.std() > 20 and 40 < at_random.mean() < 62


def test_slow_frame_takes_real_time():
    slept = []
    Faults(random.Random(0), slow_frame_s=0.7, sleep=slept.append).inject("slow_frame")
    assert slept == [0.7]


def test_paced_clock_waits_for_real_time_and_does_not_catch_up():
    real = [0.0]
    clock = VirtualClock(2.0, now=lambda: real[0], sleep=lambda seconds: real.__setitem__(0, real[0] + seconds))
    for _ in range(100):
        clock.tick()
    assert real[0] == pytest.approx(0.4)
    real[0] += 10.0
    for _ in range(100):
        clock.tick()
    assert real[0] == pytest.approx(10.8, abs=0.06)


def test_wall_clock_runs_slower_than_game_time_at_a_higher_speed():
    clock = VirtualClock()
    clock.speed = 3.0
    for _ in range(300):
        clock.tick()
    assert (clock.milliseconds, clock.wall_time()) == (2400, pytest.approx(0.8))


def test_boss_grows_in_the_image_as_it_comes_nearer(game):
    def dark(image):
        return int((image.sum(axis=2) < 160).sum())

    game.iudex_pose = (139.0, 606.0, -68.8, 0.0)
    game.run(1.0)
    far = game.img
    game.iudex_pose = (139.0, 593.0, -68.8, 0.0)
    game.run(0.5)
    assert far.shape == (90, 160, 3) and far.dtype == np.uint8
    assert dark(game.img) > 3 * dark(far)
