"""Priorities of rows: first errors by the clients' values, then those that the learner finds."""

import numpy as np
import pytest
from histories import TERMINATED, TRUNCATED, WIDTH, Kind, Made, Message, build, histories
from hypothesis import given, settings
from hypothesis import strategies as st
from oracle import DISCARDED
from replays import Both

from soulsai_core.replay import Draw, PriorityOptions, Sequences, Stacks

VALUED = Kind(valued=True, timed=True)
STORED = Kind(valued=True, stored=2)
IMAGE = Kind(valued=True, image=True)
EPSILON = 0.5
GAMMA = 0.5
SOME = settings(max_examples=12, deadline=None)


def first_error(value, reward, discount, best):
    return np.abs(value - reward - discount * best)


def prioritized(kind, capacity=12, alpha=1.0, **options):
    options = {"priorities": PriorityOptions(alpha, EPSILON), "first_error": first_error, **options}
    return Both(kind, capacity, append_gamma=GAMMA, **options)


def priorities(replay, n=1):
    """Slot -> priority relative to the smallest one, from the weights of a draw: for beta = 1 they are its inverse."""
    drawn = replay.draw(np.random.default_rng(0), 1, 4_000, n_step=n, gamma=GAMMA, beta=1.0)
    weights = np.asarray(drawn.columns["weight"])
    assert weights.dtype == np.float32 and weights.max() == 1 and weights.min() > 0
    found = dict(zip(drawn.slots.ravel().tolist(), (1 / weights.ravel()).tolist(), strict=True))
    assert found.keys() == set(replay.drawable().tolist())
    return found


def expected_error(row):
    """The one-step error of a row; None while it is not known."""
    values = {name: float(row.values[name]) for name in ("value", "reward")}
    if row.end == TERMINATED:
        return first_error(values["value"], values["reward"], 0.0, 0.0)
    if row.ahead is None:
        return None
    discount = GAMMA ** float(row.values.get("duration", 1.0))
    return first_error(values["value"], values["reward"], discount, float(row.ahead.values["best"]))


def assert_proportional(found, errors):
    """The priorities found are in proportion to |error| + epsilon."""
    scale = {slot: (abs(error) + EPSILON) / found[slot] for slot, error in errors.items()}
    np.testing.assert_allclose(list(scale.values()), next(iter(scale.values()), 0), rtol=1e-3)


@SOME
@given(history=histories(VALUED), capacity=st.integers(1, 30), moved=st.booleans())
def test_first_priority_is_the_one_step_error_once_the_successor_is_there(history, capacity, moved):
    both = prioritized(VALUED, capacity)
    for i, event in enumerate(history):
        both.hear(event)
        if i == len(history) // 2 and moved:
            both.move(capacity + 3)
    expected = both.assert_drawable(lambda row: row.end != DISCARDED)
    if not expected:
        return
    found = priorities(both.replay)
    errors = {slot: expected_error(row) for slot, row in expected.items()}
    assert_proportional(found, {slot: error for slot, error in errors.items() if error is not None})


@SOME
@given(history=histories(IMAGE), capacity=st.integers(1, 30), stack=st.integers(1, 3))
def test_rows_whose_stack_is_not_whole_have_no_share(history, capacity, stack):
    both = prioritized(IMAGE, capacity, reading=Stacks(stack, "image"))
    for event in history:
        both.hear(event)
    expected = both.assert_drawable(
        lambda row: row.end != DISCARDED and both.oracle.stack(row, stack, "image") is not None
    )
    if expected:
        errors = {slot: expected_error(row) for slot, row in expected.items()}
        assert_proportional(priorities(both.replay), {slot: e for slot, e in errors.items() if e is not None})


def message(*rows, kind=VALUED):
    return Message("client", list(rows), build(list(rows), kind))


def run(count, *, first=0, kind=VALUED, **last):
    """Rows of one stream that follow each other."""
    rows = [Made(0, i, i + 1, i + 2, start=i == 0) for i in range(first, first + count)]
    if last:
        rows[-1] = Made(0, first + count - 1, first + count, first + count + 1, **last)
    return message(*rows, kind=kind)


def test_row_without_a_successor_has_the_largest_error_so_far():
    both = prioritized(VALUED)
    both.hear(run(5))
    errors = {slot: expected_error(row) for slot, row in both.by_slot.items()}
    assert errors[4] is None
    largest = max(error for error in errors.values() if error is not None)
    assert_proportional(priorities(both.replay), {**errors, 4: largest})


@pytest.mark.parametrize("end", [TRUNCATED, DISCARDED, TERMINATED])
def test_error_at_an_end_is_unknown_unless_the_episode_terminated(end):
    both = prioritized(VALUED)
    both.hear(run(4, end=end))
    errors = {slot: expected_error(row) for slot, row in both.by_slot.items()}
    if end == DISCARDED:
        del errors[3]
    if end == TRUNCATED:
        errors[3] = max(error for slot, error in errors.items() if slot < 3)
    assert_proportional(priorities(both.replay), errors)


def test_successor_in_a_later_message_gives_the_first_error():
    both = prioritized(VALUED)
    both.hear(run(3))
    both.hear(run(2, first=3, end=TERMINATED))
    errors = {slot: expected_error(row) for slot, row in both.by_slot.items()}
    assert len(errors) == 5 and None not in errors.values()
    assert_proportional(priorities(both.replay), errors)


def test_rows_that_were_drawn_have_the_priorities_of_their_new_errors():
    both = prioritized(VALUED, alpha=2.0)
    both.hear(run(6, end=TERMINATED))
    drawn = both.replay.draw(np.random.default_rng(1), 2, 50, n_step=1, gamma=GAMMA)
    both.replay.update(drawn, drawn.slots + 1.0)
    found = priorities(both.replay)
    assert set(drawn.slots.ravel().tolist()) == set(range(6))
    np.testing.assert_allclose([(s + 1.5) ** 2 / found[s] for s in range(6)], (0 + 1.5) ** 2 / found[0], rtol=1e-3)


def test_order_in_which_rows_were_drawn_does_not_matter():
    both = prioritized(VALUED)
    both.hear(run(6, end=TERMINATED))
    slots = np.array([[0, 5, 2]])  # as far apart at the ends as three neighbors
    both.replay.update(Draw({}, np.arange(6)[None], np.arange(6)[None]), np.full((1, 6), 0.5))
    both.replay.update(Draw({}, slots, slots), np.array([[1.5, 2.5, 3.5]]))
    assert_proportional(priorities(both.replay), {0: 1.5, 1: 0.5, 2: 3.5, 3: 0.5, 4: 0.5, 5: 2.5})


def test_errors_of_rows_that_were_overwritten_are_left_out():
    one, other = (prioritized(VALUED, capacity=4) for _ in range(2))
    for both in (one, other):
        both.hear(run(4))
    drawn = one.replay.draw(np.random.default_rng(1), 1, 50, n_step=1, gamma=GAMMA)
    for both in (one, other):
        both.hear(run(4, first=4, end=TERMINATED))
    one.replay.update(drawn, np.full((1, 50), 1e6))
    assert priorities(one.replay) == priorities(other.replay)


def test_row_that_is_drawn_often_has_a_small_weight_and_a_share_in_proportion():
    both = prioritized(VALUED)
    both.hear(run(6, end=TERMINATED))
    drawn = both.replay.draw(np.random.default_rng(1), 1, 600, n_step=1, gamma=GAMMA)
    both.replay.update(drawn, np.where(drawn.slots == 2, 4.5, 0.5))  # priorities 5 and 1
    drawn = both.replay.draw(np.random.default_rng(2), 50, 40, n_step=1, gamma=GAMMA, beta=0.5)
    share = np.bincount(drawn.slots.ravel(), minlength=6) / drawn.slots.size
    np.testing.assert_allclose(share, [0.1, 0.1, 0.5, 0.1, 0.1, 0.1], atol=0.02)
    weights = np.asarray(drawn.columns["weight"])
    np.testing.assert_allclose(weights[drawn.slots == 2], 5**-0.5, rtol=1e-4)
    np.testing.assert_allclose(weights[drawn.slots != 2], 1.0)


def test_loaded_priorities_draw_the_same():
    both = prioritized(VALUED, capacity=5)
    both.hear(run(7))
    before = both.replay
    both.move(5)
    one, other = (r.draw(np.random.default_rng(3), 3, 20, n_step=2, gamma=0.9) for r in (before, both.replay))
    np.testing.assert_array_equal(one.slots, other.slots)
    np.testing.assert_array_equal(one.columns["weight"], other.columns["weight"])


def test_error_of_a_sequence_mixes_the_largest_and_the_mean_error_of_what_is_learned():
    eta = 0.7
    kind = STORED
    both = prioritized(kind, capacity=20, reading=Sequences(1, 2, 1, 2 * WIDTH, eta))
    both.hear(run(9, kind=kind, end=TERMINATED))  # states are stored with the rows 1, 3, 5 and 7
    rows = both.by_slot
    errors = {}
    for slot in both.replay.drawable().tolist():
        learned = both.oracle.sequence(rows[slot], 4, 1, 1, GAMMA).learned
        own = [expected_error(read.last) for read in learned if read is not None]
        errors[slot] = eta * max(own) + (1 - eta) * sum(own) / len(own)
    assert len(errors) == 4
    assert_proportional(priorities(both.replay), errors)
