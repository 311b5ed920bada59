"""`soulsai contributors`: the contributors, and what each has contributed to the newest training."""

from __future__ import annotations

import argparse
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

from soulsai_core.cli.connection import add_connection_arguments, connect_from
from soulsai_core.node.formatting import number, plain_lines

if TYPE_CHECKING:
    from soulsai_core.contributors.statistics import Contribution


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Connection options, and how to show the table."""
    add_connection_arguments(parser, reads_config=True)
    parser.add_argument("--json", action="store_true", help="print JSON, for programs")


def run(args: argparse.Namespace) -> int:
    """Print a table, or JSON."""
    from soulsai_core.contributors.redis_inbox import inboxes_of
    from soulsai_core.contributors.statistics import Contribution, decode_statistics

    transport = connect_from(args)
    try:
        inboxes = inboxes_of(transport)
        invited = inboxes.contributors()
        payload = inboxes.read_statistics()
    finally:
        transport.close()
    contributions = decode_statistics(payload) if payload else {}
    contributions |= {name: Contribution() for name in invited if name not in contributions}
    if args.json:
        print(_json(contributions, invited))
    elif contributions:
        rows = [_row(name, of_one, name in invited) for name, of_one in sorted(contributions.items())]
        print("\n".join(plain_lines([_head(), *rows])))
    else:
        print("No contributor is invited. Try: soulsai invite NAME")
    return 0


def _head() -> tuple[str, ...]:
    from soulsai_core.contributors.statistics import WINDOW

    mean = f"mean return of last {WINDOW}"
    return ("name", "invited", "samples", "hours", "episodes", mean, "best", "rejected", "suspended")


def _row(name: str, contribution: Contribution, invited: bool) -> tuple[str, ...]:
    mean = number(contribution.mean_return)
    best = number(contribution.best)
    rejected = ", ".join(f"{count:,} {reason}" for reason, count in contribution.rejected.items()) or "0"
    hours = f"{contribution.client_seconds / 3600:.1f}"
    state = "yes" if invited else "revoked"
    return (
        name,
        state,
        f"{contribution.samples:,}",
        hours,
        f"{contribution.episodes:,}",
        mean,
        best,
        rejected,
        str(contribution.suspensions),
    )


def _json(contributions: Mapping[str, Contribution], invited: Sequence[str]) -> str:
    import msgspec

    rows = {name: {"invited": name in invited, **msgspec.to_builtins(a)} for name, a in sorted(contributions.items())}
    return msgspec.json.encode(rows).decode()
