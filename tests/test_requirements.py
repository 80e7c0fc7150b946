"""Which requirements this environment does not meet."""

import sys

import pytest

from cpr.requirements import Unmet, unmet


@pytest.fixture
def installed(tmp_path, monkeypatch):
    """Installs distributions by their metadata alone."""
    monkeypatch.syspath_prepend(str(tmp_path))

    def install(name, version):
        folder = tmp_path / f"{name}-{version}.dist-info"
        folder.mkdir()
        (folder / "METADATA").write_text(
            f"Metadata-Version: 2.1\nName: {name}\nVersion: {version}\n"
        )

    install("cpr_demo", "1.5.0")
    install("cpr_next", "2.0rc1")
    install("cpr_old", "2004d")
    return install


@pytest.mark.parametrize(
    "line",
    [
        "cpr_demo",
        "cpr-demo",
        "CPR.Demo>=1,<2",
        "cpr-demo==1.5",
        "cpr-demo[extra]>=1.0",
        "cpr-next>=1.9",
        "cpr-old",
        "absent; python_version < '3'",
        "absent ; extra == 'gpu'",
        "cpr-demo @ https://example.com/cpr_demo.whl",
    ],
)
@pytest.mark.usefixtures("installed")
def test_met_requirements_are_not_named(line):
    assert unmet([line]) == []


@pytest.mark.parametrize(
    ("line", "text"),
    [
        ("absent>=1", "absent>=1 (not installed)"),
        ("cpr-demo>=2", "cpr-demo>=2 (1.5.0 is installed)"),
        ("cpr-demo==1.4.*", "cpr-demo==1.4.* (1.5.0 is installed)"),
        ("cpr-old>=1", "cpr-old>=1 (2004d is installed)"),
        ("cpr-demo>=2; python_version > '3'", "cpr-demo>=2; python_version > '3' (1.5.0 is inst"),
        ("-r other.txt", "'-r other.txt' (not a valid requirement)"),
        ("numpy >= one", "'numpy >= one' (not a valid requirement)"),
        ("", "'' (not a valid requirement)"),
        ("cpr-demo; os_name ~= 'posix'", "\"cpr-demo; os_name ~= 'posix'\" (not a valid req"),
    ],
)
@pytest.mark.usefixtures("installed")
def test_unmet_requirements_say_what_is_there_instead(line, text):
    (found,) = unmet([line])
    assert str(found).startswith(text)


@pytest.mark.usefixtures("installed")
def test_order_is_kept():
    found = unmet(["zzz", "cpr-demo", "aaa", "cpr-demo>2"])
    assert found == [Unmet("zzz"), Unmet("aaa"), Unmet("cpr-demo>2", "1.5.0")]


def test_nothing_required_is_met():
    assert unmet([]) == []


def test_a_package_on_the_path_counts_as_installed(tmp_path, monkeypatch):
    """One package may require another that is given beside it."""
    egg_info = tmp_path / "my_helpers.egg-info"
    egg_info.mkdir()
    (egg_info / "PKG-INFO").write_text("Metadata-Version: 1.0\nName: my-helpers\nVersion: 0.3\n")
    monkeypatch.setattr(sys, "path", [*sys.path, str(tmp_path)])
    assert unmet(["my-helpers>=0.3"]) == []
