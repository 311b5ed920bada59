"""What a run has saved, and its networks."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import msgspec
import numpy as np
import torch

from soulsai_core import Agent, Arrays, Features, SoulsAIError, State, checkpoint, normalized
from soulsai_core.assembly.agents import make_agent
from soulsai_core.assembly.saved_settings import saved_settings
from soulsai_core.config import Resolved
from soulsai_core.messages import Weights
from soulsai_core.node.saving.saver import EVALUATION, Counters
from soulsai_core.run_folder import RunFolder
from soulsai_dqn.config import DQNConfig
from soulsai_dqn.learning.trainer import Trainer
from soulsai_dqn.networks.encoders import chosen_network
from soulsai_dqn.networks.parameters import load_arrays
from soulsai_dqn.networks.q_network import QNetwork
from soulsai_dqn.networks.recurrent import make_network
from soulsai_dqn.schedules import scheduled
from soulsai_dqn.spaces import CLIP, MEAN, SCALE, number_of_actions


@dataclass(frozen=True, slots=True)
class LoadedRun:
    """One checkpoint of a run.

    Attributes:
        folder: of the run.
        model: folder of the checkpoint.
        network: with the weights that evaluations and players act with.
        fresh: a network as it was before the training, with other random numbers.
        trainer: of the same checkpoint: its networks are the newest and the target.
        scales: mean and inverse deviation by which vectors are normalized, None if they are not.
        gamma: discount of one step at this point of the training.
        arrays: the learner's parts.
    """

    folder: RunFolder
    model: Path
    resolved: Resolved
    config: DQNConfig
    agent: Agent
    counters: Counters
    features: Features
    network: QNetwork
    fresh: QNetwork
    trainer: Trainer
    scales: tuple[np.ndarray, np.ndarray] | None
    gamma: float
    arrays: dict[str, Arrays]

    def tensors(self, features: Arrays) -> dict[str, torch.Tensor]:
        """Features (n, ...) as the network takes them."""
        if self.scales is not None:
            features = {name: normalized(rows, *self.scales, CLIP) for name, rows in features.items()}
        return {name: torch.as_tensor(rows) for name, rows in features.items()}


def load(path: Path, overrides: list[str], seed: int) -> LoadedRun:
    """Load a run's folder, for its newest checkpoint, or the folder of one of its checkpoints, such as best_model.

    Args:
        overrides: changes of the run's settings, as in --set.
        seed: of the actor and the fresh network.

    Raises SoulsAIError if there is no checkpoint, or not one of DQN without an LSTM.
    """
    folder, model = RunFolder.holding(path)
    resolved = saved_settings(folder, overrides)
    config = resolved.algorithm_config
    if not isinstance(config, DQNConfig) or config.recurrent is not None:
        what = f"the algorithm {resolved.algorithm.name}" if not isinstance(config, DQNConfig) else "an LSTM"
        raise SoulsAIError(f"{folder.path} is a run with {what}; this looks at runs of dqn without an LSTM.")
    config = config.model_copy(update={"device": "cpu", "replay_device": None})
    state, node = checkpoint.read(model)
    counters = msgspec.convert(node, Counters)
    evaluation = state.arrays[EVALUATION]
    agent = make_agent(resolved, Weights(counters.iteration, evaluation, counters.env_steps), seed=seed)
    features = Features(agent.spec, config.frame_stack)
    trainer = _trainer(config, features, number_of_actions(agent.spec), state)
    scales = (evaluation[MEAN], evaluation[SCALE]) if MEAN in evaluation else None
    return LoadedRun(
        folder=folder,
        model=model,
        resolved=resolved,
        config=config,
        agent=agent,
        counters=counters,
        features=features,
        network=_network(config, features, agent, evaluation, seed),
        fresh=_network(config, features, agent, None, seed),
        trainer=trainer,
        scales=scales,
        gamma=scheduled(config.gamma, _done(trainer, state)),
        arrays=state.arrays,
    )


def _trainer(config: DQNConfig, features: Features, actions: int, state: State) -> Trainer:
    """A trainer with the networks of the checkpoint. It is not trained on, so its optimizer stays new."""
    trainer = Trainer(config, features, actions, seed=0)
    load_arrays(trainer.network, state.arrays["network"])
    load_arrays(trainer.target, state.arrays["target"])
    trainer.steps = int(state.values["gradient_steps"])
    return trainer


def _network(config: DQNConfig, features: Features, agent: Agent, weights: Arrays | None, seed: int) -> QNetwork:
    """A network without noise, with these weights or fresh ones."""
    actions = number_of_actions(agent.spec)
    generator = torch.Generator().manual_seed(seed)
    head = Trainer(config, features, actions, seed).head
    network = make_network(config, features, actions, head.atoms, generator, chosen_network(config.network, features))
    if weights is not None:
        load_arrays(network, {name: array for name, array in weights.items() if name not in (MEAN, SCALE)})
    return network.eval()


def _done(trainer: Trainer, state: State) -> dict[str, int]:
    return {
        "env_steps": int(state.values["rows"]),
        "gradient_steps": trainer.steps,
        "gradient_steps_after_reset": trainer.steps_after_reset,
    }
