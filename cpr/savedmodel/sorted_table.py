"""The sorted table of LevelDB, in which TensorFlow keeps the index of its variables.

Blocks of entries whose keys share prefixes, a block that lists the blocks, and a
footer of 48 bytes. After each block stand its form (plain or Snappy) and its
checksum.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping

from cpr.savedmodel.crc32c import masked_crc32c
from cpr.savedmodel.snappy import unpacked
from cpr.savedmodel.wire_format import read_varint, varint

_FOOTER = 48
_MAGIC = bytes.fromhex("57fb808b247547db")
_PLAIN, _SNAPPY = 0, 1
_TRAILER = 5
# As TensorFlow writes them.
_BLOCK_BYTES = 1 << 18
_RESTART_EVERY = 16
# Keys that begin alike share bytes; written so, they are at most as many times their block.
_MOST_SHARING = 2 * _RESTART_EVERY


class DamagedIndex(ValueError):
    """The file is not the index of a checkpoint, or not all of it."""


def read_table(data: bytes) -> Iterator[tuple[bytes, bytes]]:
    """The keys and values of a table, in the order of the keys.

    Raises:
        DamagedIndex: It is no table, ends too early, is not in order, or a
            checksum is wrong.
    """
    if len(data) < _FOOTER or not data.endswith(_MAGIC):
        raise DamagedIndex("it does not end as an index does")
    footer = data[-_FOOTER:]
    try:
        _, place = read_varint(footer, 0)
        _, place = read_varint(footer, place)
        listed, _ = _block(data, footer[place:])
        before: bytes | None = None
        read = 0
        for _, handle in _entries(listed):
            block, end = _block(data, handle, after=read)
            read = end
            for key, value in _entries(block):
                if before is not None and key <= before:
                    raise DamagedIndex("its entries are not in order")
                before = key
                yield key, value
    except IndexError as error:
        raise DamagedIndex("its entries cannot be read") from error


def write_table(entries: Mapping[bytes, bytes]) -> bytes:
    """A table of keys and values, which TensorFlow reads."""
    made = bytearray()
    handles: dict[bytes, bytes] = {}
    for pairs in _split(sorted(entries.items())):
        handles[pairs[-1][0]] = _append(made, _packed(pairs))
    listed = _append(made, _packed([]))
    blocks = _append(made, _packed(list(handles.items()), restart_every=1))
    return bytes(made + (listed + blocks).ljust(_FOOTER - len(_MAGIC), b"\0") + _MAGIC)


def _block(data: bytes, handle: bytes, *, after: int = 0) -> tuple[bytes, int]:
    """The block that a handle (offset and size) leads to, and where it ends.

    A block that begins before the one `after` which it is read has ended could be
    read again and again.
    """
    start, place = read_varint(handle, 0)
    size, _ = read_varint(handle, place)
    end = start + size
    if end + _TRAILER > len(data) or start < after:
        raise IndexError("a block leads out of the file, or into another")
    stored = int.from_bytes(data[end + 1 : end + _TRAILER], "little")
    if stored != masked_crc32c(data[start : end + 1]):
        raise DamagedIndex("the checksum of a block is wrong")
    block, form = data[start:end], data[end]
    if form not in (_PLAIN, _SNAPPY):
        raise IndexError("a block is of an unknown form")
    return unpacked(block) if form == _SNAPPY else block, end


def _entries(block: bytes) -> Iterator[tuple[bytes, bytes]]:
    restarts = int.from_bytes(block[-4:], "little")
    end = len(block) - 4 - 4 * restarts
    place, key, size = 0, b"", 0
    while place < end:
        shared, place = read_varint(block, place)
        own, place = read_varint(block, place)
        length, place = read_varint(block, place)
        if place + own + length > end or shared > len(key):
            raise IndexError("an entry leads out of its block")
        key = key[:shared] + block[place : place + own]
        place += own
        size += len(key)
        if size > _MOST_SHARING * len(block):
            raise IndexError("keys are longer than what could be written so")
        yield key, block[place : place + length]
        place += length


def _split(pairs: Iterable[tuple[bytes, bytes]]) -> Iterator[list[tuple[bytes, bytes]]]:
    """The entries of each block."""
    some: list[tuple[bytes, bytes]] = []
    size = 0
    for key, value in pairs:
        some.append((key, value))
        size += len(key) + len(value)
        if size >= _BLOCK_BYTES:
            yield some
            some, size = [], 0
    if some:
        yield some


def _packed(pairs: list[tuple[bytes, bytes]], *, restart_every: int = _RESTART_EVERY) -> bytes:
    made = bytearray()
    restarts = []
    before = b""
    for number, (key, value) in enumerate(pairs):
        shared = _shared(before, key) if number % restart_every else 0
        if not number % restart_every:
            restarts.append(len(made))
        made += varint(shared) + varint(len(key) - shared) + varint(len(value))
        made += key[shared:] + value
        before = key
    restarts = restarts or [0]
    return bytes(made) + b"".join(_fixed(number) for number in [*restarts, len(restarts)])


def _shared(before: bytes, key: bytes) -> int:
    """How many bytes two keys begin with alike."""
    pairs = enumerate(zip(before, key, strict=False))
    return next((at for at, (one, other) in pairs if one != other), min(len(before), len(key)))


def _append(made: bytearray, block: bytes) -> bytes:
    """Write a block and return its handle."""
    handle = varint(len(made)) + varint(len(block))
    whole = block + bytes([_PLAIN])
    made += whole + _fixed(masked_crc32c(whole))
    return handle


def _fixed(number: int) -> bytes:
    return number.to_bytes(4, "little")
