"""Where telemetry keeps its state, and what it sees of the run's folder."""

import msgspec
import pytest

from soulsai_core import NodeStatus
from soulsai_telemetry.run_view import RunView


@pytest.fixture
def status(training):
    return msgspec.json.decode(training.transport.read_status(), type=NodeStatus)


def test_on_the_nodes_machine_it_is_the_runs_own_folder(status, training, tmp_path):
    view = RunView.of(status, tmp_path / "saves")
    assert (view.folder, view.shared) == (training.folder, True)
    assert view.state == training.folder / "telemetry"
    assert view.config()["algorithm"]["name"] == "dqn"


def test_elsewhere_it_is_a_folder_of_the_same_name_under_our_own_saves(status, training, tmp_path):
    (training.folder / "config.json").unlink()
    view = RunView.of(status, tmp_path / "saves")
    assert (view.folder, view.shared, view.config()) == (tmp_path / "saves" / "run-1", False, None)


def test_a_folder_that_only_has_the_same_path_is_not_taken(training, tmp_path):
    training.status(run_id="run-2")
    other = msgspec.json.decode(training.transport.read_status(), type=NodeStatus)
    assert RunView.of(other, tmp_path / "saves").folder == tmp_path / "saves" / "run-2"


def test_a_session_cannot_lead_out_of_saves(training, tmp_path):
    training.status(run_id="../../etc")
    evil = msgspec.json.decode(training.transport.read_status(), type=NodeStatus)
    assert RunView.of(evil, tmp_path / "saves").folder == tmp_path / "saves" / "etc"


def test_the_last_lines_of_a_log_can_be_read(training):
    (training.folder / "logs").mkdir()
    (training.folder / "logs" / "client-1.log").write_text("".join(f"line {i}\n" for i in range(5000)))
    view = RunView(training.folder, shared=True)
    assert view.logs() == ["client-1"]
    assert view.log_lines("client-1", 3) == ["line 4997", "line 4998", "line 4999"]


@pytest.mark.parametrize("name", ["nothing", "../config", "/etc/passwd", ""])
def test_only_logs_can_be_read(training, name):
    assert RunView(training.folder, shared=True).log_lines(name, 10) == []


def test_checkpoints_elsewhere_are_not_looked_for(training):
    assert list(RunView(training.folder, shared=False).checkpoints()) == []


def test_half_a_checkpoint_is_none(training):
    (training.folder / "checkpoint").mkdir()
    (training.folder / "checkpoint" / "manifest.json").write_text("{}")
    assert list(RunView(training.folder, shared=True).checkpoints()) == []
