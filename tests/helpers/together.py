"""Work that several threads do at the same time, so that a missing lock shows."""

from __future__ import annotations

import sys
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor


def run_together(*works: Callable[[], object]) -> None:
    """Call all of these, each in a thread of its own. Raises what the first of them raised, in their order."""
    begin = threading.Barrier(len(works))

    def run(work: Callable[[], object]) -> None:
        begin.wait()
        work()

    before = sys.getswitchinterval()
    # The threads take turns thousands of times as often as usual.
    sys.setswitchinterval(1e-6)
    try:
        with ThreadPoolExecutor(len(works)) as pool:
            running = [pool.submit(run, work) for work in works]
        for future in running:
            future.result()
    finally:
        sys.setswitchinterval(before)
