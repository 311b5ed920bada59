"""The contract of algorithms: a correct one passes all of it, each mistake fails the test that is there for it."""

import inspect

import pytest

from soulsai_core.testing.algorithm import SPACES, AlgorithmContract


class TestCorrectAlgorithmPasses(AlgorithmContract):
    @pytest.fixture
    def plugin(self, tiny_plugin):
        return tiny_plugin

    @pytest.fixture(params=[None, 9], ids=["counted", "rounds"])
    def config(self, tiny_config, request):
        return tiny_config(quota=request.param)


MISTAKES = {
    "int32 actions": "test_actions_lie_in_the_action_space",
    "no masks": "test_actions_respect_the_mask_of_each_row",
    "masks judged by batch": "test_actions_respect_the_mask_of_each_row",
    "float64": "test_recorded_steps_fit_the_declared_columns",
    "undeclared column": "test_recorded_steps_fit_the_declared_columns",
    "no column": "test_recorded_steps_fit_the_declared_columns",
    "no start": "test_nothing_is_remembered_beyond_a_start",
    "all start": "test_start_of_one_row_concerns_no_other",
    "keeps the old rows": "test_number_of_environments_may_change",
    "explores always": "test_without_exploration_it_plays_its_best_whatever_else_happens",
    "loads what is prepared": "test_prepared_weights_change_nothing_before_they_are_loaded",
    "does not load": "test_loaded_weights_are_acted_with",
    "changes what it is given": "test_actor_does_not_change_what_it_is_given",
    "changes what it gave": "test_what_it_gives_does_not_change",
    "global random": "test_same_generator_gives_the_same_actions",
    "nan metric": "test_metrics_are_finite_numbers",
    "no row counts": "test_sync_is_possible",
    "name of another column": "test_own_columns_are_declared",
    "always ready": "test_new_learner_is_not_ready",
    "does not learn": "test_update_changes_the_model_and_reports_finite_numbers",
    "infinite loss": "test_update_changes_the_model_and_reports_finite_numbers",
    "aliases weights": "test_weights_are_a_snapshot",
    "other dtype later": "test_weights_keep_names_shapes_and_dtypes",
    "aliases evaluation weights": "test_weights_for_evaluation_are_such_weights_too",
    "keeps views": "test_learner_copies_the_rows_it_keeps",
    "no late steps": "test_late_steps_and_restarted_environments_are_only_breaks",
    "waits for lost rows": "test_lost_message_does_not_stop_the_training",
    "ignores messages without rows": "test_closing_message_may_have_no_rows",
    "unseeded learner": "test_same_generator_makes_the_same_learner",
    "numpy values": "test_state_is_numpy_arrays_and_json",
    "aliases state": "test_state_is_a_snapshot",
    "forgets momentum": "test_loaded_learner_makes_the_same_next_updates",
    "forgets random state": "test_loaded_learner_makes_the_same_next_updates",
    "forgets replay": "test_loaded_learner_makes_the_same_next_updates",
    "forgets who waits": "test_state_in_the_middle_of_gathering_rows_loses_none",
    "restored rows count": "test_rows_before_a_checkpoint_can_be_brought_back",
    "needs what another model said": "test_steps_of_another_run_are_learned_from_and_brought_back",
    "forgets what it began with": "test_steps_of_another_run_are_learned_from_and_brought_back",
    "trusts states": "test_foreign_state_is_refused",
    "actor serves everything": "test_spaces_are_served_by_both_halves_or_refused_by_both",
    "refuses without a sentence": "test_spaces_are_served_by_both_halves_or_refused_by_both",
}
ROUNDS = {"waits for lost rows", "ignores messages without rows", "forgets who waits", "restored rows count"}
ARGUMENTS = {
    "num_envs": 2,
    "next_step": True,
    "explore": True,
    "updates": 2,
    "rows": True,
    "space": "continuous",
}


@pytest.mark.parametrize("mistake", MISTAKES)
def test_mistake_fails_the_test_that_is_there_for_it(tiny_with, mistake):
    quota = 9 if mistake in ROUNDS else None
    fails(MISTAKES[mistake], tiny_with("", quota), tiny_with(mistake, quota))


def test_round_that_repeats_what_was_rejected_fails(tiny_with):
    fails("test_rejected_message_does_not_stop_the_training", tiny_with("", 9), tiny_with("waits for lost rows", 9))


def fails(name, correct, wrong):
    test = getattr(AlgorithmContract(), name)
    test(**arguments(test, correct))
    with pytest.raises((AssertionError, TypeError, ValueError, LookupError)):
        test(**arguments(test, wrong))


def arguments(test, subject):
    given = {**ARGUMENTS, "subject": subject, "plugin": subject.plugin, "config": subject.config}
    return {name: given[name] for name in inspect.signature(test).parameters}


def test_spaces_to_try_have_different_names():
    assert [spec.name for spec in SPACES.values()] == list(SPACES)
