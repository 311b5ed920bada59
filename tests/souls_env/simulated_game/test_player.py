"""What the player does with keys."""

from __future__ import annotations

import numpy as np
import pytest

from soulsai_souls_env.simulated_game.iudex import IUDEX
from soulsai_souls_env.simulated_game.player import HEAVY_DAMAGE, LIGHT_DAMAGE, RIPOSTE_DAMAGE

KEYS = ("forward", "backward", "left", "right")


def tap(game, *keys):
    game.allow_attacks = True  # the flag forbids those of the player, too
    for key in keys:
        game.press(key)
    for key in keys:
        game.release(key)
    game.arena.allow_attacks = False


def test_light_attack_in_reach_costs_the_boss_health_and_the_player_stamina(game):
    tap(game, "lightattack")
    assert game.player_animation == "AttackRightLight1"
    game.run(0.4)
    assert game.iudex_hp == game.iudex_max_hp
    game.run(0.2)
    assert game.iudex_hp == game.iudex_max_hp - LIGHT_DAMAGE
    assert game.player_sp == 75


def test_attack_out_of_reach_does_not_hit(game):
    game.player_pose = (139.0, 585.0, -68.8, 3.1416)
    tap(game, "lightattack")
    game.run(1.0)
    assert game.iudex_hp == game.iudex_max_hp


def test_heavy_attack_winds_up_and_hits_harder(game):
    tap(game, "heavyattack")
    game.run(0.5)
    assert game.player_animation == "AttackRightHeavy1Sta"
    game.run(0.5)
    assert game.player_animation == "AttackRightHeavy1End"
    assert game.iudex_hp == game.iudex_max_hp - HEAVY_DAMAGE


def test_chained_attacks_and_rolls_change_their_animation_so_that_soulsgym_sees_them(game):
    names = []
    for _ in range(3):
        tap(game, "lightattack")
        names.append(game.player_animation)
        game.run(0.85)
    assert names == ["AttackRightLight1", "AttackRightLight2", "AttackRightLight3"]
    game.run(2.0)
    game.reset_player_sp()
    names = []
    for _ in range(3):
        tap(game, "left", "roll")
        names.append(game.player_animation)
        game.run(0.8)
    assert names == ["RollingMedium", "RollingMediumSelftra", "RollingMedium"]


@pytest.mark.parametrize("key", ["roll", "lightattack", "heavyattack", "parry"])
def test_nothing_starts_in_the_middle_of_another_animation_or_without_stamina(game, key):
    tap(game, "forward", "roll")
    game.run(0.3)
    tap(game, key)
    assert game.player_animation == "RollingMedium"
    game.run(3.0)
    assert game.player_animation == "Idle"
    game.player_sp = 0
    tap(game, key)
    assert game.player_animation == "Idle"


@pytest.mark.parametrize("key", KEYS)
def test_keys_move_in_their_direction_as_seen_towards_the_boss(game, key):
    game.player_pose = before = (139.0, 590.0, -68.8, 3.1416)
    game.press(key)
    game.run(0.3)
    game.release(key)
    game.run(2.0)
    right, forward = np.array(game.player_pose[:2]) - before[:2]
    distances = {"forward": forward, "backward": -forward, "right": right, "left": -right}
    assert max(distances, key=distances.get) == key


def test_stamina_comes_back_while_nothing_is_done(game):
    game.player_sp = -20
    game.run(1.0)
    assert game.player_sp == pytest.approx(25, abs=1)
    game.run(5.0)
    assert game.player_sp == game.player_max_sp


def test_roll_through_a_hit_costs_nothing_and_standing_still_does(game):
    arena = game.arena
    for rolls in (True, False):
        game.reset_player_hp()
        game.player_pose = (139.0, 590.0, -68.8, 3.1416)
        game.iudex_pose = (139.0, 592.5, -68.8, 0.0)
        arena.player.play("Idle")
        attack = IUDEX.attacks["Attack3007"]
        arena.boss._begin_attack(attack)
        game.run(attack.hits[0].start - 0.1)
        if rolls:
            tap(game, "right", "roll")
        game.run(0.4)
        assert (game.player_hp == game.player_max_hp) is rolls


def test_parried_boss_can_be_struck_down(game):
    attack = IUDEX.attacks["Attack3001"]
    game.arena.boss._begin_attack(attack)
    game.run(attack.hits[0].start - 0.2)
    tap(game, "parry")
    game.run(0.3)
    assert game.iudex_animation == "DamageParryEnemy1" and game.player_hp == game.player_max_hp
    game.run(0.8)
    tap(game, "lightattack")
    assert (game.player_animation, game.iudex_animation) == ("ThrowAtk", "ThrowDef")
    game.run(1.5)
    assert game.iudex_hp == game.iudex_max_hp - RIPOSTE_DAMAGE


def test_grab_holds_hurts_and_breaks_the_lock(game):
    attack = IUDEX.attacks["Attack3010"]
    game.arena.boss._begin_attack(attack)
    game.run(attack.hits[0].end)
    assert (game.player_animation, game.iudex_animation) == ("ThrowDef", "ThrowAtk")
    assert not game.lock_on and game.player_hp == game.player_max_hp
    game.run(2.0)
    assert game.player_hp == game.player_max_hp - attack.hits[0].damage


def test_frost_wears_the_resistance_down_and_bites_once(game):
    frost = game.arena.frost
    assert not frost.take(0.6) and game.player_frost_resistance == pytest.approx(0.4)
    assert frost.take(0.6) and (game.player_frost_resistance, game.player_frost_effect) == (1, 1)
    assert not frost.take(5.0), "there is no second frostbite during the first"
    game.run(10.0)
    assert game.player_frost_effect == pytest.approx(0.5, abs=0.01)
    game.player_sp = 0
    game.run(1.0)
    assert 20 < game.player_sp < 40, "stamina recovers more slowly"
    game.run(10.0)
    assert game.player_frost_effect == 0


def test_one_hit_point_is_left_where_deaths_are_not_allowed(game):
    for deaths, left in ((False, 1), (True, 0)):
        game.allow_deaths = deaths
        game.arena.player.lose_hp(10_000, deadly=game.allow_deaths)
        game.arena.boss.lose_hp(10_000, deadly=game.allow_deaths)
        assert (game.player_hp, game.iudex_hp) == (left, left)
