"""Settings of SAC, with the paper that introduced each."""

from __future__ import annotations

from typing import Self

from pydantic import Field, model_validator

from soulsai_core import LIVE, Settings


class SACConfig(Settings):
    """Soft actor-critic with an automatic temperature (Haarnoja et al. 2018, Soft Actor-Critic Algorithms and
    Applications). The defaults are those of its table 1 where it has them."""

    hidden: tuple[int, ...] = Field(default=(256, 256), description="Widths of the hidden layers, with ReLU.")
    layer_norm: bool = Field(
        default=False,
        description="Layer norm in the critics, against values that diverge where the replay ratio is high (Ball et "
        "al. 2023, RLPD); use a smaller step size with it.",
    )
    gamma: float = Field(default=0.99, gt=0, le=1, description="Discount factor of one step.", json_schema_extra=LIVE)
    n_step: int = Field(
        default=1, ge=1, description="Steps of reward before bootstrapping (Sutton 1988).", json_schema_extra=LIVE
    )
    target_tau: float = Field(
        default=0.005,
        gt=0,
        le=1,
        description="Share of the way to the critics that their targets move at each gradient step.",
        json_schema_extra=LIVE,
    )
    actor_learning_rate: float = Field(
        default=3e-4, gt=0, description="Step size of Adam for the policy.", json_schema_extra=LIVE
    )
    critic_learning_rate: float = Field(
        default=1e-3, gt=0, description="Step size of Adam for the critics.", json_schema_extra=LIVE
    )
    temperature: float = Field(default=1.0, gt=0, description="Initial temperature, the weight of the entropy.")
    temperature_learning_rate: float = Field(
        default=1e-3,
        ge=0,
        description="Step size of Adam for the temperature; 0: it stays the same.",
        json_schema_extra=LIVE,
    )
    target_entropy: float | None = Field(
        default=None,
        description="Entropy that the temperature is adapted to; null: -1 nat for each action (section 5).",
        json_schema_extra=LIVE,
    )
    batch_size: int = Field(default=256, ge=1, description="Transitions in one gradient step.")
    buffer_size: int = Field(default=1_000_000, ge=1, description="Steps in the replay buffer.")
    learning_starts: int = Field(
        default=1_000, ge=1, description="Steps in the buffer before learning starts; actions are random until then."
    )
    update_every: int = Field(default=32, ge=1, description="Environment steps between two model iterations.")
    replay_ratio: float = Field(
        default=1.0,
        gt=0,
        le=1000,
        description="Gradient steps for each environment step; at least one an iteration.",
        json_schema_extra=LIVE,
    )
    max_staleness: int = Field(default=100, ge=1, description="Steps of this many newest iterations are admitted.")
    threads: int = Field(default=1, ge=1, description="Threads of torch; more do not help networks of this size.")

    @model_validator(mode="after")
    def _learns(self) -> Self:
        if self.learning_starts > self.buffer_size:
            raise ValueError(
                f"learning_starts ({self.learning_starts}) must not be more than buffer_size ({self.buffer_size}): "
                "learning would never start"
            )
        return self
