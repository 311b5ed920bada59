"""One thread for linear algebra, in processes that share the cores of a machine."""

from __future__ import annotations

import os

ONE_THREAD = {"OMP_NUM_THREADS": "1", "OPENBLAS_NUM_THREADS": "1"}
"""Environment variables that numpy and torch read when they are imported."""


def use_one_thread() -> None:
    """Let numpy and torch use one thread in this process and in those that it starts, unless the environment says
    otherwise. Networks that act are small: more threads would wait for each other, and take memory.

    To be called before numpy is imported.
    """
    for name, value in ONE_THREAD.items():
        os.environ.setdefault(name, value)
