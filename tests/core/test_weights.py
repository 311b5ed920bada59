"""Weights as bytes: they arrive exactly, with their iteration, and are rejected if they are not what was announced."""

import random
import struct

import msgspec
import numpy as np
import pytest
import safetensors.numpy
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays

from soulsai_core.errors import WireError
from soulsai_core.messages import Weights
from soulsai_core.wire import decode_weights, encode_weights

dtypes = st.sampled_from(["bool", "uint8", "int64", "float16", "float32", "float64"])
values = arrays.arrays(dtypes, arrays.array_shapes(min_dims=0, max_dims=3, min_side=0, max_side=3))


@settings(max_examples=40)
@given(st.dictionaries(st.text(max_size=10).filter("__metadata__".__ne__), values, max_size=4))
def test_any_arrays_arrive_as_they_were(sent):
    came = decode_weights(7, encode_weights(Weights(7, sent, 123_456)))
    assert (came.iteration, came.env_steps) == (7, 123_456)
    assert came.arrays.keys() == sent.keys()
    for name, array in sent.items():
        assert came.arrays[name].dtype == array.dtype and came.arrays[name].shape == array.shape
        assert came.arrays[name].tobytes() == array.tobytes()


@pytest.mark.parametrize("quota", [None, 0, 128])
def test_quota_arrives_as_it_was(quota):
    assert decode_weights(7, encode_weights(Weights(7, {"w": np.zeros(2)}, quota=quota))).quota == quota


def test_transposed_arrays_arrive_with_the_right_values():
    array = np.arange(6, dtype=np.float32).reshape(2, 3).T
    came = decode_weights(0, encode_weights(Weights(0, {"w": array})))
    assert came.arrays["w"].tolist() == array.tolist()


def test_weights_of_another_iteration_than_announced_are_rejected():
    payload = encode_weights(Weights(4, {"w": np.zeros(2)}))
    with pytest.raises(WireError, match="iteration 4 where 5 was announced"):
        decode_weights(5, payload)


def claims(metadata):
    return safetensors.numpy.save({"w": np.zeros(2)}, metadata)


@pytest.mark.parametrize(
    "payload",
    [
        b"",
        b"\0" * 8,
        b"\xff" * 64,
        b"soulsai",
        b"\x80\x04\x95.",
        struct.pack("<Q", 2) + b"{}",
        struct.pack("<Q", 2**63) + b"{}",
        claims(None),
        claims({}),
        claims({"iteration": "three", "env_steps": "0"}),
        claims({"iteration": "3"}),
        claims({"iteration": "9" * 5000, "env_steps": "0"}),
        claims({"iteration": "3", "env_steps": "0", "quota": "some"}),
    ],
    ids=range(13),
)
def test_garbage_is_rejected(payload):
    with pytest.raises(WireError) as caught:
        decode_weights(3, payload)
    assert caught.value.reason == "weights"


def test_no_bytes_make_the_decoder_raise_anything_else():
    rng = random.Random(5)
    data = encode_weights(Weights(3, {"a": np.arange(4, dtype=np.float32), "b": np.ones((2, 2))}, 10))
    rejected = 0
    for _ in range(1500):
        mutated = bytearray(data[: rng.choice((len(data), rng.randrange(len(data))))] or b"\0")
        for _ in range(rng.randrange(4)):
            mutated[rng.randrange(min(len(mutated), 200))] = rng.randrange(256)
        try:
            weights = decode_weights(3, bytes(mutated))
        except WireError as error:
            assert error.reason == "weights"
            rejected += 1
        else:
            assert weights.iteration == 3
    assert rejected > 500


def test_big_endian_arrays_arrive_with_the_right_values():
    came = decode_weights(0, encode_weights(Weights(0, {"w": np.array([1, 2], ">f4")})))
    assert came.arrays["w"].tolist() == [1, 2]


def test_arrays_of_a_type_that_numpy_does_not_have_raise_nothing_unexpected():
    header = {
        "__metadata__": {"iteration": "3", "env_steps": "0"},
        "w": {"dtype": "BF16", "shape": [1], "data_offsets": [0, 2]},
    }
    text = msgspec.json.encode(header)
    text += b" " * (-len(text) % 8)
    try:
        decode_weights(3, struct.pack("<Q", len(text)) + text + b"\0\0")
    except WireError as error:
        assert error.reason == "weights"
