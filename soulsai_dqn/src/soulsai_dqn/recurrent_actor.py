"""R2D2's client half: it remembers, and sends single steps with the memory before each. It needs numpy only, but for
images."""

from __future__ import annotations

import numpy as np

from soulsai_core import Arrays, EnvSpec, SampleBatch, Transitions
from soulsai_dqn.config import DQNConfig
from soulsai_dqn.encoders import chosen_network, mlp
from soulsai_dqn.features import Features, number_of_actions
from soulsai_dqn.policy_actor import PolicyActor
from soulsai_dqn.recurrent_policy import RecurrentPolicy, RecurrentQ
from soulsai_dqn.rescaling import grown, shrunk
from soulsai_dqn.sequences import step_columns


class RecurrentActor(PolicyActor[RecurrentPolicy]):
    """Explores with an LSTM. Each environment's state begins at 0 with each episode, and is kept when newer weights
    come.

    With prioritized replay, the TD error of a step is known when the values after the next one are: it is reckoned
    with one step, by the values that were acted upon.
    """

    def __init__(self, config: DQNConfig, spec: EnvSpec, rng: np.random.Generator) -> None:
        assert config.recurrent is not None
        super().__init__(config, rng)
        self._features = Features(spec)
        self._in_numpy = chosen_network(config.network, self._features) is mlp
        self._actions = number_of_actions(spec)
        self._width = config.recurrent.width
        prioritized = config.prioritized is not None
        options = {"masked": spec.masked, "prioritized": prioritized}
        self._columns = step_columns(self._features, self._actions, self._width, **options)
        self._memories: dict[int, _Memory] = {}
        self._rows: list[tuple[int, Arrays]] = []
        self._acted: tuple[np.ndarray, np.ndarray, np.ndarray] | None = None

    def _policy_of(self, arrays: Arrays) -> RecurrentPolicy:
        noise = self._noise_rng
        if self._in_numpy:
            return RecurrentQ(arrays, self._config, self._actions, noise)
        from soulsai_dqn.torch_policy import TorchRecurrentQ

        return TorchRecurrentQ(arrays, self._config, self._features, self._actions, noise)

    def act(self, observations: Arrays, masks: np.ndarray | None) -> np.ndarray:
        if self._policy is None:
            raise RuntimeError("act was called before load")
        x = self._features.of(observations)
        before = np.stack([self._memory(row).state for row in range(len(next(iter(x.values()))))])
        values, after = self._policy.step(x, before)
        self._acted = before, after, values
        return self._explorer.actions(values, masks)

    def add(self, transitions: Transitions) -> None:
        assert self._acted is not None and self._policy is not None
        before, after, values = self._acted
        observed = self._features.of(transitions.observations)
        following = self._features.of(transitions.next_observations)
        rows = transitions.rows
        later = self._policy.step(following, after[rows])[0] if "error" in self._columns else values[rows]
        for i, env in enumerate(rows.tolist()):
            memory = self._memory(env)
            ended = bool(transitions.terminated[i] or transitions.truncated[i])
            reward = self._reward(float(transitions.rewards[i]))
            row = {
                **{name: column[i].copy() for name, column in observed.items()},
                **{f"next_{name}": column[i].copy() for name, column in following.items()},
                "action": transitions.actions[i],
                "reward": reward,
                "terminated": transitions.terminated[i],
                "ended": ended,
                "first": memory.first,
                "state": before[env].copy(),
                "env": env,
                "number": memory.number,
            }
            mask = None if transitions.next_masks is None else transitions.next_masks[i].copy()
            if "next_mask" in self._columns:
                row["next_mask"] = np.ones(self._actions, np.bool_) if mask is None else mask
            if "error" in self._columns:
                usable = later[i] if mask is None or not mask.any() else later[i][mask]
                row["error"] = self._error(
                    reward, bool(transitions.terminated[i]), usable, values[env][transitions.actions[i]]
                )
            self._rows.append((self._iteration, row))
            memory.go_on(after[env], ended=ended)

    def _error(self, reward: float, terminated: bool, later: np.ndarray, chosen: float) -> float:
        rescaling = self._config.value_rescaling
        follows = 0.0 if terminated else self._config.gamma * grown(float(later.max()), rescaling)
        return abs(shrunk(reward + follows, rescaling) - float(chosen))

    def _reward(self, reward: float) -> float:
        scaled, clip = reward * self._config.reward_scale, self._config.reward_clip
        return scaled if clip is None else min(max(scaled, -clip), clip)

    def _memory(self, env: int) -> _Memory:
        if env not in self._memories:
            self._memories[env] = _Memory(self._width)
        return self._memories[env]

    def take(self) -> SampleBatch | None:
        if not self._rows:
            return None
        rows, self._rows = self._rows, []
        iterations = np.array([iteration for iteration, _ in rows], np.int64)
        columns = {n: np.array([row[n] for _, row in rows], spec.dtype) for n, spec in self._columns.items()}
        return SampleBatch(iterations, columns)

    def cut(self) -> None:
        for memory in self._memories.values():
            memory.cut()


class _Memory:
    """The LSTM's state in one environment, and where it is.

    Attributes:
        number: of the next step; one is left out where the environment broke.
        first: the next step begins an episode.
    """

    def __init__(self, width: int) -> None:
        self.state = np.zeros(2 * width, np.float32)
        self.number, self.first = 0, True

    def go_on(self, state: np.ndarray, *, ended: bool) -> None:
        self.number += 1
        self.first = ended
        self.state = np.zeros_like(state) if ended else state.copy()

    def cut(self) -> None:
        if not self.first:
            self.number += 1
        self.first = True
        self.state = np.zeros_like(self.state)
