"""A gradient that is captured once as a CUDA graph and then replayed: with small minibatches a GPU otherwise
spends more time on waiting for launches of kernels than on computing (CUDA programming guide, "CUDA Graphs")."""

from __future__ import annotations

import logging
from collections.abc import Callable

import torch

from soulsai_dqn.learning.gradients import Batch, Gradient, Outcome

log = logging.getLogger(__name__)

Launch = Callable[[], object]
"""Runs the captured kernels again."""
Capture = Callable[[Callable[[], Outcome]], tuple[Launch, Outcome]]
"""Runs a function once; returns how to run its kernels again, and the outcome that each run overwrites."""

# Runs before the capture, as torch's notes on CUDA graphs ask for: what the first runs set up (workspaces of cuBLAS,
# cuDNN's choice of algorithms) cannot be captured.
_WARM_UP = 3


class CudaGraphGradient(Gradient):
    """Another gradient, captured as a graph. Its outcome is overwritten by the next call.

    A graph reads and writes fixed addresses: parameters, gradients and noise must stay where they are in memory. A
    gradient that cannot be captured, such as one of a network that branches on its own numbers, is computed as usual.

    Args:
        gradient: the gradient to capture.
        capture: `capture_cuda_graph`, or what stands in for it where there is no GPU.
    """

    def __init__(self, gradient: Gradient, capture: Capture) -> None:
        self._gradient = gradient
        self._capture = capture
        self._inputs: dict[str, torch.Tensor] = {}
        self._launch: Launch | None = None
        self._outcome: Outcome | None = None
        self._failed = False

    def __call__(self, batch: Batch) -> Outcome:
        if self._failed:
            return self._gradient(batch)
        if not self._fits(batch) and not self._try_capture(batch):
            return self._gradient(batch)
        # The graph reads its inputs at the addresses that it was captured with, so each batch is copied there.
        for name, tensor in batch.items():
            self._inputs[name].copy_(tensor)
        assert self._launch is not None and self._outcome is not None
        self._launch()
        return self._outcome

    def _fits(self, batch: Batch) -> bool:
        """Whether the batch has the shapes of the captured one."""
        return batch.keys() == self._inputs.keys() and all(
            self._inputs[name].shape == tensor.shape for name, tensor in batch.items()
        )

    def _try_capture(self, batch: Batch) -> bool:
        self._inputs = {name: tensor.clone() for name, tensor in batch.items()}
        try:
            self._launch, self._outcome = self._capture(lambda: self._gradient(self._inputs))
        except RuntimeError as error:
            log.warning("Gradient steps cannot be captured in a CUDA graph, so they are made one by one: %s", error)
            self._failed = True
        return not self._failed


def capture_cuda_graph(run: Callable[[], Outcome]) -> tuple[Launch, Outcome]:
    """Capture the kernels that `run` launches on the current device."""
    # On another stream than the default one, which cannot be captured; in order with the work before and after.
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
