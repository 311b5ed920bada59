"""Networks for images."""

import numpy as np
import torch
from dqn_settings import plain

from soulsai_core import ArraySpec, Discrete, EnvSpec, StepBatch
from soulsai_dqn.plugin import plugin

SIZE = 36
SPEC = EnvSpec("image", {"observation": ArraySpec((SIZE, SIZE), "uint8")}, Discrete(3))
CONFIG = plain(
    hidden=(32,), batch_size=32, learning_starts=256, update_every=32, buffer_size=1000, reward_scale=1.0
)  # fmt: skip


def pictures(rng, count):
    """A white ball somewhere on gray, (count, 1, SIZE, SIZE)."""
    images = np.full((count, 1, SIZE, SIZE), 90, np.uint8)
    for image, (row, column) in zip(images, rng.integers(SIZE - 3, size=(count, 2)), strict=True):
        image[:, row : row + 3, column : column + 3] = 236
    return images


def test_filters_do_not_die_where_all_rewards_are_equal():
    """With pixels of 0 to 1, a quarter of them gives nothing but zeros by then."""
    rng = np.random.default_rng(0)
    learner = plugin.learner(CONFIG, SPEC, rng)
    position = 0
    for count in (256, *[32] * 6):
        columns = {
            "observation": pictures(rng, count)[:, 0],
            "action": rng.integers(3, size=count).astype(np.uint8),
            "reward": np.full(count, -1, np.float32),
        }
        segments = np.array([[0, position, count, 0, 0, 0, 0]])
        learner.add(StepBatch(segments, columns, {"observation": pictures(rng, 1)[:, 0]}), "client")
        learner.update()
        position += count
    alive = first_outputs(learner, pictures(rng, 64)).amax((0, 2, 3)) > 0
    assert alive.float().mean() > 0.9


def first_outputs(learner, images):
    """Of the first convolution (n, filters, height, width), as training sees them."""
    network = learner._trainer.network
    outputs = []
    handle = network.encoder.convolutions[0].register_forward_hook(
        lambda _layer, _inputs, output: outputs.append(output)
    )
    with torch.no_grad():
        network({"image": torch.from_numpy(images)})
    handle.remove()
    return outputs[0]
