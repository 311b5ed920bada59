"""The contract of algorithms: a correct one passes all of it, each mistake fails the test that is there for it."""

import inspect

import pytest

from soulsai_core.testing.algorithm import SPACES, AlgorithmContract


class TestCorrectAlgorithmPasses(AlgorithmContract):
    @pytest.fixture
    def plugin(self, tiny_plugin):
        return tiny_plugin

    @pytest.fixture
    def config(self, tiny_config):
        return tiny_config()


MISTAKES = {
    "int32 actions": "test_actions_lie_in_the_action_space",
    "no masks": "test_actions_respect_the_mask_of_each_row",
    "masks judged by batch": "test_row_without_valid_actions_does_not_disturb_the_others",
    "float64": "test_samples_fit_the_declared_columns",
    "empty batch": "test_samples_fit_the_declared_columns",
    "loses the tail": "test_each_step_becomes_one_row",
    "folds over truncation": "test_rows_of_an_episode_do_not_depend_on_the_next_one",
    "stamps when given": "test_rows_carry_the_iteration_that_chose_their_action",
    "stamps what is prepared": "test_rows_are_whole_where_clients_work_while_a_step_is_under_way",
    "loads what is prepared": "test_prepared_weights_change_nothing_before_they_are_loaded",
    "loses the cut": "test_cut_gives_out_the_rows_of_an_unfinished_episode",
    "gives twice": "test_rows_are_given_out_once",
    "changes what it is given": "test_actor_does_not_change_what_it_is_given",
    "changes what it gave": "test_samples_given_out_do_not_change",
    "global random": "test_same_generator_gives_the_same_samples",
    "nan metric": "test_metrics_are_finite_numbers",
    "always ready": "test_new_learner_is_not_ready",
    "does not learn": "test_update_changes_the_model_and_reports_finite_numbers",
    "infinite loss": "test_update_changes_the_model_and_reports_finite_numbers",
    "aliases weights": "test_weights_are_a_snapshot",
    "keeps views": "test_learner_copies_the_samples_it_keeps",
    "unseeded learner": "test_same_generator_makes_the_same_learner",
    "numpy values": "test_state_is_numpy_arrays_and_json",
    "aliases state": "test_state_is_a_snapshot",
    "forgets momentum": "test_loaded_learner_makes_the_same_next_updates",
    "forgets random state": "test_loaded_learner_makes_the_same_next_updates",
    "forgets replay": "test_loaded_learner_makes_the_same_next_updates",
    "forgets gathered rows": "test_state_in_the_middle_of_gathering_samples_loses_none",
    "trusts states": "test_foreign_state_is_refused",
    "actor serves everything": "test_spaces_are_served_by_both_halves_or_refused_by_both",
    "refuses without a sentence": "test_spaces_are_served_by_both_halves_or_refused_by_both",
}
ARGUMENTS = {"num_envs": 2, "next_step": True, "updates": 2, "buffer": True, "space": "continuous"}


@pytest.mark.parametrize("mistake", MISTAKES)
def test_mistake_fails_the_test_that_is_there_for_it(tiny_with, mistake):
    test = getattr(AlgorithmContract(), MISTAKES[mistake])
    test(**arguments(test, tiny_with("")))
    with pytest.raises((AssertionError, TypeError, ValueError, KeyError)):
        test(**arguments(test, tiny_with(mistake)))


def arguments(test, subject):
    given = {**ARGUMENTS, "subject": subject, "plugin": subject.plugin, "config": subject.config}
    return {name: given[name] for name in inspect.signature(test).parameters}


def test_spaces_to_try_have_different_names():
    assert [spec.name for spec in SPACES.values()] == list(SPACES)
