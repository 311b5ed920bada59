"""Convolutional and recurrent networks in torch, over the parameters of `parameters.shapes_of`."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional

from soulsai_core import IMAGE, VECTOR, Arrays, Features
from soulsai_ppo.config import PPOConfig
from soulsai_ppo.networks.model import Model
from soulsai_ppo.networks.parameters import CONVOLUTIONS, Shapes
from soulsai_ppo.rollouts.columns import LEARNED, START
from soulsai_ppo.spaces import STATE

Tensors = Mapping[str, Tensor]

_CHUNK = 512  # images evaluated at once, so that the activations of a whole round need not fit into memory


def encode_image(tensors: Tensors, image: Tensor, tower: int) -> Tensor:
    """float32 (n, 512) for images uint8 (n, channels, height, width), which are scaled to -0.5 .. 0.5 [21, 22]."""
    x = image.float().div_(255).sub_(0.5)
    for index, (_, _, stride) in enumerate(CONVOLUTIONS):
        weight = tensors[f"conv.{index}.weight"][tower]
        bias = tensors[f"conv.{index}.bias"][tower]
        x = torch.relu(functional.conv2d(x, weight, bias, stride=stride))
    return torch.relu(x.flatten(1) @ tensors["dense.weight"][tower] + tensors["dense.bias"][tower])


def unroll(tensors: Tensors, x: Tensor, state: Tensor, starts: Tensor) -> Tensor:
    """The LSTM's outputs (n, time, width) over padded sequences; gates in the order input, forget, cell, output.

    Args:
        x: (n, time, features).
        state: (n, 2 * width), output and cell before the first step.
        starts: bool (n, time), an episode begins there, with a state of 0 [33, 34].
    """
    # Not torch's LSTM, which cannot set states to 0 on the way. The inputs' part of all steps is one product.
    projected = x @ tensors["lstm.input"] + tensors["lstm.bias"]
    output, cell = state.chunk(2, dim=1)
    outputs = []
    for step in range(x.shape[1]):
        keep = (~starts[:, step]).unsqueeze(1)
        output = output * keep
        cell = cell * keep
        gates = projected[:, step] + output @ tensors["lstm.state"]
        gate_in, forget, new, gate_out = gates.chunk(4, dim=1)
        cell = torch.sigmoid(forget) * cell + torch.sigmoid(gate_in) * torch.tanh(new)
        output = torch.sigmoid(gate_out) * torch.tanh(cell)
        outputs.append(output)
    return torch.stack(outputs, dim=1)


class TorchModel(Model):
    """Convolutions and LSTMs, differentiated by torch. The tensors share the memory of numpy's parameters and
    gradients, so that the same optimizer works on both kinds of models."""

    def __init__(self, shapes: Shapes, features: Features, config: PPOConfig) -> None:
        super().__init__(shapes)
        self._layers = len(config.hidden)
        self._activation = torch.tanh if config.activation == "tanh" else torch.relu
        self._image = features.image is not None
        self._vector = features.size > 0
        self._recurrent = config.lstm is not None
        self._towers = len(self.parameters.views["dense.weight"]) if self._image else 1
        self._tensors = {name: torch.from_numpy(view) for name, view in self.parameters.views.items()}
        for name, tensor in self._tensors.items():
            tensor.requires_grad_()
            tensor.grad = torch.from_numpy(self.gradient.views[name])
        self._outputs: tuple[Tensor, Tensor] | None = None
        torch.set_num_threads(config.threads)

    def forward(self, rows: Arrays, lengths: np.ndarray | None) -> tuple[np.ndarray, np.ndarray]:
        self._outputs = head, value = self._run(rows, lengths)
        return head.detach().numpy(), value.detach().numpy()

    def backward(self, by_head: np.ndarray, by_value: np.ndarray, by_log_std: np.ndarray) -> None:
        assert self._outputs is not None
        self.gradient.vector[:] = 0
        derivatives = [torch.from_numpy(np.ascontiguousarray(array)) for array in (by_head, by_value)]
        torch.autograd.backward(self._outputs, derivatives)
        self.gradient.views["log_std"][...] = by_log_std
        self._outputs = None

    @torch.no_grad()
    def evaluate(self, rows: Arrays, lengths: np.ndarray | None) -> tuple[np.ndarray, np.ndarray]:
        count = len(next(iter(rows.values())))
        if lengths is not None or count <= _CHUNK:
            head, value = self._run(rows, lengths)
            return head.numpy(), value.numpy()
        parts = [
            self._run({name: column[start : start + _CHUNK] for name, column in rows.items()}, None)
            for start in range(0, count, _CHUNK)
        ]
        heads, values = zip(*parts, strict=True)
        return torch.cat(heads).numpy(), torch.cat(values).numpy()

    def _run(self, rows: Arrays, lengths: np.ndarray | None) -> tuple[Tensor, Tensor]:
        tensors = self._tensors
        x = self._encode(rows, 0)
        y = x if self._towers == 1 else self._encode(rows, 1)
        if self._recurrent:
            assert lengths is not None
            x = y = self._through_lstm(x, rows, lengths)
        head = x @ tensors["policy.weight"] + tensors["policy.bias"]
        return head, (y @ tensors["value.weight"]).squeeze(1) + tensors["value.bias"]

    def _encode(self, rows: Arrays, tower: int) -> Tensor:
        vector = torch.from_numpy(rows[VECTOR]) if self._vector else None
        if self._image:
            x = encode_image(self._tensors, torch.from_numpy(rows[IMAGE]), tower)
            return x if vector is None else torch.cat([x, vector], dim=1)
        assert vector is not None
        for index in range(self._layers):
            weight = self._tensors[f"hidden.{index}.weight"]
            bias = self._tensors[f"hidden.{index}.bias"]
            vector = self._activation(vector @ weight[tower] + bias[tower])
        return vector

    def _through_lstm(self, x: Tensor, rows: Arrays, lengths: np.ndarray) -> Tensor:
        """The LSTM's outputs (rows, width): sequences are padded to one length, unrolled together, and unpadded."""
        first = np.cumsum(lengths) - lengths
        row_of = np.repeat(np.arange(len(lengths)), lengths)
        step_of = np.arange(len(x)) - np.repeat(first, lengths)
        sequence = torch.from_numpy(row_of)
        step = torch.from_numpy(step_of)
        padded = x.new_zeros(len(lengths), int(lengths.max()), x.shape[1])
        padded = padded.index_put((sequence, step), x)
        starts = torch.zeros(padded.shape[:2], dtype=torch.bool)
        starts[sequence, step] = torch.from_numpy(rows[START])
        outputs = unroll(self._tensors, padded, torch.from_numpy(rows[STATE][first]), starts)
        if LEARNED in rows:
            learned = torch.from_numpy(rows[LEARNED])
            sequence = sequence[learned]
            step = step[learned]
        return outputs[sequence, step]
