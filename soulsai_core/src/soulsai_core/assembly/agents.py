"""Makes an agent from a checkpoint, to play or to evaluate."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np

from soulsai_core.agents.agent import Agent
from soulsai_core.assembly.saved_settings import refuse_unfit, saved_settings
from soulsai_core.config import Resolved
from soulsai_core.messages import Weights
from soulsai_core.node.saving.saver import evaluation_weights
from soulsai_core.plugins.catalog import Catalog
from soulsai_core.run_folder import RunFolder


def load_agent(
    folder: Path | str,
    overrides: Sequence[str] = (),
    *,
    explore: bool = False,
    seed: int | None = None,
    catalog: Catalog | None = None,
) -> Agent:
    """A trained agent. Its learner is not loaded, and torch only if the actor needs it.

    Args:
        folder: a run's folder, for its newest model; or a folder of one of its checkpoints, such as best_model.
        overrides: changes of the run's settings, as in --set, for example `environment.config.num_envs=4`.
        explore: act as in training, at this point of its schedules. By default it does not explore.
        seed: seed of the actor's random choices.
        catalog: finds the plugins; None looks among the installed ones.

    Raises CheckpointError with the settings that the changes make unfit for it.
    """
    run, model = RunFolder.holding(Path(folder))
    catalog = catalog or Catalog()
    weights = evaluation_weights(model)
    resolved = saved_settings(run, overrides, catalog)
    refuse_unfit(run, resolved, weights, catalog)
    return make_agent(resolved, weights, explore=explore, seed=seed)


def make_agent(resolved: Resolved, weights: Weights, *, explore: bool = False, seed: int | None = None) -> Agent:
    """An agent that acts with these weights; arguments as for `load_agent`."""
    spec = resolved.environment.spec(resolved.environment_config)
    rng = np.random.default_rng(seed)
    actor = resolved.algorithm.actor(resolved.algorithm_config, spec, rng, explore)
    actor.load(weights)
    return Agent(actor, spec, resolved.environment, resolved.environment_config, weights.iteration)
