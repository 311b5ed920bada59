"""One client's rollout, out of its messages: against the brute-force reader of steps, and by example."""

from collections import defaultdict
from dataclasses import replace

import numpy as np
import pytest
from histories import Kind, Present, build, histories, number_of
from histories import Made as Row
from hypothesis import given, settings
from oracle import DISCARDED, Oracle
from oracle import advantages as defined_advantages

from soulsai_core import Closed
from soulsai_ppo.rollouts.client_rollout import ClientRollout
from soulsai_ppo.rollouts.columns import BEGINS, ENV, LEARNED, START, TERMINATED
from soulsai_ppo.rollouts.experience import joined
from soulsai_ppo.rollouts.gae import advantages
from soulsai_ppo.spaces import STATE

GAMMA = 0.9
LAMBDA = 0.8
KINDS = {"plain": Kind(), "masked, timed": Kind(masked=True, timed=True), "recurrent": Kind(stored=3)}


def rollouts_of(history):
    """(client, iteration) -> the messages that have rows of it; and all rows, as the oracle sees them."""
    oracle = Oracle()
    messages = defaultdict(list)
    for message in history:
        if isinstance(message, Present):
            continue
        oracle.take(message.steps, message.client)
        for iteration in set(message.steps.per_row(3).tolist()):
            messages[message.client, iteration].append(message.steps)
    for (client, iteration), sent in messages.items():
        rows = [row for row in oracle.rows if (row.client, row.iteration) == (client, iteration)]
        yield iteration, sent, sorted(rows, key=lambda row: (row.stream, row.position))


def value_of(values):
    return float(np.sin(number_of(values["observation"])))


def state_at(row, inside):
    """What a toy memory holds at a row, None if that is not known: half of what it held before, plus what was seen."""
    if row.start:
        before = 0.0
    elif STATE in row.values:
        before = float(row.values[STATE][0])
    elif row.back is None or id(row.back) not in inside:
        return None
    else:
        before = state_at(row.back, inside)
    return None if before is None else 0.5 * before + number_of(row.values["observation"])


def read_memory(columns):
    """The same, as a learner goes through the sequences; also over rows that are not learned from."""
    memory = 0.0
    found = []
    for row, number in enumerate(columns["observation"][:, 0]):
        memory = float(columns[STATE][row][0]) if columns[BEGINS][row] else memory
        memory = 0.5 * (0.0 if columns[START][row] else memory) + float(number)
        found.append(memory)
    return np.array(found)


@pytest.mark.parametrize("kind", KINDS)
def test_rollouts_are_read_as_the_rules_say(kind, assembled):
    """Ends, breaks, late and unfit rows, lost messages, restarts and new models, in any order."""
    kind = KINDS[kind]

    @settings(max_examples=40, deadline=None)
    @given(histories(kind))
    def check(history):
        for iteration, sent, rows in rollouts_of(history):
            assert_read_as_defined(assembled(sent, iteration), rows, kind)

    check()


def assert_read_as_defined(columns, rows, kind):
    inside = {id(row) for row in rows}
    expected = [row for row in rows if row.end != DISCARDED]
    if kind.stored:
        memories = [state_at(row, inside) for row in expected]
        expected = [row for row, memory in zip(expected, memories, strict=True) if memory is not None]
        found = read_memory(columns)[columns[LEARNED]]
        np.testing.assert_allclose(found, [memory for memory in memories if memory is not None], rtol=1e-6)
    learned = columns[LEARNED]
    for name, column in columns.items():
        if name in rows[0].values and name != STATE:
            given = np.array([row.values[name] for row in expected]).reshape(-1, *column.shape[1:])
            np.testing.assert_array_equal(column[learned], given, err_msg=name)
    np.testing.assert_array_equal(columns[ENV][learned], [row.stream for row in expected])
    value = np.sin(columns["observation"][:, 0].astype(np.float64))
    discount = GAMMA ** columns.get("duration", np.ones(len(value))).astype(np.float64)
    found = advantages(columns["reward"], value, columns[TERMINATED], learned, discount, LAMBDA)
    defined = dict(zip(map(id, rows), defined_advantages(rows, value_of, GAMMA, LAMBDA), strict=True))
    np.testing.assert_allclose(found[learned], [defined[id(row)] for row in expected], rtol=1e-9, atol=1e-9)


def test_what_followed_a_truncation_a_break_and_the_end_lies_between_the_rows(assembled):
    rows = [
        Row(0, 5, number=1, followed=2, start=True),
        Row(0, 6, number=2, followed=3, end=2),
        Row(0, 7, number=4, followed=5, start=True, end=1),
        Row(0, 8, number=6, followed=7, start=True),
        Row(0, 10, number=8, followed=9),
        Row(1, 5, number=10, followed=11, end=3),
    ]
    columns = assembled([build(rows, Kind())])
    np.testing.assert_array_equal(columns["observation"][:, 0], [1, 2, 3, 4, 6, 7, 8, 9, 10])
    np.testing.assert_array_equal(columns[LEARNED], [1, 1, 0, 1, 1, 0, 1, 0, 0])
    np.testing.assert_array_equal(columns[TERMINATED], [0, 0, 0, 1, 0, 0, 0, 0, 0])
    np.testing.assert_array_equal(columns[ENV], [0] * 8 + [1])


def test_successor_in_the_next_message_takes_the_place_of_what_followed(assembled):
    first = build([Row(0, 0, number=1, followed=2, start=True), Row(1, 0, number=3, followed=4, start=True)], Kind())
    second = build([Row(0, 1, number=2, followed=5), Row(1, 1, number=4, followed=6, end=1)], Kind())
    columns = assembled([first, second])
    np.testing.assert_array_equal(columns["observation"][:, 0], [1, 2, 5, 3, 4])
    np.testing.assert_array_equal(columns[LEARNED], [1, 1, 0, 1, 1])


def test_rows_after_a_break_are_not_learned_from_until_their_memory_is_known(assembled):
    numbers = (3, 4, 5, 7, 8, 9, 10)  # a state is stored with 3 and 9; the position before 7 is left out
    rows = [Row(0, n, number=n, followed=n + 1) for n in numbers]
    columns = assembled([build(rows, Kind(stored=3))])
    np.testing.assert_array_equal(columns["observation"][:, 0], [3, 4, 5, 6, 7, 8, 9, 10, 11])
    np.testing.assert_array_equal(columns[LEARNED], [1, 1, 1, 0, 0, 0, 1, 1, 0])
    np.testing.assert_array_equal(columns[BEGINS], [1, 0, 0, 0, 1, 0, 1, 0, 0])


def test_rollout_is_complete_with_all_rows_that_its_client_made(make_rollout, pieces):
    rollout = ClientRollout(0, 1000)
    for message in pieces(make_rollout(rows=12), 4):
        assert not rollout.complete and not rollout.incomplete
        assert rollout.add(message)
    assert rollout.complete and not rollout.incomplete


@pytest.mark.parametrize("lost", [0, 1])
def test_rollout_is_incomplete_once_its_last_message_shows_that_rows_are_missing(make_rollout, pieces, lost):
    rollout = ClientRollout(0, 1000)
    for number, message in enumerate(pieces(make_rollout(rows=12), 4)):
        assert not rollout.incomplete
        if number != lost:
            rollout.add(message)
    assert rollout.incomplete and not rollout.complete


def test_client_that_left_all_its_rows_out_has_an_empty_rollout(make_rollout):
    closing = replace(make_rollout(rows=4).select(np.zeros(4, np.bool_)), closed=Closed(0, 0))
    rollout = ClientRollout(0, 1000)
    assert rollout.add(closing) and rollout.complete
    assert all(len(column) == 0 for column in rollout.columns().values())


def test_rows_and_quota_of_another_iteration_are_ignored(make_rollout):
    rollout = ClientRollout(1, 1000)
    assert not rollout.add(make_rollout(iteration=0)) and not rollout.complete
    assert rollout.add(make_rollout(iteration=1)) and rollout.complete


def test_client_that_knows_no_end_is_not_listened_to_for_ever(make_rollout):
    endless = replace(make_rollout(rows=8), closed=None)
    rollout = ClientRollout(0, 16)
    assert [rollout.add(endless) for _ in range(5)] == [True, True, True, False, False]
    assert not rollout.complete


def test_rows_are_copied(make_rollout):
    sent = make_rollout()
    rollout = ClientRollout(0, 1000)
    rollout.add(sent)
    before = rollout.columns()
    for array in (sent.segments, *sent.columns.values(), *sent.after.values()):
        array.fill(0)
    for name, column in rollout.columns().items():
        np.testing.assert_array_equal(column, before[name], err_msg=name)


def test_experience_joins_clients_and_knows_whose_streams_they_are(make_rollout, assembled):
    sent = {name: make_rollout(rows=rows, likely=(0.5, 0.5, 0, 0)) for name, rows in (("a", 6), ("b", 4))}
    sent["c"] = replace(sent["a"].select(np.zeros(len(sent["a"].segments), np.bool_)), closed=Closed(0, 0))
    experience = joined({name: assembled([rollout]) for name, rollout in sent.items()})
    assert len(experience) == 10
    assert experience.owners == [("a", 0), ("a", 1), ("b", 0), ("b", 1)]
    assert experience.rows[START][experience.firsts].all()
    np.testing.assert_array_equal(experience.rows[ENV][experience.firsts], [0, 1, 0, 1])


def test_round_without_any_row_has_no_experience(make_rollout, assembled):
    empty = replace(make_rollout(rows=4).select(np.zeros(4, np.bool_)), closed=Closed(0, 0))
    experience = joined({"a": assembled([empty])})
    assert len(experience) == 0 and experience.owners == []
