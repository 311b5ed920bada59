"""Networks for images."""

import numpy as np
import torch
from tests.dqn.settings import plain

from soulsai_core import ArraySpec, Discrete, EnvSpec, StepBatch
from soulsai_dqn.plugin import plugin

SIZE = 36
SPEC = EnvSpec("image", {"observation": ArraySpec((SIZE, SIZE), "uint8")}, Discrete(3))
CONFIG = plain(
    hidden=(32,), batch_size=32, learning_starts=256, update_every=32, buffer_size=1000, reward_scale=1.0
)  # fmt: skip


def pictures(rng, count):
    """A white ball somewhere on grey, (count, 1, SIZE, SIZE)."""
    images = np.full((count, 1, SIZE, SIZE), 90, np.uint8)
    for image, (row, column) in zip(images, rng.integers(SIZE - 3, size=(count, 2)), strict=True):
        image[:, row : row + 3, column : column + 3] = 236
    return images


def test_filters_do_not_fall_silent_where_all_rewards_are_alike():
    rng = np.random.default_rng(0)
    learner, position = plugin.learner(CONFIG, SPEC, rng), 0
    for count in (256, *[32] * 20):
        columns = {
            "observation": pictures(rng, count)[:, 0],
            "action": rng.integers(3, size=count).astype(np.uint8),
            "reward": np.full(count, -1, np.float32),
        }
        segments = np.array([[0, position, count, 0, 0, 0, 0]])
        learner.add(StepBatch(segments, columns, {"observation": pictures(rng, 1)[:, 0]}), "client")
        learner.update()
        position += count
    heard = first_outputs(learner, pictures(rng, 64)).amax((0, 2, 3)) > 0
    assert heard.float().mean() > 0.9


def first_outputs(learner, images):
    """Of the first convolution (n, filters, height, width), as training sees them."""
    network, outputs = learner._trainer.network, []
    handle = network.encoder.convolutions[0].register_forward_hook(
        lambda _layer, _inputs, output: outputs.append(output)
    )
    with torch.no_grad():
        network({"image": torch.from_numpy(images)})
    handle.remove()
    return outputs[0]
