"""Records are read as TensorFlow reads them, and damage is told."""

import pytest

from cpr.savedmodel.crc32c import masked_crc32c
from cpr.savedmodel.warmup_file import DamagedRecords, framed, read_records

RECORDS = [b"", b"one", bytes(1000)]


@pytest.fixture
def path(tmp_path):
    (tmp_path / "requests").write_bytes(b"".join(map(framed, RECORDS)))
    return tmp_path / "requests"


def test_records_are_those_of_tensorflow(tf, path, tmp_path):
    with tf.io.TFRecordWriter(str(tmp_path / "theirs")) as writer:
        for record in RECORDS:
            writer.write(record)
    assert (tmp_path / "theirs").read_bytes() == path.read_bytes()
    assert list(read_records(path)) == RECORDS


@pytest.mark.parametrize(
    ("place", "said"),
    [(0, "not a file of records"), (9, "not a file of records"), (30, "checksum of a record")],
    ids=["length", "its-checksum", "data"],
)
def test_changed_bytes_are_told(path, place, said):
    data = bytearray(path.read_bytes())
    data[place] ^= 1
    path.write_bytes(data)
    with pytest.raises(DamagedRecords, match=said):
        list(read_records(path))


@pytest.mark.parametrize("cut", [1, 4, 500, 1010])
def test_a_file_that_is_cut_off_is_told(path, cut):
    path.write_bytes(path.read_bytes()[:-cut])
    with pytest.raises(DamagedRecords, match=r"is cut off|not a file of records"):
        list(read_records(path, checks_data=False))


def test_a_record_larger_than_the_file_is_not_waited_for(path):
    length = (2**62).to_bytes(8, "little")
    path.write_bytes(length + masked_crc32c(length).to_bytes(4, "little") + bytes(100))
    with pytest.raises(DamagedRecords, match="its last record is cut off"):
        list(read_records(path))
