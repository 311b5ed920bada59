"""Where telemetry keeps its state, and what it sees of the run's folder."""

import msgspec
import pytest

from soulsai_core import NodeStatus
from soulsai_telemetry.run_view import Place


@pytest.fixture
def status(training):
    return msgspec.json.decode(training.transport.read_status(), type=NodeStatus)


def test_on_the_nodes_machine_it_is_the_runs_own_folder(status, training, tmp_path):
    place = Place.of(status, tmp_path / "saves")
    assert (place.folder, place.shared) == (training.folder, True)
    assert place.state == training.folder / "telemetry"
    assert place.config()["algorithm"]["name"] == "dqn"


def test_elsewhere_it_is_a_folder_of_the_same_name_under_our_own_saves(status, training, tmp_path):
    (training.folder / "config.json").unlink()
    place = Place.of(status, tmp_path / "saves")
    assert (place.folder, place.shared, place.config()) == (tmp_path / "saves" / "run-1", False, None)


def test_a_folder_that_only_has_the_same_path_is_not_taken(training, tmp_path):
    training.status(session="run-2")
    other = msgspec.json.decode(training.transport.read_status(), type=NodeStatus)
    assert Place.of(other, tmp_path / "saves").folder == tmp_path / "saves" / "run-2"


def test_a_session_cannot_lead_out_of_saves(training, tmp_path):
    training.status(session="../../etc")
    evil = msgspec.json.decode(training.transport.read_status(), type=NodeStatus)
    assert Place.of(evil, tmp_path / "saves").folder == tmp_path / "saves" / "etc"


def test_the_last_lines_of_a_log_can_be_read(training):
    (training.folder / "logs").mkdir()
    (training.folder / "logs" / "client-1.log").write_text("".join(f"line {i}\n" for i in range(5000)))
    place = Place(training.folder, shared=True)
    assert place.logs() == ["client-1"]
    assert place.log_lines("client-1", 3) == ["line 4997", "line 4998", "line 4999"]


@pytest.mark.parametrize("name", ["nothing", "../config", "/etc/passwd", ""])
def test_only_logs_can_be_read(training, name):
    assert Place(training.folder, shared=True).log_lines(name, 10) == []


def test_checkpoints_elsewhere_are_not_looked_for(training):
    assert list(Place(training.folder, shared=False).checkpoints()) == []


def test_half_a_checkpoint_is_none(training):
    (training.folder / "checkpoint").mkdir()
    (training.folder / "checkpoint" / "manifest.json").write_text("{}")
    assert list(Place(training.folder, shared=True).checkpoints()) == []
