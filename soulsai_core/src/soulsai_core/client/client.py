"""The client: one environment loop for every algorithm."""

from __future__ import annotations

import logging
import random
import threading
from collections.abc import Callable, Iterator, Mapping
from functools import partial

import numpy as np

from soulsai_core.backoff import delays
from soulsai_core.client.batching import Batcher
from soulsai_core.client.downlink import Downlink
from soulsai_core.client.recorder import Recorder
from soulsai_core.client.tally import EpisodeTally
from soulsai_core.client.uplink import Uplink
from soulsai_core.client.watchdog import Watchdog
from soulsai_core.client.weights import WeightsLoader
from soulsai_core.client.window import Window
from soulsai_core.config import ClientSettings
from soulsai_core.contracts import Actor, Environment, Transport
from soulsai_core.errors import EnvironmentFailure, EnvironmentNotReady, SoulsAIError
from soulsai_core.messages import ArraySpec, ClientInfo, EnvSpec, Episode, Step
from soulsai_core.rates import Rate

log = logging.getLogger(__name__)

_WAIT = 0.5
_FAREWELL = 3.0


class _TooManyEnvironments(EnvironmentFailure):
    """To try again would not help."""


class Client:
    """Samples an environment with the newest weights, and sends what it sees.

    Args:
        transport: connection to the server.
        run_id: the training that is joined.
        client: a name that no other client has.
        host: where it runs, for people.
        spec: of the environment.
        columns: of the steps that it sends, as the node announced them.
        actor: the algorithm's client half.
        make_environment: called for each start of the environment. A failure in mid-run is waited out and tried again,
            and so is one before the first sample where the environment says that it is not ready yet.
        settings: grouping and back-pressure.
        clock: monotonic seconds.
        rng: for the jitter of waits.
        wait: how to wait until the event is set or the seconds are over.
        left: called when `run` is over, for example to close a connection that is nobody else's.
        overdue: the sentence on the call of a plugin that takes long just now, "" if none does; asked at heartbeats.
    """

    def __init__(
        self,
        *,
        transport: Transport,
        run_id: str,
        client: str,
        host: str,
        spec: EnvSpec,
        columns: Mapping[str, ArraySpec],
        actor: Actor,
        make_environment: Callable[[], Environment],
        settings: ClientSettings,
        clock: Callable[[], float],
        rng: random.Random,
        wait: Callable[[threading.Event, float], bool] = threading.Event.wait,
        left: Callable[[], object] | None = None,
        overdue: Callable[[], str] = lambda: "",
    ) -> None:
        self.client = client
        self.restarts = 0
        self._host = host
        self._actor = actor
        self._make_environment = make_environment
        self._settings = settings
        self._clock = clock
        self._rng = rng
        self._wait = wait
        self._left = left
        self._overdue = overdue
        self._rate = Rate()
        self._stopped = threading.Event()
        self._reason: str | None = None
        self._window = Window(limited=settings.backpressure == "wait", clock=clock)
        self._tally = EpisodeTally(client, clock)
        self._ended: list[Episode] = []
        self._trouble = self._unfit = ""
        self._watchdog = Watchdog(late_after=settings.late_step_s, min_per_minute=settings.min_steps_per_minute)
        self._downlink = Downlink(transport, run_id, client, self._window, rng)
        self._uplink = self._make_uplink(transport, run_id, rng)
        self._recorder = Recorder(columns, spec.observations, told=self._does_not_fit)
        self._batcher = Batcher(self._recorder, self._window, settings, columns, self._uplink.send)
        self._loader = WeightsLoader(actor, self._recorder, self._downlink, self._batcher)

    def _make_uplink(self, transport: Transport, run_id: str, rng: random.Random) -> Uplink:
        return Uplink(
            transport,
            run_id,
            self.client,
            self._window,
            rng,
            self._clock,
            capacity=self._settings.buffer_messages,
            drops=self._settings.backpressure == "drop",
            interval=self._settings.heartbeat_interval_s,
            info=self._info,
        )

    @property
    def env_steps(self) -> int:
        """Steps that were recorded so far."""
        return self._recorder.recorded

    def run(self) -> str:
        """Sample until the training ends or `stop` is called; returns the reason."""
        self._downlink.start()
        self._uplink.start()
        try:
            while self._loader.weights is None and self._goes_on():
                self._downlink.wait_newer(-1, _WAIT)
                self._check_threads()
                self._loader.renew()
            if self._loader.weights is not None:
                self._sample_through_failures()
        finally:
            self._leave()
        return self._downlink.ended or self._reason or "stopped"

    def stop(self, reason: str) -> None:
        """Ask the loop to end after its current step. May be called from any thread and from signal handlers."""
        self._reason = reason
        self._stopped.set()

    def _sample_through_failures(self) -> None:
        pauses: Iterator[float] = delays(self._rng, first=1.0, longest=60.0)
        while self._goes_on():
            episodes_before = self._tally.finished
            environment: Environment | None = None
            try:
                environment = self._make_environment()
                self._sample(environment)
            except EnvironmentFailure as error:
                untried = self.env_steps == 0 and not isinstance(error, EnvironmentNotReady)
                if untried or isinstance(error, _TooManyEnvironments):
                    raise
                if self._tally.finished > episodes_before:
                    pauses = delays(self._rng, first=1.0, longest=60.0)
                self._recover(error, next(pauses))
            finally:
                _close(environment)

    def _recover(self, error: EnvironmentFailure, pause: float) -> None:
        """End the running episodes where they were last seen, and wait before the next start."""
        log.warning("%s Trying again in %.0f s.", error, pause)
        self.restarts += 1
        self._trouble = str(error)
        self._ended += self._tally.abandon(self._loader.iteration)
        self._report()
        self._batcher.send()
        self._wait(self._stopped, pause)

    def _begin(self, environment: Environment) -> Step:
        """Start all episodes, and whatever follows them."""
        rows = environment.num_envs
        most = self._settings.max_environments
        if rows > most:
            raise _TooManyEnvironments(
                f"The environment has {rows} rows, and a client may have {most}: let its settings make fewer, or raise "
                "client.max_environments."
            )
        step = environment.reset()
        self._tally.begin(rows)
        self._watchdog.begin(rows)
        self._recorder.begin(step)
        self._loader.renew()
        return step

    def _sample(self, environment: Environment) -> None:
        """The loop that plays: it is what costs time between two steps of a game."""
        actor = self._actor
        recorder = self._recorder
        tally = self._tally
        batcher = self._batcher
        loader = self._loader
        clock = self._clock
        watchdog = self._watchdog
        downlink = self._downlink
        act = actor.act
        note = watchdog.note
        record = recorder.record
        add = tally.add
        rows = environment.num_envs
        overlapping = environment.overlapping
        discards = self._settings.discard_late_steps
        play = partial(self._step_and_work, environment) if overlapping else environment.step
        renew = loader.renew_prepared if overlapping else loader.renew
        step = self._begin(environment)
        while downlink.ended is None and self._reason is None:
            if downlink.newest is not loader.weights:
                renew()
            if recorder.rows >= batcher.limit and not self._may_step(rows):
                self._report()
                self._check_threads()
                loader.renew()
                continue
            actions, own = act(step.observations, step.masks, recorder.starts)
            asked = clock()
            step = play(actions)
            now = clock()
            late = note(now - asked, step)
            made = record(actions, own, step, late=late and discards)
            waiting = recorder.rows
            if waiting == made:
                batcher.begin(now)
            add(step)
            ended = recorder.ended
            if ended:
                self._note_ends(tally.ends(step, loader.iteration, actor.metrics))
            if (ended or waiting >= batcher.group or now >= batcher.send_at) and not overlapping:
                self._send_due(now)

    def _note_ends(self, episodes: list[Episode]) -> None:
        self._ended += episodes
        if episodes:
            self._trouble = ""

    def _step_and_work(self, environment: Environment, actions: np.ndarray) -> Step:
        """While the environment computes elsewhere, do what would hold it up between two steps."""
        environment.step_async(actions)
        self._send_due(self._clock())
        self._loader.prepare()
        return environment.step_wait()

    def _goes_on(self) -> bool:
        return self._downlink.ended is None and self._reason is None

    def _check_threads(self) -> None:
        self._uplink.check()
        self._downlink.check()

    def _may_step(self, rows: int) -> bool:
        """True if the learner, the node and the buffer let us go on; otherwise wait a moment for what does not. Says in
        `batcher.limit` when to ask again: until something is sent the room only grows."""
        recorder = self._recorder
        window = self._window
        batcher = self._batcher
        if recorder.full:
            batcher.send()
            self._downlink.wait_newer(self._loader.iteration, _WAIT)
            return False
        room = window.room
        if recorder.rows + rows > room:
            batcher.send()
            window.wait_for_room(rows, _WAIT)
            return False
        if not self._uplink.wait_for_room(_WAIT):
            return False
        batcher.limit = min(recorder.most, room - rows + 1)
        return True

    def _send_due(self, now: float) -> None:
        self._report()
        if self._batcher.due(now):
            self._batcher.send()
            self._check_threads()

    def _report(self) -> None:
        for episode in self._ended:
            self._uplink.report(episode)
        self._ended.clear()

    def _info(self) -> ClientInfo:
        mean, slowest = self._watchdog.take_times()
        return ClientInfo(
            id=self.client,
            host=self._host,
            env_steps=self.env_steps,
            episodes=self._tally.finished,
            steps_per_second=self._rate.note(self._clock(), self.env_steps),
            restarts=self.restarts,
            dropped=self._uplink.dropped,
            late_steps=self._watchdog.late_steps,
            step_seconds=mean,
            slowest_step_seconds=slowest,
            trouble=self._overdue() or self._trouble,
            left_out=self._recorder.left_out,
            unfit=self._unfit,
        )

    def _does_not_fit(self, sentence: str) -> None:
        log.warning("%s", sentence)
        self._unfit = sentence

    def _leave(self) -> None:
        try:
            self._report()
            self._batcher.send()
            self._uplink.close(_FAREWELL)
        except SoulsAIError as error:
            log.warning("While leaving: %s", error)
        finally:
            self._downlink.close()
            if self._left is not None:
                self._left()


def _close(environment: Environment | None) -> None:
    """After a failure closing may fail too; that must not end the client."""
    try:
        if environment is not None:
            environment.close()
    except SoulsAIError as error:
        log.warning("%s", error)
