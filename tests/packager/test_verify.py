import gzip
import hashlib

import pytest

from cpr.errors import PackageRefused
from cpr.manifest import Manifest, MemberRecord
from cpr.packager import verify_package
from cpr.packager.sdist import pack


@pytest.fixture
def package(tmp_path):
    def make(members, prediction_class):
        records = {
            name: MemberRecord(hashlib.sha256(data).hexdigest(), len(data))
            for name, data in members.items()
        }
        manifest = Manifest("x", "1", prediction_class, members=records).to_bytes()
        path = tmp_path / "x-1.tar.gz"
        path.write_bytes(pack("x-1", {**members, "cpr-manifest.json": manifest}, epoch=0))
        return path

    return make


def test_returns_the_manifest_of_a_good_package(package):
    assert verify_package(package({"m.py": b"class P: ...\n"}, "m.P")).prediction_class == "m.P"


@pytest.mark.parametrize(
    ("members", "prediction_class", "message"),
    [
        ({"n.py": b"class P: ...\n"}, "m.P", "no module 'm'"),
        ({"m.py": b"class Q: ...\n"}, "m.P", "defines no 'P'"),
        ({"m.py": b"print 1\n"}, "m.P", "is not Python 3"),
    ],
    ids=["no-module", "no-class", "python-2"],
)
def test_a_package_without_its_class_is_refused(package, members, prediction_class, message):
    with pytest.raises(PackageRefused, match=message) as caught:
        verify_package(package(members, prediction_class))
    assert "x-1.tar.gz" in caught.value.problem


def test_a_package_without_manifest_is_refused(tmp_path):
    path = tmp_path / "x-1.tar.gz"
    path.write_bytes(gzip.compress(gzip.decompress(pack("x-1", {"m.py": b""}, epoch=0))))
    with pytest.raises(PackageRefused, match=r"has no cpr-manifest\.json"):
        verify_package(path)


def test_a_damaged_package_is_refused_by_the_name_it_will_have(package):
    path = package({"m.py": b"class P: ...\n"}, "m.P")
    path.write_bytes(path.read_bytes()[:-1])
    with pytest.raises(PackageRefused, match="the package dist/y is refused"):
        verify_package(path, label="dist/y")
