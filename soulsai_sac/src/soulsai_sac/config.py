"""Settings of SAC, each with its source where a paper introduced it."""

from __future__ import annotations

from pydantic import Field

from soulsai_core import Settings


class SACConfig(Settings):
    """Soft actor-critic with an automatic temperature (Haarnoja et al. 2018, Soft Actor-Critic Algorithms and
    Applications); the defaults are those of its table 1 where it has them."""

    hidden: tuple[int, ...] = Field(default=(256, 256), description="Widths of the hidden layers, with ReLU.")
    layer_norm: bool = Field(
        default=False,
        description="Layer norm in the critics, against values that run away where the replay ratio is high (Ball et "
        "al. 2023, RLPD); with it they want a smaller step size.",
    )
    gamma: float = Field(default=0.99, gt=0, le=1, description="Discount factor of one step.")
    n_step: int = Field(default=1, ge=1, description="Steps of reward before bootstrapping (Sutton 1988).")
    target_tau: float = Field(
        default=0.005, gt=0, le=1, description="Share of the critics that flows into the targets at each gradient step."
    )
    actor_learning_rate: float = Field(default=3e-4, gt=0, description="Step size of Adam for the policy.")
    critic_learning_rate: float = Field(default=1e-3, gt=0, description="Step size of Adam for the critics.")
    temperature: float = Field(default=1.0, gt=0, description="Weight of the entropy at the beginning.")
    temperature_learning_rate: float = Field(
        default=1e-3, ge=0, description="Step size of Adam for the temperature; 0: it stays as it is."
    )
    target_entropy: float | None = Field(
        default=None,
        description="Entropy that the temperature aims at; null: one nat less for each action (section 5).",
    )
    batch_size: int = Field(default=256, ge=1, description="Transitions in one gradient step.")
    buffer_size: int = Field(default=1_000_000, ge=1, description="Steps in the replay buffer.")
    learning_starts: int = Field(
        default=1_000, ge=1, description="Steps in the buffer before learning starts; actions are random until then."
    )
    update_every: int = Field(default=32, ge=1, description="Environment steps between two model iterations.")
    replay_ratio: float = Field(
        default=1.0, gt=0, description="Gradient steps for each environment step; at least one an iteration."
    )
    max_staleness: int = Field(default=100, ge=1, description="Steps of this many newest iterations are admitted.")
    threads: int = Field(default=1, ge=1, description="Threads of torch; more do not help networks of this size.")
