"""The recorded fight."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

import numpy as np
import pytest

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
