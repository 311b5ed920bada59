"""Settings of PPO. Numbers in brackets count "The 37 Implementation Details of Proximal Policy Optimization" (Huang et
al. 2022): core 1-13, Atari 14-22, continuous 23-31, LSTM 32-36, MultiDiscrete 37."""

from __future__ import annotations

from typing import Literal, Self

from pydantic import Field, model_validator

from soulsai_core import Settings


class PPOConfig(Settings):
    """Clipped PPO (Schulman et al. 2017) in synchronous rounds."""

    rollout: int = Field(
        default=2048, ge=1, description="Environment steps of a round; the clients that are there share them equally."
    )
    clients: int = Field(default=2, ge=1, description="Clients that a round needs; further ones take part as well.")
    on_lost_client: Literal["wait", "continue", "stop"] = Field(
        default="wait",
        description="When a client is lost: wait for another one, continue with those present, or stop the training.",
    )
    min_clients: int = Field(default=1, ge=1, description="Clients that on_lost_client: continue needs at least.")
    round_timeout_s: float = Field(
        default=60, gt=0, description="A round without any new sample for so long is begun anew: messages were lost."
    )

    epochs: int = Field(default=10, ge=1, description="Passes over the samples of a round.")
    minibatch_size: int = Field(
        default=128, ge=1, description="Samples in one gradient step; the last minibatches differ by one at most. [6]"
    )
    gamma: float = Field(default=0.999, gt=0, le=1, description="Discount factor of one step.")
    gae_lambda: float = Field(
        default=0.98, ge=0, le=1, description="Generalized advantage estimation (Schulman et al. 2016). [5]"
    )
    clip: float = Field(default=0.2, gt=0, description="Bound of the probability ratio's distance to 1. [8]")
    value_clip: float | None = Field(
        default=None, gt=0, description="Bound of the change of values in one round; null: none. [9]"
    )
    value_coefficient: float = Field(default=0.5, ge=0, description="Weight of the value loss. [10]")
    entropy_coefficient: float = Field(default=0.0, ge=0, description="Weight of the entropy bonus. [10]")
    normalize_advantages: bool = Field(default=True, description="To mean 0, deviation 1 in each minibatch. [7]")
    target_kl: float | None = Field(
        default=0.02, gt=0, description="No further epoch once the approximate KL divergence passes this; null: never."
    )
    learning_rate: float = Field(default=1e-3, gt=0, description="Step size of Adam.")
    anneal_steps: int | None = Field(
        default=None, ge=1, description="Learning rate and clip fall linearly to 0 at so many steps; null: never. [4]"
    )
    anneal_clip: bool = Field(default=False, description="anneal_steps concerns the clip too, as it did for Atari.")
    adam_epsilon: float = Field(default=1e-5, gt=0, description="Epsilon of Adam. [3]")
    max_grad_norm: float | None = Field(
        default=0.5, gt=0, description="Gradients are clipped to this norm; null: never. [11]"
    )

    hidden: tuple[int, ...] = Field(default=(64, 64), description="Widths of the hidden layers for vectors. [13, 26]")
    activation: Literal["tanh", "relu"] = Field(default="tanh", description="What follows each hidden layer.")
    shared: bool | None = Field(
        default=None,
        description="Policy and values share the hidden layers; null: they do for images and with an LSTM. [13, 20]",
    )
    orthogonal: bool = Field(default=True, description="Orthogonal initial weights instead of uniform ones. [2, 32]")
    lstm: int | None = Field(
        default=None, ge=1, description="Width of an LSTM after the hidden layers, for a memory; null: none. [32-36]"
    )
    sequence_length: int = Field(
        default=32, ge=1, description="Steps through which gradients of the LSTM go back; samples form such sequences."
    )
    log_std: float = Field(default=0.0, description="Initial log deviation of continuous actions. [23, 24]")
    squash: bool = Field(
        default=False, description="Continuous actions are squashed into their bounds by tanh instead of clipped. [27]"
    )

    normalize_observations: bool = Field(default=False, description="By running mean and deviation. [28]")
    observation_clip: float = Field(default=10.0, gt=0, description="Bound of normalized observations. [29]")
    normalize_rewards: bool = Field(default=True, description="By the running deviation of the discounted return. [30]")
    reward_clip: float = Field(default=10.0, gt=0, description="Bound of normalized rewards. [31]")
    threads: int = Field(
        default=1, ge=1, description="Threads of one gradient step; more than one are slower but for images."
    )

    @property
    def required_clients(self) -> int:
        """Rollouts that a round needs."""
        return self.min_clients if self.on_lost_client == "continue" else self.clients

    @model_validator(mode="after")
    def _fits_together(self) -> Self:
        for problem, sentence in self._problems():
            if problem:
                raise ValueError(sentence)
        return self

    def _problems(self) -> tuple[tuple[bool, str], ...]:
        return (
            (
                self.minibatch_size > self.rollout,
                f"minibatch_size ({self.minibatch_size}) must not be more than rollout ({self.rollout}), the samples "
                f"of a whole round: set rollout to {self.minibatch_size} or more, or minibatch_size to at most "
                f"{self.rollout}",
            ),
            (
                self.normalize_advantages and self.minibatch_size == 1,
                "minibatch_size is 1, and one advantage has no deviation to normalize_advantages by: set "
                "minibatch_size to 2 or more, or normalize_advantages to false",
            ),
            (
                self.clients > self.rollout,
                f"rollout ({self.rollout}) must give each of the {self.clients} clients a step at least: set rollout "
                f"to {self.clients} or more",
            ),
            (
                self.on_lost_client == "continue" and self.min_clients > self.clients,
                f"min_clients ({self.min_clients}) must not be more than clients ({self.clients}): set clients to "
                f"{self.min_clients} or more",
            ),
            (
                self.lstm is not None and self.shared is False,
                "shared is false, but policy and values share the one LSTM: set shared to null or true, or lstm to "
                "null",
            ),
            (
                self.lstm is not None and self.sequence_length > self.minibatch_size,
                f"minibatch_size ({self.minibatch_size}) must hold a sequence of the LSTM at least: set "
                f"sequence_length ({self.sequence_length}) to at most {self.minibatch_size}",
            ),
            (
                self.anneal_clip and self.anneal_steps is None,
                "anneal_clip needs anneal_steps, the environment steps at which it reaches 0: set anneal_steps",
            ),
        )
