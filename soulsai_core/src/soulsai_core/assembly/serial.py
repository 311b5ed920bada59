"""Serial training: one process, one environment, and no thread between them, so that a seed decides everything.

Each episode is played in an environment of its own, reset with a seed of its own. Checkpoints fall between episodes, at
times that the model's iterations decide, and hold the state of every generator that the core has given out. After one,
the actor and what records its steps are made anew, as at a resume. So a run that was killed and resumed plays again
what followed its last checkpoint, and goes on bit for bit as if it had not been.
"""

from __future__ import annotations

import logging
import platform
import random
import time
from collections.abc import Callable
from dataclasses import replace

import msgspec
import numpy as np

from soulsai_core.assembly.node import node_parts
from soulsai_core.assembly.starting_point import StartingPoint, begin
from soulsai_core.client.recorder import Recorder
from soulsai_core.client.tally import EpisodeTally
from soulsai_core.config import Resolved
from soulsai_core.errors import CheckpointError, ConfigError
from soulsai_core.journal.records import Record
from soulsai_core.messages import ClientInfo, Step, Weights
from soulsai_core.node.episode_log import EpisodeLog
from soulsai_core.node.health.problems import Problems
from soulsai_core.node.intake import Intake, announced_decoder
from soulsai_core.node.pacing import UpdatePace
from soulsai_core.node.roster import Roster
from soulsai_core.node.saving.resuming import Resuming
from soulsai_core.node.saving.saver import CheckpointOptions, Counters
from soulsai_core.node.saving.storage import Storage
from soulsai_core.node.state import RunState
from soulsai_core.node.status.node_status import NodeStatus
from soulsai_core.node.status.report import Description, StatusReport
from soulsai_core.run_folder import RunFolder, replace_bytes, write_config
from soulsai_core.steps import POSITION, Closed, StepBatch
from soulsai_core.transport.memory import MemoryTransport
from soulsai_core.wire import encode_steps

log = logging.getLogger(__name__)

CLIENT = "serial"
_MOST_ROWS = 256
"""Rows that are given to the learner at a time, at most."""

_STATUS_INTERVAL = 5.0
"""Seconds between two statuses that are kept in the run's folder, at least."""


class SerialTraining:
    """A training in the calling thread. Raises ConfigError for settings without a seed, or that need several clients
    or environments.

    Args:
        resolved: the settings, with a seed.
        clock: monotonic seconds, for the times of episodes and the goal `seconds`.
    """

    def __init__(self, resolved: Resolved, folder: RunFolder, clock: Callable[[], float] = time.monotonic) -> None:
        seed = resolved.config.run.seed
        if seed is None:
            raise ConfigError("run.seed is null, and decides everything in a serial training: give --seed.")
        parts = node_parts(resolved, MemoryTransport(), folder)
        settings = parts["settings"].model_copy(update={"journal": True})
        sync = parts["sync"]
        if sync.required_clients > 1:
            setting = "algorithm.config.clients"
            advice = f": set {setting} to 1" if hasattr(resolved.algorithm_config, "clients") else ""
            raise ConfigError(
                f"{resolved.algorithm.name} needs {sync.required_clients} clients by its settings, and a serial "
                f"training has one, since the order in which several are heard is not decided by the seed{advice}."
            )
        self.folder = folder
        self.state = RunState()
        self._resolved = resolved
        self._seed = seed
        self._clock = clock
        self._parts = parts
        self._every = settings.checkpoint_every
        self._learner = parts["learner"]
        self._spec = parts["announcement"].spec
        self._rows_per_iteration = sync.rows_per_iteration
        self._rng = np.random.default_rng(np.random.SeedSequence([seed, 1]))
        self._pace = UpdatePace(sync.rows_per_iteration)
        decoder = announced_decoder(parts["announcement"], int(settings.max_message_mb * 2**20))
        self._intake = Intake(folder.name, decoder, sync, parts["metrics"], parts["observers"])
        self._storage = Storage(
            learner=self._learner, announcement=parts["announcement"], folder=folder, settings=settings,
            state=self.state, intake=self._intake, release=lambda _: None, counters=self._counters,
            observers=parts["observers"], metrics=parts["metrics"], problems=(problems := Problems(clock)),
            clock=clock, rng=random.Random(seed),
        )  # fmt: skip
        self.episodes = EpisodeLog(folder.episodes, settings.stop.episodes)
        self._roster = Roster(settings.client_timeout_s)
        self._status = StatusReport(
            self.state, settings.stop, folder, self.episodes, self._intake, self._roster, clock, problems,
            Description.of(parts["announcement"], sync, "", parts["config"]),
        )  # fmt: skip
        self._resuming = Resuming(
            folder, self._learner, self._storage, self._intake, self.state, self._pace, self._status.resume, exact=True
        )
        self._tally = EpisodeTally(CLIENT, clock)
        self._next_status = clock()
        self._made = 0  # rows made with the newest model
        self._position = 0  # of the next recorder's first row in the stream
        self._number = 0  # of the last message
        self._acted = 0  # environment steps when the newest model was given to the actor
        self._saved_at = 0  # iteration of the last checkpoint

    def begin(self, start: StartingPoint) -> None:
        """Begin with what another run has. Raises CheckpointError if nothing of it is of use here."""
        begin(self._storage.beginning, self._learner, self._resolved, start)
        self._keep_config()

    def goal_reached(self) -> str | None:
        """The sentence that says which goal is reached already, None while there is none."""
        return self._status.goal_reached()

    def beyond_goal(self) -> str:
        """The settings with which a run that has reached its goal goes on, "" while none is reached."""
        return self._status.beyond_goal()

    @property
    def latest(self) -> NodeStatus | None:
        """The last status, None before the first."""
        return self._status.latest

    def resume(self) -> None:
        """Go on from the newest checkpoint; without one, begin again. Raises CheckpointError if it is not one of a
        serial training."""
        if not self.folder.has_checkpoint:
            return
        self._resuming.load(self.folder.checkpoint)
        counters = self._resuming.counters
        if counters.serial is None:
            raise CheckpointError(f"{self.folder.name} is not a serial training: resume it without --serial.")
        self._tally.finished = counters.serial["episodes"]
        self._made = counters.serial["made"]
        self._position = counters.serial["position"]
        self._number = counters.serial["number"]
        self._acted = counters.serial["acted"]
        self._saved_at = counters.iteration
        self._rng.bit_generator.state = counters.serial["rng"]

    def stop(self, reason: str) -> None:
        """Ask for the end after the running episode."""
        self.state.stop(reason)

    def run(self) -> str:
        """Train until a goal is reached. Returns the reason. Raises OSError if a checkpoint cannot be written."""
        self._learner.started(resumed=self._resuming.resumed)
        self._status.start()
        try:
            self._train()
        except BaseException as error:
            self.state.fail(error)
            raise
        finally:
            self._learner.stopped()
            self._parts["observers"].close()
            assert self._storage.journal is not None
            self._storage.journal.close()
            self._keep_status(ended=True)
        assert self.state.stop_reason is not None
        return self.state.stop_reason

    def _train(self) -> None:
        self._resuming.bring_back()
        self._keep_config()
        if not self._resuming.resumed:
            self._learner.clients_changed(frozenset({CLIENT}))
        self._renew()
        self._look_for_goal()
        while self.state.stop_reason is None:
            self._play()
            if self.state.iteration // self._every > self._saved_at // self._every:
                self._save("periodic")
        self._save("final")

    # -- status

    def _keep_config(self) -> None:
        write_config(self.folder.config, self._parts["config"])

    def _keep_status(self, *, ended: bool = False) -> None:
        """Keep the status in the run's folder, for `soulsai status` and a resume."""
        self._next_status = self._clock() + _STATUS_INTERVAL
        info = ClientInfo(CLIENT, platform.node(), self.state.env_steps, self._tally.finished)
        self._roster.present = {} if ended else {CLIENT: info}
        status = self._status.update(0, ended=ended)
        try:
            replace_bytes(self.folder.status, msgspec.json.encode(status))
        except OSError as error:
            log.error("The status cannot be written into the run's folder: %s", error)

    # -- checkpoints

    def _save(self, kind: str) -> None:
        assert self._storage.journal is not None
        self._position += self._recorder.recorded + 1
        self._saved_at = self.state.iteration
        self._storage.journal.flush()
        saver = self._storage.saver
        saver.write(self.folder.checkpoint, saver.snapshot(), CheckpointOptions(kind=kind))
        self.state.checkpoints += 1
        self._renew()

    def _counters(self) -> Counters:
        return Counters(
            iteration=self.state.iteration,
            env_steps=self.state.env_steps,
            elapsed=self._status.elapsed,
            due=self._pace.rows,
            owed=0,
            record=self._storage.next_record,
            reach=self._learner.reach(),
            numbers={CLIENT: self._number},
            clients=[CLIENT],
            origin=self.state.origin,
            serial={
                "episodes": self._tally.finished,
                "made": self._made,
                "position": self._position,
                "number": self._number,
                "acted": self._acted,
                "rng": self._rng.bit_generator.state,
            },
        )

    def _renew(self) -> None:
        """Make the actor and the recorder anew, with the newest model."""
        resolved = self._resolved
        self._actor = resolved.algorithm.actor(resolved.algorithm_config, self._spec, self._rng, True)
        self._actor.index_assigned(0)
        self._recorder = Recorder(self._parts["announcement"].columns, self._spec.observations)
        self._load()

    def _load(self) -> None:
        self._actor.load(Weights(self.state.iteration, self._learner.weights(), self._acted, self._learner.quota()))
        self._recorder.load(self.state.iteration, None)

    # -- playing and learning

    def _play(self) -> None:
        """Play one episode."""
        number = self._tally.finished + 1
        seed = int(np.random.SeedSequence([self._seed, 0, number]).generate_state(1)[0])
        environment = self._resolved.environment.make(self._resolved.environment_config, seed)
        try:
            if environment.num_envs != 1:
                raise ConfigError(f"--serial steps one environment, and the settings make {environment.num_envs}.")
            step = environment.reset()
            self._tally.begin(1)
            self._recorder.begin(step)
            ended = False
            while not ended:
                actions, own = self._actor.act(step.observations, step.masks, self._recorder.starts)
                step = environment.step(actions)
                self._recorder.record(actions, own, step)
                self._tally.add(step)
                ended = self._recorder.ended
                if ended or self._recorder.rows >= self._rows_to_send:
                    self._send()
        finally:
            environment.close()
        self._report(step, number)

    @property
    def _rows_to_send(self) -> int:
        quota = self._learner.quota()
        missing = _MOST_ROWS if quota is None else quota - self._made
        return max(min(missing, self._rows_per_iteration, _MOST_ROWS), 1)

    def _send(self) -> None:
        """Give the waiting rows to the learner, and make the updates that are due."""
        steps = self._recorder.take()
        if steps is None:  # they did not fit their columns
            return
        steps = self._shifted(steps)
        self._made += len(steps)
        quota = self._learner.quota()
        if quota is not None and self._made >= quota:
            steps = replace(steps, closed=Closed(self.state.iteration, self._made))
        self._number += 1
        payload = encode_steps(self.folder.name, CLIENT, self._number, steps)
        assert self._storage.journal is not None
        self._storage.journal.append(Record(payload, self.state.iteration, len(steps)))
        self._intake.ledger.add(CLIENT, None, len(steps), {})
        self._learner.add(steps, CLIENT)
        self._pace.admitted(len(steps))
        self.state.env_steps += len(steps)
        while self._pace.due(ready := self._learner.ready()):
            self._update()
            if ready is not None:
                break
        if self._clock() >= self._next_status:
            self._keep_status()

    def _shifted(self, steps: StepBatch) -> StepBatch:
        """The steps at their positions in the stream: a new recorder counts from 0."""
        segments = steps.segments.copy()
        segments[:, POSITION] += self._position
        return replace(steps, segments=segments)

    def _update(self) -> None:
        began = self._clock()
        numbers = self._learner.update()
        self._status.updated(numbers, self._clock() - began)
        self.state.iteration += 1
        self.state.updates += 1
        self._made = 0
        self._acted = self.state.env_steps
        self._load()
        self._learner.updated(self.state.iteration)

    def _report(self, step: Step, number: int) -> None:
        """Note the result of an episode."""
        found = self._tally.ends(step, self.state.iteration, self._actor.metrics)
        named = [(f"{number:020d}", msgspec.structs.replace(episode, run_id=self.folder.name)) for episode in found]
        self.episodes.append(named, self.state.env_steps, read_to=named[-1][0])
        self._look_for_goal()

    def _look_for_goal(self) -> None:
        reason = self._status.goal_reached()
        if reason is not None:
            self.stop(reason)
