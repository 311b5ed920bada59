"""The wrappers that come with the core, found and applied as those of third parties are."""

import importlib

import gymnasium
import numpy as np
import pytest
from gymnasium import spaces

from soulsai_core.errors import ConfigError, EnvironmentFailure


class Camera(gymnasium.Env):
    observation_space = spaces.Box(0, 255, (20, 30, 3), np.uint8)
    action_space = spaces.Discrete(2)

    def reset(self, *, seed=None, options=None):
        self.frame = 0
        return np.zeros((20, 30, 3), np.uint8), {}

    def step(self, action):
        self.frame += 1
        return np.full((20, 30, 3), self.frame, np.uint8), 5 * self.frame, False, False, {}


@pytest.fixture(autouse=True)
def _camera():
    gymnasium.register("soulsai-test/Camera-v0", Camera, max_episode_steps=10)
    yield
    del gymnasium.registry["soulsai-test/Camera-v0"]


def play(make, wrappers, steps=2, **settings):
    environment = make("Camera-v0", wrappers=wrappers, **settings)
    environment.reset()
    for _ in range(steps):
        step = environment.step(np.ones(environment.num_envs, np.int64))
    return step


@pytest.mark.parametrize("num_envs", [1, 2])
def test_rewards_are_scaled_and_clipped_in_the_order_given(make, num_envs):
    clip = {"name": "clip_reward", "config": {"low": -2, "high": 2}}
    scale = {"name": "scale_reward", "config": {"factor": 0.1}}
    assert play(make, [clip, scale], num_envs=num_envs).rewards == pytest.approx([0.2] * num_envs)
    assert play(make, [scale, clip], num_envs=num_envs).rewards == pytest.approx([1.0] * num_envs)


def test_frames_are_stacked_with_the_newest_last(make, plugin):
    wrappers = [{"name": "grayscale"}, {"name": "frame_stack", "config": {"size": 3}}]
    spec = plugin.spec(plugin.config(id="soulsai-test/Camera-v0", wrappers=wrappers))
    assert spec.observations["observation"].shape == (3, 20, 30)
    assert spec.observations["observation"].dtype == "uint8"
    assert play(make, wrappers).observations["observation"][0, :, 0, 0].tolist() == [0, 1, 2]


def test_grayscale_may_keep_its_channel(make):
    step = play(make, [{"name": "grayscale", "config": {"keep_channel": True}}])
    assert step.observations["observation"].shape == (1, 20, 30, 1)


def test_resize_without_opencv_names_the_package(make, monkeypatch):
    wrappers = importlib.import_module("soulsai_core.environments.gym.wrappers")
    monkeypatch.setattr(wrappers, "find_spec", lambda name: None)
    with pytest.raises(EnvironmentFailure, match="pip install opencv-python-headless"):
        make("Camera-v0", wrappers=[{"name": "resize"}])


def test_resize_gives_height_times_width(make):
    pytest.importorskip("cv2")
    step = play(make, [{"name": "resize", "config": {"height": 10, "width": 15}}])
    assert step.observations["observation"].shape == (1, 10, 15, 3)


def test_episode_limit_of_the_config_replaces_the_environments_own(make):
    assert play(make, [], steps=3, max_episode_steps=3).truncated[0]


@pytest.mark.parametrize("num_envs", [1, 2])
def test_wrapper_of_gymnasium_takes_its_arguments_from_the_configuration(plugin, make, num_envs):
    wrappers = [
        {"gymnasium": "GrayscaleObservation"},
        {"gymnasium": "ReshapeObservation", "arguments": {"shape": [30, 20]}},
        {"gymnasium": "ClipReward", "arguments": {"max_reward": 7}},
    ]
    spec = plugin.spec(plugin.config(id="soulsai-test/Camera-v0", wrappers=wrappers))
    assert spec.observations["observation"].shape == (30, 20)
    assert play(make, wrappers, num_envs=num_envs).rewards == pytest.approx([7.0] * num_envs)


def test_arguments_that_do_not_fit_are_named_with_those_that_there_are(make):
    with pytest.raises(
        ConfigError, match=r"arguments of ClipReward do not fit: .*'most'.*They are min_reward, max_reward"
    ):
        make("Camera-v0", wrappers=[{"gymnasium": "ClipReward", "arguments": {"most": 7}}])


def test_wrapper_that_writes_files_cannot_be_named(plugin):
    with pytest.raises(ValueError, match="RecordVideo"):
        plugin.config(wrappers=[{"gymnasium": "RecordVideo", "arguments": {"video_folder": "anywhere"}}])
