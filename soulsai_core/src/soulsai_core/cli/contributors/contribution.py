"""What a player has contributed to a training, as a line in its terminal."""

from __future__ import annotations

import logging

from soulsai_core.contracts import Transport
from soulsai_core.contributors.statistics import Contribution
from soulsai_core.errors import SoulsAIError
from soulsai_core.messages import UNREADABLE, contributor_of
from soulsai_core.node.formatting import clock_time, count, counted, duration, number

log = logging.getLogger("soulsai_core.client.client")


def log_contribution(transport: Transport, client: str, now: float) -> None:
    """Log what the contributor with this client has contributed. Nothing for clients of the host, before the first
    step, and if the server does not say: it may be away, or its file of users older than this right.

    Args:
        now: seconds since 1970.
    """
    from soulsai_core.contributors.redis_inbox import own_contribution

    name = contributor_of(client)
    if not name:
        return
    try:
        contribution = own_contribution(transport, name)
    except (SoulsAIError, *UNREADABLE) as error:
        log.debug("What %s has contributed is not known: %s", name, error)
        return
    if contribution is not None and contribution.since is not None:
        log.info("%s", sentence(name, contribution, now))


def sentence(name: str, contribution: Contribution, now: float) -> str:
    """The numbers of a contributor whose first step was admitted, in one sentence."""
    assert contribution.since is not None
    parts = [f"{count(contribution.samples)} steps in {duration(contribution.client_seconds)} of play"]
    if contribution.mean_return is not None:
        kept = len(contribution.returns)
        of_last = f" of the last {kept}" if contribution.episodes > kept else ""
        parts.append(
            f"{counted(contribution.episodes, 'episode')}, mean return {number(contribution.mean_return)}{of_last}, "
            f"best {number(contribution.best)}"
        )
    return f"{name} has contributed {', '.join(parts)}, since {clock_time(contribution.since, now)}."
