"""Settings of DQN, with the paper that introduced each."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Any, Generic, Literal, Self, TypeVar

from pydantic import (
    BeforeValidator,
    ConfigDict,
    Discriminator,
    Field,
    Tag,
    field_validator,
    model_validator,
)

from soulsai_core import LIVE, Settings

N = TypeVar("N", int, float)
Discount = Annotated[float, Field(gt=0, le=1)]
Steps = Annotated[int, Field(ge=1)]
Rate = Annotated[float, Field(gt=0)]
# Gradient steps for each environment step: a mistyped number must not keep the learner in one update for hours.
Ratio = Annotated[float, Field(gt=0, le=1000)]


class Schedule(Settings, Generic[N]):
    """A number that changes linearly and then stays. In BBF (Schwarzer et al. 2023, section 4), gamma rises and n_step
    falls after each reset."""

    start: N = Field(description="Number at the beginning.")
    end: N = Field(description="Number after `steps`.")
    steps: Steps = Field(description="Steps from start to end.")
    over: Literal["env_steps", "gradient_steps", "gradient_steps_after_reset"] = Field(
        default="env_steps",
        description="What is counted: environment steps of all clients, gradient steps, or those since the last reset.",
    )


def _form(given: object) -> str:
    return "schedule" if isinstance(given, Mapping | Schedule) else "number"


class AutomaticRatio(Settings):
    """Gradient steps in the time in which the training node would wait for steps, so that slow environments are used
    well and fast ones are not slowed down."""

    least: float = Field(
        default=0.1,
        gt=0,
        description="Gradient steps for each environment step, at least. Clients wait for these if their steps "
        "come faster than they are made.",
    )
    most: Ratio = Field(default=16.0, description="Gradient steps for each environment step, at most.")

    @model_validator(mode="after")
    def _check(self) -> Self:
        if self.most < self.least:
            raise ValueError(f"most ({self.most:g}) must not be less than least ({self.least:g})")
        return self


def _ratio_form(given: object) -> str:
    return "number" if isinstance(given, int | float) and not isinstance(given, bool) else "automatic"


def _automatic(given: object) -> object:
    return {} if given == "auto" else given


class NetworkChoice(Settings):
    """The encoder before the dense layers, by its name in the entry point group soulsai.networks."""

    # The core's JSON schema of all settings has those of each installed network here.
    model_config = ConfigDict(json_schema_extra={"soulsai.plugins": "network"})

    name: str = Field(
        default="auto", description="mlp for vectors, nature_cnn or impala_cnn for images; auto: mlp or nature_cnn."
    )
    config: dict[str, Any] = Field(default={}, description="The network's own settings.")


class EpsilonConfig(Settings):
    """The share of random actions, which falls linearly (Mnih et al. 2015, Methods)."""

    start: float = Field(default=1.0, ge=0, le=1, description="Share of random actions at the beginning.")
    end: float = Field(default=0.02, ge=0, le=1, description="Share of random actions after `steps`.")
    steps: int = Field(default=5_000, ge=1, description="Environment steps, of all clients, from start to end.")


class LadderConfig(Settings):
    """Epsilon base ** (1 + exponent * position). Each environment of each client has a position of its own, 0 to 1
    (Horgan et al. 2018, section 4.1)."""

    base: float = Field(default=0.4, gt=0, lt=1, description="Share of random actions at position 0.")
    exponent: float = Field(
        default=7.0, ge=0, description="The share of random actions at position 1 is base ** (1 + exponent)."
    )


class BoltzmannConfig(Settings):
    """Actions with probabilities in proportion to exp(value / temperature). The temperature falls linearly (Sutton and
    Barto 2018, section 13.1)."""

    start: float = Field(default=1.0, gt=0, description="Temperature at the beginning, in scaled reward.")
    end: float = Field(default=0.02, gt=0, description="Temperature after `steps`.")
    steps: int = Field(default=10_000, ge=1, description="Environment steps, of all clients, from start to end.")


class PriorityConfig(Settings):
    """Proportional prioritized replay (Schaul et al. 2016, section 3.3)."""

    alpha: float = Field(default=0.6, ge=0, le=1, description="Priorities are |TD error| to this power.")
    beta_start: float = Field(default=0.4, ge=0, le=1, description="Exponent of importance weights at the beginning.")
    beta_end: float = Field(default=1.0, ge=0, le=1, description="Exponent of importance weights after `beta_steps`.")
    beta_steps: int = Field(default=100_000, ge=1, description="Environment steps from beta_start to beta_end.")
    epsilon: float = Field(default=1e-3, gt=0, description="Added to |TD error|, so that every row can be drawn.")


class ResetConfig(Settings):
    """Periodic resets (Nikishin et al. 2022; D'Oro et al. 2023, SR-SPR; Schwarzer et al. 2023, BBF)."""

    every: int | None = Field(default=None, ge=1, description="Gradient steps between two resets; null: never.")
    last: int | None = Field(default=None, ge=1, description="No reset after this many gradient steps; null: no limit.")
    keep: float = Field(
        default=0.5, ge=0, le=1, description="Share of the old parameters that is kept in a reset; the head keeps none."
    )
    recovery: int = Field(default=0, ge=0, description="Extra gradient steps right after a reset.")


class RecurrentConfig(Settings):
    """Sequences for an LSTM, with stored states and a burn-in (R2D2: Kapturowski et al. 2019)."""

    width: int = Field(default=64, ge=1, description="Width of the LSTM between the hidden layers and the head.")
    previous_action: bool = Field(
        default=True, description="The LSTM sees the action before each observation, too (section 2.3)."
    )
    burn_in: int = Field(
        default=10, ge=0, description="First steps of a sequence, which only bring the stored state up to date."
    )
    length: int = Field(default=20, ge=1, description="Steps of a sequence that are learned from.")
    stride: int = Field(default=10, ge=1, description="Steps between the beginnings of two sequences.")
    eta: float = Field(
        default=0.9, ge=0, le=1, description="Priority of a sequence: eta * largest + (1 - eta) * mean |TD error|."
    )


class DQNConfig(Settings):
    """DQN and its descendants: every combination of the parts of Rainbow, and more.

    The defaults are QR-DQN (Dabney et al. 2018), double, dueling and with layer norm: it needs a half to a third of the
    samples of plain double DQN. Other agents of the literature are presets (`soulsai_dqn.presets`).
    """

    network: NetworkChoice = Field(
        default=NetworkChoice(), description="The encoder, which turns observations into a vector."
    )
    frame_stack: int | None = Field(
        default=None,
        ge=1,
        description="Images that the network sees at once, the newest last (Mnih et al. 2015: 4); null: one. Each is "
        "sent and stored once: do not stack them in a wrapper, too.",
    )
    hidden: tuple[int, ...] = Field(default=(128, 128), description="Widths of the dense layers after the encoder.")
    layer_norm: bool = Field(default=True, description="Layer norm in the dense layers (Ba et al. 2016).")
    dueling: bool = Field(default=True, description="Value and advantage streams (Wang et al. 2016).")
    noisy: bool = Field(default=False, description="Noisy dense layers (Fortunato et al. 2018).")
    noisy_sigma: float = Field(default=0.5, gt=0, description="Initial noise, times 1/sqrt(inputs of the layer).")
    recurrent: RecurrentConfig | None = Field(default=None, description="An LSTM (R2D2); null: none.")
    head: Literal["scalar", "quantile", "categorical"] = Field(
        default="quantile", description="Mean, QR-DQN (Dabney et al. 2018) or C51 (Bellemare et al. 2017)."
    )
    atoms: int = Field(default=32, ge=2, description="Quantiles, or values of the categorical head.")
    value_low: float = Field(default=-10.0, description="Lowest return of the categorical head, in scaled reward.")
    value_high: float = Field(default=10.0, description="Highest return of the categorical head, in scaled reward.")
    gamma: Annotated[
        Annotated[Discount, Tag("number")] | Annotated[Schedule[Discount], Tag("schedule")], Discriminator(_form)
    ] = Field(
        default=0.99,
        description="Discount factor of one step, or a schedule {start, end, steps, over}.",
        json_schema_extra=LIVE,
    )
    n_step: Annotated[
        Annotated[Steps, Tag("number")] | Annotated[Schedule[Steps], Tag("schedule")], Discriminator(_form)
    ] = Field(
        default=3,
        description="Steps of reward before bootstrapping (Sutton 1988), or a schedule, rounded.",
        json_schema_extra=LIVE,
    )
    double: bool = Field(default=True, description="Double Q-learning (van Hasselt et al. 2016).")
    reward_scale: float = Field(
        default=0.1, gt=0, description="Rewards are multiplied by this for learning; reported returns are not."
    )
    reward_clip: float | None = Field(
        default=None,
        gt=0,
        description="Bound of a scaled reward's absolute value (Mnih et al. 2015: 1); null: none.",
    )
    value_rescaling: float | None = Field(
        default=None,
        ge=0,
        description="Values are learned as h(x) = sign(x) (sqrt(|x| + 1) - 1) + this * x (Pohlen et al. 2018; "
        "Kapturowski et al. 2019: 0.001, with reward_scale 1); null: unscaled.",
    )
    normalize: bool = Field(default=False, description="Normalize vectors by their running mean and deviation.")
    loss: Literal["huber", "mse"] = Field(default="huber", description="Loss of the scalar head's TD error.")
    learning_rate: Annotated[
        Annotated[Rate, Tag("number")] | Annotated[Schedule[Rate], Tag("schedule")], Discriminator(_form)
    ] = Field(
        default=1e-3,
        description="Step size of AdamW, or a schedule. One that falls makes late networks differ less.",
        json_schema_extra=LIVE,
    )
    adam_epsilon: float = Field(default=1e-4, gt=0, description="Epsilon of AdamW.")
    weight_decay: float = Field(
        default=0.1, ge=0, description="Decoupled weight decay of AdamW.", json_schema_extra=LIVE
    )
    max_grad_norm: float | None = Field(
        default=None, gt=0, description="Clip gradients to this norm; null: never.", json_schema_extra=LIVE
    )
    batch_size: int = Field(default=64, ge=1, description="Transitions (recurrent: sequences) in one gradient step.")
    buffer_size: int = Field(default=100_000, ge=1, description="Steps in the replay buffer.")
    replay_device: str | None = Field(
        default=None, description="Device of the replay buffer: cpu, cuda, cuda:1 or auto; null: main memory."
    )
    prioritized: PriorityConfig | None = Field(default=None, description="Prioritized replay; null: uniform.")
    learning_starts: int = Field(default=1_000, ge=1, description="Steps in the buffer before learning starts.")
    update_every: int = Field(default=64, ge=1, description="Environment steps between two model iterations.")
    replay_ratio: Annotated[
        Annotated[Ratio, Tag("number")] | Annotated[AutomaticRatio, Tag("automatic")],
        Discriminator(_ratio_form),
        BeforeValidator(_automatic),
    ] = Field(
        default=1.0,
        description="Gradient steps for each environment step; auto, or {least, most}: as many as there is time for.",
        json_schema_extra=LIVE,
    )
    resets: ResetConfig = Field(default=ResetConfig(), description="Resets that keep a high replay ratio stable.")
    target_tau: float = Field(
        default=0.01,
        gt=0,
        le=1,
        description="Share of the way to the network that the target network moves at a time.",
        json_schema_extra=LIVE,
    )
    target_every: int = Field(
        default=1,
        ge=1,
        description="Gradient steps between two moves of the target network; with target_tau 1 each makes it a copy.",
        json_schema_extra=LIVE,
    )
    act_with: Literal["network", "target", "average"] = Field(
        default="network",
        description="What clients act with: the network; the target network, a moving average of it, which is steadier "
        "where target_tau is small (Schwarzer et al. 2023); or the average of `average`.",
    )
    average: float | None = Field(
        default=0.03,
        gt=0,
        le=1,
        description="Evaluations and players act with the mean of the networks of the newest part of the "
        "training, of about this share (Nikishin et al. 2018; Karras et al. 2024); null: they act "
        "with what clients act with.",
    )
    max_staleness: int = Field(default=3, ge=1, description="Steps of this many newest iterations are admitted.")
    exploration: Literal["epsilon", "ladder", "boltzmann", "noisy"] = Field(
        default="epsilon",
        description="How clients explore: epsilon by a schedule or a ladder, Boltzmann, noisy layers.",
    )
    epsilon: EpsilonConfig = Field(
        default=EpsilonConfig(), description="Schedule of random actions.", json_schema_extra=LIVE
    )
    ladder: LadderConfig = Field(
        default=LadderConfig(), description="Ape-X's ladder of epsilons over environments.", json_schema_extra=LIVE
    )
    boltzmann: BoltzmannConfig = Field(
        default=BoltzmannConfig(), description="Schedule of the temperature.", json_schema_extra=LIVE
    )
    device: str = Field(default="cpu", description="Device of the gradient steps: cpu, cuda, cuda:1 or auto.")
    threads: int = Field(default=1, ge=1, description="Threads of torch; more threads than free cores make it slower.")

    @field_validator("device", "replay_device")
    @classmethod
    def _is_a_device(cls, device: str | None) -> str | None:
        if device is None:
            return None
        kind, _, number = device.partition(":")
        if kind not in ("cpu", "cuda", "auto") or (number and not number.isdigit()):
            raise ValueError("must be cpu, cuda, cuda:N or auto")
        return device

    @model_validator(mode="after")
    def _fits_together(self) -> Self:
        for wrong, sentence in self._contradictions():
            if wrong:
                raise ValueError(sentence)
        return self

    def _contradictions(self) -> list[tuple[bool, str]]:
        """(is it so, the error then) for all combinations that make no sense."""
        return [
            (
                self.learning_starts > self.buffer_size,
                f"learning_starts ({self.learning_starts}) must not be more than buffer_size ({self.buffer_size}): "
                "learning would never start",
            ),
            (
                self.exploration == "noisy" and not self.noisy,
                "exploration: noisy needs a network with noisy layers: set noisy: true, or exploration: epsilon",
            ),
            (
                self.head == "categorical" and self.value_low >= self.value_high,
                f"value_low ({self.value_low}) must be less than value_high ({self.value_high})",
            ),
            (
                self.head != "scalar" and self.loss == "mse",
                f"loss: mse is for head: scalar; head: {self.head} has a loss of its own, so leave loss at huber",
            ),
            (
                self.act_with == "average" and self.average is None,
                "act_with: average needs one: set average to a share of the training such as 0.03, or act_with: "
                "network",
            ),
            (
                self.resets.every is not None and self.resets.recovery >= self.resets.every,
                f"resets.recovery ({self.resets.recovery}) must be less than resets.every ({self.resets.every}): "
                "each reset would lead to the next one without end",
            ),
            (
                self.replay_device not in (None, "cpu") and self.device == "cpu",
                f"replay_device: {self.replay_device} with device: cpu would move each minibatch back: set both to one "
                "device, or replay_device: null",
            ),
            (
                self.recurrent is not None and self.sequence > self.buffer_size,
                f"buffer_size ({self.buffer_size}) holds no sequence of {self.sequence} steps: single-step replay "
                "cannot train an LSTM",
            ),
        ]

    @property
    def least_replay_ratio(self) -> float:
        """Gradient steps for each environment step that are made in any case."""
        return self.replay_ratio.least if isinstance(self.replay_ratio, AutomaticRatio) else self.replay_ratio

    @property
    def longest_n(self) -> int:
        """The largest n of n-step returns during the training."""
        return self.n_step if isinstance(self.n_step, int) else max(self.n_step.start, self.n_step.end)

    @property
    def sequence(self) -> int:
        """Steps of a whole sequence: burn-in, those learned from, and those bootstrapped from; 0 without an LSTM."""
        return 0 if self.recurrent is None else self.recurrent.burn_in + self.recurrent.length + self.longest_n
