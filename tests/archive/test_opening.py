import resource
import signal

import pytest

from cpr.archive import Limits, extract, is_package_file, kind_of, open_archive
from cpr.errors import EnvironmentProblem, LoadError, UsageError


@pytest.mark.parametrize(
    ("name", "kind"),
    [
        ("a-1.tar.gz", "sdist"),
        ("a-1.tgz", "sdist"),
        ("A-1.TAR.GZ", "sdist"),
        ("a-1-py3-none-any.whl", "wheel"),
    ],
)
def test_the_kind_of_a_package_is_in_its_name(tmp_path, name, kind):
    assert is_package_file(tmp_path / name)
    assert kind_of(tmp_path / name) == kind


@pytest.mark.parametrize("name", ["a.zip", "a.tar.bz2", "a.egg", "predictor.py", "a.gz"])
def test_other_files_are_no_packages(tmp_path, name):
    assert not is_package_file(tmp_path / name)
    with pytest.raises(LoadError, match=r"expected a name that ends in \.tar\.gz, \.tgz, \.whl"):
        kind_of(tmp_path / name)


@pytest.mark.parametrize("prefix", ["", "./"], ids=["plain", "dot"])
def test_an_old_sdist_is_unpacked_below_its_top_folder(make_sdist, tmp_path, prefix):
    archive = make_sdist(
        [
            (f"{prefix}old-0.1", None),
            (f"{prefix}old-0.1/predictor.py", b"class P: pass\n"),
            (f"{prefix}old-0.1/setup.py", b"raise SystemExit('setup.py was run')\n"),
            (f"{prefix}old-0.1/old.egg-info/requires.txt", b"numpy\n"),
        ]
    )
    root = extract(archive, tmp_path / "into")
    assert root == tmp_path / "into" / "old-0.1"
    assert (root / "predictor.py").read_bytes() == b"class P: pass\n"
    assert (root / "old.egg-info" / "requires.txt").read_bytes() == b"numpy\n"
    with open_archive(archive) as contents:
        assert contents.manifest is None


def test_a_folder_with_something_in_it_is_not_unpacked_into(make_sdist, tmp_path):
    (tmp_path / "into").mkdir()
    (tmp_path / "into" / "precious").write_text("mine")
    with pytest.raises(UsageError, match="is not empty"):
        extract(make_sdist([("x-1/a.py", b"a")]), tmp_path / "into")
    assert (tmp_path / "into" / "precious").read_text() == "mine"


def test_a_folder_that_cannot_be_written_is_the_environments_fault(make_sdist, tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(EnvironmentProblem, match="cannot be unpacked into"):
        extract(make_sdist([("x-1/a.py", b"a")]), tmp_path / "file" / "into")


def test_limits_can_be_raised(make_sdist, tmp_path):
    archive = make_sdist([("x-1/a.bin", bytes(3000))])
    small, large = Limits(total_bytes=1000), Limits(total_bytes=20_000)
    with pytest.raises(LoadError):
        extract(archive, tmp_path / "small", limits=small)
    assert (extract(archive, tmp_path / "large", limits=large) / "a.bin").stat().st_size == 3000


def test_a_full_disk_leaves_nothing_unpacked(make_sdist, tmp_path):
    """RLIMIT_FSIZE makes a write fail half-way, as a full disk does."""
    archive = make_sdist([("x-1/a.py", b"a"), ("x-1/pkg/big.bin", bytes(200_000))])
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    handler = signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    resource.setrlimit(resource.RLIMIT_FSIZE, (100_000, hard))
    try:
        with pytest.raises(EnvironmentProblem, match=r"cannot be unpacked into .*File too large"):
            extract(archive, tmp_path / "into")
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
        signal.signal(signal.SIGXFSZ, handler)
    assert list((tmp_path / "into").iterdir()) == []
