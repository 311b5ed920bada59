"""From bytes to admitted steps, without a node around it."""

import random

import pytest

from soulsai_core.contracts import Entry, Sync
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
def make_intake(events, steps):
    """() -> an intake; all of them emit the same events."""
    columns = {name: ArraySpec(c.shape[1:], str(c.dtype)) for name, c in steps([0]).columns.items()}
    decoder = StepDecoder(columns, {"observation"})
    return lambda: Intake("training", decoder, Sync(3, 4), NodeMetrics(), events)


@pytest.fixture
def intake(make_intake):
    return make_intake()


def test_client_and_admitted_rows_are_returned_and_all_rows_reported(intake, events, encoded):
    judged = intake.judge(intake.decode(encoded(1, (4, 5, 9))), iteration=6, env_steps=0, now=0.0)
    steps = judged.steps
    assert judged[:2] == ("pc", 1) and judged.kept and judged.rows == 2 and steps.per_row(ITERATION).tolist() == [4, 5]
    assert steps.has_after.tolist() == [False, True] and len(steps.after["observation"]) == 1
    assert events.emitted == [("samples_received", {"client": "pc", "admitted": 2, "rejected": {"future": 1}})]


def test_age_is_that_of_admitted_rows_only(intake, encoded):
    for iteration in range(7):
        intake.staleness.made(iteration, env_steps=iteration * 10, now=float(iteration))
    intake.judge(intake.decode(encoded(1, (0, 5))), iteration=6, env_steps=70, now=8.0)
    assert (intake.staleness.iterations, intake.staleness.env_steps, intake.staleness.seconds) == (1.0, 20.0, 3.0)


def test_number_of_metric_series_stays_bounded_though_clients_never_end(intake, encoded):
    intake.ledger = Ledger(max_clients=10)
    for number in range(15):
        intake.judge(intake.decode(encoded(1, client=f"client-{number}")), iteration=0, env_steps=0, now=0.0)
    families = [f for f in intake._metrics.registry.collect() if f.name == "soulsai_samples_admitted"]
    series = [sample for sample in families[0].samples if sample.name.endswith("_total")]
    assert len(series) == len(intake.ledger.counts) == 10


@pytest.mark.parametrize("seed", range(20))
def test_messages_decoded_ahead_are_judged_as_one_at_a_time(make_intake, events, encoded, steps, seed):
    """Whatever strangers send: repeats, gaps, other runs, other columns and damaged bytes, some messages large, from
    more clients than are remembered."""
    rng = random.Random(seed)
    most = rng.choice([1, 1000])

    def message():
        client, number = rng.choice("ab"), rng.randint(1, 12)
        iterations = rng.choices(range(8), k=rng.choice([1, 2, 5, 1000]))
        whole = encoded(number, iterations, client)
        made = steps(iterations)
        kinds = {
            "whole": whole,
            "damaged": whole[:-1],
            "of another run": encode_steps("other", client, number, made),
            "of rewards alone": encode_steps(
                "training", client, number, made.with_columns({"reward": made.columns["reward"]}, {})
            ),
            "early": encode_steps("training", client, number + 5, made, first=number),
        }
        return kinds[rng.choices(list(kinds), [6, 1, 1, 1, 1])[0]]

    entries = [Entry(f"0-{number}", message()) for number in range(60)]
    one_by_one = make_intake()
    one_by_one.ledger = Ledger(most)
    expected = [_seen(one_by_one.judge(one_by_one.decode(entry.payload), 6, 0, 0.0)) for entry in entries]
    emitted = events.emitted.copy()
    events.emitted.clear()
    ahead = make_intake()
    ahead.ledger = Ledger(most)
    found = []
    while entries:
        count = rng.randint(1, 40)
        read, entries = entries[:count], entries[count:]
        found += [_seen(ahead.judge(message, 6, 0, 0.0)) for _, message in ahead.decoded(read)]
    assert len(found) > 16 and (found, events.emitted) == (expected, emitted)
    assert ahead.ledger.counts == one_by_one.ledger.counts and ahead.ledger.rejected.keys() >= {"truncated"}


def _seen(judged):
    return judged.client, judged.number, judged.kept, judged.rows, judged.steps and judged.steps.positions.tolist()
