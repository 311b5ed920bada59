"""Bytes of a LunarLander step: in messages with several steps and with one, and in the replay buffer.

The steps are those of random actions, recorded as in a client. Names are as long as in real trainings.
"""

from __future__ import annotations

import argparse
from collections.abc import Iterator
from contextlib import closing

import numpy as np

from benchmarks.common import Row, columns_of, lunar_lander, run_alone
from soulsai_core import Features, StepBatch
from soulsai_core.client.recorder import Recorder
from soulsai_core.config import Resolved
from soulsai_core.wire import encode_steps
from soulsai_dqn.config import DQNConfig
from soulsai_dqn.learning.buffer import make_replay

COMMAND = "python -m benchmarks.wire"
RUN_ID = "2026-01-31_12-30-05_LunarLander-v3-dqn"
CLIENT = "gaming-pc-01-3f9a2c"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--rows", type=int, nargs="+", default=[16, 1], help="rows of a message; each is measured")
    parser.add_argument("--messages", type=int, default=500, help="messages over which the mean is taken")


def measure(args: argparse.Namespace) -> list[Row]:
    resolved = lunar_lander()
    sent = [_sent(resolved, rows, args.messages) for rows in args.rows]
    return [
        *(
            Row(f"a step on the wire, {rows} a message", size, None, "bytes", COMMAND, at_most=True)
            for rows, size in zip(args.rows, sent, strict=True)
        ),
        Row("a step in the replay buffer", _kept(resolved), None, "bytes", COMMAND, at_most=True),
    ]


def _sent(resolved: Resolved, rows: int, messages: int) -> float:
    """Bytes of whole messages, divided by their steps."""
    batches = [batch for _, batch in zip(range(messages), _played(resolved, rows), strict=False)]
    sizes = [len(encode_steps(RUN_ID, CLIENT, 1 + number, batch)) for number, batch in enumerate(batches)]
    return sum(sizes) / (rows * messages)


def _played(resolved: Resolved, rows: int) -> Iterator[StepBatch]:
    """The messages of a client, without end."""
    recorder = Recorder(columns_of(resolved), resolved.environment.spec(resolved.environment_config).observations)
    rng = np.random.default_rng(0)
    with closing(resolved.environment.make(resolved.environment_config, 0)) as environment:
        recorder.begin(environment.reset())
        recorder.load(1000, None)
        while True:
            actions = rng.integers(0, 4, environment.num_envs)
            recorder.record(actions, {}, environment.step(actions))
            if recorder.rows >= rows:
                batch = recorder.take()
                assert batch is not None
                yield batch


def _kept(resolved: Resolved) -> float:
    """Bytes of the whole buffer, divided by its capacity in steps."""
    spec = resolved.environment.spec(resolved.environment_config)
    config = resolved.algorithm_config
    assert isinstance(config, DQNConfig)
    replay = make_replay(config, spec, Features(spec))
    return replay.bytes / replay.capacity


if __name__ == "__main__":
    run_alone(measure, add_arguments, __doc__)
