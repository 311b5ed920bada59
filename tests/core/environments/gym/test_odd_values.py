"""Whatever an info holds, and whatever shape a reward has, an environment can be learned from."""

import msgspec
import numpy as np
import pytest
from gymnasium import Env, register, registry, spaces

from soulsai_core.environments.gym import building
from soulsai_core.environments.gym.infos import numbers
from soulsai_core.environments.isolation.codec import decode_step, encode
from soulsai_core.errors import EnvironmentFailure

ACTIONS = np.zeros(1, np.int64)


class Raising(float):
    def __float__(self):
        raise RuntimeError("no number after all")


class Name(str):
    __slots__ = ()


ODD = {
    "none": None,
    "text": "1.0",
    "nested": {"a": 1.0},
    "huge array": np.zeros((500, 500)),
    "array of one": np.ones(1),
    "object": object(),
    "class": int,
    "raises": Raising(1.0),
    "complex": 1j,
    "big": 10**400,
    "half \ud83d": 1.0,
    ("a", 1): 1.0,
    np.int64(1): 2.0,
    b"bytes": 1.0,
    None: 1.0,
}
FINE = {
    "int": 3,
    "flag": True,
    "float32": np.float32(0.5),
    "int64": np.int64(7),
    "bool": np.bool_(True),
    "not finite": float("inf"),
    Name("year – año"): 1,
}
KEPT = {
    "int": 3.0,
    "flag": 1.0,
    "float32": 0.5,
    "int64": 7.0,
    "bool": 1.0,
    "not finite": float("inf"),
    "year – año": 1.0,
}


class Odd(Env):
    """Its info holds everything, and each episode has two steps."""

    observation_space = spaces.Box(-1, 1, (4,), np.float32)
    action_space = spaces.Discrete(3)

    def __init__(self, info=None, reward=1.0):
        self.given = {**ODD, **FINE} if info is None else info
        self.reward = reward

    def reset(self, *, seed=None, options=None):
        super().reset(seed=seed)
        self.count = 0
        return np.zeros(4, np.float32), self.given

    def step(self, action):
        self.count += 1
        return np.zeros(4, np.float32), self.reward, self.count == 2, False, self.given


class Flaky(Odd):
    """Its first resets fail, this number of them over all instances."""

    failures = 0

    def reset(self, *, seed=None, options=None):
        if Flaky.failures:
            Flaky.failures -= 1
            raise RuntimeError("the level did not load")
        return super().reset(seed=seed)


class OldStep(Odd):
    def step(self, action):
        return np.zeros(4, np.float32), 1.0, False, {}


class OldReset(Odd):
    def reset(self, *, seed=None, options=None):
        return np.zeros(4, np.float32)


class OldResetWithoutSeed(Odd):
    def reset(self):
        return np.zeros(4, np.float32)


@pytest.fixture(autouse=True)
def _registered():
    kinds = (Odd, Flaky, OldStep, OldReset, OldResetWithoutSeed)
    for kind in kinds:
        register(f"soulsai-test/{kind.__name__}-v0", kind)
    yield
    for kind in kinds:
        del registry[f"soulsai-test/{kind.__name__}-v0"]


def test_info_is_reduced_to_plain_numbers_under_plain_keys():
    found = numbers({**ODD, **FINE})
    assert found == KEPT
    assert all(type(key) is str and type(value) is float for key, value in found.items())
    msgspec.json.encode(found)


@pytest.mark.parametrize("info", [None, "text", 3, [], np.zeros(3), np.zeros(0)])
def test_what_is_no_info_has_no_numbers(info):
    assert numbers(info) == {}


@pytest.mark.parametrize("settings", [{}, {"num_envs": 2}, {"num_envs": 2, "autoreset_mode": "same_step"}])
def test_odd_infos_go_through_environments_and_their_processes(make, settings):
    environment = make("Odd-v0", **settings)
    actions = np.zeros(environment.num_envs, np.int64)
    environment.reset()
    for _ in range(4):
        step = environment.step(actions)
        for found in step.metrics.values():
            assert found == KEPT
        sent = decode_step(encode(step))
        assert sent.metrics == step.metrics
    environment.close()


@pytest.mark.parametrize("info", [None, "text", 3])
def test_environment_without_an_info_is_stepped(make, info):
    environment = make("Odd-v0", kwargs={"info": [] if info is None else info})
    environment.reset()
    assert environment.step(ACTIONS).metrics in ({}, None)


@pytest.mark.parametrize(
    "reward",
    [
        1,
        True,
        np.float16(1),
        np.int8(1),
        np.ones(()),
        np.ones(1),
        np.ones((1, 1)),
        [1.0],
        [[[1]]],
        np.ones((1, 1, 1), int),
    ],
)
@pytest.mark.parametrize("num_envs", [1, 2])
def test_reward_of_any_shape_with_one_number_is_that_number(make, reward, num_envs):
    environment = make("Odd-v0", kwargs={"reward": reward}, num_envs=num_envs)
    environment.reset()
    rewards = environment.step(np.zeros(num_envs, np.int64)).rewards
    assert rewards.dtype == np.float32 and rewards.tolist() == [1.0] * num_envs


@pytest.mark.parametrize("num_envs", [1, 2])
def test_reward_of_several_numbers_is_refused_with_its_shape(make, num_envs):
    environment = make("Odd-v0", kwargs={"reward": np.ones((3, 2))}, num_envs=num_envs)
    environment.reset()
    with pytest.raises(EnvironmentFailure, match=r"its reward has the shape \(3, 2\), and must be one number"):
        environment.step(np.zeros(num_envs, np.int64))


@pytest.mark.filterwarnings("ignore::DeprecationWarning", "ignore::UserWarning")  # gymnasium's own advice
@pytest.mark.parametrize("num_envs", [1, 2])
@pytest.mark.parametrize("kind", [OldStep, OldReset, OldResetWithoutSeed])
def test_old_interface_of_gym_is_named(plugin, kind, num_envs):
    config = plugin.config(id=f"soulsai-test/{kind.__name__}-v0", num_envs=num_envs)
    with pytest.raises(EnvironmentFailure, match="it has the old interface of gym"):
        plugin.spec(config)
        environment = plugin.make(config, 0)
        environment.reset()
        environment.step(np.zeros(num_envs, np.int64))


@pytest.mark.parametrize(("failures", "works"), [(2, True), (3, False)])
def test_spec_of_an_environment_whose_first_resets_fail_is_read_all_the_same(
    plugin, monkeypatch, caplog, failures, works
):
    monkeypatch.setattr(building, "_PAUSES", (0, 0))
    monkeypatch.setattr(Flaky, "failures", failures)
    config = plugin.config(id="soulsai-test/Flaky-v0")
    if works:
        assert plugin.spec(config).observations["observation"].shape == (4,)
    else:
        with pytest.raises(EnvironmentFailure, match="failed in reset: RuntimeError: the level did not load"):
            plugin.spec(config)
    assert caplog.text.count("the level did not load; trying again in 0 s") == 2
