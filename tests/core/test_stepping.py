"""A step becomes transitions: real ones only, each with the observation that its action led to."""

import numpy as np

from soulsai_core.messages import Step
from soulsai_core.stepping import transitions

ACTIONS = np.array([0, 1, 0])


def observed(*values):
    return {"observation": np.array(values, np.float32)[:, None]}


def step(values, ended=(False, False, False), **more):
    rewards = np.array([0.5, 1.5, 2.5], np.float32)
    return Step(observed(*values), rewards, np.array(ended), np.zeros(3, np.bool_), **more)


def test_plain_step_is_not_copied():
    before, after = step([1, 2, 3]), step([4, 5, 6])
    moved = transitions(before, ACTIONS, after)
    assert moved.observations is before.observations and moved.next_observations is after.observations
    assert moved.rewards is after.rewards and moved.actions is ACTIONS
    assert moved.rows.tolist() == [0, 1, 2]
    assert moved.masks is None and moved.next_masks is None


def test_end_leads_to_the_final_observation_and_mask():
    first, last = np.array([[1, 0]] * 3, np.bool_), np.array([0, 1], np.bool_)
    final = {1: {"observation": np.array([9], np.float32)}}
    after = step([4, 0, 6], (False, True, False), final=final, masks=first, final_masks={1: last})
    moved = transitions(step([1, 2, 3], masks=first), ACTIONS, after)
    assert moved.next_observations["observation"][:, 0].tolist() == [4, 9, 6]
    assert moved.next_masks.tolist() == [[True, False], [False, True], [True, False]]
    assert moved.terminated.tolist() == [False, True, False]
    assert after.observations["observation"][1, 0] == 0, "what the next action is chosen at stays"
    assert after.masks[1].tolist() == [True, False]


def test_final_observation_without_a_mask_has_all_actions():
    masks = np.array([[1, 0]] * 3, np.bool_)
    final = {0: {"observation": np.array([9], np.float32)}}
    moved = transitions(step([1, 2, 3], masks=masks), ACTIONS, step([4, 5, 6], final=final, masks=masks))
    assert moved.next_masks[0].tolist() == [True, True]


def test_rows_that_were_only_reset_are_left_out():
    moved = transitions(step([1, 2, 3]), ACTIONS, step([4, 5, 6], valid=np.array([True, False, True])))
    assert moved.rows.tolist() == [0, 2]
    assert moved.observations["observation"][:, 0].tolist() == [1, 3]
    assert moved.next_observations["observation"][:, 0].tolist() == [4, 6]
    assert moved.actions.tolist() == [0, 0]
    assert moved.rewards.tolist() == [0.5, 2.5]


def test_step_that_only_reset_is_no_transition():
    assert transitions(step([1, 2, 3]), ACTIONS, step([4, 5, 6], valid=np.zeros(3, np.bool_))) is None
