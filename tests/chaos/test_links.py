"""A link between clients and server that is cut, late, lossy or slow: the training goes on, and all is well again."""

from __future__ import annotations

import time

import pytest
from benchmarks.endurance.links import CLIENTS, FAULTS, admitted, clients_of, wait_until_well
from benchmarks.endurance.proxy import Fault, proxy_to
from benchmarks.endurance.training import free_port, training
from waiting import wait_for

pytestmark = pytest.mark.stack

SECONDS = {"no answer": 12.0}
"""Longer than a call waits for its answer. The others are short."""


def test_training_goes_on_and_all_rows_are_admitted_again_after_each_fault_of_the_link():
    port = free_port()
    with (
        proxy_to(port) as proxy,
        training(
            algorithm="dqn", environment="CartPole", clients=CLIENTS, telemetry=False, port=port, link=(proxy.port, 2)
        ) as run,
    ):
        run.start()
        wait_until_well(run, 180.0)
        for name, fault in FAULTS.items():
            before = admitted(clients_of(run))
            proxy.set_fault(fault)
            time.sleep(SECONDS.get(name, 2.0))
            wait_for(f"rows that are learned from during: {name}", lambda seen=before: admitted(clients_of(run)) > seen)
            proxy.set_fault(Fault())
            wait_until_well(run, 60.0)
        result = run.finish()
    assert (result.orphans, result.tracebacks, result.repeated, result.missing) == ([], [], 0, 0)
    assert result.no_step_twice
    assert set(result.starts.values()) == {1}, "nobody had to be started again"
