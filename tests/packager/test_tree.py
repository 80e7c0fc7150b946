import os
import resource

import pytest

from cpr.errors import EnvironmentProblem
from cpr.packager.tree import matches, read_tree


@pytest.mark.parametrize(
    ("path", "pattern", "expected"),
    [
        ("a.py", "a.py", True),
        ("a.py", "*.py", True),
        ("a.py", "./a.py", True),
        ("p/a.py", "*.py", False),
        ("p/a.py", "**/*.py", True),
        ("a.py", "**/*.py", True),
        ("p/q/a.py", "p/*.py", False),
        ("p/q/a.py", "p/**", True),
        ("p/q/a.py", "p", True),
        ("p/q/a.py", "p/", True),
        ("p/q/a.py", "p/q", True),
        ("pq/a.py", "p", False),
        ("p/a1.py", "p/a?.py", True),
        ("p/a1.py", "p/a[0-9].py", True),
        ("p/ax.py", "p/a[!0-9].py", True),
        ("p/a1.py", "p/a[!0-9].py", False),
        ("a+b.py", "a+b.py", True),
        ("aab.py", "a+b.py", False),
        ("a.py", "a.p", False),
        ("A.py", "a.py", False),
    ],
)
def test_patterns_name_files_and_folders(path, pattern, expected):
    assert matches(path, pattern) is expected


def test_leaves_out_what_never_belongs_into_a_package(make_project):
    kept = {"a.py", "p/b.py", "p/build/c.py", "p/data.bin", "notes.txt"}
    dropped = {
        ".git/config", ".hidden.py", "__pycache__/a.cpython-311.pyc", "p/__pycache__/b.pyc",
        "build/lib/a.py", "dist/x-1.tar.gz", "x.egg-info/PKG-INFO", "node_modules/m.py",
        "venv/pyvenv.cfg", "venv/lib/a.py", "a.py~", "p/.b.py.swp", "model/model.joblib",
        ".venv/a.py", "a.py.orig", ".ipynb_checkpoints/a.py",
    }  # fmt: skip
    project = make_project(dict.fromkeys(kept | dropped, ""))
    tree = read_tree(project, without=[project / "model"])
    assert set(tree.files) == kept
    assert tree.findings == ()


def test_special_files_and_broken_links_are_not_read(make_project):
    project = make_project({"a.py": ""})
    os.mkfifo(project / "pipe.py")
    (project / "broken.py").symlink_to("nowhere.py")
    (project / "loop").symlink_to("loop")
    assert set(read_tree(project).files) == {"a.py"}


def test_a_linked_folder_is_named_and_not_followed(make_project):
    project = make_project({"a.py": ""})
    (project / "again").symlink_to(".")
    tree = read_tree(project)
    assert set(tree.files) == {"a.py"}
    assert [(f.id, f.file) for f in tree.findings] == [("CPR204", str(project / "again"))]


def test_a_linked_file_of_the_project_is_a_file(make_project):
    project = make_project({"a.py": "shared", "p/b.py": ""})
    (project / "p" / "shared.py").symlink_to("../a.py")
    (project / "whole.py").symlink_to(project / "a.py")
    tree = read_tree(project)
    assert tree.findings == ()
    assert tree.files["p/shared.py"].read_text() == "shared"
    assert tree.files["whole.py"].read_text() == "shared"


@pytest.mark.parametrize("target", ["/etc/passwd", "../shared.py"], ids=["absolute", "relative"])
def test_a_file_that_a_link_leads_to_outside_the_project_stays_there(make_project, target):
    project = make_project({"a.py": ""})
    (project.parent / "shared.py").write_text("shared")
    (project / "link.py").symlink_to(target)
    tree = read_tree(project)
    assert set(tree.files) == {"a.py"}
    [found] = tree.findings
    assert (found.id, found.file) == ("CPR204", str(project / "link.py"))
    outside = (project / target).resolve()
    assert found.message == (
        f"link.py is a link out of the project, to {outside}, and is not in the package"
    )


def test_a_folder_that_cannot_be_listed_is_an_error_and_not_left_out(make_project):
    project = make_project({"a.py": ""})
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    first_free = os.dup(0)
    os.close(first_free)
    resource.setrlimit(resource.RLIMIT_NOFILE, (first_free, hard))
    try:
        with pytest.raises(EnvironmentProblem) as caught:
            read_tree(project)
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))
    assert caught.value.problem == f"{project} cannot be listed: Too many open files"
