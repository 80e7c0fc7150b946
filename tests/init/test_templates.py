"""Every template is a working project: its tests pass, it is packaged, replayed and checked."""

import re

import pytest

from cpr.init import create_project
from cpr.init.templates import TEMPLATES, pinned


@pytest.mark.parametrize("template", TEMPLATES)
def test_own_tests_pass_at_once(made, template):
    done = made(template).pytest
    assert done.returncode == 0, f"{done.stdout}\n{done.stderr}"
    assert "test_answers_are_as_expected PASSED" in done.stdout
    assert "test_nothing_would_fail_it_in_production PASSED" in done.stdout


@pytest.mark.parametrize("template", TEMPLATES)
def test_its_package_gives_the_golden_answers(made, run, tmp_path, template):
    folder = made(template).folder
    packed = run(folder, "cpr", "package", folder, "--output", tmp_path)
    assert packed.returncode == 0, packed.stderr
    (package,) = tmp_path.glob("*.tar.gz")
    assert package.name == f"{template}-0.1.tar.gz"
    expected = ["--model-dir", folder / "model", "--golden", folder / "golden"]
    replayed = run(tmp_path, "cpr", "replay", folder / "requests", package, *expected)
    assert replayed.returncode == 0, f"{replayed.stdout}\n{replayed.stderr}"
    assert re.search(r"compared +(\d+), as expected \1, not 0", replayed.stdout)


@pytest.mark.parametrize("template", TEMPLATES)
def test_every_file_is_filled_in(tmp_path, template):
    project = create_project(tmp_path / "It's mine", template=template)
    assert project.stem == "it_s_mine"
    for name in project.files:
        text = (project.path / name).read_text()
        assert "{{" not in text, name
        assert text.endswith("\n"), name
        assert not text.endswith("\n\n"), name
        if name.endswith(".py"):
            compile(text, name, "exec")
            assert max(map(len, text.splitlines())) <= 100, name


def test_all_items_of_pytest_cpr_pass(made, run):
    folder = made("bare").folder
    done = run(folder, "pytest", "-p", "no:cacheprovider", "--cpr", "-q", "-k", "cpr")
    assert done.returncode == 0, done.stdout


def test_requirements_are_pinned_to_what_is_installed(tmp_path):
    create_project(tmp_path / "p", template="sklearn")
    lines = (tmp_path / "p" / "requirements.txt").read_text().splitlines()
    assert pinned("scikit-learn") in lines
    assert pinned("scikit-learn").startswith("scikit-learn==")


def test_a_library_that_is_not_installed_is_not_pinned():
    assert pinned("no-such-library") == "no-such-library"
