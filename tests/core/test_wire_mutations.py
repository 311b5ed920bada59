"""Whatever bytes arrive, the decoder rejects them with a reason or returns valid steps; it never runs any of them."""

import pickle
import random
import struct
from collections import Counter

import msgspec
import numpy as np
import pytest

from soulsai_core.errors import WireError
from soulsai_core.messages import ArraySpec
from soulsai_core.steps import Closed, Sparse, StepBatch, segments_error
from soulsai_core.wire import REASONS, StepDecoder, encode_steps

COLUMNS = {
    "action": ArraySpec((), "int64", 0, 3),
    "image": ArraySpec((3, 2), "uint8"),
    "mask": ArraySpec((), "bool"),
    "reward": ArraySpec((), "float32", -1, 1),
    "state": ArraySpec((2,), "float32", -1, 1, sparse=True),
    "x": ArraySpec((2,), "float32", -1, 1),
}
OBSERVED = {"image", "mask", "x"}
STREAMS = 4
PREFIX = struct.Struct("<4sHHIQI")
ROUNDS = 5_000


def original():
    table = [[0, 7, 2, 9, 0, 0, 0], [0, 9, 1, 10, 0, 0, 2], [3, 0, 2, 10, 1, 1, 0]]
    columns = {
        "action": np.array([0, 1, 2, 3, 0]),
        "image": np.arange(30, dtype=np.uint8).reshape(5, 3, 2),
        "mask": np.array([True, False, True, False, False]),
        "reward": np.linspace(-1, 1, 5, dtype=np.float32),
        "x": np.linspace(-1, 1, 10, dtype=np.float32).reshape(5, 2),
    }
    after = {name: column[:2] for name, column in columns.items() if name in OBSERVED}
    sparse = {"state": Sparse(np.array([1, 4]), np.ones((2, 2), np.float32))}
    return encode_steps("training", "client", 3, StepBatch(np.array(table), columns, after, sparse, Closed(10, 64)))


def new_decoder():
    return StepDecoder(COLUMNS, OBSERVED, max_streams=STREAMS)


class Bomb:
    def __reduce__(self):
        return pytest.fail, ("something was unpickled",)


def truncate(rng, data, seal):
    return data[: rng.randrange(len(data))]


def extend(rng, data, seal):
    return data + rng.randbytes(rng.randrange(1, 64))


def flip_bits(rng, data, seal):
    changed = bytearray(data)
    for _ in range(rng.randrange(1, 9)):
        changed[rng.randrange(len(data))] ^= 1 << rng.randrange(8)
    return bytes(changed)


def flip_bits_and_seal(rng, data, seal):
    """With the checksum put right, so that header and values are reached."""
    start = rng.choice((PREFIX.size, len(data) - 120))
    return seal(data[:start] + flip_bits(rng, data[start:], seal))


def replace_prefix(rng, data, seal):
    return rng.randbytes(PREFIX.size) + data[PREFIX.size :]


def claim_lengths(rng, data, seal):
    magic, number, reserved, header, body, checksum = PREFIX.unpack_from(data)
    huge = rng.choice((0, 1, 2**16, 2**31, 2**32 - 1))
    header, body = rng.choice(((huge, body), (header, huge), (header, 2**63 + huge), (huge, huge)))
    return PREFIX.pack(magic, number, reserved, header, body, checksum) + data[PREFIX.size :]


def replace_header_value(rng, data, seal):
    """Any field of the header becomes any value."""

    def spoil(header):
        values = msgspec.to_builtins(header)
        key = rng.choice(list(values))
        values[key] = rng.choice((None, -1, 2**63, 2**64 - 1, 1.5, "", "\x00\n", "x" * 300_000, [], {}, b"\xff", [[]]))
        return values

    return seal(data, spoil)


def replace_column(rng, data, seal):
    """A column gets another name, dtype or shape."""

    def spoil(header):
        columns = [list(column) for column in header.columns]
        part = rng.randrange(3)
        others = (
            ("", "x", "iteration", "state", "reward", "../x", "x" * 3000),
            ("<f8", "|O", ">i8", "<i4", "|b1", "f4,f4", "nonsense", "", "<M8[s]"),
            ((), (2,), (3, 2), (-1,), (0,), (2**40,), (1,) * 50),
        )
        columns[rng.randrange(len(columns))][part] = rng.choice(others[part])
        return {**msgspec.to_builtins(header), "columns": columns}

    return seal(data, spoil)


def replace_segment(rng, data, seal):
    """A number of the table becomes another, or segments are dropped, doubled or in another order."""

    def spoil(header):
        table = list(header.segments)
        place = rng.randrange(len(table))
        if rng.random() < 0.7:
            table[place] = rng.choice((0, 1, 2, 3, 4, 8, -1, 2**31, 2**53, 2**63 - 1, 2**64 - 1))
        else:
            first = place - place % 7
            table[first : first + 7] = rng.choice(([], table[first : first + 7] * 2, table[first : first + 6]))
        return {**msgspec.to_builtins(header), "segments": table}

    return seal(data, spoil)


def drop_or_double_column(rng, data, seal):
    def spoil(header):
        columns = list(header.columns)
        place = rng.randrange(len(columns))
        columns[place : place + 1] = rng.choice(([], [columns[place]] * 2, columns[::-1]))
        return {**msgspec.to_builtins(header), "columns": columns}

    return seal(data, spoil)


def spoil_values(rng, data, seal):
    """NaN, infinity and whatever other bytes among the values, correctly sealed."""
    evil = rng.choice((struct.pack("<f", float("nan")), struct.pack("<f", float("-inf")), b"\xff" * 4, b"\x02\0\0\x80"))
    place = rng.randrange(len(data) - 100, len(data) - 4)
    return seal(data[:place] + evil + data[place + 4 :])


def nested_header(rng, data, seal):
    depth = rng.randrange(1, 30_000)
    return seal(data, lambda _: msgspec.Raw(b"\x91" * depth + b"\x00"))


def pickled(rng, data, seal):
    bomb = pickle.dumps(Bomb(), protocol=rng.randrange(6))
    return rng.choice((bomb, data[: PREFIX.size] + bomb, data + bomb, seal(data, lambda _: msgspec.Raw(bomb))))


def noise(rng, data, seal):
    return rng.randbytes(rng.randrange(400))


MUTATIONS = (
    truncate, extend, flip_bits, flip_bits_and_seal, replace_prefix, claim_lengths, replace_header_value,
    replace_column, replace_segment, drop_or_double_column, spoil_values, nested_header, pickled, noise,
)  # fmt: skip


@pytest.mark.filterwarnings("error")
def test_no_bytes_make_the_decoder_raise_anything_but_a_counted_reason(seal):
    rng = random.Random(20)
    decoder = new_decoder()
    data = original()
    decoder.decode(data)
    reasons = Counter()
    accepted = 0
    for turn in range(ROUNDS):
        mutated = MUTATIONS[turn % len(MUTATIONS)](rng, data, seal)
        try:
            message = decoder.decode(mutated)
        except WireError as error:
            reasons[error.reason] += 1
            assert len(error.client) <= 128 and len(str(error)) < 1000
        else:
            accepted += 1
            assert_fits(message)
    assert set(reasons) == REASONS, "each reason is met, and there are no others"
    assert reasons.total() > 4_000


def assert_fits(message):
    """What was accepted in spite of a changed byte or two is still what was announced."""
    steps = message.steps
    rows = message.header.rows
    assert segments_error(steps.segments, rows, STREAMS) is None and message.header.client
    dense = {name: (column, rows) for name, column in steps.columns.items()}
    sparse = {name: (column.values, len(column.rows)) for name, column in steps.sparse.items()}
    assert dense.keys() | sparse.keys() == COLUMNS.keys() and steps.after.keys() == OBSERVED
    after = [(name, column, steps.has_after.sum()) for name, column in steps.after.items()]
    for name, column, count in [*((n, *pair) for n, pair in {**dense, **sparse}.items()), *after]:
        spec = COLUMNS[name]
        assert column.dtype == np.dtype(spec.dtype) and column.shape == (count, *spec.shape)
        assert spec.low is None or not column.size or spec.low <= column.min() <= column.max() <= spec.high
    for numbers, _ in steps.sparse.values():
        assert (np.diff(numbers) > 0).all() and (not len(numbers) or 0 <= numbers[0] <= numbers[-1] < rows)


def test_changed_message_is_never_accepted_unless_its_checksum_was_made_right(seal):
    rng = random.Random(21)
    decoder = new_decoder()
    data = original()
    for turn in range(1000):
        mutated = (truncate, extend, flip_bits, replace_prefix)[turn % 4](rng, data, seal)
        if mutated == data:
            continue
        with pytest.raises(WireError):
            decoder.decode(mutated)


def test_mutations_that_are_sealed_again_reach_the_values(seal):
    data = original()
    assert seal(data) == data
    assert seal(data, lambda header: header) == data
