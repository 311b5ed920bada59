"""Keeps a training of the harness as a run's folder, for `benchmarks.learning.look`."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import msgspec

from soulsai_core import Catalog, Learner, State, StepBatch, Sync, checkpoint
from soulsai_core.config import load_config, resolve
from soulsai_core.journal.records import Header, Limits, Record
from soulsai_core.journal.segments import file_name
from soulsai_core.node.saving.saver import EVALUATION, Counters
from soulsai_core.run_folder import RunFolder, write_config
from soulsai_core.wire import encode_steps


class KeptRun:
    """Settings, journal and checkpoints of one training.

    Args:
        folder: a new folder.
        algorithm, settings, environment: as those of `Loop`.
    """

    def __init__(
        self, folder: Path, algorithm: str, settings: Mapping[str, Any], environment: Mapping[str, Any], sync: Sync
    ) -> None:
        self._folder = RunFolder(folder)
        self._folder.journal.mkdir(parents=True)
        words = [f"algorithm.name={algorithm}", "environment.name=gymnasium"]
        words += [f"algorithm.config.{name}={_yaml(value)}" for name, value in settings.items()]
        words += [f"environment.config.{name}={_yaml(value)}" for name, value in environment.items()]
        write_config(self._folder.config, resolve(load_config(None, words, {}), Catalog()).public())
        self._journal = (self._folder.journal / file_name(0)).open("wb")
        sources = sum(1 << int(source) for source in sync.sources)
        self._journal.write(Header(0, 0, Limits(sync.max_staleness, sources)).encoded())
        self._numbers = Counter[str]()
        self._rows = 0

    def keep(self, steps: StepBatch, client: str, iteration: int) -> None:
        """Write steps that are given to the learner while `iteration` is the newest."""
        self._numbers[client] += 1
        payload = encode_steps(self._folder.name, client, self._numbers[client], steps)
        for part in Record(payload, iteration, len(steps)).encoded():
            self._journal.write(part)
        self._rows += len(steps)

    def save(self, name: str, learner: Learner, iteration: int) -> None:
        """Write a checkpoint under this name in the folder; the one called "checkpoint" is the run's newest."""
        self._journal.flush()
        state = learner.save()
        arrays = {**state.arrays, EVALUATION: learner.evaluation_weights()}
        records = self._numbers.total()
        counters = Counters(iteration, self._rows, 0.0, 0, 0, records, learner.reach(), {}, [])
        checkpoint.write(self._folder.path / name, State(arrays, state.values), msgspec.to_builtins(counters), {})

    def close(self) -> None:
        """Nothing is kept any more."""
        self._journal.close()


def _yaml(value: Any) -> str:
    """A value as in --set: JSON is YAML."""
    return msgspec.json.encode(value).decode()
