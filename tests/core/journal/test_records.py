"""Records come back as they were, and whatever was cut off or damaged ends the segment."""

import struct

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from soulsai_core.journal.records import CLIENTS, HEADER_SIZE, Header, Limits, Record, read_header, read_records

HEADER = Header(7, 900, Limits(3, 1))

records = st.lists(
    st.builds(
        Record,
        st.binary(max_size=40),
        iteration=st.integers(0, 2**48 - 1),
        rows=st.integers(0, 2**32 - 1),
        kind=st.integers(1, 3),
    ),
    max_size=4,
)


def segment(content):
    return HEADER.encoded() + b"".join(part for record in content for part in record.encoded())


@given(records)
def test_records_come_back_with_the_places_behind_them(content):
    data = segment(content)
    assert read_header(data) == HEADER
    read = list(read_records(data))
    assert [record for _, record in read] == content
    sizes = [record.size for record in content]
    assert [offset for offset, _ in read] == [HEADER_SIZE + sum(sizes[: i + 1]) for i in range(len(content))]


def test_segment_that_is_cut_off_anywhere_has_the_records_that_are_complete():
    content = [Record(b"one", 1, 2), Record(b"", 1), Record(b"three and more", 2, 4, CLIENTS)]
    data = segment(content)
    ends = [offset for offset, _ in read_records(data)]
    for length in range(HEADER_SIZE, len(data)):
        complete = sum(end <= length for end in ends)
        assert [record for _, record in read_records(data[:length])] == content[:complete]
    for length in range(HEADER_SIZE):
        assert read_header(data[:length]) is None


def test_any_changed_byte_of_a_record_ends_the_segment_before_it():
    content = [Record(b"one", 1, 2), Record(b"two", 1, 2), Record(b"three", 1, 2)]
    data = segment(content)
    ends = [HEADER_SIZE, *(offset for offset, _ in read_records(data))]
    for place in range(HEADER_SIZE, len(data)):
        damaged = data[:place] + bytes([data[place] ^ 0x40]) + data[place + 1 :]
        complete = sum(end <= place for end in ends[1:])
        assert [record for _, record in read_records(damaged)] == content[:complete]


def test_any_changed_byte_of_a_header_is_noticed():
    data = HEADER.encoded()
    for place in range(len(data)):
        damaged = data[:place] + bytes([data[place] ^ 0x40]) + data[place + 1 :]
        try:
            assert read_header(damaged) is None
        except ValueError as error:
            assert "format" in str(error) and place in (8, 9)


def test_another_format_is_refused_by_its_number():
    with pytest.raises(ValueError, match="it has format 9; this version reads format 2"):
        read_header(HEADER.encoded()[:8] + struct.pack("<H", 9) + HEADER.encoded()[10:])


@settings(max_examples=50)
@given(st.binary(max_size=200))
def test_any_bytes_behind_a_header_are_read_without_an_error(data):
    list(read_records(HEADER.encoded() + data))
