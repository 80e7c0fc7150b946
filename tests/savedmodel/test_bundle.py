"""Variables are read as TensorFlow reads them, and damage is told."""

import pytest

from cpr.errors import LoadError
from cpr.savedmodel.bundle import Bundle, read_index
from cpr.savedmodel.crc32c import masked_crc32c
from cpr.savedmodel.sorted_table import DamagedIndex, read_table, write_table
from cpr.savedmodel.wire_format import fields, read_varint, varint


@pytest.mark.parametrize("which", ["graph", "variant"])
def test_an_index_is_read_as_tensorflow_reads_it(tf, checkpoints, which):
    prefix = checkpoints[which]
    reader = tf.train.load_checkpoint(str(prefix))
    kinds = reader.get_variable_to_dtype_map()
    read = read_index(prefix.with_suffix(".index"))
    assert {name: list(entry.shape) for name, entry in read.items()} == (
        reader.get_variable_to_shape_map()
    )
    assert {name: entry.dtype for name, entry in read.items()} == {
        name: kind.name for name, kind in kinds.items()
    }


def test_bytes_are_those_of_the_variable(tf, checkpoints):
    expected = tf.train.load_checkpoint(str(checkpoints["graph"])).get_tensor("dense/kernel")
    with Bundle(checkpoints["graph"]) as bundle:
        assert bytes(bundle.data(bundle.entries["dense/kernel"])) == expected.tobytes()


def test_a_variable_saved_in_parts_has_them_all(checkpoints):
    entries = read_index(checkpoints["graph"].with_suffix(".index"))
    embedding = entries["embedding"]
    assert embedding.shape == (300, 4)
    assert [part.shape for part in embedding.slices] == [(100, 4)] * 3
    assert (embedding.size, embedding.total_size) == (0, 4800)
    assert [part.shape for part in entries["wide"].slices] == [(2, 100)] * 2


@pytest.mark.parametrize("which", ["graph", "variant"])
def test_every_checksum_fits(checkpoints, which):
    with Bundle(checkpoints[which]) as bundle:
        for entry in bundle.entries.values():
            for piece in entry.pieces:
                bundle.check(piece)


@pytest.fixture
def copied(checkpoints, tmp_path):
    for path in checkpoints["graph"].parent.glob("graph.*"):
        (tmp_path / path.name).write_bytes(path.read_bytes())
    return tmp_path / "graph"


@pytest.mark.parametrize("name", ["dense/kernel", "text", "embedding"])
def test_changed_bytes_do_not_have_their_checksum(copied, name):
    data = copied.with_name("graph.data-00000-of-00001")
    piece = read_index(copied.with_suffix(".index"))[name].pieces[0]
    content = bytearray(data.read_bytes())
    content[piece.offset + piece.size - 1] ^= 1
    data.write_bytes(content)
    with Bundle(copied) as bundle, pytest.raises(LoadError) as caught:
        bundle.check(bundle.entries[name].pieces[0])
    assert f"graph: the bytes of '{name}' in {copied.parent} do not have the checksum" in str(
        caught.value
    )


def test_strings_whose_lengths_lead_nowhere_do_not_have_their_checksum(copied):
    data = copied.with_name("graph.data-00000-of-00001")
    piece = read_index(copied.with_suffix(".index"))["text"]
    content = bytearray(data.read_bytes())
    content[piece.offset : piece.offset + piece.size] = b"\xff" * piece.size
    data.write_bytes(content)
    with Bundle(copied) as bundle, pytest.raises(LoadError, match="do not have the checksum"):
        bundle.check(bundle.entries["text"])


def test_a_missing_data_file_is_named(copied):
    copied.with_name("graph.data-00000-of-00001").unlink()
    with pytest.raises(LoadError) as caught:
        Bundle(copied)
    assert "graph.data-00000-of-00001 is missing; '" in caught.value.problem
    assert "export it again" in caught.value.hint


def test_a_data_file_that_ends_too_early_is_told_with_its_size(copied):
    data = copied.with_name("graph.data-00000-of-00001")
    data.write_bytes(data.read_bytes()[:100])
    with pytest.raises(LoadError, match="has 100 bytes and ends before 'wide' does"):
        Bundle(copied)


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (None, "graph.index cannot be read: No such file"),
        (b"", "graph.index is damaged: it does not end as an index does"),
    ],
    ids=["missing", "empty"],
)
def test_an_index_that_is_none_is_told(copied, content, said):
    index = copied.with_suffix(".index")
    index.unlink()
    if content is not None:
        index.write_bytes(content)
    with pytest.raises(LoadError) as caught:
        Bundle(copied)
    assert said in caught.value.problem


def test_no_byte_of_an_index_changes_unnoticed(checkpoints, tmp_path):
    whole = checkpoints["graph"].with_suffix(".index").read_bytes()
    path = tmp_path / "x.index"
    sound = read_index(checkpoints["graph"].with_suffix(".index"))
    for place in range(0, len(whole) - 8, 5):
        changed = bytearray(whole)
        changed[place] ^= 0x11
        path.write_bytes(changed)
        try:
            assert read_index(path) == sound, place  # a byte of the footer's padding
        except DamagedIndex as error:
            assert str(error)


def table(block, *, form=0, times=1):
    """An index of one block, as LevelDB writes it."""
    data = block + bytes([form])
    data += masked_crc32c(data).to_bytes(4, "little")
    handle = varint(0) + varint(len(block))
    entries = b"".join(bytes([0, 1, len(handle), number]) + handle for number in range(times))
    entries += b"\0\0\0\0" + b"\1\0\0\0"
    index_handle = varint(len(data)) + varint(len(entries))
    whole = data + entries + b"\0" + masked_crc32c(entries + b"\0").to_bytes(4, "little")
    footer = b"\0\0" + index_handle
    return whole + footer.ljust(40, b"\0") + bytes.fromhex("57fb808b247547db")


ENTRIES = (
    b"\0\0\2\x08\1"  # the header: an empty key
    b"\0\5\4dense\x20\5\x28\7"  # dense: offset 5, 7 bytes
    b"\5\2\2_1\x28\3"  # dense_1: 3 bytes
    b"\0\0\0\0\1\0\0\0"
)


def packed(data):
    """Snappy with nothing but literals and one copy."""
    return bytes([len(data)]) + bytes([(len(data) - 1) << 2]) + data


@pytest.mark.parametrize("form", [0, 1], ids=["plain", "snappy"])
def test_entries_share_prefixes(tmp_path, form):
    path = tmp_path / "x.index"
    path.write_bytes(table(packed(ENTRIES) if form else ENTRIES, form=form))
    read = read_index(path)
    assert {name: (item.offset, item.size) for name, item in read.items()} == {
        "dense": (5, 7),
        "dense_1": (0, 3),
    }


def test_snappy_copies_what_came_before(tmp_path):
    long = b"\0\x0a\2aaaaaaaaaa\x28\3" + b"\0\0\0\0\1\0\0\0"
    # A literal of four bytes, a copy of nine bytes from one byte back, the rest.
    copied = bytes([len(long), 3 << 2]) + long[:4] + bytes([(9 - 4) << 2 | 1, 1])
    copied += bytes([(len(long) - 13 - 1) << 2]) + long[13:]
    path = tmp_path / "x.index"
    path.write_bytes(table(copied, form=1))
    assert list(read_index(path)) == ["a" * 10]


@pytest.mark.parametrize("length", range(0, 100, 7))
def test_an_index_that_is_cut_off_is_damaged(tmp_path, length):
    path = tmp_path / "x.index"
    whole = table(ENTRIES)
    path.write_bytes(whole[: min(length, len(whole) - 1)])
    with pytest.raises(DamagedIndex, match="it does not end as an index does"):
        read_index(path)


def test_garbage_with_the_right_end_is_damaged(tmp_path):
    path = tmp_path / "x.index"
    for byte in range(256):
        path.write_bytes(bytes([byte]) * 60 + table(ENTRIES)[-8:])
        with pytest.raises(DamagedIndex, match=r"cannot be read|checksum"):
            read_index(path)


def test_keys_that_share_without_end_are_not_unpacked(tmp_path):
    """10,000 keys of 100 kB in 200 kB: a gigabyte if they were real."""
    first = b"\0" + varint(100_000) + b"\0" + b"k" * 100_000
    others = (varint(100_000) + b"\2\0" + n.to_bytes(2, "big") for n in range(10_000))
    path = tmp_path / "x.index"
    path.write_bytes(table(first + b"".join(others) + b"\0\0\0\0\1\0\0\0"))
    with pytest.raises(DamagedIndex, match="its entries cannot be read"):
        read_index(path)


def test_a_block_is_not_read_twice(tmp_path):
    path = tmp_path / "x.index"
    path.write_bytes(table(ENTRIES, times=2))
    with pytest.raises(DamagedIndex, match="its entries cannot be read"):
        read_index(path)


def test_entries_have_an_order(tmp_path):
    path = tmp_path / "x.index"
    path.write_bytes(table(b"\0\1\0b" + b"\0\1\0b" + b"\0\0\0\0\1\0\0\0"))
    with pytest.raises(DamagedIndex, match="its entries are not in order"):
        read_index(path)


def test_a_negative_place_is_damage(tmp_path):
    path = tmp_path / "x.index"
    path.write_bytes(write_table({b"": b"\x08\1", b"v": b"\x20" + varint(2**64 - 5)}))
    with pytest.raises(DamagedIndex, match="the place of 'v' is negative"):
        read_index(path)


def test_a_table_of_many_blocks_is_read_as_it_was_written():
    entries = {f"{number:06d}".encode(): b"x" * (number % 999) for number in range(3000)}
    assert dict(read_table(write_table(entries))) == entries


def test_a_table_of_nothing_is_read():
    assert dict(read_table(write_table({}))) == {}


@pytest.mark.parametrize("value", [0, 1, 127, 128, 300, 2**32, 2**64 - 1])
def test_integers_of_variable_length(value):
    assert read_varint(varint(value), 0) == (value, len(varint(value)))


def test_fields_of_a_message():
    assert list(fields(b"\x08\x96\x01\x12\x02hi\x1d\1\0\0\0")) == [
        (1, 150),
        (2, b"hi"),
        (3, b"\1\0\0\0"),
    ]
