"""Source distributions that try to escape, to confuse or to exhaust."""

import gzip
import os
import stat
import tarfile
import zlib

import pytest

from cpr.archive import Limits, extract, open_archive
from cpr.errors import LoadError, PackageRefused

CODE = b"raise SystemExit('ran')\n"
GOOD = ("x-1.0/good.py", CODE)
BLOCK = 512


def link(name, target, kind=tarfile.SYMTYPE):
    entry = tarfile.TarInfo(name)
    entry.type, entry.linkname = kind, target
    return entry, b""


def special(name, kind):
    entry = tarfile.TarInfo(name)
    entry.type = kind
    return entry, b""


def pax(name, content=CODE, **headers):
    entry = tarfile.TarInfo(name)
    entry.pax_headers = {key.replace("__", "."): value for key, value in headers.items()}
    return entry, content


# Case → (entries, what the message must say).
ENTRIES = {
    "absolute-name": ([GOOD, ("/tmp/cpr-escaped.py", CODE)], "absolute name"),
    "absolute-name-doubled-slash": ([GOOD, ("//tmp/cpr-escaped.py", CODE)], "absolute name"),
    "parent": ([GOOD, ("../escaped.py", CODE)], r"'\.\.'"),
    "parent-in-the-middle": ([GOOD, ("x-1.0/../../escaped.py", CODE)], r"'\.\.'"),
    "parent-at-the-end": ([GOOD, ("x-1.0/..", None)], r"'\.\.'"),
    "parent-after-dot": ([GOOD, ("./../escaped.py", CODE)], r"'\.\.'"),
    "dot-in-the-middle": ([GOOD, ("x-1.0/./good2.py", CODE)], r"'\.'"),
    "empty-part": ([GOOD, ("x-1.0//good2.py", CODE)], "''"),
    "backslash": ([GOOD, ("x-1.0\\..\\..\\escaped.py", CODE)], "backslash"),
    "drive-letter": ([GOOD, ("C:/escaped.py", CODE)], "drive letter"),
    "drive-letter-inside": ([GOOD, ("x-1.0/c:escaped.py", CODE)], "drive letter"),
    "symlink-out": ([GOOD, link("x-1.0/l", "/etc")], "symbolic link"),
    "symlink-inside": ([GOOD, link("x-1.0/l", "good.py")], "symbolic link"),
    "symlink-then-through-it": (
        [GOOD, link("x-1.0/l", ".."), ("x-1.0/l/escaped.py", CODE)],
        "symbolic link",
    ),
    "symlink-chain": (
        [link("x-1.0/a", "."), link("x-1.0/a/b", "../.."), ("x-1.0/a/b/escaped.py", CODE)],
        "symbolic link",
    ),
    "symlink-with-long-target": ([GOOD, link("x-1.0/l", "../" * 60)], "symbolic link|long name"),
    "hard-link-out": ([GOOD, link("x-1.0/h", "/etc/passwd", tarfile.LNKTYPE)], "hard link"),
    "hard-link-inside": ([GOOD, link("x-1.0/h", "x-1.0/good.py", tarfile.LNKTYPE)], "hard link"),
    "character-device": ([GOOD, special("x-1.0/d", tarfile.CHRTYPE)], "character device"),
    "block-device": ([GOOD, special("x-1.0/d", tarfile.BLKTYPE)], "block device"),
    "fifo": ([GOOD, special("x-1.0/d", tarfile.FIFOTYPE)], "FIFO"),
    "contiguous-file": ([GOOD, special("x-1.0/d", tarfile.CONTTYPE)], "unknown kind"),
    "sparse-file": ([GOOD, special("x-1.0/d", tarfile.GNUTYPE_SPARSE)], "sparse"),
    "sparse-by-pax": ([GOOD, pax("x-1.0/d", GNU__sparse__name="x-1.0/other")], "sparse"),
    "unknown-kind": ([GOOD, special("x-1.0/d", b"Z")], "unknown kind"),
    "duplicate": ([GOOD, ("x-1.0/good.py", b"other")], "twice"),
    "duplicate-by-case": ([GOOD, ("x-1.0/GOOD.py", CODE)], "twice"),
    "duplicate-by-folder-case": ([("x-1.0/p/a.py", CODE), ("x-1.0/P/b.py", CODE)], "twice"),
    "duplicate-by-top-case": ([GOOD, ("X-1.0/b.py", CODE)], "twice"),
    "duplicate-by-normalisation": (
        [("x-1.0/caf\u00e9.py", CODE), ("x-1.0/cafe\u0301.py", CODE)],
        "twice",
    ),
    "duplicate-by-folding": (
        [("x-1.0/stra\u00dfe.py", CODE), ("x-1.0/strasse.py", CODE)],
        "twice",
    ),
    "duplicate-by-leading-dot": ([GOOD, ("./x-1.0/good.py", CODE)], "twice"),
    "file-then-folder": ([("x-1.0/a", CODE), ("x-1.0/a/b.py", CODE)], "twice"),
    "folder-then-file": ([("x-1.0/a/b.py", CODE), ("x-1.0/a", CODE)], "twice"),
    "second-manifest": (
        [("x-1.0/cpr-manifest.json", b"{}"), ("x-1.0/cpr-manifest.json", b"[]")],
        "twice",
    ),
    "newline-in-name": ([GOOD, ("x-1.0/a\nb.py", CODE)], "control"),
    "escape-in-name": ([GOOD, ("x-1.0/\x1b[2Ja.py", CODE)], "control"),
    "delete-in-name": ([GOOD, ("x-1.0/a\x7f.py", CODE)], "control"),
    "right-to-left-mark": ([GOOD, ("x-1.0/a\u202egpj.py", CODE)], "control"),
    "zero-width-space": ([GOOD, ("x-1.0/a\u200b.py", CODE)], "control"),
    "nul-in-pax-name": ([GOOD, pax("x-1.0/a.py", path="x-1.0/a\0b.py")], "control"),
    "not-utf-8": ([GOOD, ("x-1.0/a\udcff.py", CODE)], "UTF-8|control"),
    "name-part-too-long": ([GOOD, ("x-1.0/" + "n" * 256, CODE)], "longer"),
    "name-too-long": ([GOOD, ("x-1.0/" + "/".join(["n" * 100] * 12), CODE)], "longer"),
    "two-top-folders": ([GOOD, ("y-1.0/b.py", CODE)], "one top folder"),
    "file-at-the-top": ([GOOD, ("b.py", CODE)], "one top folder"),
    "only-folders": ([("x-1.0/empty", None)], "one top folder"),
}


ONLY_IN_PAX = {"sparse-by-pax", "nul-in-pax-name"}
CASES = [
    pytest.param(*case, format, id=f"{kind}-{name}")
    for kind, format in (("pax", tarfile.PAX_FORMAT), ("gnu", tarfile.GNU_FORMAT))
    for name, case in ENTRIES.items()
    if kind == "pax" or name not in ONLY_IN_PAX
]


@pytest.mark.parametrize(("entries", "reason", "format"), CASES)
def test_is_refused_and_nothing_is_written(make_sdist, snapshot, tmp_path, entries, reason, format):
    archive = make_sdist(entries, format=format)
    before = snapshot()
    with pytest.raises(PackageRefused, match=reason) as caught:
        extract(archive, tmp_path / "into")
    assert str(archive) in caught.value.problem
    assert snapshot() == before
    assert not os.path.exists("/tmp/cpr-escaped.py")


@pytest.mark.parametrize("mode", [0o4755, 0o2777, 0o000, 0o666, 0o1777], ids=oct)
def test_modes_are_ours_whatever_the_archive_says(make_sdist, tmp_path, mode):
    entry, folder = tarfile.TarInfo("x-1.0/tool.py"), tarfile.TarInfo("x-1.0/pkg")
    entry.mode = folder.mode = mode
    mask = os.umask(0o077)
    try:
        root = extract(make_sdist([(folder, None), (entry, CODE)]), tmp_path / "into")
    finally:
        os.umask(mask)
    assert stat.S_IMODE((root / "tool.py").stat().st_mode) == 0o644
    assert stat.S_IMODE((root / "pkg").stat().st_mode) == 0o755


def header(name, *, size=b"00000000000", kind=b"0"):
    """A raw ustar header with a right checksum, whatever its fields hold."""
    block = bytearray(BLOCK)
    block[: len(name)] = name
    block[100:108], block[124 : 124 + len(size)], block[156:157] = b"0000644\0", size, kind
    block[257:265], block[148:156] = b"ustar\x0000", b" " * 8
    block[148:156] = b"%06o\0 " % sum(block)
    return bytes(block)


END = bytes(2 * BLOCK)
FILE = header(b"x-1.0/a.py", size=b"00000000003") + b"abc".ljust(BLOCK, b"\0")
BAD_CHECKSUM = b"y" + FILE[1:BLOCK]
RAW = {
    "empty": b"",
    "end-only": END,
    "no-end": FILE,
    "header-cut": FILE + FILE[:100],
    "content-cut": FILE + header(b"x-1.0/b.py", size=b"00000001000") + b"abc",
    "bad-checksum": BAD_CHECKSUM + FILE[BLOCK:] + END,
    "bad-checksum-later": FILE + BAD_CHECKSUM + FILE[BLOCK:] + END,
    "more-after-the-end": FILE + END + FILE + END,
    "garbage-after-the-end": FILE + END + b"x",
    "negative-size": header(b"x-1.0/a", size=b"-0000000001") + END,
    "signed-size": header(b"x-1.0/a", size=b"+0000000001") + END,
    "size-with-underscore": header(b"x-1.0/a", size=b"0000000_001") + END,
    "binary-size": header(b"x-1.0/a", size=b"\x80" + bytes(9) + b"\x01") + END,
    "size-past-the-end": header(b"x-1.0/a", size=b"00000007777") + END,
    "huge-size": header(b"x-1.0/a", size=b"77777777777") + END,
    "nul-in-name": header(b"x-1.0/a\0b.py") + END,
    "no-name": header(b"") + END,
    "not-utf-8": header(b"x-1.0/\xff.py") + END,
    "folder-with-content": header(b"x-1.0/a", size=b"00000000003", kind=b"5") + FILE[BLOCK:] + END,
    "file-with-slash": header(b"x-1.0/a/") + END,
    "long-link-name": header(b"././@LongLink", size=b"00000000003", kind=b"K") + FILE[BLOCK:] + END,
    "extension-without-entry": header(b"p", size=b"00000000013", kind=b"x")
    + b"11 path=ab\n".ljust(BLOCK, b"\0")
    + END,
    "extension-too-long": header(b"p", size=b"00001000000", kind=b"x") + bytes(262_144) + END,
    "pax-length-wrong": header(b"p", size=b"00000000013", kind=b"x")
    + b"99 path=ab\n".ljust(BLOCK, b"\0")
    + FILE
    + END,
    "pax-length-zero": header(b"p", size=b"00000000013", kind=b"x")
    + b"00 path=ab\n".ljust(BLOCK, b"\0")
    + FILE
    + END,
    "pax-size-wrong": header(b"p", size=b"00000000013", kind=b"x")
    + b"11 size=-5\n".ljust(BLOCK, b"\0")
    + FILE
    + END,
    "pax-path-twice": header(b"p", size=b"00000000026", kind=b"x")
    + (b"11 path=ab\n" * 2).ljust(BLOCK, b"\0")
    + FILE
    + END,
    "pax-path-for-all": header(b"p", size=b"00000000013", kind=b"g")
    + b"11 path=ab\n".ljust(BLOCK, b"\0")
    + FILE
    + END,
}


@pytest.mark.parametrize("data", RAW.values(), ids=RAW)
def test_a_malformed_tar_is_refused(tmp_path, snapshot, data):
    archive = tmp_path / "evil-1.0.tar.gz"
    archive.write_bytes(gzip.compress(data))
    before = snapshot()
    with pytest.raises(PackageRefused, match=r"evil-1\.0\.tar\.gz"):
        extract(archive, tmp_path / "into")
    assert snapshot() == before


PLAIN = gzip.compress(FILE + END)
GZIP = {
    "no-gzip": b"PK\x03\x04",
    "no-bytes": b"",
    "magic-only": b"\x1f\x8b",
    "unknown-method": PLAIN[:2] + b"\x07" + PLAIN[3:],
    "reserved-flag": PLAIN[:3] + b"\x80" + PLAIN[4:],
    "name-never-ends": PLAIN[:3] + b"\x08" + PLAIN[4:10] + b"a" * 50,
    "extra-past-the-end": PLAIN[:3] + b"\x04" + PLAIN[4:10] + b"\xff\xff",
    "bad-crc": PLAIN[:-8] + b"\0\0\0\0" + PLAIN[-4:],
    "bad-length": PLAIN[:-4] + b"\0\0\0\0",
    "no-trailer": PLAIN[:-8],
    "trailing-garbage": PLAIN + b"x",
    "trailing-zeros": PLAIN + bytes(512),
    "second-gzip-member": PLAIN + gzip.compress(b"more"),
}


@pytest.mark.parametrize("data", GZIP.values(), ids=GZIP)
def test_a_malformed_gzip_is_refused(tmp_path, snapshot, data):
    archive = tmp_path / "evil-1.0.tgz"
    archive.write_bytes(data)
    before = snapshot()
    with pytest.raises(PackageRefused, match=r"evil-1\.0\.tgz"):
        extract(archive, tmp_path / "into")
    assert snapshot() == before


def bomb(size):
    """A gzip file that unpacks to zeros, made without holding them."""
    compressor = zlib.compressobj(9, zlib.DEFLATED, 31)
    yield compressor.compress(header(b"x-1.0/bomb", size=b"%011o" % size))
    for _ in range(size // 1_048_576):
        yield compressor.compress(bytes(1_048_576))
    yield compressor.compress(END) + compressor.flush()


def test_a_bomb_is_refused_at_its_announced_size(tmp_path, snapshot):
    archive = tmp_path / "bomb-1.0.tar.gz"
    archive.write_bytes(b"".join(bomb(1 << 30)))
    before = snapshot()
    with pytest.raises(PackageRefused, match=r"bomb.* unpacks to more than 256,000,000 bytes"):
        extract(archive, tmp_path / "into")
    assert snapshot() == before


def test_many_files_together_meet_the_limit(make_sdist, tmp_path):
    archive = make_sdist([(f"x-1.0/{n}", bytes(10_000)) for n in range(100)])
    with pytest.raises(PackageRefused, match="more than 500,000 bytes"):
        extract(archive, tmp_path / "into", limits=Limits(total_bytes=500_000))


def test_zeros_after_the_end_meet_the_limit_too(tmp_path):
    archive = tmp_path / "zeros-1.0.tar.gz"
    archive.write_bytes(gzip.compress(FILE + bytes(2_000_000)))
    with pytest.raises(PackageRefused, match="more than 1,000,000 bytes"):
        extract(archive, tmp_path / "into", limits=Limits(total_bytes=1_000_000))


def test_too_many_entries_are_refused(tmp_path):
    archive = tmp_path / "many-1.0.tar.gz"
    headers = b"".join(header(b"x-1.0/%d" % n) for n in range(50_000))
    archive.write_bytes(gzip.compress(headers + END, 1))
    with pytest.raises(PackageRefused, match=r"more than 10,000 (entries|files)"):
        extract(archive, tmp_path / "into")


def test_too_many_implied_folders_are_refused(make_sdist, tmp_path):
    deep = [(f"x-1.0/{n}/" + "d/" * 200 + "f", b"x") for n in range(60)]
    with pytest.raises(PackageRefused, match="more than 10,000 files and folders"):
        extract(make_sdist(deep), tmp_path / "into")


def test_a_file_larger_than_the_limit_is_not_even_read(tmp_path):
    archive = tmp_path / "large-1.0.tar.gz"
    with archive.open("wb") as file:
        file.truncate(300_000_000)
    with pytest.raises(PackageRefused, match="larger than 256,000,000 bytes"):
        open_archive(archive)


def test_a_folder_or_nothing_is_no_package_file(tmp_path):
    (tmp_path / "folder.tar.gz").mkdir()
    with pytest.raises(LoadError, match="is a directory"):
        open_archive(tmp_path / "folder.tar.gz")
    with pytest.raises(LoadError, match="is not there"):
        open_archive(tmp_path / "nothing.tar.gz")


def test_a_tar_of_python_itself_is_read_like_ours(make_sdist, tmp_path):
    """A check of the reader against the library: names, sizes and content agree."""
    entries = [(f"x-1.0/{'p' * n}/{n}.py", bytes([n]) * n * 37) for n in range(1, 120)]
    archive = make_sdist(entries)
    with open_archive(archive) as contents, tarfile.open(archive) as expected:
        found = {member.name: contents.read(member) for member in contents.members}
        assert found == {
            entry.name: expected.extractfile(entry).read() for entry in expected.getmembers()
        }
