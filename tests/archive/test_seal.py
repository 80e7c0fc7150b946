"""A package that `cpr` built is refused after any change at all, before its code runs."""

import gzip
import hashlib
import io
import random
import struct
import tarfile
import zlib

import pytest

from cpr.archive import extract, open_archive, seal
from cpr.errors import PackageRefused
from cpr.manifest import Manifest, MemberRecord
from cpr.packager.sdist import pack

FLIPS = 500
TRUNCATIONS = 100
MEMBERS = {
    "predictor.py": b"raise SystemExit('code of a damaged package ran')\n" * 20,
    "pkg/__init__.py": b"",
    "pkg/table.bin": random.Random(1).randbytes(3000),
}


def manifest_of(members):
    records = {
        name: MemberRecord(hashlib.sha256(data).hexdigest(), len(data))
        for name, data in members.items()
    }
    return Manifest("x", "1.0", "predictor.P", members=records).to_bytes()


def package(members, *, manifest=None):
    manifest = manifest_of(members) if manifest is None else manifest
    return pack("x-1.0", {**members, "cpr-manifest.json": manifest}, epoch=0)


@pytest.fixture(scope="module")
def whole():
    return package(MEMBERS)


@pytest.fixture
def refused(tmp_path):
    """Extract changed bytes: they must be refused by name, and nothing be written."""
    archive, into = tmp_path / "x-1.0.tar.gz", tmp_path / "into"

    def check(data, reason=None):
        archive.write_bytes(data)
        with pytest.raises(PackageRefused, match=reason) as caught:
            extract(archive, into)
        assert "x-1.0.tar.gz" in caught.value.problem
        assert not into.exists()

    return check


def test_the_whole_package_is_accepted(whole, tmp_path):
    archive = tmp_path / "x-1.0.tar.gz"
    archive.write_bytes(whole)
    root = extract(archive, tmp_path / "into")
    with open_archive(archive) as contents:
        assert contents.manifest == Manifest.parse(manifest_of(MEMBERS))
    assert {name: (root / name).read_bytes() for name in MEMBERS} == MEMBERS


def test_every_flipped_bit_is_refused(whole, refused):
    places = random.Random(20250131).sample(range(len(whole) * 8), FLIPS)
    for place in places:
        data = bytearray(whole)
        data[place // 8] ^= 1 << place % 8
        refused(bytes(data))


def test_every_bit_of_the_header_and_of_the_end_counts(whole, refused):
    for byte in [*range(48), *range(len(whole) - 16, len(whole))]:
        for bit in range(8):
            data = bytearray(whole)
            data[byte] ^= 1 << bit
            refused(bytes(data))


def test_every_truncation_is_refused(whole, refused):
    for length in [*range(50), *(len(whole) * n // TRUNCATIONS for n in range(TRUNCATIONS))]:
        refused(whole[:length])


def test_anything_appended_is_refused(whole, refused):
    for tail in (b"x", bytes(512), gzip.compress(b"more"), whole):
        refused(whole + tail, "does not match its seal")


def recompressed(data, **fields):
    level = fields.pop("level", 9)
    compressor = zlib.compressobj(level, zlib.DEFLATED, -15)
    plain = gzip.decompress(data)
    body = compressor.compress(plain) + compressor.flush()
    return body + struct.pack("<II", zlib.crc32(plain), len(plain))


def test_the_same_content_deflated_otherwise_is_refused(whole, refused):
    refused(whole[:48] + recompressed(whole, level=1), "does not match its seal")


@pytest.mark.parametrize(
    "repack",
    [
        lambda data: gzip.compress(gzip.decompress(data)),
        lambda data: gzip.compress(gzip.decompress(data), mtime=0),
        lambda data: data[:3] + b"\0" + data[4:10] + data[48:],
    ],
    ids=["gunzip-gzip", "without-time", "seal-cut-out"],
)
def test_a_repacked_package_is_refused(whole, refused, repack):
    refused(repack(whole), "no seal")


def test_a_seal_behind_another_extra_field_is_refused(whole, refused):
    extra = b"AP\x02\x00ab" + whole[12:48]
    head = whole[:10] + struct.pack("<H", len(extra)) + extra
    refused(head + whole[48:], "seal is damaged")


ALTERED = {
    "altered": ({**MEMBERS, "predictor.py": b"evil"}, r"'predictor\.py' is not what"),
    "missing": ({"predictor.py": MEMBERS["predictor.py"]}, r"'pkg/.*' is missing"),
    "extra": ({**MEMBERS, "evil.py": b""}, r"'evil\.py' is not named"),
    "extra-in-disguise": ({**MEMBERS, "pkg/cpr-manifest.json": b""}, "is not named"),
}


@pytest.mark.parametrize(("members", "reason"), ALTERED.values(), ids=ALTERED)
def test_a_package_sealed_anew_must_match_its_manifest(refused, members, reason):
    refused(package(members, manifest=manifest_of(MEMBERS)), reason)


def test_a_sealed_package_without_manifest_is_refused(refused):
    refused(pack("x-1.0", MEMBERS, epoch=0), r"sealed but has no cpr-manifest\.json")


def test_a_sealed_package_with_a_bad_manifest_is_refused(refused):
    refused(package(MEMBERS, manifest=b"{}"), "schema")


def test_links_are_refused_in_sealed_packages_too(refused):
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w") as archive:
        link = tarfile.TarInfo("x-1.0/l")
        link.type, link.linkname = tarfile.SYMTYPE, "/etc"
        archive.addfile(link)
    refused(seal(recompressed(gzip.compress(buffer.getvalue()))), "symbolic link")


def test_an_archive_that_changes_while_it_is_read_cannot_slip_through(whole, tmp_path):
    """What is written is what was checked, though the file is replaced in between."""
    archive = tmp_path / "x-1.0.tar.gz"
    archive.write_bytes(whole)
    with open_archive(archive) as contents:
        archive.write_bytes(package({"predictor.py": b"evil"}))
        root = contents.write_to(tmp_path / "into")
    assert (root / "predictor.py").read_bytes() == MEMBERS["predictor.py"]
