"""kill -9 of a random process of a training every few seconds, with a start a second later.

The schedule follows from the seed alone. No one helps: what was killed has to recover by itself.
"""

from __future__ import annotations

import random
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

from benchmarks.endurance.training import Training


@dataclass(frozen=True, slots=True)
class Kill:
    """One process that is killed.

    Attributes:
        at: seconds since the schedule began.
        service: its name.
    """

    at: float
    service: str


def schedule(services: Sequence[str], seconds: float, seed: int, pauses: tuple[float, float]) -> Iterator[Kill]:
    """Kills of random services with random pauses, for as many seconds."""
    rng = random.Random(seed)
    at = rng.uniform(*pauses)
    while at < seconds:
        yield Kill(at, rng.choice(services))
        at += rng.uniform(*pauses)


def carry_out(
    training: Training, kills: Sequence[Kill], seconds: float, note: Callable[[str], None], restart_after: float = 1.0
) -> list[str]:
    """Kill as planned for as many seconds. What ends by itself is started again, too; returns the names of these."""
    ended = []
    begun = time.monotonic()
    waiting = list(kills)
    due: dict[str, float] = {}
    while (now := time.monotonic() - begun) < seconds or due:
        for name in [name for name, at in due.items() if at <= now]:
            del due[name]
            training.services[name].start()
        while waiting and waiting[0].at <= now:
            kill = waiting.pop(0)
            if kill.service not in due:
                training.services[kill.service].kill()
                due[kill.service] = now + restart_after
                note(f"{now:6.1f} s: killed {kill.service}")
        for name, service in training.services.items():
            if name not in due and service.exit_code is not None:
                note(f"{now:6.1f} s: {name} ended by itself with code {service.exit_code}")
                ended.append(name)
                due[name] = now + restart_after
        time.sleep(0.02)
    return ended
