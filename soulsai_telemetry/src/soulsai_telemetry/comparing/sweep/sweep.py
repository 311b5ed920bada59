"""Runs the trials of a sweep, several at once. Optuna chooses their settings, and keeps them in the folder."""

from __future__ import annotations

import argparse
import logging
import sys
import threading
from collections.abc import Mapping
from datetime import datetime
from pathlib import Path
from typing import Any

from soulsai_core import ConfigError, PluginError
from soulsai_core.app import formatting, on_interrupt
from soulsai_telemetry.cli import multirun
from soulsai_telemetry.comparing.sweep.results import Result, show
from soulsai_telemetry.comparing.sweep.settings import read_sweep
from soulsai_telemetry.comparing.sweep.trial import Training, overrides

_LOOK = 1.0
"""Seconds between two looks at the running trials."""

_USER_ERROR = 2
"""Exit code of a command with a wrong setting: the next trial would end in the same way."""

_RESERVED = ("--seed", "--resume", "--from", "--clients", "--no-telemetry")
"""Options of `soulsai train` that the sweep itself gives."""


class Sweep:
    """Runs `soulsai sweep` with its file.

    Args:
        output: folder of the trials; None: named like the file, in the folder with the runs.
    """

    def __init__(self, file: Path, output: Path | None) -> None:
        self._settings = read_sweep(file)
        self._goal = self._check()
        self._folder = output or self._saves() / f"sweep_{file.stem}"
        self._running: dict[int, tuple[Any, Training]] = {}
        self._reported: dict[int, int] = {}
        self._left = threading.Event()
        self._error: str | None = None

    def run(self) -> int:
        """Run the trials that are left. Returns 130 if interrupted, 1 if trials could not be trained."""
        study = self._study()
        self._give_up_those_of_before(study)
        done = sum(trial.state.is_finished() for trial in study.trials)
        print(
            f"{self._settings.trials} trials, {min(self._settings.at_once, self._settings.trials)} at once, in "
            f"{self._folder}" + (f"; {done} are done." if done else "."),
            flush=True,
        )
        with on_interrupt(self._leave):
            self._work(study, self._settings.trials - done)
        results = self._results(study)
        if self._error is not None:
            print(f"soulsai: {self._error}", file=sys.stderr)
        show(results, self._settings, self._folder)
        if self._left.is_set():
            return 130
        return int(self._error is not None or any(result.state == "failed" for result in results))

    def repeat(self, number: int, seeds: int) -> int:
        """Train a trial again with other seeds, as `soulsai multirun` does."""
        found = {result.trial: result for result in self._results(self._study())}
        if number not in found:
            known = f"there are 0 to {max(found)}" if found else "none has ended"
            raise ConfigError(f"There is no trial {number} in {self._folder}: {known}.")
        now = datetime.now()
        again = self._folder / f"trial-{number:03d}-again_{now:%Y-%m-%d_%H-%M-%S}"
        # Beyond the seeds of all trials.
        first = self._settings.seed + self._settings.trials
        parser = argparse.ArgumentParser()
        multirun.add_arguments(parser)
        options = ["--seeds", str(seeds), "--first-seed", str(first), "--output", str(again), "--"]
        return multirun.run(parser.parse_args([*options, *self._settings.train, *overrides(found[number].values)]))

    # -- what runs

    def _leave(self, reason: str) -> None:
        self._left.set()

    def _work(self, study: Any, left: int) -> None:
        try:
            while (left or self._running) and not self._left.is_set():
                while left and len(self._running) < self._settings.at_once and self._error is None:
                    self._start(study.ask())
                    left -= 1
                if self._error is not None and not self._running:
                    return
                self._left.wait(_LOOK)
                for number in list(self._running):
                    self._look(study, number)
        finally:
            # All are asked before any is waited for, so that they save at the same time.
            for _, training in self._running.values():
                training.stop()
            for _, training in self._running.values():
                training.wait()

    def _start(self, trial: Any) -> None:
        values = {name: choice.suggest(trial, name) for name, choice in self._settings.settings.items()}
        folder = self._folder / f"trial-{trial.number:03d}"
        seed = self._settings.seed + trial.number
        self._running[trial.number] = (trial, Training(self._settings, folder, values, seed, self._goal))

    def _look(self, study: Any, number: int) -> None:
        trial, training = self._running[number]
        code = training.code
        if code in (None, 0):
            self._report(trial, training)
        if code is None:
            self._end_early(study, trial, training)
        elif code == 0:
            self._tell(study, number)
        else:
            self._fail(study, number, code)

    def _report(self, trial: Any, training: Training) -> None:
        """Report the score at the end of each part of the training that is new."""
        reported = self._reported.get(trial.number, 0)
        for part, score in training.parts().items():
            if part > reported:
                trial.report(score, part)
                self._reported[trial.number] = part

    def _end_early(self, study: Any, trial: Any, training: Training) -> None:
        """End a trial that is worse than the median of the others at the same point."""
        if self._settings.prune and trial.should_prune():
            training.stop()
            training.wait()
            self._tell(study, trial.number, pruned=True)

    def _tell(self, study: Any, number: int, *, pruned: bool = False) -> None:
        from optuna.trial import TrialState

        _, training = self._running.pop(number)
        score = training.score()
        if score is None:
            state = TrialState.FAIL
        else:
            state = TrialState.PRUNED if pruned else TrialState.COMPLETE
        # Of one that was ended early, Optuna takes the last report.
        study.tell(number, score if state == TrialState.COMPLETE else None, state=state)
        said = "no episode" if score is None else formatting.number(score)
        print(
            f"Trial {number}: {said}{', ended early' if pruned else ''}  {_shown(self._values(study, number))}",
            flush=True,
        )

    def _fail(self, study: Any, number: int, code: int) -> None:
        from optuna.trial import TrialState

        _, training = self._running.pop(number)
        study.tell(number, state=TrialState.FAIL)
        words = training.last_words().removeprefix("soulsai: ")
        sentence = f"Trial {number} ended with code {code}: {words} Its log is {training.log}."
        if code == _USER_ERROR:
            self._error = sentence
        else:
            print(sentence, file=sys.stderr, flush=True)

    # -- what is known

    def _study(self) -> Any:
        """The study in the folder, made if there is none."""
        try:
            import optuna
            from optuna.storages.journal import JournalFileBackend, JournalFileOpenLock
        except ImportError as error:
            raise PluginError(
                f"soulsai sweep needs a package that is not installed ({error}). "
                "Try: pip install soulsai-telemetry[sweep]"
            ) from error
        optuna.logging.set_verbosity(logging.WARNING)
        self._folder.mkdir(parents=True, exist_ok=True)
        file = str(self._folder / "journal.log")
        # The lock that works on Windows too.
        backend = JournalFileBackend(file, lock_obj=JournalFileOpenLock(file))
        done = self._trials_of(file)
        return optuna.create_study(
            storage=optuna.storages.JournalStorage(backend),
            study_name="sweep",
            load_if_exists=True,
            direction=self._settings.direction,
            # Another seed after a restart, or the same settings would be drawn again.
            sampler=optuna.samplers.TPESampler(seed=self._settings.seed + done),
            pruner=optuna.pruners.MedianPruner(n_startup_trials=self._settings.warm_up, n_warmup_steps=2),
        )

    @staticmethod
    def _trials_of(file: str) -> int:
        """Lines of an earlier journal, a number that grows with it."""
        path = Path(file)
        return len(path.read_bytes().splitlines()) if path.exists() else 0

    def _give_up_those_of_before(self, study: Any) -> None:
        """Trials that ran when an earlier sweep was killed are tried again."""
        from optuna.trial import TrialState

        for trial in study.get_trials(states=(TrialState.RUNNING,)):
            study.tell(trial.number, state=TrialState.FAIL)
            if trial.params:
                study.enqueue_trial(trial.params)

    def _results(self, study: Any) -> list[Result]:
        names = {"COMPLETE": "complete", "PRUNED": "pruned", "FAIL": "failed"}
        return [
            Result(trial.number, names[trial.state.name], trial.value, self._shown_values(trial.params))
            for trial in study.trials
            if trial.state.name in names
        ]

    def _values(self, study: Any, number: int) -> dict[str, Any]:
        return self._shown_values(study.trials[number].params)

    def _shown_values(self, params: Mapping[str, Any]) -> dict[str, Any]:
        choices = self._settings.settings
        return {name: choices[name].shown(value) for name, value in params.items() if name in choices}

    # -- settings

    def _check(self) -> int:
        """The environment steps of a trial. Raises ConfigError for settings that no training could have."""
        reserved = [word for word in self._settings.train if word.partition("=")[0] in _RESERVED]
        if reserved:
            raise ConfigError(f"train: {reserved[0]} is chosen by the sweep itself.")
        goal = self._config().training.stop.env_steps
        if goal is None:
            raise ConfigError(
                "The trials would never end, or could not be compared: set training.stop.env_steps, in config.yaml or "
                "in the file of the sweep, train: [--set, training.stop.env_steps=50000]."
            )
        return int(goal)

    def _config(self) -> Any:
        from soulsai_telemetry.comparing.multirun import config_of

        return config_of(self._settings.train)

    def _saves(self) -> Path:
        return Path(self._config().run.saves)


def _shown(values: Mapping[str, Any]) -> str:
    return "  ".join(
        f"{name.rpartition('.')[2]}={formatting.number(value) if isinstance(value, float) else value}"
        for name, value in values.items()
    )
