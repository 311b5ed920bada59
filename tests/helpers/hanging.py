"""The core's example algorithm with a learner that never ends, as one that saves to a share that is gone."""

from __future__ import annotations

import threading
from dataclasses import replace

from soulsai_core.plugins.examples import linear_q


class HangingLearner(linear_q.LinearLearner):
    """Does not return when the training has ended."""

    def stopped(self) -> None:
        print("the learner hangs", flush=True)
        threading.Event().wait()


plugin = replace(linear_q.plugin, name="hanging", learner=HangingLearner)
