"""Policies that were made before they were needed."""

import numpy as np
import pytest

from soulsai_dqn.prepared import Prepared


@pytest.fixture
def made():
    return []


@pytest.fixture
def prepared(made):
    return Prepared(lambda arrays: made.append(arrays) or f"policy {len(made)}")


def test_prepared_policy_is_given_out_for_the_very_arrays_that_it_was_made_of(prepared, made):
    arrays = {"w": np.zeros(1)}
    prepared.prepare(arrays)
    assert prepared.policy(arrays) == "policy 1" and len(made) == 1


def test_other_arrays_make_another_policy_though_they_are_equal(prepared, made):
    prepared.prepare({"w": np.zeros(1)})
    other = {"w": np.zeros(1)}
    assert prepared.policy(other) == "policy 2" and made[1] is other


def test_policy_is_given_out_once(prepared):
    arrays = {"w": np.zeros(1)}
    prepared.prepare(arrays)
    assert [prepared.policy(arrays), prepared.policy(arrays)] == ["policy 1", "policy 2"]
