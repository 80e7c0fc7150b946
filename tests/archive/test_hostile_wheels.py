"""Wheels that try to escape, to confuse or to exhaust."""

import stat
import zipfile

import pytest

from cpr.archive import Limits, extract, open_archive
from cpr.errors import PackageRefused

CODE = b"raise SystemExit('ran')\n"
GOOD = ("good.py", CODE)


def entry(name, mode=stat.S_IFREG | 0o644, **fields):
    info = zipfile.ZipInfo(name)
    info.external_attr = mode << 16
    info.filename = info.orig_filename = name
    for key, value in fields.items():
        setattr(info, key, value)
    return info


ENTRIES = {
    "absolute-name": ([GOOD, (entry("/tmp/cpr-escaped.py"), CODE)], "absolute name"),
    "parent": ([GOOD, (entry("../escaped.py"), CODE)], r"'\.\.'"),
    "parent-inside": ([GOOD, (entry("p/../../escaped.py"), CODE)], r"'\.\.'"),
    "backslash": ([GOOD, (entry("..\\escaped.py"), CODE)], "backslash"),
    "drive-letter": ([GOOD, (entry("C:/escaped.py"), CODE)], "drive letter"),
    "symlink": ([GOOD, (entry("l", stat.S_IFLNK | 0o777), b"/etc")], "link or device"),
    "symlink-from-dos": (
        [GOOD, (entry("l", stat.S_IFLNK | 0o777, create_system=0), b"/etc")],
        "link or device",
    ),
    "device": ([GOOD, (entry("d", stat.S_IFCHR | 0o666), b"")], "link or device"),
    "folder-by-mode-only": ([GOOD, (entry("d", stat.S_IFDIR | 0o755), b"")], "link or device"),
    "duplicate-by-case": ([GOOD, ("GOOD.py", CODE)], "twice"),
    "duplicate-by-normalisation": ([("caf\u00e9.py", CODE), ("cafe\u0301.py", CODE)], "twice"),
    "file-and-folder": ([("a", CODE), ("a/b.py", CODE)], "twice"),
    "newline-in-name": ([GOOD, ("a\nb.py", CODE)], "control"),
    "our-manifest-without-seal": ([GOOD, ("cpr-manifest.json", b"{}")], "no seal"),
    "unusual-compression": ([(entry("b.py", compress_type=zipfile.ZIP_BZIP2), CODE)], "unusual"),
}


@pytest.mark.parametrize(("entries", "reason"), ENTRIES.values(), ids=ENTRIES)
def test_is_refused_and_nothing_is_written(make_wheel, snapshot, tmp_path, entries, reason):
    archive = make_wheel(entries)
    before = snapshot()
    with pytest.raises(PackageRefused, match=reason) as caught:
        extract(archive, tmp_path / "into")
    assert str(archive) in caught.value.problem
    assert snapshot() == before


@pytest.mark.filterwarnings("ignore:Duplicate name:UserWarning")
def test_duplicate_names_are_refused(make_wheel, tmp_path):
    with pytest.raises(PackageRefused, match="twice"):
        extract(make_wheel([GOOD, GOOD]), tmp_path / "into")


def replaced(data, old, new, count):
    assert data.count(old) >= count and len(old) == len(new)
    return data.replace(old, new, count)


DAMAGE = {
    "empty": lambda d: b"",
    "no-zip": lambda d: b"PK" + bytes(40),
    "something-before": lambda d: b"#!/bin/sh\n" + d,
    "something-after": lambda d: d + b"x",
    "comment": lambda d: d[:-2] + b"\x03\0abc",
    "nul-in-name": lambda d: d.replace(b"good.py", b"go\0d.py"),
    "no-name": lambda d: d.replace(b"good.py", b"\0ood.py"),
    "not-utf-8": lambda d: d.replace(b"good.py", b"g\xff\xfed.py"),
    "local-name-differs": lambda d: replaced(d, b"good.py", b"evil.py", 1),
    "encrypted": lambda d: (
        d[: d.rindex(b"PK\x01\x02") + 8] + b"\x01" + d[d.rindex(b"PK\x01\x02") + 9 :]
    ),
    "content-damaged": lambda d: d[:40] + bytes([d[40] ^ 1]) + d[41:],
    "directory-cut": lambda d: d[: d.index(b"PK\x01\x02")] + d[-22:],
    "count-wrong": lambda d: d[:-14] + b"\x09\0\x09\0" + d[-10:],
}


@pytest.mark.parametrize("damage", DAMAGE.values(), ids=DAMAGE)
def test_a_malformed_wheel_is_refused(make_wheel, tmp_path, snapshot, damage):
    archive = make_wheel([GOOD])
    archive.write_bytes(damage(archive.read_bytes()))
    before = snapshot()
    with pytest.raises(PackageRefused, match=r"evil-1\.0-py3-none-any\.whl"):
        extract(archive, tmp_path / "into")
    assert snapshot() == before


def test_every_truncation_is_refused(make_wheel, tmp_path):
    archive = make_wheel([GOOD, ("pkg/__init__.py", b""), ("pkg/data.bin", bytes(5000))])
    whole = archive.read_bytes()
    for length in range(len(whole)):
        archive.write_bytes(whole[:length])
        with pytest.raises(PackageRefused):
            open_archive(archive)


def test_a_bomb_is_refused_at_its_announced_size(make_wheel, tmp_path):
    archive = make_wheel([("bomb", bytes(2_000_000))])
    with pytest.raises(PackageRefused, match="more than 1,000,000 bytes"):
        extract(archive, tmp_path / "into", limits=Limits(total_bytes=1_000_000))


def test_a_bomb_that_announces_little_is_refused(make_wheel, tmp_path):
    archive = make_wheel([("bomb", bytes(200_000))])
    data = archive.read_bytes().replace((200_000).to_bytes(4, "little"), (9).to_bytes(4, "little"))
    archive.write_bytes(data)
    with pytest.raises(PackageRefused, match="damaged"):
        extract(archive, tmp_path / "into")


def test_overlapping_members_are_refused(make_wheel, tmp_path):
    """Two directory entries that share one compressed member, as in a zip bomb of Fifield's."""
    archive = make_wheel([("a.py", CODE), ("b.py", CODE)], method=zipfile.ZIP_STORED)
    data = bytearray(archive.read_bytes())
    second = data.rindex(b"PK\x01\x02")
    data[second + 42 : second + 46] = bytes(4)
    archive.write_bytes(data)
    with pytest.raises(PackageRefused, match=r"overlaps|directory"):
        extract(archive, tmp_path / "into")


def test_too_many_entries_are_refused(make_wheel, tmp_path):
    archive = make_wheel([(f"{n}.py", b"") for n in range(30)])
    with pytest.raises(PackageRefused, match="more than 20 entries"):
        extract(archive, tmp_path / "into", limits=Limits(entries=20))


def test_a_good_wheel_is_unpacked_as_it_is(make_wheel, tmp_path):
    folder = entry("pkg/", stat.S_IFDIR | 0o700)
    script = entry("pkg/tool.py", stat.S_IFREG | 0o4777)
    archive = make_wheel([GOOD, (folder, b""), (script, b"t"), ("pkg/data.bin", bytes(100_000))])
    root = extract(archive, tmp_path / "into")
    assert root == tmp_path / "into"
    assert (root / "good.py").read_bytes() == CODE
    assert (root / "pkg/data.bin").read_bytes() == bytes(100_000)
    assert stat.S_IMODE((root / "pkg/tool.py").stat().st_mode) == 0o644
    assert stat.S_IMODE((root / "pkg").stat().st_mode) == 0o755
