"""What importing does, told from the source and seen in a clean process."""

import pytest

from cpr.checks.probe import TIME_LIMIT_S

CLASS = """
class MyPredictor:
    @classmethod
    def from_path(cls, model_dir):
        return cls()

    def predict(self, instances, **kwargs):
        return instances
"""


@pytest.fixture
def found_in(report_of):
    def check(text, *, no_run, **files):
        files = {f"{name}.py": content for name, content in files.items()}
        report = report_of({"predictor.py": text + CLASS, **files}, no_run=no_run)
        return [f"{item.id} {item.file}:{item.line}" for item in report.findings]

    return check


SHOWN = {
    "a cloud client": (
        "from google.cloud import storage\nclient = storage.Client()\n",
        "CPR120 predictor.py:2",
    ),
    "urlopen": (
        "from urllib.request import urlopen\ntry:\n    urlopen('http://127.0.0.1:1/')\n"
        "except OSError:\n    pass\n",
        "CPR120 predictor.py:3",
    ),
    "a socket": (
        "import socket\ntry:\n    socket.create_connection(('127.0.0.1', 1))\n"
        "except OSError:\n    pass\n",
        "CPR120 predictor.py:3",
    ),
    "a command": (
        "import subprocess\nsubprocess.run(['true'])\n",
        "CPR122 predictor.py:2",
    ),
    "a file": (
        "try:\n    open('/nowhere/labels.txt')\nexcept OSError:\n    pass\n",
        "CPR121 predictor.py:2",
    ),
    "a path": (
        "from pathlib import Path\ntry:\n    Path('/nowhere/labels.txt').read_text()\n"
        "except OSError:\n    pass\n",
        "CPR121 predictor.py:3",
    ),
}  # fmt: skip


@pytest.mark.parametrize("no_run", [False, True], ids=["seen", "read"])
@pytest.mark.parametrize(("text", "expected"), SHOWN.values(), ids=SHOWN)
def test_what_the_source_shows_is_told_once(found_in, text, expected, no_run):
    assert found_in(text, no_run=no_run) == [expected]


HIDDEN = {
    "an address that is computed": (
        "import socket\ntry:\n    getattr(socket, 'create_' + 'connection')(('127.0.0.1', 1))\n"
        "except OSError:\n    pass\n",
        "CPR120 predictor.py:3",
    ),
    "a path that is computed": (
        "try:\n    open('/' + 'nowhere/labels.txt')\nexcept OSError:\n    pass\n",
        "CPR121 predictor.py:2",
    ),
    "a command in a function": (
        "import os\ndef run():\n    os.system('true')\nrun()\n",
        "CPR122 predictor.py:3",
    ),
}


@pytest.mark.parametrize(("text", "expected"), HIDDEN.values(), ids=HIDDEN)
def test_what_only_running_shows_is_seen(found_in, text, expected):
    assert found_in(text, no_run=True) == []
    assert found_in(text, no_run=False) == [expected]


def test_a_connection_is_refused_and_named_by_its_address(report_of):
    text = "import socket\nsocket.create_connection(('127.0.0.1', 1))\n" + CLASS
    report = report_of({"predictor.py": text})
    (found,) = report.findings  # and not that the import failed for it
    assert (found.id, found.line) == ("CPR120", 2)


@pytest.mark.parametrize("no_run", [False, True], ids=["seen", "read"])
@pytest.mark.parametrize(
    "text",
    [
        "import numpy as np\nx = np.zeros(3)\n",
        "import os\nHERE = os.path.dirname(os.path.abspath(__file__))\nopen(__file__).read()\n",
        "def fetch():\n    import socket\n    socket.create_connection(('127.0.0.1', 1))\n",
        "import tempfile\nwith tempfile.TemporaryFile() as file:\n    file.write(b'x')\n",
        "if __name__ == '__main__':\n    import subprocess\n    subprocess.run(['true'])\n",
    ],
    ids=["a library", "its own file", "in a function", "a temporary file", "main"],
)
def test_what_harms_nobody_is_not_told(found_in, text, no_run):
    found = [item for item in found_in(text, no_run=no_run) if not item.startswith("CPR2")]
    assert found == []


def test_an_effect_in_a_helper_is_told_there(found_in):
    helper = "import subprocess\nsubprocess.run(['true'])\n"
    found = found_in("import helper\n", no_run=False, helper=helper)
    assert found == ["CPR122 helper.py:2"]


FAILURES = {
    "an exception": ("raise RuntimeError('no luck')", "RuntimeError: no luck (predictor.py:1)"),
    "sys.exit": ("import sys\nsys.exit(3)", "SystemExit: 3 (predictor.py:2)"),
    "a crash": ("import os\nos._exit(3)", "ended itself with exit code 3"),
    "not Python": ("def (:", "SyntaxError"),
    "a file beside it": ("open('labels.txt')", "No such file or directory: 'labels.txt'"),
    "a helper that fails": ("import helper", "ZeroDivisionError: division by zero (helper.py:1)"),
}


@pytest.mark.parametrize(("text", "said"), FAILURES.values(), ids=FAILURES)
def test_a_class_that_cannot_be_imported(report_of, text, said):
    files = {"predictor.py": f"{text}\n{CLASS}", "helper.py": "1 / 0\n", "labels.txt": "a\n"}
    found = [item for item in report_of(files).findings if item.id != "CPR115"]
    (found,) = found
    assert found.id == "CPR206"
    assert said in found.message


def test_the_traceback_of_a_failed_import_is_kept(report_of):
    files = {"predictor.py": f"import helper\n{CLASS}", "helper.py": "1 / 0\n"}
    (found,) = report_of(files).findings
    lines = found.data["traceback"].splitlines()
    files_named = [line.split('"')[1].rpartition("/")[2] for line in lines if "File" in line]
    assert files_named == ["predictor.py", "helper.py"]
    assert lines[-1] == "ZeroDivisionError: division by zero"


def test_a_file_that_the_package_would_lack_is_missed_where_it_is_imported(ids_of):
    text = "from pathlib import Path\nLABELS = Path(__file__).with_name('labels.txt').read_text()\n"
    files = {"predictor.py": text + CLASS, "labels.txt": "a\n", "setup.py": (
        "from setuptools import setup\nsetup(name='x', version='1', scripts=['predictor.py'])\n"
    )}  # fmt: skip
    assert ids_of(files) == ["CPR206 predictor.py:2", "CPR201 labels.txt"]


def test_the_import_has_a_time_limit():
    assert TIME_LIMIT_S == 30
