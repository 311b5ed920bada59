"""The client: one environment loop for every algorithm."""

from __future__ import annotations

import logging
import math
import random
import threading
from collections.abc import Callable, Iterator, Mapping
from functools import partial
from importlib.metadata import version
from typing import Any

import numpy as np
from pydantic import BaseModel

from soulsai_core.client.batching import Batcher
from soulsai_core.client.downlink import Downlink
from soulsai_core.client.evaluation import EvaluatingActor
from soulsai_core.client.origins import UNNAMED
from soulsai_core.client.recorder import Recorder
from soulsai_core.client.repeats import Repeats
from soulsai_core.client.standing import Standing
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
from soulsai_core.steps import Source
from soulsai_core.threads import close_quietly, delays

log = logging.getLogger(__name__)

# Seconds that one wait blocks, after which the loop looks whether it shall stop or a thread has failed.
_WAIT_S = 0.5

# Seconds that the uplink's thread gets to end when the client leaves, and that the node gets to take in the last rows.
_LEAVE_TIMEOUT_S = 3.0
_LAST_ROWS_TIMEOUT_S = 1.0

# Seconds before an environment that failed is started again, at first and at most.
_FIRST_PAUSE_S = 1.0
_LONGEST_PAUSE_S = 60.0

# Starts of an environment that has never worked, before the client gives up: the first failure may be as transient as
# any later one, but an environment that is installed or configured wrongly must not be tried for ever.
_FIRST_STARTS = 3


class _TooManyEnvironments(EnvironmentFailure):
    """Raised at once: the number of environments is a setting, so trying again would not help."""


class Client:
    """Steps an environment with the newest weights, and sends the steps.

    Args:
        transport: connection to the server.
        run_id: the run that is joined.
        client: an id that no other client has.
        host: name of the machine, for people.
        spec: of the environment.
        columns: of the steps that it sends, as the node announced them.
        actor: the algorithm's client half.
        make_environment: called for each start of the environment. An environment that fails is started again after a
            pause. One that has never made a step is started three times in all; one that cannot even be made is not
            started again, unless what it needs is not there yet: EnvironmentNotReady, or an OSError such as a refused
            connection.
        settings: sizes of messages and back-pressure.
        clock: monotonic seconds.
        rng: for the jitter of waits.
        wait: waits until the event is set or the seconds are over.
        on_finished: called at the end of `run`, for example to close a connection that nothing else uses.
        start_game: called when the environment fails again although it was started anew, for example to start a game
            that is gone. Returns whether it did something.
        overdue: gives a sentence on the call of a plugin that takes long just now, "" if none does; asked at each
            heartbeat.
        owners: names of the "algorithm" and the "environment" with their distributions, for sentences about their rows.
        check_settings: makes the algorithm's settings of announced ones that were changed while the run goes on.
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
        on_finished: Callable[[], object] | None = None,
        overdue: Callable[[], str] = lambda: "",
        owners: Mapping[str, str] = UNNAMED,
        start_game: Callable[[], bool] = lambda: False,
        check_settings: Callable[[Mapping[str, Any]], BaseModel] = lambda _: BaseModel(),
    ) -> None:
        self.client = client
        self.restarts = 0
        self._version = version("soulsai-core")
        self._host = host
        self._actor = actor
        self._make_environment = make_environment
        self._settings = settings
        self._clock = clock
        self._rng = rng
        self._wait = wait
        self._on_finished = on_finished
        self._overdue = overdue
        self._start_game = start_game
        self._rate = Rate()
        self._stopped = threading.Event()
        self._reason: str | None = None
        self._window = Window(
            limited=settings.backpressure == "wait",
            capacity=settings.buffer_messages,
            step_rows=settings.max_environments,
            clock=clock,
            direct=not transport.client_prefix,
        )
        self._tally = EpisodeTally(client, clock)
        self._finished_episodes: list[Episode] = []
        self._problem = ""
        self._unfit = ""
        self._said_full = False
        self._watchdog = Watchdog(late_after=settings.late_step_s, min_per_minute=settings.min_steps_per_minute)
        beat = settings.heartbeat_interval_s
        self._uplink = Uplink(transport, run_id, client, self._window, rng, clock, interval=beat, info=self._info)
        turns = actor.turns if isinstance(actor, EvaluatingActor) else None
        self._downlink = Downlink(transport, run_id, client, self._window, rng, turns, self._uplink.report_again)
        self._recorder = Recorder(columns, spec.observations, owners=owners, on_unfit=self._note_unfit)
        self._batcher = Batcher(self._recorder, self._window, settings, columns)
        self._window.connect(kept=self._batcher.kept, on_return=self._batcher.send_soon)
        self._loader = WeightsLoader(actor, self._recorder, self._downlink, self._batcher, check_settings)

    @property
    def env_steps(self) -> int:
        """Steps recorded so far."""
        return self._recorder.recorded

    @property
    def standing(self) -> Standing:
        """How the player does. May be read from any thread."""
        place = self._downlink.place
        iteration = self._loader.iteration
        return Standing.of(self.env_steps, self._tally.finished, tuple(self._tally.returns), place, iteration)

    def run(self) -> str:
        """Sample until the training ends or `stop` is called; returns the reason."""
        self._downlink.start()
        self._uplink.start()
        try:
            while self._loader.weights is None and self._goes_on():
                self._downlink.wait_newer(-1, _WAIT_S)
                self._check_threads()
                self._loader.load_newest()
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
        """Sample, and start the environment again whenever it fails."""
        pauses = self._pauses()
        first_failures = 0
        failures = 0  # since an episode ended
        repeats = Repeats()
        while self._goes_on():
            episodes_before = self._tally.finished
            environment: Environment | None = None
            try:
                environment = self._make_environment()
                self._sample(environment)
                if self._goes_on():
                    self._restart_as_planned()
            except EnvironmentFailure as error:
                if self.env_steps == 0 and not isinstance(error, EnvironmentNotReady):
                    first_failures += 1
                    is_transient = environment is not None or isinstance(error.__cause__, OSError)
                    if not is_transient or first_failures == _FIRST_STARTS:
                        raise
                if isinstance(error, _TooManyEnvironments):
                    raise
                repeats.note(error, progress=self._tally.finished > episodes_before)
                if self._tally.finished > episodes_before:
                    pauses = self._pauses()
                    failures = 0
                failures += 1
                # The first failure may be of the environment's process alone, which is started anew in any case.
                if failures > 1 and self._start_game():
                    failures = 0
                self._recover(error, next(pauses))
            finally:
                if environment is not None:
                    close_quietly(environment.close)  # after a failure closing may fail, too

    def _pauses(self) -> Iterator[float]:
        return delays(self._rng, first=_FIRST_PAUSE_S, longest=_LONGEST_PAUSE_S)

    def _recover(self, error: EnvironmentFailure, pause: float) -> None:
        """End the running episodes with their newest step, and wait before the next start."""
        log.warning("%s Trying again in %.0f s.", error, pause)
        self._problem = str(error)
        self._end_episodes()
        self._wait(self._stopped, pause)

    def _restart_as_planned(self) -> None:
        log.info("The environment is restarted, as planned every %g hours.", self._settings.restart_every_h)
        self._end_episodes()

    def _end_episodes(self) -> None:
        """The environment is started again: running episodes end with their newest step."""
        self.restarts += 1
        self._finished_episodes += self._tally.abandon(self._loader.iteration)
        self._report()
        # The next environment may have another number of rows, with which these could not be one batch.
        self._batcher.send()

    def _begin(self, environment: Environment) -> Step:
        """Reset the environment, and start the episodes of all that count them."""
        environments = environment.num_envs
        most = self._settings.max_environments
        if environments > most:
            raise _TooManyEnvironments(
                f"The environment has {environments} rows, and a client may have {most}: let its settings make fewer, "
                "or raise client.max_environments."
            )
        step = environment.reset()
        self._tally.begin(environments)
        self._watchdog.begin(environments)
        self._recorder.begin(step)
        self._loader.load_newest()
        return step

    def _sample(self, environment: Environment) -> None:
        """The loop that plays, until the training ends or a restart is due. What it does between two steps delays a
        game in real time: names are looked up before, and whatever can be done seldom, or while the environment
        computes, is not done here."""
        actor = self._actor
        recorder = self._recorder
        tally = self._tally
        batcher = self._batcher
        loader = self._loader
        clock = self._clock
        downlink = self._downlink
        act = actor.act
        check_step = self._watchdog.check_step
        record = recorder.record
        add = tally.add
        evaluating = actor if isinstance(actor, EvaluatingActor) else None
        hours = self._settings.restart_every_h
        restart_at = math.inf if hours is None else clock() + 3600 * hours
        environments = environment.num_envs
        overlapping = environment.overlapping
        discards = self._settings.discard_late_steps
        play = partial(self._step_and_work, environment) if overlapping else environment.step
        load = loader.load_prepared if overlapping else loader.load_newest
        step = self._begin(environment)
        while downlink.ended is None and self._reason is None:
            if downlink.newest is not loader.weights:
                load()
            if recorder.rows >= batcher.check_at and not self._may_step(environments):
                self._report()
                self._check_threads()
                # No step is under way in which weights could be prepared, so they are loaded here.
                loader.load_newest()
                continue
            actions, own = act(step.observations, step.masks, recorder.starts)
            if evaluating is not None and evaluating.changed:
                batcher.send()
                recorder.set_sources(evaluating.sources)
                tally.hold_out(evaluating.sources != Source.AGENT, evaluating.iteration, evaluating.episodes)
            asked = clock()
            step = play(actions)
            now = clock()
            late = check_step(now - asked, step)
            made = record(actions, own, step, late=late and discards)
            waiting = recorder.rows
            if waiting == made:
                batcher.begin_group(now)
            add(step)
            ended = recorder.ended
            if ended:
                self._note_episodes(tally.ends(step, loader.iteration, actor.metrics))
                if now >= restart_at:
                    return
            if (ended or waiting >= batcher.group_rows or now >= batcher.send_at) and not overlapping:
                self._send_due(now)

    def _note_episodes(self, episodes: list[Episode]) -> None:
        self._finished_episodes += episodes
        if episodes:
            self._problem = ""

    def _step_and_work(self, environment: Environment, actions: np.ndarray) -> Step:
        """Step an environment that computes elsewhere, and do meanwhile what would delay it between two steps."""
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
        """Whether the quota, the window and the buffer have room for one more step; if not, wait a moment for room.

        Sets `batcher.check_at` to the number of waiting rows from which on it has to be asked again: until a message
        is sent, the room can only grow.
        """
        recorder = self._recorder
        window = self._window
        batcher = self._batcher
        # Before each wait the rows that are there are sent: the node may be waiting for them before it gives room.
        if recorder.quota_reached:
            batcher.send()
            self._downlink.wait_newer(self._loader.iteration, _WAIT_S)
            return False
        room = window.room
        if recorder.rows + rows > room:
            if not window.full:
                batcher.send()
            elif not self._said_full:
                log.warning("No more steps can be kept: waiting until the server takes some.")
            self._said_full = window.full
            window.wait_for_room(rows, _WAIT_S)
            return False
        batcher.check_at = min(recorder.row_limit, room - rows + 1)
        return True

    def _send_due(self, now: float) -> None:
        self._report()
        if self._batcher.due(now):
            self._batcher.send()
            self._check_threads()

    def _report(self) -> None:
        for episode in self._finished_episodes:
            self._uplink.report(episode)
        self._finished_episodes.clear()

    def _info(self) -> ClientInfo:
        mean, slowest = self._watchdog.take_times()
        return ClientInfo(
            id=self.client,
            host=self._host,
            env_steps=self.env_steps,
            episodes=self._tally.finished,
            steps_per_second=self._rate.note(self._clock(), self.env_steps),
            restarts=self.restarts,
            dropped=self._window.dropped,
            late_steps=self._watchdog.late_steps,
            step_seconds=mean,
            slowest_step_seconds=slowest,
            problem=self._overdue() or self._problem,
            left_out=self._recorder.left_out,
            unfit=self._unfit,
            backlog=self._window.rows,
            version=self._version,
            latency=self._uplink.latency,
        )

    def _note_unfit(self, sentence: str) -> None:
        log.warning("%s", sentence)
        self._unfit = sentence
        self._uplink.hurry()  # a run of seconds shall know of it, too

    def _leave(self) -> None:
        """Send what waits, and close both threads whatever happens."""
        try:
            self._report()
            self._batcher.send()
            self._uplink.close(_LEAVE_TIMEOUT_S, 0.0 if self._downlink.ended else _LAST_ROWS_TIMEOUT_S)
        except SoulsAIError as error:
            log.warning("While leaving: %s %s steps were not sent.", error, f"{self._window.rows:,}")
        finally:
            self._downlink.close()
            if self._on_finished is not None:
                self._on_finished()
