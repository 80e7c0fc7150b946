"""Tables of FlatBuffers are read, whatever their offsets say."""

import struct

import pytest

from cpr.inspecting.flatbuffer import root_table

COUNT = 1000


@pytest.fixture(scope="module")
def data():
    """A table whose one field is a vector of offsets, all to one empty table."""
    fields = struct.pack("<3H", 6, 8, 4)  # their size, the table's, and where field 0 is
    head = struct.pack("<I", 16) + bytes(4) + fields + bytes(2)
    table = struct.pack("<iI", 8, 4)
    end = 28 + 4 * COUNT
    offsets = b"".join(struct.pack("<I", end - 28 - 4 * number) for number in range(COUNT))
    vector = struct.pack("<I", COUNT) + offsets
    return head + table + vector + struct.pack("<iII", end - 8, 4, 0)


def test_offsets_may_lead_to_one_table(data):
    tables = root_table(data).tables(0)
    assert [table.length(0) for table in tables] == [0] * COUNT
    assert root_table(data).length(0) == COUNT
    assert root_table(data).length(1) == 0


@pytest.mark.parametrize(
    "read",
    [lambda table: table.tables(0), lambda table: table.integers(0), lambda table: table.text(0)],
    ids=["tables", "integers", "text"],
)
def test_the_same_is_not_read_without_end(data, read):
    table = root_table(data)
    with pytest.raises(ValueError, match="it leads to the same places again and again"):
        for _ in range(5000):
            read(table)


@pytest.mark.parametrize("length", range(0, 60, 7))
def test_what_is_cut_off_is_damaged(data, length):
    with pytest.raises((struct.error, ValueError)):
        root_table(data[:length]).tables(0)
