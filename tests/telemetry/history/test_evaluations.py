"""When a model is judged by its evaluations, and how."""

import pytest

from soulsai_telemetry.history.evaluations import EvaluatedModels


def judge(reports, mode="max", episodes=3):
    models = EvaluatedModels(mode)
    return [models.add(iteration, client, value, episodes) for iteration, client, value in reports]


def test_score_is_the_mean_of_all_episodes_of_a_model():
    assert judge([(1, "a", 1.0), (1, "b", 2.0), (1, "a", 6.0)]) == [None, None, 3.0]


def test_models_may_overlap_and_each_is_judged_once():
    assert judge([(1, "a", 1.0), (2, "a", 5.0), (1, "a", 3.0), (2, "a", 7.0), (1, "a", 9.0)], episodes=2) == [
        None, None, 2.0, 6.0, None,
    ]  # fmt: skip


@pytest.mark.parametrize(("mode", "score"), [("max", 2.0), ("min", 3.0)])
def test_of_contributors_the_median_counts(mode, score):
    reports = [(1, "alice@a", 1e9), (1, "bob@b", 2.0), (1, "carol@c", 3.0), (1, "dan@d", -1e9)]
    assert judge(reports, mode, episodes=4)[-1] == score


def test_beside_own_clients_contributors_do_not_count():
    reports = [(1, "own", 1.0), *[(1, "alice@a", 1e9)] * 5, (1, "own", 3.0)]
    assert judge(reports, episodes=2) == [None] * 6 + [2.0]


def test_invented_iterations_do_not_fill_the_memory():
    models = EvaluatedModels("max")
    for iteration in range(1000):
        models.add(iteration, "alice@a", 1.0, 5)
        models.add(-iteration, "alice@a", 1.0, 1)
    assert len(models._models) <= 8 and len(models._judged) <= 8
