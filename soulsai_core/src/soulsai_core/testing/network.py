"""The contract of a network plugin, as tests that its author runs. They need torch.

from soulsai_core.testing.network import NetworkContract

class TestMyNetwork(NetworkContract):
    @pytest.fixture
    def plugin(self):
        return my_package.plugin

    @pytest.fixture
    def config(self):
        return my_package.Config(width=7)
"""

from __future__ import annotations

from typing import Any

import pytest

from soulsai_core.contracts import NetworkPlugin
from soulsai_core.testing.essentials import EssentialContract
from soulsai_core.testing.plugin import PluginContract
from soulsai_core.testing.trials.network import random_inputs, shapes_of


class NetworkContract(PluginContract, EssentialContract):
    """Needs the fixtures `plugin` and `config`. The network is tried with a vector of 5 numbers; one for images with
    images of (4, 84, 84), alone and together with a vector."""

    kind = "network"

    def build(self, plugin: NetworkPlugin, config: Any, shapes: Any, seed: int = 1) -> Any:
        """A network whose first weights come from this seed."""
        import torch

        return plugin.build(config, shapes, torch.Generator().manual_seed(seed))

    @pytest.mark.parametrize("rows", [1, 7])
    def test_it_gives_finite_vectors_of_its_width(self, plugin: NetworkPlugin, config: Any, rows: int) -> None:
        """For any number of rows."""
        import torch

        for shapes in shapes_of(plugin):
            network = self.build(plugin, config, shapes)
            output = network(random_inputs(shapes, rows))
            assert output.dtype == torch.float32 and tuple(output.shape) == (rows, network.width)
            assert output.isfinite().all()

    def test_rows_do_not_depend_on_each_other(self, plugin: NetworkPlugin, config: Any) -> None:
        """Minibatches and single observations must give the same, as they do not with batch norm in training."""
        import torch

        for shapes in shapes_of(plugin):
            network = self.build(plugin, config, shapes)
            inputs = random_inputs(shapes, 4)
            first = network({name: rows[:1] for name, rows in inputs.items()})
            torch.testing.assert_close(network(inputs)[:1], first, rtol=1e-3, atol=1e-4)

    def test_inputs_stay_as_they_are(self, plugin: NetworkPlugin, config: Any) -> None:
        """They are read again, by the target network."""
        import torch

        for shapes in shapes_of(plugin):
            inputs = random_inputs(shapes, 3)
            kept = {name: rows.clone() for name, rows in inputs.items()}
            self.build(plugin, config, shapes)(inputs)
            assert all(torch.equal(inputs[name], rows) for name, rows in kept.items())

    def test_first_weights_come_from_the_generator(self, plugin: NetworkPlugin, config: Any) -> None:
        """Torch's own random numbers change nothing."""
        import torch

        for shapes in shapes_of(plugin):
            networks = []
            for seed in (11, 12):
                torch.manual_seed(seed)
                networks.append(self.build(plugin, config, shapes).state_dict())
            assert all(torch.equal(networks[0][name], tensor) for name, tensor in networks[1].items())

    def test_weights_can_be_saved_and_loaded(self, plugin: NetworkPlugin, config: Any) -> None:
        """They travel as plain arrays by name."""
        import torch

        for shapes in shapes_of(plugin):
            network = self.build(plugin, config, shapes)
            other = self.build(plugin, config, shapes, seed=2)
            arrays = {name: tensor.numpy().copy() for name, tensor in network.state_dict().items()}
            other.load_state_dict({name: torch.from_numpy(array) for name, array in arrays.items()})
            inputs = random_inputs(shapes, 3)
            assert torch.equal(network.eval()(inputs), other.eval()(inputs))

    def test_gradients_reach_all_parameters(self, plugin: NetworkPlugin, config: Any) -> None:
        """What no gradient reaches is never learned."""
        for shapes in shapes_of(plugin):
            network = self.build(plugin, config, shapes)
            parameters = dict(network.named_parameters())
            if parameters:
                network(random_inputs(shapes, 8)).square().sum().backward()
            assert not [name for name, parameter in parameters.items() if parameter.grad is None]
