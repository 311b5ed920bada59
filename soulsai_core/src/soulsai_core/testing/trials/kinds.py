"""The trial of each kind of plugin, and the test that every contract kit begins with."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

from soulsai_core.plugins.checks import checked
from soulsai_core.plugins.findings import PROBLEM, Finding, findings_of
from soulsai_core.testing.trials.algorithm import try_algorithm
from soulsai_core.testing.trials.connector import try_connector
from soulsai_core.testing.trials.environment import try_environment
from soulsai_core.testing.trials.network import try_network
from soulsai_core.testing.trials.wrapper import try_wrapper

TRIALS: dict[str, Callable[[Any, Any], Iterator[Finding]]] = {
    "algorithm": try_algorithm,
    "environment": try_environment,
    "connector": try_connector,
    "network": try_network,
    "wrapper": try_wrapper,
}
"""Kind -> (plugin, config) -> findings. The plugin must be a checked one, as the catalog gives it."""


def assert_essentials(kind: str, plugin: Any, config: Any, *given: Any) -> None:
    """Fail with the first sentence about what is wrong with a plugin, in seconds."""
    trial = TRIALS[kind](checked(plugin, "the distribution under test"), config, *given)
    wrong = next((finding for finding in findings_of(kind, trial) if finding.level == PROBLEM), None)
    assert wrong is None, wrong.sentence
