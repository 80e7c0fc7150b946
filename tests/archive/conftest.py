"""Archives made by hand, good and hostile."""

import io
import tarfile
import zipfile
from pathlib import Path

import pytest


@pytest.fixture
def make_sdist(tmp_path):
    """Write a .tar.gz of (name, content or TarInfo) pairs; content None is a folder."""

    def make(entries, *, name="evil-1.0.tar.gz", format=tarfile.PAX_FORMAT):
        path = tmp_path / name
        with tarfile.open(path, "w:gz", format=format) as archive:
            for given, content in entries:
                entry = given if isinstance(given, tarfile.TarInfo) else tarfile.TarInfo(given)
                if content is None:
                    entry.type = tarfile.DIRTYPE
                entry.size = len(content or b"") or entry.size
                archive.addfile(entry, io.BytesIO(content) if content else None)
        return path

    return make


@pytest.fixture
def make_wheel(tmp_path):
    """Write a .whl of (name or ZipInfo, content) pairs."""

    def make(entries, *, name="evil-1.0-py3-none-any.whl", method=zipfile.ZIP_DEFLATED):
        path = tmp_path / name
        with zipfile.ZipFile(path, "w", method) as archive:
            for entry, content in entries:
                archive.writestr(entry, content)
        return path

    return make


@pytest.fixture
def snapshot(tmp_path):
    """All paths below tmp_path, to be compared before and after."""
    return lambda: sorted(str(path) for path in Path(tmp_path).rglob("*"))
