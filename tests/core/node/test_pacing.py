"""When updates are due."""

import pytest

from soulsai_core.node.pacing import UpdatePace


def due(pace, ready=None):
    """How many updates are due at once."""
    count = 0
    while pace.due(ready):
        count += 1
    return count


def test_one_update_is_due_for_each_rows_per_iteration_and_the_rest_is_kept():
    pace = UpdatePace(rows_per_iteration=4)
    made = []
    for rows in (3, 3, 9, 1):
        pace.admitted(rows)
        made.append(due(pace))
    assert made == [0, 1, 2, 1] and pace.rows == 0


def test_rows_from_before_a_resume_count():
    pace = UpdatePace(4, rows=3)
    pace.admitted(1)
    assert due(pace) == 1


@pytest.mark.parametrize("ready", [True, False])
def test_learner_that_says_when_it_is_ready_decides_by_itself_and_rows_do_not_add_up(ready):
    pace = UpdatePace(4)
    pace.admitted(100)
    assert pace.due(ready) is ready
    assert due(pace) == 0


def owing(rows, catch_up):
    pace = UpdatePace(4, catch_up=catch_up)
    pace.admitted(rows, after_outage=True)
    return pace


@pytest.mark.parametrize(
    ("catch_up", "made"), [(0, [0, 0, 0, 0]), (0.5, [0, 1, 0, 1]), (1, [1, 1, 1, 0]), (2, [2, 1, 0, 0])]
)
def test_updates_that_are_owed_are_made_beside_due_ones(catch_up, made):
    pace = owing(4 * 3 + 2, catch_up)
    assert due(pace) == 0
    assert [pace.owed_updates() for _ in range(4)] == made


@pytest.mark.parametrize(("catch_up", "made"), [(0, 0), (0.5, 3)])
def test_updates_that_are_owed_are_made_in_time_that_is_left_unless_none_is_ever_made(catch_up, made):
    pace = owing(4 * 3 + 2, catch_up)
    taken = 0
    while pace.take_owed():
        taken += 1
    assert taken == made and pace.owed == 4 * (3 - made) + 2
