"""The settings of a saved run: with changes, which of them are other ones now, and whether they fit its agent."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from soulsai_core.config import Resolved, load_config, resolve
from soulsai_core.config.differences import described, differences
from soulsai_core.errors import CheckpointError
from soulsai_core.messages import Arrays, EnvSpec, Weights
from soulsai_core.plugins.catalog import Catalog
from soulsai_core.plugins.checks.actor import CheckedActor
from soulsai_core.run_folder import RunFolder, empty_config, read_config

NO_MATTER = ("environment.config.num_envs",)
"""Settings of the environment that change nothing in a step."""

_NAME = "algorithm.name"

Changes = list[tuple[str, Any, Any]]
"""(dotted path, value now, value of the run) of each setting that is another one than in the run's folder."""


def saved_settings(run: RunFolder, overrides: Sequence[str] = (), catalog: Catalog | None = None) -> Resolved:
    """The settings with which a run was trained, and these changes."""
    catalog = catalog or Catalog()
    if not read_config(run.config):
        raise empty_config(run.config)  # all settings would have their defaults
    # The saved settings alone: SOULSAI_… variables are meant for another run.
    return resolve(load_config(run.config, ["telemetry.enabled=false", *overrides], {}, catalog), catalog)


def changed_settings(
    resolved: Resolved, run: RunFolder, parts: Sequence[str] = ("algorithm", "environment")
) -> Changes:
    """What is other in these parts of the settings than the run was made with."""
    saved = read_config(run.config)
    public = resolved.public()
    return differences({part: public[part] for part in parts}, {part: saved.get(part, {}) for part in parts})


def refuse_unfit(run: RunFolder, resolved: Resolved, weights: Weights, catalog: Catalog | None = None) -> None:
    """Raise CheckpointError with the settings that were changed if the agent cannot act with them.

    Args:
        resolved: the settings of the run with changes.
        weights: of the agent.
        catalog: finds the plugins; None looks among the installed ones.
    """
    # Unchanged settings that do not fit are a mistake of the algorithm, and are told as such.
    changes = [change for change in changed_settings(resolved, run) if change[0] not in NO_MATTER]
    if not changes:
        return
    made_with = saved_settings(run, (), catalog)
    if resolved.algorithm.name != made_with.algorithm.name:
        # Its settings are other ones with another name, which says nothing more.
        raise _unfit(run, [change for change in changes if change[0] == _NAME])
    spec = resolved.environment.spec(resolved.environment_config)
    of_environment = [change for change in changes if change[0].startswith("environment.")]
    if of_environment and _form(spec) != _form(made_with.environment.spec(made_with.environment_config)):
        raise _unfit(run, of_environment)
    if not _acts(resolved, spec, weights):
        raise _unfit(run, changes)


def _unfit(run: RunFolder, changes: Changes) -> CheckpointError:
    return CheckpointError(
        f"The agent of {run.path} does not fit these settings, which are not those it was trained with: "
        f"{described(changes)}. Leave out what changes them, or train an agent with them."
    )


def _form(spec: EnvSpec) -> object:
    """What the networks of an agent are made for."""
    observations = {name: (part.shape, part.dtype) for name, part in spec.observations.items()}
    action: Any = spec.action
    numbers = tuple(getattr(action, name, None) for name in ("n", "nvec", "shape"))
    return observations, type(action), numbers


def _acts(resolved: Resolved, spec: EnvSpec, weights: Weights) -> bool:
    """Whether an actor with these settings takes the weights and acts with them."""
    # One that is thrown away: what an agent does depends on what its actor has done before.
    actor = resolved.algorithm.actor(resolved.algorithm_config, spec, np.random.default_rng(0), False)
    if not isinstance(actor, CheckedActor):
        return True
    masks = np.ones((1, getattr(spec.action, "n", 0)), np.bool_) if spec.masked else None
    return actor.fits(weights, _any_observation(spec), masks)


def _any_observation(spec: EnvSpec) -> Arrays:
    return {name: np.zeros((1, *part.shape), part.dtype) for name, part in spec.observations.items()}
