"""The values of states against the true returns from there."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch

from benchmarks.learning.look.episodes import EpisodeSteps
from benchmarks.learning.look.loading import LoadedRun
from soulsai_dqn.networks.rescaling import unrescaled

_ROWS = 2048  # given to the network at a time


@dataclass(frozen=True, slots=True)
class Values:
    """Values and true returns of one episode's T steps, in scaled reward.

    Attributes:
        values: (T,), of the chosen actions.
        gaps: (T,), from the best action's value to the mean of the others: how much the choice matters.
        returns: (T,), true discounted returns.
        known: bool (T,), false where a truncation leaves the return open.
    """

    values: np.ndarray
    gaps: np.ndarray
    returns: np.ndarray
    known: np.ndarray


def values_of(run: LoadedRun, episode: EpisodeSteps) -> Values:
    """Values by the network that evaluations act with."""
    q = q_values(run, episode)
    chosen = np.take_along_axis(q, episode.actions[:, None], 1)[:, 0]
    masked = q if episode.masks is None else np.where(episode.masks, q, np.nan)
    others = masked.copy()
    np.put_along_axis(others, np.nanargmax(masked, 1)[:, None], np.nan, 1)
    alone = np.isnan(others).all(1)
    others[alone] = np.nanmax(masked[alone], 1, keepdims=True)
    returns, known = episode.returns(run.gamma, scaled_rewards(run, episode))
    return Values(chosen, np.nanmax(masked, 1) - np.nanmean(others, 1), returns, known)


@torch.no_grad()
def q_values(run: LoadedRun, episode: EpisodeSteps) -> np.ndarray:
    """Values (T, actions) in scaled reward."""
    found = []
    for start in range(0, len(episode), _ROWS):
        part = {name: rows[start : start + _ROWS] for name, rows in episode.features.items()}
        values = run.trainer.head.values(run.network(run.tensors(part)))
        found.append(unrescaled(values, run.config.value_rescaling).double().numpy())
    return np.concatenate(found)


def scaled_rewards(run: LoadedRun, episode: EpisodeSteps) -> np.ndarray:
    """Rewards (T,) as they are learned from."""
    rewards = episode.rewards * run.config.reward_scale
    clip = run.config.reward_clip
    return rewards if clip is None else rewards.clip(-clip, clip)


@dataclass(frozen=True, slots=True)
class ValueErrors:
    """How far values are from true returns, over all steps of all episodes whose return is known.

    Attributes:
        steps: that are known.
        bias: mean of value - return; above 0 values are too high.
        error: root of the mean squared difference.
        deviation: standard deviation of the returns.
        correlation: of values and returns.
        thirds: bias in the first, middle and last third of the episodes.
        gap: mean of `Values.gaps`.
    """

    steps: int
    bias: float
    error: float
    deviation: float
    correlation: float
    thirds: tuple[float, float, float]
    gap: float


def value_errors(episodes: list[Values]) -> ValueErrors | None:
    """Over all episodes; None if no return is known."""
    known = np.concatenate([one.known for one in episodes])
    if known.sum() < 2:
        return None
    values = np.concatenate([one.values for one in episodes])[known]
    returns = np.concatenate([one.returns for one in episodes])[known]
    place = np.concatenate([np.arange(len(one.values)) / len(one.values) for one in episodes])[known]
    errors = values - returns
    third = np.minimum((place * 3).astype(int), 2)
    thirds = [float(errors[third == i].mean()) if (third == i).any() else np.nan for i in range(3)]
    constant = values.std() == 0 or returns.std() == 0
    return ValueErrors(
        int(known.sum()),
        float(errors.mean()),
        float(np.sqrt((errors**2).mean())),
        float(returns.std()),
        float("nan") if constant else float(np.corrcoef(values, returns)[0, 1]),
        (thirds[0], thirds[1], thirds[2]),
        float(np.concatenate([one.gaps for one in episodes]).mean()),
    )
