"""Links between clients and server that are cut, slow or lossy: does the training go on, and how soon is all well.

Two clients play over a proxy, and one without it, which goes on: what the two made while they were cut off
alone is stale, and not counted. Measured is the time from the end of a fault until of all rows 99 % are admitted again.
"""

from __future__ import annotations

import argparse
import time

from benchmarks.common import Row, run_alone, say
from benchmarks.endurance.proxy import Fault, Proxy, proxy_to
from benchmarks.endurance.training import Training, free_port, training
from soulsai_core.node.status.node_status import ClientStatus

COMMAND = "python -m benchmarks.endurance.links"
FAULTS = {
    "no answer": Fault(silent=True),
    "connections reset and refused": Fault(refused=True),
    "500 ms in each direction": Fault(delay=0.5),
    "5 % of packets lost": Fault(loss=0.05),
    "64 kbit/s": Fault(rate=8000),
}
CLIENTS = 3
_WINDOW = 1.0
"""Seconds over which the admitted share is measured."""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--seconds", type=float, default=30.0, help="length of each fault")
    parser.add_argument("--only", nargs="+", choices=list(FAULTS), default=list(FAULTS))


def measure(args: argparse.Namespace) -> list[Row]:
    rows = []
    port = free_port()
    with proxy_to(port) as proxy:
        options = {"algorithm": "dqn", "environment": "CartPole", "clients": CLIENTS, "telemetry": False}
        with training(**options, port=port, link=(proxy.port, 2)) as run:
            run.start()
            wait_until_well(run, 60.0)
            for name in args.only:
                rows += _measure(run, proxy, name, args.seconds)
    return rows


def _measure(run: Training, proxy: Proxy, name: str, seconds: float) -> list[Row]:
    say(f"{name} ...")
    before = clients_of(run)
    proxy.set_fault(FAULTS[name])
    time.sleep(seconds)
    during = clients_of(run)
    proxy.set_fault(Fault())
    waited = wait_until_well(run, 60.0)
    after = clients_of(run)
    rate = (admitted(during) - admitted(before)) / seconds
    waiting = max((client.info.backlog for client in during.values()), default=0)
    note = f"{rate:.0f} rows/s during the fault, {waiting} waited, {rejected(after) - rejected(before)} rejected"
    command = f"{COMMAND} --seconds {seconds:g}"
    return [Row(f"{name} for {seconds:g} s: until 99 % are admitted", waited, 10, "s", command, True, note)]


def clients_of(run: Training) -> dict[str, ClientStatus]:
    """The clients that are present, none if there is no node."""
    status = run.status()
    return {} if status is None else {client.info.id: client for client in status.clients}


def admitted(clients: dict[str, ClientStatus]) -> int:
    """Rows of these clients."""
    return sum(client.admitted for client in clients.values())


def rejected(clients: dict[str, ClientStatus]) -> int:
    """Rows of these clients."""
    return sum(sum(client.rejected.values()) for client in clients.values())


def wait_until_well(run: Training, patience: float, clients: int = CLIENTS) -> float:
    """Seconds until the beginning of a second in which all clients had rows admitted, 99 % of all."""
    begun = time.monotonic()
    old, since = clients_of(run), begun
    while time.monotonic() - begun < patience:
        time.sleep(_WINDOW)
        new = clients_of(run)
        made = {name: client.admitted - old[name].admitted for name, client in new.items() if name in old}
        lost = rejected(new) - rejected(old)
        if len(made) >= clients and min(made.values()) > 0 and sum(made.values()) >= 99 * lost:
            return since - begun
        old, since = new, time.monotonic()
    raise TimeoutError("the admitted share did not come back")


if __name__ == "__main__":
    run_alone(measure, add_arguments, __doc__)
