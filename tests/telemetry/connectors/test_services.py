"""TensorBoard, Weights & Biases and MLflow, without a network."""

import pytest

from soulsai_core import PluginError
from soulsai_telemetry.connectors import mlflow, tensorboard, wandb


def scalars(context):
    """What TensorBoard itself reads from the event files: tag -> [(step, value)]."""
    accumulator = pytest.importorskip("tensorboard.backend.event_processing.event_accumulator")
    events = accumulator.EventAccumulator(str(context.folder / "tensorboard"), size_guidance={"scalars": 0})
    events.Reload()
    return {tag: [(s.step, s.value) for s in events.Scalars(tag)] for tag in events.Tags()["scalars"]}


def test_tensorboard_reads_metrics_averages_and_the_learners_numbers(make, context, update, status):
    pytest.importorskip("tensorboard")
    connector = make(tensorboard.plugin)
    connector.episodes_recorded(update(1, 3))
    connector.status_received(status)
    connector.close()
    found = scalars(context)
    assert found["episode/return"] == [(1, 1.5), (2, 3.0), (3, 4.5)]
    assert found["average/return"][-1] == (3, 4.5)
    assert found["learner/loss"] == [(3, 0.5)]


def test_tensorboards_step_can_count_environment_steps(make, context, update):
    pytest.importorskip("tensorboard")
    connector = make(tensorboard.plugin, axis="step")
    connector.episodes_recorded(update(1, 2))
    connector.close()
    assert [step for step, _ in scalars(context)["episode/return"]] == [20, 40]


def test_tensorboard_gets_no_episode_twice(make, context, update):
    pytest.importorskip("tensorboard")
    for first, last in ((1, 4), (2, 6)):
        connector = make(tensorboard.plugin)
        connector.episodes_recorded(update(first, last))
        connector.close()
    assert [step for step, _ in scalars(context)["episode/return"]] == [1, 2, 3, 4, 5, 6]


def test_wandb_offline_keeps_the_run_in_its_folder(make, context, update):
    pytest.importorskip("wandb")
    connector = make(wandb.plugin, mode="offline")
    connector.episodes_recorded(update(1, 3))
    connector.best_found(update(1, 3).best)
    connector.close()
    [run] = (context.folder / "wandb").glob("offline-run-*")
    [log] = run.glob("*.wandb")
    assert log.stat().st_size > 0
    assert (context.folder / "wandb" / "last_episode").read_text() == "3"


def test_key_of_wandb_is_not_shown():
    assert "hush" not in repr(wandb.WandbConfig(api_key="hush"))


def test_mlflow_without_a_server_keeps_the_run_in_its_folder_and_no_episode_twice(mlflow_context, update):
    client = pytest.importorskip("mlflow").MlflowClient
    connector = mlflow.plugin.make(mlflow.plugin.config(), mlflow_context)  # the folder has the first three episodes
    connector.episodes_recorded(update(2, 5))
    connector.close()
    reader = client(tracking_uri=f"sqlite:///{mlflow_context.folder / 'mlflow.db'}")
    [run] = reader.search_runs([reader.get_experiment_by_name("soulsai").experiment_id])
    history = reader.get_metric_history(run.info.run_id, "episode/return")
    assert (run.info.run_name, [metric.step for metric in history]) == ("run-1", [1, 2, 3, 4, 5])
    assert run.data.metrics["average/boss hp"] == pytest.approx(0.2)


@pytest.mark.parametrize(
    ("plugin", "package"), [(tensorboard.plugin, "tensorboard"), (wandb.plugin, "wandb"), (mlflow.plugin, "mlflow")]
)
def test_missing_package_is_named_with_the_command_that_installs_it(make, without, plugin, package):
    without(package)
    with pytest.raises(PluginError, match=rf"pip install soulsai-telemetry\[{package}\]"):
        make(plugin)
