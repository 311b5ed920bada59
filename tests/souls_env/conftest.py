"""The recorded fight, and a newer soulsgym than the one that is installed."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import newest_soulsgym
import numpy as np
import pytest

from soulsai_souls_env.adapter import import_soulsgym

RECORDINGS = os.environ.get("SOULSAI_RECORDINGS")
"""Recorded fights are not part of this repository; the variable names the folder that has them. Where it is not set,
the tests that need them are skipped."""


@pytest.fixture(scope="session")
def recorded_fight() -> list[dict[str, Any]]:
    """The steps of a real fight: soulsgym's observation, and the state vector that agents were trained on."""
    if not RECORDINGS:
        pytest.skip("there is no recorded fight: set SOULSAI_RECORDINGS to the folder that has iudex/")
    file = Path(RECORDINGS) / "iudex" / "recorded_episode.jsonl"
    steps = [json.loads(line) for line in file.read_text(encoding="utf-8").splitlines()]
    for step in steps:
        observation = step["observation"]
        observation |= {name: np.array(value) for name, value in observation.items() if isinstance(value, list)}
    return steps


@pytest.fixture
def newest() -> Iterator[None]:
    """Stands in for soulsgym's newest source, instead of the package that is installed."""
    with newest_soulsgym.installed():
        import_soulsgym()
        yield


@pytest.fixture(params=["installed", "newest"])
def any_soulsgym(request: pytest.FixtureRequest) -> str:
    """The package that is installed, and the newest source."""
    if request.param == "newest":
        request.getfixturevalue("newest")
    return request.param
