"""A run that is resumed without its journal, and perhaps with it later."""

import pytest


@pytest.fixture
def resumed(make_harness, new_learner):
    """A function that resumes the run in a folder."""

    def resume(folder, **settings):
        harness = make_harness(new_learner(), folder=folder, **settings)
        harness.node.resume()
        return harness.start()

    return resume


@pytest.fixture
def folder(make_harness):
    """That of a run with four rows in its journal."""
    harness = make_harness().start()
    harness.take_in([0] * 2)
    harness.take_in([0] * 2)
    harness.stop()
    return harness.folder


@pytest.mark.parametrize("journal", [False, True], ids=["stays off", "switched on again"])
def test_rows_of_the_old_journal_are_learned_from_once_however_often_the_run_is_resumed(resumed, folder, journal):
    resumed(folder, journal=False).stop()
    for _ in range(2):
        again = resumed(folder, journal=journal)
        again.stop()
        assert again.node.env_steps == 4
        assert len(again.learner.rows) <= 4


def test_rows_taken_in_without_a_journal_do_not_spoil_the_one_that_is_switched_on_again(resumed, folder):
    without = resumed(folder, journal=False)
    without.take_in([without.node.iteration] * 3, "second")
    without.stop()
    journaled = resumed(folder)
    journaled.take_in([journaled.node.iteration] * 2, "third")
    journaled.stop()
    last = resumed(folder)
    last.stop()
    assert (journaled.node.env_steps, last.node.env_steps) == (9, 9)
