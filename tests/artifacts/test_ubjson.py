"""Whether damage to a UBJSON file is seen before a C++ library meets it."""

import pytest

from cpr.artifacts.ubjson import find_damage

LONG = b"L" + (3).to_bytes(8, "big")
DOCUMENT = (
    b"{U\x01a" b"S" + LONG + b"xyz"
    b"U\x01b" b"[$d#" + LONG + bytes(12) +
    b"U\x01c" b"[#" + LONG + b"TFZ"
    b"U\x01d" b"[i\x01I\x00\x02l\x00\x00\x00\x03]"
    b"U\x01e" b"{}"
    b"U\x01f" b"D" + bytes(8) + b"}"
)  # fmt: skip


def nested(depth: int) -> bytes:
    return b"[" * depth + b"]" * depth


def test_a_whole_document_is_fine():
    assert find_damage(DOCUMENT) == ""


def test_every_truncation_is_damage():
    for length in range(len(DOCUMENT)):
        assert find_damage(DOCUMENT[:length]) == f"it ends too early, after {length} bytes"


@pytest.mark.parametrize(
    ("data", "damage"),
    [
        (DOCUMENT + b"xx", "2 bytes follow its end"),
        (b"[?]", "byte 1 is 0x3f, which starts no value"),
        (b"SZ", "byte 1 is 0x5a where a length must be"),
        (b"Si\xff", "byte 1 gives a negative length"),
        (b"[$[#i\x02", "byte 6 starts a container of an unknown type"),
        (b"SL\x7f" + bytes(7), "it ends too early, after 10 bytes"),
        (nested(200), "it is nested more than 64 levels deep"),
    ],
    ids=["more", "marker", "length", "negative", "typed", "huge", "deep"],
)
def test_damage_is_described(data, damage):
    assert find_damage(data) == damage


def test_moderate_depth_is_fine():
    assert find_damage(nested(60)) == ""
