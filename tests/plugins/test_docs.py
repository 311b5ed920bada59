"""The plugins that docs/plugins.md shows work as they stand there."""

import re
from pathlib import Path

import gymnasium
import numpy as np
import pytest

from soulsai_core.plugins.wall import walled
from soulsai_core.testing.connector import ConnectorContract
from soulsai_core.testing.environment import EnvironmentContract

PAGE = (Path(__file__).parents[2] / "docs" / "plugins.md").read_text(encoding="utf-8")
SOURCES = dict(re.findall(r"```python\n# (\w+)\.py\n(.*?)```", PAGE, re.DOTALL))


def plugin_of(name):
    names = {"__name__": name}
    exec(compile(SOURCES[name], f"docs/plugins.md, {name}.py", "exec"), names)
    return walled(names["plugin"], "docs")


class TestCorridor(EnvironmentContract):
    @pytest.fixture
    def plugin(self):
        return plugin_of("corridor")

    @pytest.fixture
    def config(self, plugin):
        return plugin.config(length=5)


class TestReturns(ConnectorContract):
    @pytest.fixture
    def plugin(self):
        return plugin_of("returns_csv")

    @pytest.fixture
    def config(self, plugin):
        return plugin.config()


def test_wrapper_repeats_the_last_action():
    plugin = plugin_of("sticky_actions")
    env = plugin.wrap(gymnasium.make("CartPole-v1"), plugin.config(probability=0.999))
    ways = []
    for second in (0, 1):
        env.reset(seed=0)
        env.step(0)
        ways.append(env.step(second)[0])
    env.close()
    np.testing.assert_array_equal(*ways)


def test_network_gives_a_vector_of_its_width_from_the_generator_alone():
    torch = pytest.importorskip("torch")
    plugin = plugin_of("wide")
    made = [plugin.build(plugin.config(width=7), {"observation": (3,)}, torch.Generator().manual_seed(1)) for _ in "ab"]
    given = {"observation": torch.ones(5, 3)}
    assert made[0](given).shape == (5, made[0].width) == (5, 7)
    assert torch.equal(made[0](given), made[1](given))


def test_names_of_plugins_are_those_of_their_modules():
    assert {name: plugin_of(name).name for name in ("corridor", "returns_csv", "sticky_actions", "wide")} == {
        name: name for name in set(SOURCES) - {"test_linear_q"}
    }
