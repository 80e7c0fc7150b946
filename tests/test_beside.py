"""Extra packages that a package was built with come with it, and no others."""

import hashlib
import zipfile

import pytest

from cpr.errors import LoadError, PackageRefused
from cpr.manifest import Manifest, MemberRecord
from cpr.packager.sdist import pack
from cpr.sources import open_sources


def wheel(path, module):
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr(f"{module}.py", "")
    return path


@pytest.fixture
def folder(tmp_path, monkeypatch):
    """A package, its extra package, and a folder for what is unpacked."""
    temporary = tmp_path / "temporary"
    temporary.mkdir()
    monkeypatch.setattr("tempfile.tempdir", str(temporary))
    folder = tmp_path / "dist"
    folder.mkdir()
    extra = wheel(folder / "helper-1-py3-none-any.whl", "helper").read_bytes()
    record = MemberRecord(hashlib.sha256(extra).hexdigest(), len(extra))
    manifest = Manifest("x", "1", "p.P", extra_packages={"helper-1-py3-none-any.whl": record})
    data = pack("x-1", {"cpr-manifest.json": manifest.to_bytes()}, epoch=0)
    (folder / "x-1.tar.gz").write_bytes(data)
    yield folder
    assert list(temporary.iterdir()) == []


def modules(sources):
    found = {path.name for root in sources.roots for path in root.glob("*.py")}
    sources.close()
    return found


def test_an_extra_package_beside_its_package_is_opened_too(folder):
    assert modules(open_sources(str(folder / "x-1.tar.gz"))) == {"helper.py"}
    assert modules(open_sources(None, [str(folder / "x-1.tar.gz")])) == {"helper.py"}


def test_one_that_is_elsewhere_is_given_by_name(folder, tmp_path):
    given = (folder / "helper-1-py3-none-any.whl").rename(tmp_path / "helper-1-py3-none-any.whl")
    for packages in ([given], [folder / "x-1.tar.gz", given], [given, folder / "x-1.tar.gz"]):
        names = [str(path) for path in packages]
        target = str(folder / "x-1.tar.gz") if len(names) == 1 else None
        assert modules(open_sources(target, names)) == {"helper.py"}


def test_one_that_is_nowhere_is_named_with_what_to_do(folder):
    (folder / "helper-1-py3-none-any.whl").unlink()
    with pytest.raises(LoadError, match=r"x-1\.tar\.gz needs the extra package helper") as caught:
        open_sources(str(folder / "x-1.tar.gz"))
    assert "--package PATH/helper-1-py3-none-any.whl" in caught.value.hint


@pytest.mark.parametrize("order", [1, -1], ids=["beside it", "given before it"])
def test_another_file_of_that_name_is_refused(folder, order):
    other = wheel(folder / "helper-1-py3-none-any.whl", "hostile")
    files = [str(folder / "x-1.tar.gz"), str(other)][::order]
    with pytest.raises(PackageRefused, match="is not the one that the package was built with"):
        open_sources(None, files)


def test_a_name_with_folders_leads_nowhere(folder):
    record = MemberRecord("0" * 64, 1)
    manifest = Manifest("x", "1", "p.P", extra_packages={"../../x-1.tar.gz": record})
    data = pack("x-1", {"cpr-manifest.json": manifest.to_bytes()}, epoch=0)
    (folder / "deep").mkdir()
    (folder / "deep" / "y-1.tar.gz").write_bytes(data)
    with pytest.raises(LoadError, match="which is not beside it"):
        open_sources(str(folder / "deep" / "y-1.tar.gz"))
