"""Starts a training with the weights of another run."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from pathlib import Path

from soulsai_core import checkpoint
from soulsai_core.contracts import Learner
from soulsai_core.errors import CheckpointError
from soulsai_core.messages import Arrays, State
from soulsai_core.run_folder import RunFolder, read_config

log = logging.getLogger(__name__)

_OWN = ("optimizer", "generator", "replay")
"""Parts that belong to the training that made them. A replay buffer's are about steps that the new training has not."""


def inherit(learner: Learner, algorithm: str, model: Path) -> None:
    """Let a new learner begin with the weights of the checkpoint in `model`. Counters, schedules and optimizer begin
    anew. What does not fit stays as it is in the new learner, and is logged part by part.

    Raises CheckpointError if the other run had another algorithm, or if nothing fits.
    """
    run, model = RunFolder.holding(model)
    theirs = read_config(run.config)["algorithm"]["name"]
    if theirs != algorithm:
        raise CheckpointError(f"{run.path} was trained with {theirs}, and its weights are of no use to {algorithm}.")
    given, _ = checkpoint.read(model)
    own = learner.save()
    arrays = dict(own.arrays)
    taken = 0
    for part in sorted(own.arrays.keys() - set(_OWN)):
        fitting, left_out = _compare(own.arrays[part], given.arrays.get(part, {}))
        arrays[part] = {**own.arrays[part], **fitting}
        taken += len(fitting)
        if left_out:
            log.warning("%s begins anew where it does not fit: %s.", part, "; ".join(left_out))
    if not taken:
        raise CheckpointError(f"Nothing in {model} fits this training: its networks are others.")
    learner.load(State(arrays, own.values))
    log.info("The training begins with %d arrays of weights from %s.", taken, model)


def _compare(own: Arrays, given: Arrays) -> tuple[Arrays, list[str]]:
    """The given arrays that have a place, and a phrase for each own one without."""
    fitting = {name: given[name] for name, array in own.items() if name in given and _form(array) == _form(given[name])}
    return fitting, list(_phrases(own, given, fitting))


def _phrases(own: Arrays, given: Arrays, fitting: Arrays) -> Iterator[str]:
    for name, array in own.items():
        if name in fitting:
            continue
        there = f"{given[name].shape} there" if name in given else "not there"
        yield f"{name} is {array.shape} here and {there}"


def _form(array: object) -> tuple[object, object]:
    return getattr(array, "shape", None), getattr(array, "dtype", None)
