"""Settings of DQN, each with its source where a paper introduced it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Any, Generic, Literal, Self, TypeVar

from pydantic import Discriminator, Field, Tag, field_validator, model_validator

from soulsai_core import Settings

N = TypeVar("N", int, float)
Discount = Annotated[float, Field(gt=0, le=1)]
Steps = Annotated[int, Field(ge=1)]


class Schedule(Settings, Generic[N]):
    """A number that moves linearly, and then stays. BBF (Schwarzer et al. 2023, section 4) lets gamma rise and n_step
    fall after each reset."""

    start: N = Field(description="Number at the beginning.")
    end: N = Field(description="Number after `steps`.")
    steps: Steps = Field(description="Steps from start to end.")
    over: Literal["env_steps", "gradient_steps", "gradient_steps_after_reset"] = Field(
        default="env_steps",
        description="Which steps: environment steps of all clients, gradient steps, or those since the last reset.",
    )


def _form(given: object) -> str:
    return "schedule" if isinstance(given, Mapping | Schedule) else "number"


class NetworkChoice(Settings):
    """What comes before the dense layers, by the name of its entry point in the group soulsai.networks."""

    name: str = Field(default="auto", description="mlp for vectors, nature_cnn or impala_cnn for images; auto chooses.")
    config: dict[str, Any] = Field(default={}, description="The network's own settings.")


class EpsilonConfig(Settings):
    """Share of random actions, falling linearly (Mnih et al. 2015, Methods)."""

    start: float = Field(default=1.0, ge=0, le=1, description="Share of random actions at the beginning.")
    end: float = Field(default=0.02, ge=0, le=1, description="Share of random actions after `steps`.")
    steps: int = Field(default=10_000, ge=1, description="Environment steps, of all clients, from start to end.")


class LadderConfig(Settings):
    """base ** (1 + exponent * place), each environment in a place of its own (Horgan et al. 2018, section 4.1)."""

    base: float = Field(default=0.4, gt=0, lt=1, description="Share of random actions in place 0.")
    exponent: float = Field(default=7.0, ge=0, description="In place 1 it is base ** (1 + exponent).")


class BoltzmannConfig(Settings):
    """Actions in proportion to exp(value / temperature), which falls linearly (Sutton and Barto 2018, section 13.1)."""

    start: float = Field(default=1.0, gt=0, description="Temperature at the beginning, in scaled reward.")
    end: float = Field(default=0.02, gt=0, description="Temperature after `steps`.")
    steps: int = Field(default=10_000, ge=1, description="Environment steps, of all clients, from start to end.")


class PriorityConfig(Settings):
    """Proportional prioritized replay (Schaul et al. 2016, section 3.3)."""

    alpha: float = Field(default=0.6, ge=0, le=1, description="Priorities are |TD error| to this power.")
    beta_start: float = Field(default=0.4, ge=0, le=1, description="Correction of the bias at the beginning.")
    beta_end: float = Field(default=1.0, ge=0, le=1, description="Correction of the bias after `beta_steps`.")
    beta_steps: int = Field(default=100_000, ge=1, description="Environment steps from beta_start to beta_end.")
    epsilon: float = Field(default=1e-3, gt=0, description="Added to |TD error|, so that nothing is never drawn.")


class ResetConfig(Settings):
    """Periodic resets (Nikishin et al. 2022; D'Oro et al. 2023, SR-SPR; Schwarzer et al. 2023, BBF)."""

    every: int | None = Field(default=None, ge=1, description="Gradient steps between two resets; null: never.")
    last: int | None = Field(default=None, ge=1, description="No reset after so many gradient steps; null: no end.")
    keep: float = Field(default=0.5, ge=0, le=1, description="Share of the old parameters that stays below the head.")
    recovery: int = Field(default=0, ge=0, description="Gradient steps made at once after a reset, to catch up.")


class RecurrentConfig(Settings):
    """R2D2 (Kapturowski et al. 2019): stored state, burn-in, sequences."""

    width: int = Field(default=64, ge=1, description="Width of the LSTM between the hidden layers and the head.")
    burn_in: int = Field(default=10, ge=0, description="Steps that only warm up the stored state.")
    length: int = Field(default=20, ge=1, description="Steps of a sequence that are learned from.")
    stride: int = Field(default=10, ge=1, description="Steps between the beginnings of two sequences.")
    eta: float = Field(default=0.9, ge=0, le=1, description="Priority: share of the largest TD error, else the mean.")


class DQNConfig(Settings):
    """DQN and its descendants: every combination of the parts of Rainbow, and more."""

    network: NetworkChoice = Field(default=NetworkChoice(), description="What turns observations into a vector.")
    frame_stack: int | None = Field(
        default=None,
        ge=1,
        description="Images that the network sees at once, the newest last (Mnih et al. 2015: 4). Each is sent and "
        "kept once, so that no wrapper shall stack them; null: they are taken as they come.",
    )
    hidden: tuple[int, ...] = Field(default=(128, 128), description="Widths of the dense layers that follow it.")
    layer_norm: bool = Field(default=False, description="Layer norm in the dense layers (Ba et al. 2016).")
    dueling: bool = Field(default=False, description="Value and advantage streams (Wang et al. 2016).")
    noisy: bool = Field(default=False, description="Noisy dense layers (Fortunato et al. 2018).")
    noisy_sigma: float = Field(default=0.5, gt=0, description="Initial noise, times 1/sqrt(inputs of the layer).")
    recurrent: RecurrentConfig | None = Field(default=None, description="An LSTM that remembers (R2D2); null: none.")
    head: Literal["scalar", "quantile", "categorical"] = Field(
        default="scalar", description="Mean, QR-DQN (Dabney et al. 2018) or C51 (Bellemare et al. 2017)."
    )
    atoms: int = Field(default=32, ge=2, description="Quantiles, or values of the categorical head.")
    value_low: float = Field(default=-10.0, description="Least return of the categorical head, in scaled reward.")
    value_high: float = Field(default=10.0, description="Greatest return of the categorical head.")
    gamma: Annotated[
        Annotated[Discount, Tag("number")] | Annotated[Schedule[Discount], Tag("schedule")], Discriminator(_form)
    ] = Field(default=0.995, description="Discount factor of one step: a number, or {start, end, steps, over}.")
    n_step: Annotated[
        Annotated[Steps, Tag("number")] | Annotated[Schedule[Steps], Tag("schedule")], Discriminator(_form)
    ] = Field(default=3, description="Steps of reward before bootstrapping (Sutton 1988): likewise, rounded.")
    double: bool = Field(default=True, description="Double Q-learning (van Hasselt et al. 2016).")
    reward_scale: float = Field(default=0.1, gt=0, description="Rewards are multiplied by this for learning only.")
    reward_clip: float | None = Field(
        default=None, gt=0, description="Scaled rewards are cut to this size (Mnih et al. 2015: 1); null: they are not."
    )
    value_rescaling: float | None = Field(
        default=None,
        ge=0,
        description="Values are learned as h(x) = sign(x) (sqrt(|x| + 1) - 1) + this * x (Pohlen et al. 2018; "
        "Kapturowski et al. 2019: 0.001, with reward_scale 1); null: as they are.",
    )
    normalize: bool = Field(default=False, description="Vectors less their running mean, over their deviation.")
    loss: Literal["huber", "mse"] = Field(default="huber", description="Loss of the scalar head's error.")
    learning_rate: float = Field(default=1e-3, gt=0, description="Step size of AdamW.")
    adam_epsilon: float = Field(default=1e-4, gt=0, description="Epsilon of AdamW.")
    weight_decay: float = Field(default=0.01, ge=0, description="Decoupled weight decay of AdamW.")
    max_grad_norm: float | None = Field(default=None, gt=0, description="Clip gradients to this norm; null: never.")
    batch_size: int = Field(default=64, ge=1, description="Transitions (recurrent: sequences) in one gradient step.")
    buffer_size: int = Field(default=100_000, ge=1, description="Steps in the replay buffer.")
    replay_device: str | None = Field(
        default=None, description="Where the replay buffer lies as tensors: cpu, cuda, cuda:1 or auto; null: as arrays."
    )
    prioritized: PriorityConfig | None = Field(default=None, description="Prioritized replay; null: uniform.")
    learning_starts: int = Field(default=1_000, ge=1, description="Steps in the buffer before learning starts.")
    update_every: int = Field(default=64, ge=1, description="Environment steps between two model iterations.")
    replay_ratio: float = Field(default=1.0, gt=0, description="Gradient steps for each environment step.")
    resets: ResetConfig = Field(default=ResetConfig(), description="Resets that keep a high replay ratio stable.")
    target_tau: float = Field(
        default=0.005, gt=0, le=1, description="Share of the network that flows into the target at each gradient step."
    )
    target_every: int = Field(
        default=1, ge=1, description="Gradient steps between two such flows; with target_tau 1 this is a hard copy."
    )
    act_with: Literal["network", "target", "average"] = Field(
        default="network",
        description="Whose weights the clients get: the network's; or the target's, a moving average of it and so "
        "steadier where target_tau is small (Schwarzer et al. 2023); or those of `average`.",
    )
    average: float | None = Field(
        default=0.03,
        gt=0,
        le=1,
        description="Agents that learn no more act with the mean of the networks of about this last share of the "
        "training (Nikishin et al. 2018; Karras et al. 2024); null: with what the clients act with.",
    )
    max_staleness: int = Field(default=3, ge=1, description="Samples of so many newest iterations are admitted.")
    exploration: Literal["epsilon", "ladder", "boltzmann", "noisy"] = Field(
        default="epsilon", description="How clients explore: by a schedule, Ape-X's ladder, in proportion, by noise."
    )
    epsilon: EpsilonConfig = Field(default=EpsilonConfig(), description="Schedule of random actions.")
    ladder: LadderConfig = Field(default=LadderConfig(), description="Shares of random actions over environments.")
    boltzmann: BoltzmannConfig = Field(default=BoltzmannConfig(), description="Schedule of the temperature.")
    device: str = Field(default="cpu", description="Where gradient steps are made: cpu, cuda, cuda:1 or auto.")
    threads: int = Field(default=1, ge=1, description="Threads of torch; more than one core each makes it slower.")

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
        for wrong, sentence in self._misfits():
            if wrong:
                raise ValueError(sentence)
        return self

    def _misfits(self) -> list[tuple[bool, str]]:
        """(does it hold, what is wrong then) for all that cannot be together."""
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
                "one reset would follow the other without end",
            ),
            (
                self.replay_device not in (None, "cpu") and self.device == "cpu",
                f"replay_device: {self.replay_device} with device: cpu would move each minibatch back: set both alike, "
                "or replay_device: null",
            ),
            (
                self.recurrent is not None and self.sequence > self.buffer_size,
                f"buffer_size ({self.buffer_size}) holds no sequence of {self.sequence} steps: single-step replay "
                "cannot teach an LSTM",
            ),
        ]

    @property
    def longest_n(self) -> int:
        """The most steps of reward that are ever summed."""
        return self.n_step if isinstance(self.n_step, int) else max(self.n_step.start, self.n_step.end)

    @property
    def sequence(self) -> int:
        """Steps of a whole sequence of R2D2: burn-in, what is learned from, and what is bootstrapped from."""
        return 0 if self.recurrent is None else self.recurrent.burn_in + self.recurrent.length + self.longest_n
