"""The arithmetic of a QR-DQN gradient step and nothing around it: one minibatch, fixed buffers, no choices."""

from __future__ import annotations

import torch
from torch import Tensor


class BareQRDQN:
    """Double QR-DQN for a network inputs-width-width-actions * quantiles, with AdamW and Polyak averaging."""

    def __init__(self, inputs: int, width: int, actions: int, quantiles: int, batch: int) -> None:
        self.shape = actions, quantiles
        sizes = [(width, inputs), (width, width), (actions * quantiles, width)]
        count = sum(a * b + a for a, b in sizes)
        self.flat = torch.nn.Parameter(0.05 * torch.randn(count))
        self.target_flat = self.flat.detach().clone()
        self.flat.grad = torch.zeros(count)
        self.layers, self.grads, self.target = (
            _views(v, sizes) for v in (self.flat.data, self.flat.grad, self.target_flat)
        )
        self.optimizer = torch.optim.AdamW([self.flat], 1e-3, eps=1e-4, weight_decay=0.01, fused=True)
        self.taus = (torch.arange(quantiles) + 0.5) / quantiles
        self.obs = torch.randn(batch, inputs)
        self.next_obs = torch.randn(batch, inputs)
        self.action = torch.randint(actions, (batch,))
        self.reward = torch.randn(batch, 1)
        self.discount = torch.full((batch, 1), 0.97)
        self.rows = torch.arange(batch)

    @torch.no_grad()
    def step(self) -> None:
        n = len(self.rows)
        actions, quantiles = self.shape
        (w1, b1), (w2, b2), (w3, b3) = self.layers
        x1 = torch.addmm(b1, torch.cat([self.obs, self.next_obs]), w1.t()).relu_()
        x2 = torch.addmm(b2, x1, w2.t()).relu_()
        out = torch.addmm(b3, x2, w3.t()).view(2 * n, actions, quantiles)
        best = out[n:].mean(2).argmax(1)
        goal = self.reward + self.discount * self._target(self.next_obs)[self.rows, best]
        error = (goal.unsqueeze(2) - out[self.rows, self.action].unsqueeze(1)).clamp_(-1, 1)
        both = error.sum(1)
        above = error.relu_().sum(1)
        slope = (both - above + self.taus * (2 * above - both)) / (-quantiles * n)
        delta = torch.zeros(n, actions, quantiles)
        delta[self.rows, self.action] = slope
        self._backward(delta.view(n, -1), x1[:n], x2[:n], w2, w3)
        assert self.flat.grad is not None
        self.flat.grad.mul_((10 / (self.flat.grad.norm() + 1e-6)).clamp_(max=1))
        self.optimizer.step()
        self.target_flat.lerp_(self.flat.data, 0.005)

    def _target(self, x: Tensor) -> Tensor:
        (w1, b1), (w2, b2), (w3, b3) = self.target
        x = torch.addmm(b2, torch.addmm(b1, x, w1.t()).relu_(), w2.t()).relu_()
        return torch.addmm(b3, x, w3.t()).view(len(x), *self.shape)

    def _backward(self, delta: Tensor, x1: Tensor, x2: Tensor, w2: Tensor, w3: Tensor) -> None:
        for (by_weight, by_bias), below, weight in zip(
            self.grads[::-1], (x2, x1, self.obs), (w3, w2, None), strict=True
        ):
            torch.mm(delta.t(), below, out=by_weight)
            torch.sum(delta, 0, out=by_bias)
            if weight is not None:
                delta = torch.mm(delta, weight).mul_(below > 0)


def _views(flat: Tensor, sizes: list[tuple[int, int]]) -> list[tuple[Tensor, Tensor]]:
    views = []
    offset = 0
    for rows, columns in sizes:
        end = offset + rows * columns
        views.append((flat[offset:end].view(rows, columns), flat[end : end + rows]))
        offset = end + rows
    return views
