"""Settings of DQN, each with its source where a paper introduced it."""

from __future__ import annotations

from typing import Literal, Self

from pydantic import BaseModel, ConfigDict, Field, model_validator


class _Settings(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)


class EpsilonConfig(_Settings):
    """Share of random actions, falling linearly (Mnih et al. 2015, Methods)."""

    start: float = Field(default=1.0, ge=0, le=1, description="Share of random actions at the beginning.")
    end: float = Field(default=0.02, ge=0, le=1, description="Share of random actions after `steps`.")
    steps: int = Field(default=10_000, ge=1, description="Environment steps, of all clients, from start to end.")


class DQNConfig(_Settings):
    """Double DQN with n-step returns and a target network."""

    hidden: tuple[int, ...] = Field(default=(128, 128), description="Widths of the hidden layers.")
    gamma: float = Field(default=0.995, gt=0, le=1, description="Discount factor of one step.")
    n_step: int = Field(default=3, ge=1, description="Steps of reward before bootstrapping (Sutton 1988).")
    double: bool = Field(default=True, description="Double Q-learning (van Hasselt et al. 2016).")
    reward_scale: float = Field(default=0.1, gt=0, description="Rewards are multiplied by this for learning only.")
    loss: Literal["huber", "mse"] = Field(default="huber", description="Loss of the temporal-difference error.")
    learning_rate: float = Field(default=1e-3, gt=0, description="Step size of AdamW.")
    adam_epsilon: float = Field(default=1e-4, gt=0, description="Epsilon of AdamW.")
    weight_decay: float = Field(default=0.01, ge=0, description="Decoupled weight decay of AdamW.")
    max_grad_norm: float | None = Field(default=None, gt=0, description="Clip gradients to this norm; null: never.")
    batch_size: int = Field(default=64, ge=1, description="Transitions in one gradient step.")
    buffer_size: int = Field(default=100_000, ge=1, description="Transitions in the replay buffer.")
    learning_starts: int = Field(default=1_000, ge=1, description="Transitions in the buffer before learning starts.")
    update_every: int = Field(default=64, ge=1, description="Environment steps between two model iterations.")
    replay_ratio: float = Field(default=1.0, gt=0, description="Gradient steps for each environment step.")
    target_tau: float = Field(
        default=0.005, gt=0, le=1, description="Share of the network that flows into the target at each gradient step."
    )
    max_staleness: int = Field(default=3, ge=1, description="Samples of so many newest iterations are admitted.")
    epsilon: EpsilonConfig = Field(default=EpsilonConfig(), description="Exploration.")
    threads: int = Field(default=1, ge=1, description="Threads of torch; more than one core each makes it slower.")

    @model_validator(mode="after")
    def _fits_together(self) -> Self:
        if self.learning_starts > self.buffer_size:
            raise ValueError(
                f"learning_starts ({self.learning_starts}) must not be more than buffer_size ({self.buffer_size}): "
                "learning would never start"
            )
        return self
