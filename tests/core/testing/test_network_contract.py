"""The contract of networks: a right one passes, each mistake fails."""

from dataclasses import replace

import mistakes_of_others as others
import pytest
from right_plugins import Empty, network

from soulsai_core.testing.network import NetworkContract


def seeded(config, shapes, generator):
    """A right network: a dense layer after all inputs."""
    import torch

    class Right(torch.nn.Module):
        def __init__(self):
            super().__init__()
            self.width = 3
            size = sum(torch.Size(shape).numel() for shape in shapes.values())
            self.dense = torch.nn.Linear(size, 3)
            torch.nn.init.normal_(self.dense.weight, 0, 0.01, generator=generator)
            torch.nn.init.zeros_(self.dense.bias)

        def forward(self, inputs):
            return self.dense(torch.cat([rows.flatten(1).float() for rows in inputs.values()], 1))

    return Right()


class TestRightNetworkPasses(NetworkContract):
    @pytest.fixture(params=[False, True], ids=["vector", "images"])
    def plugin(self, request):
        return replace(network, build=seeded, images=request.param)

    @pytest.fixture
    def config(self):
        return Empty()


def altered(change):
    """The right network, changed."""

    def build(config, shapes, generator):
        made = seeded(config, shapes, generator)
        forward = made.forward
        made.forward = lambda inputs: change(made, forward, inputs)
        return made

    return replace(network, build=build)


def in_place(made, forward, inputs):
    inputs["observation"].mul_(2)
    return forward(inputs)


MISTAKES = {
    "test_it_gives_finite_vectors_of_its_width": altered(lambda made, forward, inputs: forward(inputs).double()),
    "test_rows_do_not_depend_on_each_other": altered(
        lambda made, forward, inputs: forward(inputs) - forward(inputs).mean(0)
    ),
    "test_inputs_stay_as_they_are": altered(in_place),
    "test_first_weights_come_from_the_generator": network,
    "test_gradients_reach_all_parameters": altered(lambda made, forward, inputs: forward(inputs).detach()),
}


@pytest.mark.parametrize("test", MISTAKES)
def test_mistake_fails_the_test_that_is_there_for_it(test):
    arguments = (3,) if "width" in test else ()
    with pytest.raises((AssertionError, RuntimeError)):
        getattr(NetworkContract(), test)(MISTAKES[test], Empty(), *arguments)


@pytest.mark.parametrize("name", ["width is no number", "forward of nan", "build raises"])
def test_essentials_fail_with_the_sentence(name, request):
    plugin, *words = others.NETWORKS[name]
    with pytest.raises(AssertionError) as caught:
        from soulsai_core.testing.trials import assert_essentials

        assert_essentials("network", plugin, Empty())
    assert all(word in str(caught.value) for word in words)
