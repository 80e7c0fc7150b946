"""Whether a UBJSON file is whole.

XGBoost reads past the end of a truncated ``.ubj`` file: about one truncation
in twenty ends the process with a segmentation fault instead of an error
(3.2). So the structure is walked here first; arrays are skipped, not read.
"""

from __future__ import annotations

import struct

_SIZES = {
    **dict.fromkeys(b"ZNTF", 0),
    **dict.fromkeys(b"iUC", 1),
    ord("I"): 2,
    **dict.fromkeys(b"ld", 4),
    **dict.fromkeys(b"LD", 8),
}
_INTEGERS = {ord("i"): ">b", ord("U"): ">B", ord("I"): ">h", ord("l"): ">i", ord("L"): ">q"}
_MAX_DEPTH = 64


def find_damage(data: bytes) -> str:
    """What is wrong with the structure of a UBJSON document, or an empty string."""
    try:
        end = _value(data, 0, _MAX_DEPTH)
    except (IndexError, struct.error):
        return f"it ends too early, after {len(data)} bytes"
    except ValueError as error:
        return str(error)
    return "" if end == len(data) else f"{len(data) - end} bytes follow its end"


def _value(data: bytes, at: int, depth: int) -> int:
    """The position after the value that starts at `at`."""
    marker = data[at]
    if marker in _SIZES:
        return _skip(data, at + 1, _SIZES[marker])
    if marker == ord("S"):
        length, at = _length(data, at + 1)
        return _skip(data, at, length)
    if marker not in b"[{":
        raise ValueError(f"byte {at} is {marker:#04x}, which starts no value")
    if depth == 0:
        raise ValueError(f"it is nested more than {_MAX_DEPTH} levels deep")
    return _container(data, at + 1, is_object=marker == ord("{"), depth=depth - 1)


def _container(data: bytes, at: int, *, is_object: bool, depth: int) -> int:
    kind = count = None
    if data[at] == ord("$"):
        kind, at = data[at + 1], at + 2
    if data[at] == ord("#"):
        count, at = _length(data, at + 1)
    if kind in _SIZES and count is not None and not is_object:
        return _skip(data, at, count * _SIZES[kind])
    if kind is not None:
        raise ValueError(f"byte {at} starts a container of an unknown type")
    closing = ord("}") if is_object else ord("]")
    done = 0
    while count is None or done < count:
        if count is None and data[at] == closing:
            return at + 1
        if is_object:
            length, at = _length(data, at)
            at = _skip(data, at, length)
        at = _value(data, at, depth)
        done += 1
    return at


def _length(data: bytes, at: int) -> tuple[int, int]:
    layout = _INTEGERS.get(data[at])
    if layout is None:
        raise ValueError(f"byte {at} is {data[at]:#04x} where a length must be")
    (length,) = struct.unpack_from(layout, data, at + 1)
    if length < 0:
        raise ValueError(f"byte {at} gives a negative length")
    return length, at + 1 + struct.calcsize(layout)


def _skip(data: bytes, at: int, length: int) -> int:
    if at + length > len(data):
        raise IndexError(at + length)
    return at + length
