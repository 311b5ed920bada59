"""A gradient that is captured once in a CUDA graph and then replayed: for small minibatches a GPU waits more for the
launches of kernels than it computes (CUDA programming guide, section on graphs)."""

from __future__ import annotations

import logging
from collections.abc import Callable

import torch

from soulsai_dqn.learning.gradients import Batch, Gradient, Outcome

log = logging.getLogger(__name__)

Replay = Callable[[], object]
Recorder = Callable[[Callable[[], Outcome]], tuple[Replay, Outcome]]
_WARM_UP = 3


class CudaGraphGradient(Gradient):
    """Another gradient, recorded. What it gives is overwritten by the next call.

    Parameters, gradients and noise must stay where they are in memory. A gradient that cannot be captured, such as one
    of a network that looks at its own numbers, is made as it comes.

    Args:
        gradient: what is recorded.
        record: runs it and returns how to repeat that, and the outcome that each repetition overwrites.
    """

    def __init__(self, gradient: Gradient, record: Recorder) -> None:
        self._gradient = gradient
        self._record = record
        self._inputs: dict[str, torch.Tensor] = {}
        self._replay: Replay | None = None
        self._outcome: Outcome | None = None
        self._failed = False

    def __call__(self, batch: Batch) -> Outcome:
        if self._failed:
            return self._gradient(batch)
        if not self._fits(batch) and not self._capture(batch):
            return self._gradient(batch)
        for name, tensor in batch.items():
            self._inputs[name].copy_(tensor)
        assert self._replay is not None and self._outcome is not None
        self._replay()
        return self._outcome

    def _fits(self, batch: Batch) -> bool:
        """It has the shapes of the one that was recorded."""
        return batch.keys() == self._inputs.keys() and all(
            self._inputs[name].shape == tensor.shape for name, tensor in batch.items()
        )

    def _capture(self, batch: Batch) -> bool:
        self._inputs = {name: tensor.clone() for name, tensor in batch.items()}
        try:
            self._replay, self._outcome = self._record(lambda: self._gradient(self._inputs))
        except RuntimeError as error:
            log.warning("Gradient steps cannot be captured in a CUDA graph, so they are made one by one: %s", error)
            self._failed = True
        return not self._failed


def record_cuda_graph(run: Callable[[], Outcome]) -> tuple[Replay, Outcome]:
    """Capture the kernels that `run` launches, after some runs on a stream of their own, as torch asks for."""
    stream = torch.cuda.Stream()
    stream.wait_stream(torch.cuda.current_stream())
    with torch.cuda.stream(stream):
        for _ in range(_WARM_UP):
            run()
    torch.cuda.current_stream().wait_stream(stream)
    graph = torch.cuda.CUDAGraph()
    with torch.cuda.graph(graph):
        outcome = run()
    return graph.replay, outcome
