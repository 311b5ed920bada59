"""From bytes to admitted steps, without a node around it."""

import pytest

from soulsai_core.contracts import Sync
from soulsai_core.messages import ArraySpec
from soulsai_core.node.intake import Intake
from soulsai_core.node.ledger import Ledger
from soulsai_core.node.metrics import NodeMetrics
from soulsai_core.steps import ITERATION
from soulsai_core.wire import StepDecoder, encode_steps


@pytest.fixture
def encoded(steps):
    """(number, iterations, client) -> a message."""
    return lambda number, iterations=(0,), client="pc": encode_steps("training", client, number, steps(iterations))


@pytest.fixture
def intake(events, steps):
    columns = {name: ArraySpec(c.shape[1:], str(c.dtype)) for name, c in steps([0]).columns.items()}
    return Intake("training", StepDecoder(columns, {"observation"}), Sync(3, 4), NodeMetrics(), events)


def test_client_and_admitted_rows_are_returned_and_all_rows_reported(intake, events, encoded):
    judged = intake.judge(encoded(1, (4, 5, 9)), iteration=6, env_steps=0, now=0.0)
    steps = judged.steps
    assert judged[:2] == ("pc", 1) and judged.kept and judged.rows == 2 and steps.per_row(ITERATION).tolist() == [4, 5]
    assert steps.has_after.tolist() == [False, True] and len(steps.after["observation"]) == 1
    assert events.emitted == [("samples_received", {"client": "pc", "admitted": 2, "rejected": {"future": 1}})]


def test_age_is_that_of_admitted_rows_only(intake, encoded):
    for iteration in range(7):
        intake.staleness.made(iteration, env_steps=iteration * 10, now=float(iteration))
    intake.judge(encoded(1, (0, 5)), iteration=6, env_steps=70, now=8.0)
    assert (intake.staleness.iterations, intake.staleness.env_steps, intake.staleness.seconds) == (1.0, 20.0, 3.0)


def test_number_of_metric_series_stays_bounded_though_clients_never_end(intake, encoded):
    intake.ledger = Ledger(max_clients=10)
    for number in range(15):
        intake.judge(encoded(1, client=f"client-{number}"), iteration=0, env_steps=0, now=0.0)
    families = [f for f in intake._metrics.registry.collect() if f.name == "soulsai_samples_admitted"]
    series = [sample for sample in families[0].samples if sample.name.endswith("_total")]
    assert len(series) == len(intake.ledger.counts) == 10
