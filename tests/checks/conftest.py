"""Writes small projects and checks them; a check returns ``ID file:line`` of each finding."""

import textwrap

import pytest

from cpr.checks.run import check_routine

PREDICTOR = """
class MyPredictor:
    @classmethod
    def from_path(cls, model_dir):
        return cls()

    def predict(self, instances, **kwargs):
        return [2 * instance for instance in instances]
"""


@pytest.fixture
def write_project(tmp_path):
    """Writes a project of files given by path; `predictor.py` works unless one is given."""

    def write(files=None, *, folder="project"):
        root = tmp_path / folder
        for name, text in {"predictor.py": PREDICTOR, **(files or {})}.items():
            path = root / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(textwrap.dedent(text))
        return root

    return write


@pytest.fixture
def report_of(write_project):
    """Checks a project's class and package; returns the report."""

    def check(files=None, **options):
        options.setdefault("groups", ["class", "package"])
        options.setdefault("prediction_class", "predictor.MyPredictor")
        return check_routine(str(write_project(files)), **options)

    return check


@pytest.fixture
def ids_of(report_of):
    """Checks a project; returns ``ID file:line`` of each finding, the severest first."""

    def check(files=None, **options):
        return [
            f"{item.id} {item.file}:{item.line}".rstrip(":0").rstrip()
            for item in report_of(files, **options).findings
        ]

    return check
