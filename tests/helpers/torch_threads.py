"""Threads of torch in tests."""

from __future__ import annotations

import pytest
import torch


@pytest.fixture(autouse=True, scope="session")
def one_thread() -> None:
    """For a conftest to import. On a busy machine, several threads are many times as slow."""
    torch.set_num_threads(1)
