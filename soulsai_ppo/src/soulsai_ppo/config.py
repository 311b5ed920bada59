"""Settings of PPO. Numbers in brackets count "The 37 Implementation Details of Proximal Policy Optimization" (Huang et
al. 2022): core 1-13, Atari 14-22, continuous 23-31, LSTM 32-36, MultiDiscrete 37."""

from __future__ import annotations

from typing import Literal, Self

from pydantic import Field, model_validator

from soulsai_core import LIVE, Settings


class PPOConfig(Settings):
    """Clipped PPO (Schulman et al. 2017) in synchronous rounds."""

    rollout: int = Field(
        default=2048, ge=1, description="Environment steps of a round, shared equally by the connected clients."
    )
    clients: int = Field(default=2, ge=1, description="Clients that a round needs; more may take part.")
    on_lost_client: Literal["wait", "continue", "stop"] = Field(
        default="wait",
        description="When a client is lost: wait for another one, continue with the others, or stop the training.",
    )
    min_clients: int = Field(default=1, ge=1, description="Clients needed at least with on_lost_client: continue.")
    round_timeout_s: float = Field(
        default=60,
        gt=0,
        description="A round is restarted after this time without new steps: messages were lost.",
    )

    epochs: int = Field(default=10, ge=1, description="Passes over the steps of a round.", json_schema_extra=LIVE)
    minibatch_size: int = Field(
        default=128,
        ge=1,
        description="Rows in one gradient step; minibatches differ by one at most. [6]",
        json_schema_extra=LIVE,
    )
    gamma: float = Field(default=0.999, gt=0, le=1, description="Discount factor of one step.", json_schema_extra=LIVE)
    gae_lambda: float = Field(
        default=0.98,
        ge=0,
        le=1,
        description="Generalized advantage estimation (Schulman et al. 2016). [5]",
        json_schema_extra=LIVE,
    )
    clip: float = Field(
        default=0.2, gt=0, description="Bound of the probability ratio's distance from 1. [8]", json_schema_extra=LIVE
    )
    value_clip: float | None = Field(
        default=None,
        gt=0,
        description="Bound of the change of a value in one round; null: none. [9]",
        json_schema_extra=LIVE,
    )
    value_coefficient: float = Field(
        default=0.5, ge=0, description="Weight of the value loss. [10]", json_schema_extra=LIVE
    )
    entropy_coefficient: float = Field(
        default=0.0, ge=0, description="Weight of the entropy bonus. [10]", json_schema_extra=LIVE
    )
    normalize_advantages: bool = Field(
        default=True, description="Normalize advantages to mean 0 and deviation 1 in each minibatch. [7]"
    )
    target_kl: float | None = Field(
        default=0.02,
        gt=0,
        description="A round ends after an epoch whose mean KL divergence is larger; null: never.",
        json_schema_extra=LIVE,
    )
    learning_rate: float = Field(default=1e-3, gt=0, description="Step size of Adam.", json_schema_extra=LIVE)
    anneal_steps: int | None = Field(
        default=None,
        ge=1,
        description="Environment steps within which the learning rate falls to 0; null: never. [4]",
        json_schema_extra=LIVE,
    )
    anneal_clip: bool = Field(default=False, description="The clip falls with the learning rate, as it did for Atari.")
    adam_epsilon: float = Field(default=1e-5, gt=0, description="Epsilon of Adam. [3]")
    max_grad_norm: float | None = Field(
        default=0.5, gt=0, description="Gradients are clipped to this norm; null: never. [11]"
    )

    hidden: tuple[int, ...] = Field(default=(64, 64), description="Widths of the hidden layers for vectors. [13, 26]")
    activation: Literal["tanh", "relu"] = Field(default="tanh", description="Activation of the hidden layers.")
    shared: bool | None = Field(
        default=None,
        description="Policy and values share their hidden layers; null: only for images and with an LSTM. [13, 20]",
    )
    orthogonal: bool = Field(default=True, description="Orthogonal initial weights instead of uniform ones. [2, 32]")
    lstm: int | None = Field(
        default=None, ge=1, description="Width of an LSTM after the hidden layers; null: none. [32-36]"
    )
    sequence_length: int = Field(
        default=32, ge=1, description="Steps of a sequence for the LSTM, through which gradients are propagated back."
    )
    log_std: float = Field(default=0.0, description="Initial log deviation of continuous actions. [23, 24]")
    squash: bool = Field(
        default=False, description="Squash continuous actions into their bounds by tanh instead of clipping them. [27]"
    )

    normalize_observations: bool = Field(
        default=False, description="Normalize observations by their running mean and deviation. [28]"
    )
    observation_clip: float = Field(default=10.0, gt=0, description="Bound of normalized observations. [29]")
    normalize_rewards: bool = Field(
        default=True, description="Divide rewards by the running deviation of returns. [30]"
    )
    reward_clip: float = Field(default=10.0, gt=0, description="Bound of normalized rewards. [31]")
    threads: int = Field(
        default=1, ge=1, description="Threads of a gradient step; more than one is slower, except for images."
    )

    @property
    def required_clients(self) -> int:
        """Clients, each with a rollout, that a round needs."""
        return self.min_clients if self.on_lost_client == "continue" else self.clients

    @model_validator(mode="after")
    def _fits_together(self) -> Self:
        for wrong, sentence in self._contradictions():
            if wrong:
                raise ValueError(sentence)
        return self

    def _contradictions(self) -> tuple[tuple[bool, str], ...]:
        """(is it so, the error then) for all combinations that make no sense."""
        return (
            (
                self.minibatch_size > self.rollout,
                f"minibatch_size ({self.minibatch_size}) must not be more than rollout ({self.rollout}), the steps "
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
                f"rollout ({self.rollout}) must give each of the {self.clients} clients at least one step: set rollout "
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
                f"minibatch_size ({self.minibatch_size}) must have room for a sequence of the LSTM: set "
                f"sequence_length ({self.sequence_length}) to at most {self.minibatch_size}",
            ),
            (
                self.anneal_clip and self.anneal_steps is None,
                "anneal_clip needs anneal_steps, the environment steps at which it reaches 0: set anneal_steps",
            ),
        )
