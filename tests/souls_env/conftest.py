"""Where the recorded fight is, and what all tests of Souls environments share."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

import numpy as np
import pytest

RECORDINGS = Path(os.environ.get("SOULSAI_RECORDINGS", Path(__file__).parents[3] / "shared" / "data"))
"""Recorded fights are no part of this repository; the variable says where they are on a machine that keeps them
elsewhere. The tests that need them fail on a build server (CI is set) that has none, so that they are never forgotten,
and are skipped on other machines."""


@pytest.fixture(scope="session")
def recorded_fight() -> list[dict[str, Any]]:
    """The steps of a real fight: soulsgym's observation, and the vector that agents were trained on."""
    file = RECORDINGS / "iudex" / "recorded_episode.jsonl"
    if not file.is_file():
        missing = f"There is no recorded fight at {file}: set SOULSAI_RECORDINGS to the folder that has iudex/."
        (pytest.fail if os.environ.get("CI") else pytest.skip)(missing)
    steps = [json.loads(line) for line in file.read_text(encoding="utf-8").splitlines()]
    for step in steps:
        observation = step["observation"]
        observation |= {name: np.array(value) for name, value in observation.items() if isinstance(value, list)}
    return steps
