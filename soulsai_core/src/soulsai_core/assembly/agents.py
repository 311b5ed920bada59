"""Makes an agent from a checkpoint, to play or to evaluate."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np

from soulsai_core.config import load_config, resolve
from soulsai_core.node.saving import evaluation_weights
from soulsai_core.playing.agent import Agent
from soulsai_core.plugins.catalog import Catalog
from soulsai_core.run_folder import CONFIG, RunFolder


def load_agent(
    folder: Path | str, overrides: Sequence[str] = (), *, seed: int | None = None, catalog: Catalog | None = None
) -> Agent:
    """A trained agent that acts without exploration. Its learner is not loaded, and torch only if the actor needs it.

    Args:
        folder: a run's folder, for its newest model; or a folder of one of its checkpoints, such as best_model.
        overrides: changes of the run's settings, as in --set, for example `environment.config.num_envs=4`.
        seed: seed of the actor's random choices.
        catalog: finds the plugins; None looks among the installed ones.
    """
    run, model = RunFolder.holding(Path(folder))
    catalog = catalog or Catalog()
    # The saved settings alone: SOULSAI_… variables are meant for another run.
    config = load_config(run.path / CONFIG, ["telemetry.enabled=false", *overrides], {}, catalog)
    resolved = resolve(config, catalog)
    spec = resolved.environment.spec(resolved.environment_config)
    rng = np.random.default_rng(seed)
    weights = evaluation_weights(model)
    actor = resolved.algorithm.actor(resolved.algorithm_config, spec, rng, False)
    actor.load(weights)
    return Agent(actor, spec, resolved.environment, resolved.environment_config, weights.iteration)
