"""`soulsai client`, which counts the rows that it sends, and the rows and reports that the server has taken. Takes the
same arguments."""

from __future__ import annotations

import sys
from collections.abc import Sequence

import msgspec

from benchmarks.endurance.counts import KeptCounts, kept_counts
from soulsai_core.cli import main
from soulsai_core.messages import Episode, episode_number
from soulsai_core.transport.redis import RedisTransport
from soulsai_core.wire import Header, open_message


def count_what_arrives(kept: KeptCounts) -> None:
    """Replace two methods of the transport by ones that count what they sent without an error, and rows also before
    they are sent: they may arrive although the server or this process is killed before the answer."""
    push_samples = RedisTransport.push_samples
    push_episodes = RedisTransport.push_episodes
    # A process has a new client for each training.
    highest: dict[tuple[str, str], int] = {}

    def rows_of_new(what: str, headers: Sequence[Header]) -> int:
        """Rows of the messages that were not counted as this before."""
        new = [header for header in headers if header.number > highest.get((what, header.client), 0)]
        highest.update(((what, header.client), header.number) for header in new)
        return sum(header.rows for header in new)

    def counting_samples(self: RedisTransport, payloads: Sequence[bytes]) -> None:
        headers = [open_message(payload, len(payload))[0] for payload in payloads]
        kept.counts.sent += rows_of_new("sent", headers)
        kept.keep()
        push_samples(self, payloads)
        kept.counts.reached += rows_of_new("reached", headers)
        kept.keep()

    def counting_episodes(self: RedisTransport, payloads: Sequence[bytes]) -> None:
        push_episodes(self, payloads)
        for payload in payloads:
            episode = msgspec.json.decode(payload, type=Episode)
            number = episode_number(episode.id)
            if number > highest.get(("episode", episode.client), 0):
                highest["episode", episode.client] = number
                kept.counts.reported += 1
        kept.keep()

    RedisTransport.push_samples = counting_samples  # type: ignore[method-assign]
    RedisTransport.push_episodes = counting_episodes  # type: ignore[method-assign]


if __name__ == "__main__":
    found = kept_counts()
    if found is not None:
        count_what_arrives(found)
    sys.exit(main(["client", *sys.argv[1:]]))
