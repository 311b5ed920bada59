"""Named agents: DQN's settings with other defaults, each chosen by its name in the group `soulsai.algorithms`.

What a preset sets can be set otherwise, so that "Rainbow without dueling" is `name: rainbow` and `dueling: false`.
"""

from __future__ import annotations

from typing import Any

from pydantic import create_model
from pydantic.fields import FieldInfo

from soulsai_dqn.config import DQNConfig, EpsilonConfig, LadderConfig, PriorityConfig, RecurrentConfig, ResetConfig


def preset(name: str, doc: str, **defaults: Any) -> type[DQNConfig]:
    """A model of DQN's settings with these defaults."""
    fields: dict[str, Any] = {}
    for key, default in defaults.items():
        field = DQNConfig.model_fields[key]
        fields[key] = (field.annotation, FieldInfo.merge_field_infos(field, default=default))
    return create_model(name, __base__=DQNConfig, __doc__=doc, **fields)


SampleEfficientConfig = preset(
    "SampleEfficientConfig",
    "QR-DQN (Dabney et al. 2018), double, dueling and with layer norm: two to three times as much from each "
    "sample as plain double DQN.",
    head="quantile",
    dueling=True,
    layer_norm=True,
    gamma=0.99,
    target_tau=0.01,
    weight_decay=0.1,
    epsilon=EpsilonConfig(steps=5_000),
)

RainbowConfig = preset(
    "RainbowConfig",
    "Rainbow (Hessel et al. 2018): double, dueling, n-step, categorical, noisy and prioritized; with layer norm "
    "(Ba et al. 2016), which it needs to learn from few samples.",
    head="categorical",
    atoms=51,
    dueling=True,
    noisy=True,
    exploration="noisy",
    prioritized=PriorityConfig(alpha=0.5),
    layer_norm=True,
    gamma=0.99,
    target_tau=0.01,
)

ApexConfig = preset(
    "ApexConfig",
    "Ape-X (Horgan et al. 2018): many clients on a ladder of epsilons, prioritized replay.",
    dueling=True,
    exploration="ladder",
    ladder=LadderConfig(),
    prioritized=PriorityConfig(alpha=0.6, beta_start=0.4, beta_end=0.4),
    batch_size=512,
    buffer_size=2_000_000,
    learning_starts=50_000,
    learning_rate=2.5e-4,
    replay_ratio=0.1,
    max_grad_norm=40.0,
    max_staleness=10,
)

R2D2Config = preset(
    "R2D2Config",
    "R2D2 (Kapturowski et al. 2019): an LSTM, replay of sequences, stored state and burn-in.",
    recurrent=RecurrentConfig(),
    dueling=True,
    exploration="ladder",
    prioritized=PriorityConfig(alpha=0.9, beta_start=0.6, beta_end=0.6),
    batch_size=32,
    replay_ratio=0.25,
)

ResetsConfig = preset(
    "ResetsConfig",
    "A high replay ratio with layer norm and resets (D'Oro et al. 2023; Schwarzer et al. 2023).",
    head="quantile",
    dueling=True,
    layer_norm=True,
    replay_ratio=4.0,
    weight_decay=0.1,
    resets=ResetConfig(every=40_000, last=200_000, keep=0.5, recovery=2_000),
)
