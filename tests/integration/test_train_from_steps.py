"""`soulsai train --from RUN --take steps`: a run that begins with the steps of another one."""

import json
import logging
import shutil
import struct
import zlib
from pathlib import Path

import msgspec
import numpy as np
import pytest
from commands import LINEAR

from soulsai_core import CheckpointError, kept_steps, learned_again
from soulsai_core.assembly.node import make_node
from soulsai_core.assembly.serial import SerialTraining
from soulsai_core.assembly.starting_point import StartingPoint
from soulsai_core.config import load_config, resolve
from soulsai_core.journal import segments
from soulsai_core.journal.records import HEADER_SIZE
from soulsai_core.plugins.catalog import Catalog
from soulsai_core.run_folder import RunFolder
from soulsai_core.transport.memory import MemoryServer, MemoryTransport
from soulsai_core.wire import open_message

CARTPOLE = "environment.config.id=CartPole-v1"
STEPS = 300
DQN = [
    CARTPOLE,
    "algorithm.name=dqn",
    "algorithm.config.learning_starts=64",
    "algorithm.config.update_every=16",
    "algorithm.config.replay_ratio=0.1",
    "algorithm.config.buffer_size=1000",
    "algorithm.config.batch_size=16",
    "algorithm.config.hidden=[8]",
    "training.checkpoint_every=4",
]
RECURRENT = [
    "algorithm.config.recurrent={width: 4, burn_in: 2, length: 4, stride: 2}",
    "algorithm.config.frame_stack=null",
]


def resolved_with(*settings):
    return resolve(load_config(None, ["telemetry.enabled=false", "run.seed=1", *settings], {}), Catalog())


def trained(path, *settings, steps=STEPS, start=None):
    """A serial run of so many steps in this folder."""
    folder = RunFolder(path)
    path.mkdir(parents=True, exist_ok=True)
    training = SerialTraining(resolved_with(*settings, f"training.stop.env_steps={steps}"), folder)
    if start is not None:
        training.begin(start)
    elif folder.config.exists():
        training.resume()
    training.run()
    return training


@pytest.fixture(scope="module")
def source(tmp_path_factory):
    """The folder of a run whose journal has all of its steps. No test may change it."""
    return trained(tmp_path_factory.mktemp("saves") / "first", *DQN).folder


@pytest.fixture
def begin(tmp_path, source):
    """(settings, what is taken) -> the node of a run that begins with the other one."""

    def begin(*settings, model=source, weights=False):
        folder = RunFolder(tmp_path / "second")
        folder.path.mkdir(exist_ok=True)
        start = StartingPoint(model.path, weights, steps=True)
        transport = MemoryTransport(MemoryServer())
        return make_node(resolved_with(*DQN, *settings), transport, folder, resume=False, start=start)

    return begin


def rewards(node):
    replay = node._learner._learner._replay
    return replay.read(replay.drawable(), gamma=0.0)["reward"]


def steps_of(run):
    return sum(len(message.steps) for message in kept_steps(run.path))


def test_learner_can_learn_at_once_and_the_run_begins_at_step_0(begin, source, caplog):
    with caplog.at_level(logging.INFO):
        node = begin("algorithm.config.learning_starts=200", weights=True)
    count = steps_of(source)
    assert STEPS <= count < 2 * STEPS and f"The training begins with {count} steps of first." in caplog.text
    assert "arrays of weights from" in caplog.text
    assert not [record for record in caplog.records if record.levelno > logging.INFO]
    assert node._learner.reach() == count and node._learner.ready() is None
    assert (node.env_steps, node._learner.save().values["rows"]) == (0, 0)


def test_rewards_are_scaled_and_priorities_begin_alike_by_the_settings_of_this_run(begin):
    node = begin(
        "algorithm.config.reward_scale=0.5", "algorithm.config.prioritized={}", "algorithm.config.hidden=[16, 16]"
    )
    np.testing.assert_array_equal(rewards(node), 0.5)
    saved = node._learner.save().arrays["replay"]
    assert np.isnan(saved["first_error"]).all() and len(set(saved["priority"].tolist())) == 1


def test_values_of_the_other_model_are_not_taken(begin, tmp_path):
    prioritized = trained(tmp_path / "prioritized", *DQN, "algorithm.config.prioritized={}").folder
    saved = begin("algorithm.config.prioritized={}", model=prioritized)._learner.save().arrays["replay"]
    assert np.isnan(saved["first_error"]).all()
    assert begin(model=prioritized)._learner.reach() == steps_of(prioritized)


def test_smaller_buffer_takes_the_newest_steps(begin, source):
    node = begin("algorithm.config.buffer_size=100")
    assert node._learner.reach() == 100
    theirs = np.concatenate([message.steps.columns["observation"] for message in kept_steps(source.path)])
    mine = [entry for entry in segments.read(segments.find(node.folder.journal)) if entry.record.rows]
    kept = np.concatenate([node._intake.taken(entry.record.payload)[1].columns["observation"] for entry in mine])
    np.testing.assert_array_equal(kept, theirs[-100:])


def test_normalized_observations_are_normalized_with_them(begin, source):
    node = begin("algorithm.config.normalize=true")
    mean = node._learner.weights()["normalizer.mean"]
    theirs = np.concatenate([message.steps.columns["observation"] for message in kept_steps(source.path)])
    np.testing.assert_allclose(mean, theirs.mean(0), rtol=1e-3, atol=1e-5)


def test_another_environment_is_said_and_steps_that_do_not_fit_it_refused(begin, caplog):
    begin("environment.config.max_episode_steps=77", "environment.config.num_envs=3")
    assert "of first were made in another environment: environment.config.max_episode_steps (77 now, " in caplog.text
    assert "num_envs" not in caplog.text
    with pytest.raises(CheckpointError, match=r"None of the steps of .*first fits this training: column observation"):
        begin("environment.config.id=Acrobot-v1")


def test_algorithm_that_learns_from_new_steps_alone_says_so(begin, source, tmp_path):
    with pytest.raises(CheckpointError, match="ppo learns from the newest steps of its own clients alone, and has no"):
        make_node(
            resolved_with(CARTPOLE, "algorithm.name=ppo"), MemoryTransport(MemoryServer()), RunFolder(tmp_path),
            resume=False, start=StartingPoint(source.path, weights=False, steps=True),
        )  # fmt: skip


def test_steps_that_another_algorithm_kept_are_taken(begin, tmp_path):
    ppo = [CARTPOLE, "algorithm.name=ppo", "algorithm.config.clients=1", "algorithm.config.rollout=128"]
    other = trained(tmp_path / "ppo", *ppo, "training.keep_steps=true").folder
    assert begin(model=other)._learner.reach() == steps_of(other) >= STEPS


@pytest.mark.parametrize(
    ("setting", "sentence"),
    [
        ("journal=false", "has no steps to take: training.journal was off there, which would have kept them"),
        ("keep_steps=false", "has no steps to take: of its steps only training.keep_steps=true would have kept any"),
        ("keep_steps=true", "has no steps to take: it has not admitted any"),
    ],
)
def test_run_without_steps_is_told_by_the_setting_that_would_have_kept_them(begin, source, tmp_path, setting, sentence):
    other = copied(source, tmp_path)
    name, value = setting.split("=")
    config = json.loads(other.config.read_text())
    config["training"][name] = json.loads(value)
    other.config.write_text(json.dumps(config))
    shutil.rmtree(other.journal)
    shutil.rmtree(other.checkpoint / "journal")
    with pytest.raises(CheckpointError, match=sentence):
        begin(model=other)


def copied(source, tmp_path):
    return RunFolder(Path(shutil.copytree(source.path, tmp_path / "copied")))


def test_folder_from_elsewhere_without_what_is_needed_gets_a_sentence(begin, source, tmp_path):
    other = copied(source, tmp_path)
    manifest = other.checkpoint / "manifest.json"
    written = json.loads(manifest.read_text())
    manifest.write_text(json.dumps({**written, "identity": {"algorithm": "dqn"}}))
    with pytest.raises(CheckpointError, match="does not say which observations its environment gives"):
        begin(model=other)
    manifest.write_text(json.dumps(written))
    other.config.write_text("{}")
    assert begin(model=other)._learner.reach() == steps_of(source), "its settings are only compared"


@pytest.mark.parametrize("column", [("reward", "|O", ()), ("reward", "nonsense", ()), ("reward", "<f4", (-1,))])
def test_messages_with_impossible_columns_are_left_out(begin, source, tmp_path, column, caplog):
    other = copied(source, tmp_path)
    shutil.rmtree(other.checkpoint / "journal")
    [segment] = other.journal.iterdir()
    entries = list(segments.read(segments.find(other.journal)))
    forged = bytearray(segment.read_bytes()[:HEADER_SIZE])
    for number, entry in enumerate(entries):
        record = entry.record
        if number == 3:
            record = record._replace(payload=with_column(record.payload, column))
        forged += b"".join(record.encoded())
    segment.write_bytes(forged)
    lost = entries[3].record.rows
    assert begin(model=other)._learner.reach() == sum(entry.record.rows for entry in entries) - lost
    assert f"{lost} step" in caplog.text and "are damaged or were removed" in caplog.text


def with_column(payload, column):
    """The message with another column "reward"."""
    header, body = open_message(payload, 2**31)
    columns = tuple(column if name == column[0] else (name, *form) for name, *form in header.columns)
    data = msgspec.msgpack.encode(msgspec.structs.replace(header, columns=columns))
    checksum = zlib.crc32(body, zlib.crc32(data))
    return struct.pack("<4sHHIQI", b"SOUL", 2, 0, len(data), len(body), checksum) + data + bytes(body)


def test_damaged_steps_are_counted_and_left_out(begin, source, tmp_path, caplog):
    other = copied(source, tmp_path)
    [segment] = other.journal.iterdir()
    data = bytearray(segment.read_bytes())
    data[len(data) // 2] ^= 1
    segment.write_bytes(data)
    count = steps_of(other)
    assert 0 < count < STEPS
    assert begin(model=other)._learner.reach() == count


def test_steps_of_a_damaged_segment_before_others_are_counted(begin, tmp_path, caplog, monkeypatch):
    monkeypatch.setattr("soulsai_core.journal.journal.SEGMENT_BYTES", 4000)
    other = trained(tmp_path / "other", *DQN).folder
    count = steps_of(other)
    second = sorted(other.journal.iterdir())[1]
    second.write_bytes(second.read_bytes()[:-10])
    lost = count - steps_of(other)
    assert lost > 0
    assert begin(model=other)._learner.reach() == count - lost
    assert f"{lost} steps in the journal of other are damaged or were removed meanwhile" in caplog.text


def test_run_that_goes_on_may_remove_segments_meanwhile(begin, tmp_path, caplog, monkeypatch):
    monkeypatch.setattr("soulsai_core.journal.journal.SEGMENT_BYTES", 4000)
    other = trained(tmp_path / "other", *DQN).folder
    shutil.rmtree(other.checkpoint / "journal")
    count = steps_of(other)
    found = sorted(other.journal.iterdir())
    read_bytes = Path.read_bytes

    def read(path):
        if path == found[0]:  # the run removes it and the next one, and goes on
            for segment in found[:2]:
                segment.unlink()
        return read_bytes(path)

    monkeypatch.setattr(Path, "read_bytes", read)
    node = begin(model=other)
    monkeypatch.undo()
    assert 0 < node._learner.reach() == steps_of(other) < count
    assert f"{count - steps_of(other)} steps in the journal of other are damaged or were removed" in caplog.text


def test_checkpoint_brings_its_part_of_the_journal(begin, source, tmp_path, monkeypatch):
    """A best model or a save on command, of a run that has removed these steps since."""
    other = copied(source, tmp_path)
    saved = other.path / "manual_save" / "iteration-00000001"
    shutil.copytree(other.checkpoint, saved)
    shutil.copytree(other.journal, saved / "journal", dirs_exist_ok=True)
    shutil.rmtree(other.journal)
    assert begin(model=RunFolder(saved))._learner.reach() == steps_of(source)


def test_recurrent_network_gets_states_of_its_own_width_alone(begin, tmp_path, caplog):
    other = trained(tmp_path / "recurrent", *DQN, *RECURRENT).folder
    node = begin(*RECURRENT, model=other, weights=True)
    count = node._learner._learner._replay
    assert node._learner.reach() == steps_of(other) and len(count) > 20
    assert "state" not in caplog.text
    wider = [RECURRENT[0].replace("width: 4", "width: 6"), RECURRENT[1]]
    node = begin(*wider, model=other)
    assert 0 < len(node._learner._learner._replay) < len(count), "sequences begin with episodes alone"
    assert "have columns that this training does not: state" in caplog.text


def test_third_run_gets_the_steps_of_both(begin, source, tmp_path):
    second = trained(tmp_path / "serial", *DQN, steps=100, start=StartingPoint(source.path, True, True)).folder
    own = steps_of(second)
    assert 100 <= own < 300, "those of the first are not counted"
    assert begin(model=second)._learner.reach() == steps_of(source) + own


def test_serial_run_with_them_is_the_same_bit_for_bit_whether_or_not_it_was_killed(source, tmp_path, monkeypatch):
    start = StartingPoint(source.path, True, True)
    whole = trained(tmp_path / "whole", *DQN, "algorithm.config.prioritized={}", steps=200, start=start)
    killed = RunFolder(tmp_path / "killed")
    killed.path.mkdir()
    settings = (*DQN, "algorithm.config.prioritized={}", "training.stop.env_steps=200")
    SerialTraining(resolved_with(*settings), killed).begin(start)  # ends here
    left = iter(range(60))
    with monkeypatch.context() as mortal, pytest.raises(StopIteration):
        training = SerialTraining(resolved_with(*settings), killed)
        training.resume()
        mortal.setattr(training._tally, "add", lambda step: next(left))
        training.run()
    again = SerialTraining(resolved_with(*settings), killed)
    again.resume()
    again.run()
    one, other = whole._learner.save(), again._learner.save()
    for part, arrays in one.arrays.items():
        for name, array in arrays.items():
            np.testing.assert_array_equal(other.arrays[part][name], array, err_msg=f"{part} {name}")
    assert one.values == other.values


def test_run_that_began_with_another_is_not_learned_again(source, tmp_path):
    second = trained(tmp_path / "second", *DQN, steps=50, start=StartingPoint(source.path)).folder
    with pytest.raises(CheckpointError, match=r"second began with the weights of first: only a run that began anew"):
        learned_again(second.path)


def test_run_that_began_with_weights_keeps_its_own_steps(source, tmp_path):
    second = trained(tmp_path / "second", *DQN, steps=100, start=StartingPoint(source.path)).folder
    counters = json.loads((second.checkpoint / "node.json").read_text())
    assert counters["reach"] == counters["env_steps"] == steps_of(second) >= 100


def test_weights_outlive_a_kill_before_the_first_update(source, tmp_path):
    folder = RunFolder(tmp_path / "second")
    folder.path.mkdir()
    begun = make_node(
        resolved_with(*DQN), MemoryTransport(MemoryServer()), folder, resume=False, start=StartingPoint(source.path)
    )
    again = make_node(resolved_with(*DQN, "run.seed=9"), MemoryTransport(MemoryServer()), folder, resume=True)
    for name, array in begun._learner.weights().items():
        np.testing.assert_array_equal(again._learner.weights()[name], array)


def test_take_without_a_run_gets_a_sentence(run_here):
    assert "--take says what to take of another run: name the run with --from" in run_here(
        "train", "--take", "both", code=2
    )


@pytest.mark.stack
def test_training_killed_after_it_began_with_steps_goes_on_without_the_other_run(stack, linear_q, monkeypatch):
    monkeypatch.syspath_prepend(linear_q)
    first = trained(stack.folder / "saves" / "first", *LINEAR, CARTPOLE, steps=600).folder.path
    again = stack.start("train", "--from", "first", "--take", "both", settings=["training.stop.env_steps=100000"])
    again.wait_for_output("Training .*; Ctrl-C")
    [second] = [path for path in first.parent.iterdir() if path != first]
    for process in stack.processes("train"):
        process.kill()
    stack.wait_until_gone()
    shutil.rmtree(first)
    output = stack.run("train", "--resume", settings=["training.stop.env_steps=200"])
    counters = msgspec.json.decode((second / "checkpoint" / "node.json").read_bytes())
    assert counters["origin"]["steps"] >= 600 and 200 <= counters["env_steps"] < 600
    assert f"Going on with {second.name} from step" in output
