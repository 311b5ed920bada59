"""From single steps to the sequences that a recurrent network is trained on (Kapturowski et al. 2019, section 2.3)."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping

import numpy as np

from soulsai_core import Arrays, ArraySpec
from soulsai_dqn.config import DQNConfig
from soulsai_dqn.features import ENV_COLUMN, IMAGE, VECTOR, Features
from soulsai_dqn.nstep import fold

Row = dict[str, np.ndarray]


def step_columns(
    features: Features, actions: int, width: int, *, masked: bool, prioritized: bool
) -> dict[str, ArraySpec]:
    """The columns of a recurrent agent's samples: single steps, with the LSTM's state before each.

    `env` and `number` say whose step it is and which: steps that follow each other have numbers that do; where an
    environment broke, a number is left out."""
    columns = {
        **features.columns(),
        **{f"next_{name}": spec for name, spec in features.columns().items()},
        "action": ArraySpec((), "int32", low=0, high=actions - 1),
        "reward": ArraySpec((), "float32"),
        "terminated": ArraySpec((), "bool"),
        "ended": ArraySpec((), "bool"),
        "first": ArraySpec((), "bool"),
        "state": ArraySpec((2 * width,), "float32"),
        "env": ENV_COLUMN,
        "number": ArraySpec((), "int64", low=0),
    }
    if masked:
        columns["next_mask"] = ArraySpec((actions,), "bool")
    if prioritized:
        columns["error"] = ArraySpec((), "float32", low=0)
    return columns


def sequence_columns(config: DQNConfig, steps: Mapping[str, ArraySpec]) -> dict[str, ArraySpec]:
    """The columns of a replay buffer of sequences of T steps."""
    time = config.sequence
    columns = {
        **{n: ArraySpec((time + 1, *steps[n].shape), steps[n].dtype) for n in observed_names(steps)},
        "action": ArraySpec((time,), "int32"),
        "reward": ArraySpec((time,), "float32"),
        "discount": ArraySpec((time,), "float32"),
        "following": ArraySpec((time,), "int32"),
        "learned": ArraySpec((time,), "float32"),
        "begins": ArraySpec((), "bool"),
        "state": steps["state"],
    }
    if "next_mask" in steps:
        columns["next_mask"] = ArraySpec((time, *steps["next_mask"].shape), "bool")
    return columns


def observed_names(columns: Iterable[str]) -> list[str]:
    """The columns of observations: those that are there of the next step, too."""
    return [name for name in (VECTOR, IMAGE) if f"next_{name}" in columns]


class Assembler:
    """Cuts the steps of each environment into sequences that overlap; none runs over the end of an episode.

    Args:
        config: with `recurrent`.
        steps: the columns of single steps.
    """

    def __init__(self, config: DQNConfig, steps: Mapping[str, ArraySpec]) -> None:
        assert config.recurrent is not None
        self._config, self._recurrent = config, config.recurrent
        self._columns = sequence_columns(config, steps)
        self._running: dict[tuple[str, int], list[Row]] = {}

    def add(self, rows: Arrays, client: str) -> Iterator[Row]:
        """The sequences that these steps complete, with "error" where the steps have it."""
        for i, env in enumerate(rows["env"].tolist()):
            row = {name: np.array(column[i]) for name, column in rows.items()}
            running = self._running.setdefault((client, env), [])
            if running and row["number"] != running[-1]["number"] + 1:
                yield from self._finish(running)
            running.append(row)
            if row["ended"]:
                yield from self._finish(running)
            elif len(running) == self._config.sequence:
                yield self._sequence(running)
                del running[: self._recurrent.stride]

    def save(self) -> Arrays:
        """The steps of unfinished sequences, one after the other; "clients" has, as JSON in bytes, whose each is."""
        rows = [(client, row) for (client, _), running in self._running.items() for row in running]
        if not rows:
            return {}
        clients = json.dumps([client for client, _ in rows]).encode()
        steps = {name: np.stack([row[name] for _, row in rows]) for name in rows[0][1]}
        return {**steps, "clients": np.frombuffer(clients, np.uint8).copy()}

    def load(self, arrays: Arrays) -> None:
        """Go on from steps saved earlier."""
        self._running = {}
        steps = dict(arrays)
        clients = json.loads(steps.pop("clients").tobytes()) if steps else []
        for i, client in enumerate(clients):
            row = {name: np.array(column[i]) for name, column in steps.items()}
            self._running.setdefault((client, int(row["env"])), []).append(row)

    def _finish(self, running: list[Row]) -> Iterator[Row]:
        """The episode is over, or what followed was lost."""
        running[-1]["ended"] = np.array(True)
        yield self._sequence(running)
        running.clear()

    def _sequence(self, steps: list[Row]) -> Row:
        of = {name: np.stack([step[name] for step in steps]) for name in steps[0]}
        folded = fold(of["reward"], of["terminated"], of["ended"], self._config.n_step, self._config.gamma)
        count, known = len(steps), len(folded.last)
        made = {name: np.zeros(spec.shape, spec.dtype) for name, spec in self._columns.items()}
        for name in observed_names(of):
            made[name][:count] = of[name]
            made[name][count] = of[f"next_{name}"][-1]
        made["action"][:count] = of["action"]
        made["reward"][:known], made["discount"][:known] = folded.reward, folded.discount
        made["following"][:known] = folded.last + 1
        made["begins"], made["state"] = np.array(of["first"][0]), of["state"][0]
        start = 0 if made["begins"] else min(self._recurrent.burn_in, known - 1)
        made["learned"][start:known] = 1
        if "next_mask" in of:
            made["next_mask"][:known] = of["next_mask"][folded.last]
        if "error" in of:
            error = sequence_error(of["error"][start:known], self._recurrent.eta)
            made["error"] = np.array(error, np.float32)
        return made


def sequence_error(errors: np.ndarray, eta: float) -> float:
    """eta * max + (1 - eta) * mean of absolute TD errors (section 2.3)."""
    return float(eta * errors.max() + (1 - eta) * errors.mean())
