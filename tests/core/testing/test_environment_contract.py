"""The contract of environments: a correct one passes all of it, each mistake fails the test that is there for it."""

import dataclasses
import inspect

import msgspec
import numpy as np
import pytest
from pydantic import BaseModel, ConfigDict

from soulsai_core.contracts import EnvironmentPlugin
from soulsai_core.testing.algorithm import SPACES
from soulsai_core.testing.environment import EnvironmentContract
from soulsai_core.testing.scripted import ScriptedEnvironment

SPEC = msgspec.structs.replace(SPACES["discrete"], masked=True, timed=True)


class NoSettings(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class Changed(ScriptedEnvironment):
    """Makes one mistake with what it gives out."""

    def __init__(self, mistake, next_step, seed):
        super().__init__(SPEC, 2, next_step=next_step, seed=seed)
        self.mistake, self.kept, self.closed = mistake, {}, False

    def reset(self):
        return self.spoil(super().reset())

    def step(self, actions):
        return self.spoil(super().step(actions))

    def spoil(self, step):
        match self.mistake:
            case "float64":
                return dataclasses.replace(
                    step, observations={name: rows.astype(float) for name, rows in step.observations.items()}
                )
            case "no row axis":
                return dataclasses.replace(step, rewards=step.rewards[0])
            case "no masks":
                return dataclasses.replace(step, masks=None, final_masks={})
            case "no durations":
                return dataclasses.replace(step, durations=None)
            case "no final":
                return dataclasses.replace(step, final={}, final_masks={})
            case "all valid":
                return dataclasses.replace(step, valid=None)
            case "final everywhere":
                return dataclasses.replace(step, final={0: {n: rows[0] for n, rows in step.observations.items()}})
            case "ended at reset":
                return dataclasses.replace(step, terminated=np.ones(2, np.bool_))
            case "numpy metrics":
                return dataclasses.replace(step, metrics={0: {"score": np.float32(1)}})
            case "same array":
                return dataclasses.replace(step, observations=self.reused(step.observations))
        return step

    def reused(self, observations):
        for name, rows in observations.items():
            self.kept.setdefault(name, np.empty_like(rows))[:] = rows
        return dict(self.kept)

    def step_wait(self):
        step = super().step_wait()
        return dataclasses.replace(step, rewards=step.rewards + 1) if self.mistake == "other half" else step

    def close(self):
        assert self._asked_for is None or self.mistake != "closes between steps", "still playing"
        assert not (self.closed and self.mistake == "closes once"), "already closed"
        self.closed = True


def plugin_with(mistake, next_step=False):
    def make(config, seed):
        seed = None if mistake == "unseeded" else 0 if seed is None else seed
        return Changed(mistake, next_step, seed)

    return EnvironmentPlugin("scripted", NoSettings, lambda config: SPEC, make)


class TestCorrectEnvironmentPasses(EnvironmentContract):
    @pytest.fixture(params=[False, True], ids=["same_step", "next_step"])
    def plugin(self, request):
        return plugin_with("", request.param)

    @pytest.fixture
    def config(self):
        return NoSettings()


MISTAKES = {
    "float64": "test_reset_fits_the_spec",
    "no row axis": "test_steps_fit_the_spec",
    "no masks": "test_steps_fit_the_spec",
    "no durations": "test_steps_fit_the_spec",
    "numpy metrics": "test_steps_fit_the_spec",
    "ended at reset": "test_reset_fits_the_spec",
    "final everywhere": "test_episodes_end_and_go_on_by_themselves",
    "no final": "test_end_is_followed_by_a_new_episode_at_once_or_by_a_reset_row",
    "same array": "test_arrays_given_out_do_not_change",
    "unseeded": "test_same_seed_gives_the_same_episodes",
    "other half": "test_step_in_two_halves_is_the_same_step",
    "closes between steps": "test_closing_in_the_middle_of_a_step_is_harmless",
    "closes once": "test_closing_twice_is_harmless",
}


@pytest.mark.parametrize("mistake", MISTAKES)
def test_mistake_fails_the_test_that_is_there_for_it(mistake):
    run(MISTAKES[mistake], plugin_with(""))
    with pytest.raises(AssertionError):
        run(MISTAKES[mistake], plugin_with(mistake))


def test_reset_row_that_is_not_marked_fails():
    name = "test_end_is_followed_by_a_new_episode_at_once_or_by_a_reset_row"
    run(name, plugin_with("", next_step=True))
    with pytest.raises(AssertionError):
        run(name, plugin_with("all valid", next_step=True))


def run(name, plugin):
    test = getattr(EnvironmentContract(), name)
    given = {"make": lambda seed: plugin.make(NoSettings(), seed), "spec": SPEC}
    test(**{argument: given[argument] for argument in inspect.signature(test).parameters})
