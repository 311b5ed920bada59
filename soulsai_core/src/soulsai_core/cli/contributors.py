"""`soulsai contributors`: who was invited, and what they gave to the newest training."""

from __future__ import annotations

import argparse
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

from soulsai_core.cli.connection import add_connection_arguments, connect_from
from soulsai_core.cli.plugins import plain_lines

if TYPE_CHECKING:
    from soulsai_core.contributors.statistics import Account

_HEAD = ("name", "invited", "samples", "hours", "episodes", "mean return", "best", "rejected", "suspended")


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The connection's, and how to show it."""
    add_connection_arguments(parser, reads_config=True)
    parser.add_argument("--json", action="store_true", help="print it as JSON, for programs")


def run(args: argparse.Namespace) -> int:
    """Print a table, or JSON."""
    from soulsai_core.contributors.statistics import Account, decode_book

    transport = connect_from(args)
    try:
        door = transport.door()
        invited, payload = door.contributors(), door.read_book()
    finally:
        transport.close()
    accounts = decode_book(payload) if payload else {}
    accounts |= {name: Account() for name in invited if name not in accounts}
    if args.json:
        print(_json(accounts, invited))
    elif accounts:
        print("\n".join(plain_lines([_HEAD, *(_row(n, a, n in invited) for n, a in sorted(accounts.items()))])))
    else:
        print("Nobody is invited. Try: soulsai invite NAME")
    return 0


def _row(name: str, account: Account, invited: bool) -> tuple[str, ...]:
    mean = f"{sum(account.returns) / len(account.returns):.1f}" if account.returns else "-"
    best = "-" if account.best is None else f"{account.best:.1f}"
    rejected = ", ".join(f"{count:,} {reason}" for reason, count in account.rejected.items()) or "0"
    hours = f"{account.client_seconds / 3600:.1f}"
    state = "yes" if invited else "revoked"
    return (
        name,
        state,
        f"{account.samples:,}",
        hours,
        str(account.episodes),
        mean,
        best,
        rejected,
        str(account.suspensions),
    )


def _json(accounts: Mapping[str, Account], invited: Sequence[str]) -> str:
    import msgspec

    rows = {name: {"invited": name in invited, **msgspec.to_builtins(a)} for name, a in sorted(accounts.items())}
    return msgspec.json.encode(rows).decode()
