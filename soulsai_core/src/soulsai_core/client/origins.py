"""Who gives the values of the columns of recorded steps."""

from __future__ import annotations

from collections.abc import Collection, Mapping

from soulsai_core.steps import DURATION, MASK, REWARD

UNNAMED: Mapping[str, str] = {"algorithm": "The algorithm", "environment": "The environment"}


def origin(column: str, observations: Collection[str], owners: Mapping[str, str]) -> str:
    """Who gave the values of a column, as a sentence.

    Args:
        observations: names of the observation's parts.
        owners: names of the "algorithm" and the "environment" with their distributions.
    """
    if column in observations or column in (REWARD, MASK, DURATION):
        return f"{owners['environment']} gave it in Environment.step or Environment.reset."
    return f"{owners['algorithm']} gave it in Actor.act."
