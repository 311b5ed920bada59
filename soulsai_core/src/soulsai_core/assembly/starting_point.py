"""Starts a training with what another run has: its weights, the steps in its journal, or both."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

from soulsai_core import checkpoint
from soulsai_core.assembly.other_steps import OtherSteps
from soulsai_core.assembly.saved_settings import NO_MATTER, changed_settings
from soulsai_core.config import Resolved
from soulsai_core.config.differences import described
from soulsai_core.contracts import Learner
from soulsai_core.errors import CheckpointError
from soulsai_core.messages import Arrays, State
from soulsai_core.node.formatting import counted
from soulsai_core.node.saving.beginning import Beginning
from soulsai_core.run_folder import RunFolder, read_config

log = logging.getLogger(__name__)

_OWN = ("optimizer", "generator", "replay")
"""Parts that belong to the training that made them. Steps come from the journal, without the old priorities."""


class StartingPoint(NamedTuple):
    """What a new run begins with.

    Attributes:
        model: the folder of another run, or of one of its checkpoints.
        weights, steps: what is taken of it.
    """

    model: Path
    weights: bool = True
    steps: bool = False

    @property
    def origin(self) -> str:
        """What is taken, for people."""
        parts = [name for name, wanted in (("weights", self.weights), ("steps", self.steps)) if wanted]
        return f"the {' and '.join(parts)} of {RunFolder.holding(self.model)[0].name}"


def begin(beginning: Beginning, learner: Learner, resolved: Resolved, start: StartingPoint) -> None:
    """Let a new training begin with what another run has, of which nothing is needed afterwards. The
    configuration is to be written into its folder next.

    Raises CheckpointError if nothing of it is of use here.
    """
    if start.weights:
        take_weights(learner, resolved.algorithm.name, start.model)
    if start.steps:
        _take_steps(beginning, learner, resolved, start.model)
    beginning.save(start.origin)


def take_weights(learner: Learner, algorithm: str, model: Path) -> None:
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
        raise CheckpointError(
            f"Nothing in {model} fits this training: its networks are different. --take steps takes its steps alone."
        )
    learner.load(State(arrays, own.values))
    learner.restored(complete=True)  # there are no rows to bring back
    place = model.relative_to(run.path).as_posix()
    log.info("The training begins with %d arrays of weights from %s/%s.", taken, run.name, place)


def _take_steps(beginning: Beginning, learner: Learner, resolved: Resolved, model: Path) -> None:
    """Give a new training the newest steps of another run, as many as its learner takes. What does not fit is logged.

    Raises CheckpointError if there are none, or if none fits.
    """
    algorithm = resolved.algorithm.name
    capacity = learner.capacity()
    if not capacity:
        raise CheckpointError(
            f"{algorithm} learns from the newest steps of its own clients alone, and has no use for those of another "
            "run: leave out --take."
        )
    other = OtherSteps(model)
    run = other.folder
    if not other.rows:
        raise CheckpointError(f"{run.path} has no steps to take: {_why_none(run)}.")
    _compare_environments(resolved, run)
    taken = beginning.take(other.messages(capacity))
    if not taken.rows:
        reasons = "; ".join(taken.unfit) or "its journal cannot be read"
        raise CheckpointError(f"None of the steps of {run.path} fits this training: {reasons}.")
    for reason, rows in taken.unfit.items():
        log.warning("%s of %s do not fit and are left out: %s.", counted(rows, "step"), run.name, reason)
    if taken.columns:
        names = ", ".join(sorted(taken.columns))
        log.warning("The steps of %s have columns that this training does not: %s. They are left out.", run.name, names)
    log.info("The training begins with %s of %s.", counted(taken.rows, "step"), run.name)
    if taken.rows < capacity and not other.all_kept:
        log.info("It had made more, of which its journal keeps the newest: training.keep_steps=true would keep all.")


def _why_none(run: RunFolder) -> str:
    training = read_config(run.config).get("training", {})
    if not training.get("journal", True):
        return "training.journal was off there, which would have kept them"
    if not training.get("keep_steps"):
        return "of its steps only training.keep_steps=true would have kept any"
    return "it has not admitted any"


def _compare_environments(resolved: Resolved, run: RunFolder) -> None:
    """Log in which settings the environments differ: their steps may still have the same form."""
    found = [one for one in changed_settings(resolved, run, ["environment"]) if one[0] not in NO_MATTER]
    if found:
        log.warning("The steps of %s were made in another environment: %s.", run.name, described(found))


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
