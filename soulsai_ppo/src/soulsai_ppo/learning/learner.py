"""PPO's learner: gathers rounds of rollouts, and makes an iteration of each."""

from __future__ import annotations

import logging
import math
import time
from collections.abc import Callable, Mapping

import numpy as np
from pydantic import BaseModel
from threadpoolctl import threadpool_limits

from soulsai_core import (
    DURATION,
    REWARD,
    VECTOR,
    Arrays,
    CheckpointError,
    EnvSpec,
    Features,
    Learner,
    RunningMoments,
    State,
    StepBatch,
    normalized,
)
from soulsai_ppo.config import PPOConfig
from soulsai_ppo.learning.trainer import Trainer
from soulsai_ppo.networks.distributions import distribution_for
from soulsai_ppo.networks.mlp import NumpyModel
from soulsai_ppo.networks.model import Model
from soulsai_ppo.networks.parameters import Shapes, initialize, shapes_of
from soulsai_ppo.rollouts.columns import LEARNED
from soulsai_ppo.rollouts.experience import Experience, joined
from soulsai_ppo.rollouts.normalization import RewardScaler
from soulsai_ppo.rollouts.rounds import Rounds
from soulsai_ppo.spaces import MEAN, SCALE

log = logging.getLogger(__name__)

_WARN_AFTER = 5.0  # seconds without enough clients
# Environments of one client: its last time step may make this many more rows than its quota.
_MAX_ENVIRONMENTS = 1024


class PPOLearner(Learner):
    """Gathers a rollout from each client, all made with the same weights, and then makes an iteration of them.

    Args:
        clock: monotonic seconds.
    """

    def __init__(
        self,
        config: PPOConfig,
        spec: EnvSpec,
        rng: np.random.Generator,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        distribution = distribution_for(spec, config)
        self._config = config
        self._rng = rng
        self._clock = clock
        self._observations = frozenset(spec.observations)
        self._features = Features(spec)
        self._model = make_model(shapes_of(config, self._features, distribution), self._features, config)
        initialize(self._model.parameters.views, config, rng)
        self._trainer = Trainer(self._model, distribution, config, rng)
        self._observed = RunningMoments((self._features.size,))
        self._rewards = RewardScaler(config.reward_clip)
        max_rows = config.rollout + _MAX_ENVIRONMENTS
        self._rounds = Rounds(config.required_clients, config.round_timeout_s, clock, max_rows)
        self._steps = 0  # rows learned from
        self._waiting = 0  # rows taken in since then
        self._learned = False
        self._since = 0  # iteration of the model that was learned then
        self._restarts = 0
        self._players = config.clients  # clients that share the present round
        self._report: dict[str, float] = {}
        self._threads: threadpool_limits | None = None
        self._lost = False
        self._late: frozenset[str] = frozenset()  # clients that were named as too slow
        self._incomplete_since: float | None = None  # since when clients are missing; inf once this was logged

    def change(self, config: BaseModel) -> None:
        assert isinstance(config, PPOConfig)
        self._config = config
        self._trainer.change(config)

    # -- rounds

    def started(self, *, resumed: bool) -> None:
        # By default numpy multiplies on all cores, which takes many times as long for matrices this small.
        self._threads = threadpool_limits(self._config.threads)
        self._rounds.begin()

    def stopped(self) -> None:
        if self._threads is not None:
            self._threads.restore_original_limits()

    def clients_changed(self, clients: frozenset[str]) -> None:
        self._lost = self._lost or bool(self._rounds.present - clients)
        self._rounds.clients_changed(clients)

    def add(self, steps: StepBatch, client: str) -> None:
        self._waiting += len(steps)
        self._rounds.add(steps, client)

    def reach(self) -> int:
        return self._waiting

    def restore(self, steps: StepBatch, client: str) -> None:
        # A message that only closes a rollout of an earlier round has no rows by which the node could leave it out.
        if len(steps) or steps.closed is None or steps.closed.iteration >= self._since:
            self._rounds.add(steps, client)

    def restored(self, *, complete: bool) -> None:
        self._rounds.wait_for_all_heard()

    def updated(self, iteration: int) -> None:
        if self._learned:
            self._since = iteration
            self._learned = False

    def quota(self) -> int:
        return math.ceil(self._config.rollout / self._players)

    def ready(self) -> bool:
        self._warn_of_missing_clients()
        return self._rounds.complete or self._rounds.stalled

    def waits_for(self) -> tuple[str, ...]:
        return self._rounds.awaited

    def finished(self) -> str | None:
        if self._lost and self._config.on_lost_client == "stop":
            return "a client was lost, and algorithm.config.on_lost_client is stop"
        return None

    def _warn_of_missing_clients(self) -> None:
        """Log once why nothing happens: a person who started too few clients would otherwise wait for ever."""
        missing = self._rounds.missing
        if not missing:
            self._incomplete_since = None
        elif self._incomplete_since is None:
            self._incomplete_since = self._clock()
        elif self._clock() - self._incomplete_since > _WARN_AFTER:
            self._incomplete_since = math.inf
            log.warning(
                "Waiting for %d more client%s: a round needs %d, there now: %d. Start another one, or set "
                "algorithm.config.clients, or algorithm.config.on_lost_client to continue.",
                missing, "" if missing == 1 else "s", self._config.required_clients, len(self._rounds.present),
            )  # fmt: skip

    def _warn_of_late_clients(self) -> None:
        """Name each client once that is too slow to take part: its rows are made for nothing."""
        for client in sorted(self._rounds.late - self._late):
            log.warning(
                "The client %r was not waited for: it took more than twice as long for its rollout as the others.",
                client,
            )
        # Bounded, since a contributor may come under ever new names.
        self._late = (self._late | self._rounds.late) & self._rounds.present

    # -- updates

    def update(self) -> Mapping[str, float]:
        # `enough` instead of `complete`: an update that is made again at a resume waits for no client.
        if self._rounds.enough and not self._rounds.stalled:
            self._report = self._report | self._learn()
        else:
            self._restarts += 1
            log.warning(
                "Samples were lost, or a client is stuck: the round is restarted. Its complete rollouts (%d) are kept.",
                self._rounds.completed,
            )
        self._rounds.begin()
        self._warn_of_late_clients()
        self._players = max(len(self._rounds.expected), self._config.required_clients)
        return {**self._report, "rounds_restarted": float(self._restarts)}

    def _learn(self) -> dict[str, float]:
        report = {"rollout_seconds": self._rounds.seconds, "waited_seconds": self._rounds.waited_seconds}
        rollouts = self._rounds.take()
        experience = joined(rollouts)
        learned = len(experience)
        if learned:  # a rollout may be empty, where none of its rows fitted the columns
            report |= self._train(experience)
        self._steps += learned
        self._waiting = 0
        self._learned = True
        return report | {"round_clients": float(len(rollouts)), "round_steps": float(learned)}

    def _train(self, experience: Experience) -> dict[str, float]:
        """Normalize rewards and observations, and train."""
        config = self._config
        rows = {name: column for name, column in experience.rows.items() if name not in self._observations}
        rows |= {n: np.ascontiguousarray(column) for n, column in self._features.of(experience.rows).items()}
        experience = Experience(rows, experience.firsts, experience.owners)
        discount = config.gamma ** rows.get(DURATION, np.ones(len(rows[REWARD]))).astype(np.float64)
        if config.normalize_rewards:
            rows[REWARD] = self._rewards.scale(experience, discount)
        if not config.normalize_observations or VECTOR not in rows:
            return self._trainer.train(experience, discount, self._progress())
        seen = rows[VECTOR]
        rows[VECTOR] = normalized(seen, *self._observed.scales(), config.observation_clip)
        report = self._trainer.train(experience, discount, self._progress())
        # Only now: the moments above must be those with which the actors have normalized.
        self._observed.update(seen[rows[LEARNED]])
        return report

    def _progress(self) -> float:
        return 0.0 if self._config.anneal_steps is None else min(self._steps / self._config.anneal_steps, 1.0)

    # -- weights and state

    def weights(self) -> Arrays:
        arrays = self._model.parameters.copy()
        if self._config.normalize_observations:
            arrays[MEAN], arrays[SCALE] = self._observed.scales()
        return arrays

    def save(self) -> State:
        moments, returns = self._rewards.save()
        arrays = {
            "network": self._model.parameters.copy(),
            "optimizer": self._trainer.adam.save(),
            "observations": self._observed.save(),
            "rewards": moments,
        }
        values = {
            "steps": self._steps,
            "waiting": self._waiting,
            "since": self._since,
            "restarts": self._restarts,
            "players": self._players,
            "report": self._report,
            "returns": returns,
            "rng": self._rng.bit_generator.state,
        }
        return State(arrays, values)

    def load(self, state: State) -> None:
        try:
            self._model.parameters.load(state.arrays["network"])
            self._trainer.adam.load(state.arrays["optimizer"])
            self._observed.load(state.arrays["observations"])
            self._rewards.load(state.arrays["rewards"], state.values["returns"])
            self._steps = int(state.values["steps"])
            self._waiting = int(state.values["waiting"])
            self._since = int(state.values["since"])
            self._restarts = int(state.values["restarts"])
            self._players = int(state.values["players"])
            self._report = {str(name): float(value) for name, value in state.values["report"].items()}
            self._rng.bit_generator.state = state.values["rng"]
        except (KeyError, ValueError, TypeError, AttributeError) as error:
            raise CheckpointError(f"This checkpoint is not one of PPO with these settings: {error}") from error


def make_model(shapes: Shapes, features: Features, config: PPOConfig) -> Model:
    """The model for these features. Torch is imported only for images and LSTMs."""
    if features.image is None and config.lstm is None:
        return NumpyModel(shapes, config.activation)
    from soulsai_ppo.networks.torch_networks import TorchModel

    return TorchModel(shapes, features, config)
