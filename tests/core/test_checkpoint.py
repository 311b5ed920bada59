"""A checkpoint is complete or not there, says what is wrong with it, and is refused where it does not belong."""

import json
from pathlib import Path

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays

from soulsai_core import checkpoint
from soulsai_core.errors import CheckpointError
from soulsai_core.journal.disk import OpenFile
from soulsai_core.messages import State

IDENTITY = {"algorithm": "dqn", "environment": "LunarLander-v3", "spaces": {"n": [4, 2]}}
NODE = {"iteration": 5, "env_steps": 500, "elapsed": 1.5}


@pytest.fixture
def path(tmp_path, monkeypatch):
    monkeypatch.setattr("os.fsync", lambda descriptor: None)  # takes long, and changes nothing that can be seen
    return tmp_path / "run" / "checkpoint"


def state(value=1.0):
    network = {"w": np.full((2, 3), value, np.float32), "scale": np.array(value)}
    return State({"network": network, "optimizer": {}}, {"rng": {"state": 2**127 + 1}, "value": value})


def assert_same(came, sent):
    assert came.values == sent.values and came.arrays.keys() == sent.arrays.keys()
    for part, named in sent.arrays.items():
        assert came.arrays[part].keys() == named.keys()
        for name, array in named.items():
            other = came.arrays[part][name]
            assert (other.dtype, other.shape) == (array.dtype, array.shape) and other.tobytes() == array.tobytes()


def test_state_and_counters_come_back_as_they_were(path):
    checkpoint.write(path, state(), NODE, IDENTITY)
    came, node = checkpoint.read(path, IDENTITY)
    assert_same(came, state())
    assert node == NODE


parts = st.dictionaries(
    st.text("abcdefgh_", min_size=1, max_size=8),
    st.dictionaries(
        st.text("abc.xyz0", min_size=1, max_size=8),
        arrays.arrays(st.sampled_from(["bool", "uint8", "int64", "float32"]), arrays.array_shapes(min_dims=0)),
        max_size=3,
    ),
    max_size=3,
)
jsonable = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
    max_leaves=8,
)


@settings(max_examples=25, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(parts, st.dictionaries(st.text(), jsonable))
def test_any_state_comes_back_as_it_was(path, parts, values):
    sent = State(parts, values)
    checkpoint.write(path, sent, NODE, IDENTITY)
    assert_same(checkpoint.read(path, IDENTITY)[0], sent)


def test_arrays_in_any_order_in_memory_come_back(path):
    matrix = np.arange(12.0).reshape(3, 4)
    arrays = {"transposed": matrix.T, "strided": matrix[:, ::2], "other_byte_order": matrix.astype(">f4")}
    checkpoint.write(path, State({"network": arrays}, {}), NODE, IDENTITY)
    came = checkpoint.read_part(path, "network")[0]
    for name, array in arrays.items():
        np.testing.assert_array_equal(came[name], array)


def test_large_arrays_are_written_from_where_they_are_and_the_widest_types_first(path, monkeypatch):
    """A copy would be made while no other thread runs."""
    large = {"b": np.ones(2**18, np.float32), "a": np.ones(2**21, np.uint8), "c": np.ones(2**18)}
    small = {"d": np.ones(3, np.uint8), "e": np.ones(3)}
    written = []
    original = OpenFile.write

    def write(self, data):
        if self.path.name == "network.safetensors":
            written.append(data)
        original(self, data)

    monkeypatch.setattr(OpenFile, "write", write)
    checkpoint.write(path, State({"network": large | small}, {}), NODE, IDENTITY)
    pieces = [piece for piece in written if isinstance(piece, memoryview)]
    assert [np.shares_memory(piece, large[name]) for piece, name in zip(pieces, "cba", strict=True)] == [True] * 3
    assert_same(State({"network": checkpoint.read_part(path, "network")[0]}, {}), State({"network": large | small}, {}))


@pytest.mark.parametrize("arrays", [{"w": np.zeros(2, np.complex128)}, {"__metadata__": np.zeros(2)}])
def test_array_that_has_no_place_in_the_file_is_named_and_the_old_checkpoint_stays(path, arrays):
    checkpoint.write(path, state(), NODE, IDENTITY)
    with pytest.raises(CheckpointError, match=r"network cannot be written: .* as '(w|__metadata__)' has"):
        checkpoint.write(path, State({"network": arrays}, {}), NODE, IDENTITY)
    assert_same(checkpoint.read(path, IDENTITY)[0], state())


def test_newer_checkpoint_replaces_the_older_and_leaves_nothing_else_behind(path):
    for value in (1.0, 2.0):
        checkpoint.write(path, state(value), NODE, IDENTITY)
    assert_same(checkpoint.read(path)[0], state(2.0))
    assert [folder.name for folder in path.parent.iterdir()] == ["checkpoint"]


def test_part_that_is_no_longer_saved_is_not_read_from_an_older_checkpoint(path):
    checkpoint.write(path, State({"network": {}, "replay": {"x": np.zeros(3)}}, {}), NODE, IDENTITY)
    checkpoint.write(path, State({"network": {}}, {}), NODE, IDENTITY)
    assert checkpoint.read(path)[0].arrays == {"network": {}}


def test_missing_checkpoint_is_named(path):
    with pytest.raises(CheckpointError, match=r"There is no checkpoint at .*run/checkpoint"):
        checkpoint.read(path)


FILES = ["manifest.json", "network.safetensors", "node.json", "optimizer.safetensors", "values.json"]


def test_checkpoint_consists_of_these_files(path):
    checkpoint.write(path, state(), NODE, IDENTITY)
    assert sorted(file.name for file in path.iterdir()) == FILES


@pytest.mark.parametrize("name", FILES)
def test_damaged_file_is_named_whichever_byte_it_is(path, name):
    checkpoint.write(path, state(), NODE, IDENTITY)
    file = path / name
    good = file.read_bytes()
    for place in range(0, len(good), 7):
        file.write_bytes(good[:place] + bytes([good[place] ^ 0x10]) + good[place + 1 :])
        with pytest.raises(CheckpointError) as caught:
            checkpoint.read(path, IDENTITY)
        assert name in str(caught.value) or name == "manifest.json"


@pytest.mark.parametrize("name", FILES)
def test_file_that_is_missing_or_cut_off_is_named(path, name):
    checkpoint.write(path, state(), NODE, IDENTITY)
    file = path / name
    file.write_bytes(file.read_bytes()[:-1])
    with pytest.raises(CheckpointError, match=name):
        checkpoint.read(path)
    file.unlink()
    with pytest.raises(CheckpointError, match=name):
        checkpoint.read(path)


@pytest.mark.parametrize(
    "manifest",
    [
        "[]",
        "{}",
        "null",
        '{"format": 2, "identity": {}, "files": []}',
        "{",
        "\xff",
        '{"format": 3, "identity": {"a": "\xff"}}',
        '{"format": 3, "identity": {"a": ' + "[" * 9000,
    ],
)
def test_manifest_that_is_something_else_is_not_a_complete_checkpoint(path, manifest):
    checkpoint.write(path, state(), NODE, IDENTITY)
    (path / "manifest.json").write_text(manifest, encoding="latin-1")
    with pytest.raises(CheckpointError, match=r"not a complete checkpoint.*manifest\.json"):
        checkpoint.read(path)


def test_checkpoint_of_another_format_is_refused_by_its_number(path):
    checkpoint.write(path, state(), NODE, IDENTITY)
    manifest = json.loads((path / "manifest.json").read_text())
    (path / "manifest.json").write_text(json.dumps({**manifest, "format": 2}))
    with pytest.raises(CheckpointError, match=r"has checkpoint format 2; this version reads format 3\. Go on with the"):
        checkpoint.read(path)


@pytest.mark.parametrize(
    ("key", "here"), [("algorithm", "ppo"), ("environment", "CartPole-v1"), ("spaces", {"n": [4, 3]})]
)
def test_checkpoint_of_another_training_is_refused_with_both_named(path, key, here):
    checkpoint.write(path, state(), NODE, IDENTITY)
    with pytest.raises(CheckpointError) as caught:
        checkpoint.read(path, {**IDENTITY, key: here})
    sentence = str(caught.value)
    assert f"its {key} is {json.dumps(IDENTITY[key])}" in sentence and json.dumps(here) in sentence
    assert str(path) in sentence and "--resume" in sentence


def test_long_spaces_are_shortened_in_the_sentence(path):
    checkpoint.write(path, state(), NODE, {**IDENTITY, "spaces": list(range(1000))})
    with pytest.raises(CheckpointError) as caught:
        checkpoint.read(path, IDENTITY)
    assert len(str(caught.value)) < 500


def test_tuples_in_the_identity_are_the_lists_that_json_makes_of_them(path):
    checkpoint.write(path, state(), NODE, {"spaces": {"n": (4, 2)}})
    checkpoint.read(path, {"spaces": {"n": (4, 2)}})


@pytest.mark.parametrize("values", [{"score": float("nan")}, {"score": np.float32(1)}, {"score": {1, 2}}])
def test_values_that_are_not_json_are_refused_before_the_old_checkpoint_is_touched(path, values):
    checkpoint.write(path, state(), NODE, IDENTITY)
    with pytest.raises(CheckpointError, match=r"values\.json"):
        checkpoint.write(path, State({}, values), NODE, IDENTITY)
    assert_same(checkpoint.read(path, IDENTITY)[0], state())


def test_full_disk_is_an_os_error_and_the_old_checkpoint_stays(path, monkeypatch):
    checkpoint.write(path, state(), NODE, IDENTITY)

    def full(self, data):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(OpenFile, "write", full)
    with pytest.raises(OSError, match=r"No space left"):
        checkpoint.write(path, state(2.0), NODE, IDENTITY)
    assert_same(checkpoint.read(path)[0], state())


# -- one part alone


def test_part_comes_alone_with_the_counters(path):
    checkpoint.write(path, state(3.0), NODE, IDENTITY)
    arrays, node = checkpoint.read_part(path, "network")
    assert_same(State({"network": arrays}, {}), State({"network": state(3.0).arrays["network"]}, {}))
    assert node == NODE


def test_part_is_read_despite_damage_to_other_parts_and_damage_to_its_own_file_is_an_error(path):
    checkpoint.write(path, state(), NODE, IDENTITY)
    for name in ("optimizer.safetensors", "values.json"):
        (path / name).unlink()
    assert checkpoint.read_part(path, "network")[1] == NODE
    for name in ("network.safetensors", "node.json"):
        good = (path / name).read_bytes()
        (path / name).write_bytes(good[:-1] + b"x")
        with pytest.raises(CheckpointError, match=rf"is damaged: {name}"):
            checkpoint.read_part(path, "network")
        (path / name).write_bytes(good)


def test_part_that_is_not_there_is_named(path):
    checkpoint.write(path, state(), NODE, IDENTITY)
    with pytest.raises(CheckpointError, match=r"run/checkpoint has no evaluation\.safetensors"):
        checkpoint.read_part(path, "evaluation")


def test_part_is_read_from_the_predecessor_while_a_checkpoint_is_being_replaced(path):
    checkpoint.write(path, state(4.0), NODE, IDENTITY)
    path.rename(path.with_name("checkpoint.old"))
    assert checkpoint.read_part(path, "network")[0]["scale"] == 4.0


@pytest.mark.parametrize("name", [checkpoint.MANIFEST, "network.safetensors", checkpoint.VALUES, checkpoint.NODE])
def test_checkpoint_that_a_run_replaces_while_it_is_read_is_read_whole(path, name, monkeypatch):
    """Another process reads it: `soulsai play`, `eval` and `train --from` take runs that go on."""
    checkpoint.write(path, state(1.0), NODE, IDENTITY)
    newer = iter([2.0, 3.0])

    def replaced_before(read):
        def read_file(file, *arguments, **options):
            if Path(file).name == name and (value := next(newer, None)) is not None:
                checkpoint.write(path, state(value), {**NODE, "iteration": value}, IDENTITY)
            return read(file, *arguments, **options)

        return read_file

    for owner, reads in ((Path, ("read_bytes", "read_text")), (checkpoint.safetensors.numpy, ("load_file",))):
        for read in reads:
            monkeypatch.setattr(owner, read, replaced_before(getattr(owner, read)))
    came, node = checkpoint.read(path, IDENTITY)
    assert_same(came, state(3.0))
    assert node["iteration"] == 3.0
