"""Where the telemetry node keeps its state, and what it sees of the run's folder."""

import msgspec
import pytest

from soulsai_core import NodeStatus
from soulsai_core.app import RunFolder
from soulsai_telemetry.run_view import RunView


def read_status(training):
    return msgspec.json.decode(training.transport.read_status()[1], type=NodeStatus)


@pytest.fixture
def view(training):
    return RunView(RunFolder(training.folder), shared=True)


def test_on_the_training_nodes_machine_it_is_the_runs_own_folder(training, tmp_path):
    view = RunView.of(read_status(training), tmp_path / "saves")
    assert (view.folder.path, view.shared) == (training.folder, True)
    assert view.state == training.folder / "telemetry"
    assert view.config()["algorithm"]["name"] == "dqn"


def test_elsewhere_it_is_a_folder_of_the_same_name_under_our_own_saves(training, tmp_path):
    (training.folder / "config.json").unlink()
    view = RunView.of(read_status(training), tmp_path / "saves")
    assert (view.folder.path, view.shared, view.config()) == (tmp_path / "saves" / "run-1", False, None)


def test_folder_of_another_run_at_the_same_path_is_not_taken(training, tmp_path):
    training.write_status(run_id="run-2")
    view = RunView.of(read_status(training), tmp_path / "saves")
    assert view.folder.path == tmp_path / "saves" / "run-2"


def test_run_id_cannot_lead_out_of_saves(training, tmp_path):
    training.write_status(run_id="../../etc")
    view = RunView.of(read_status(training), tmp_path / "saves")
    assert view.folder.path == tmp_path / "saves" / "etc"


def test_last_lines_of_a_log_can_be_read(training, view):
    (training.folder / "logs").mkdir()
    (training.folder / "logs" / "client-1.log").write_text("".join(f"line {i}\n" for i in range(5000)))
    assert view.logs() == ["client-1"]
    assert view.log_lines("client-1", 3) == ["line 4997", "line 4998", "line 4999"]


@pytest.mark.parametrize("name", ["nothing", "../config", "/etc/passwd", ""])
def test_other_files_cannot_be_read_as_logs(training, view, name):
    (training.folder / "logs").mkdir()
    assert view.log_lines(name, 10) == []


def write_checkpoint(training):
    folder = training.folder / "checkpoint"
    folder.mkdir()
    (folder / "node.json").write_text('{"iteration": 3}')
    (folder / "manifest.json").write_text("{}")
    return folder


def test_checkpoint_is_found_with_its_iteration(training, view):
    folder = write_checkpoint(training)
    [found] = view.checkpoints()
    assert (found.path, found.iteration, found.kind) == (folder, 3, "periodic")


def test_checkpoints_are_looked_for_in_the_training_nodes_own_folder_only(training):
    write_checkpoint(training)
    assert list(RunView(RunFolder(training.folder), shared=False).checkpoints()) == []


@pytest.mark.parametrize("missing", ["node.json", "manifest.json"])
def test_incomplete_checkpoint_is_none(training, view, missing):
    (write_checkpoint(training) / missing).unlink()
    assert list(view.checkpoints()) == []
