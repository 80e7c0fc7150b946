"""What is said of an exception of user code: its place, and what may cure it."""

import json
import subprocess
import sys

import pytest

from cpr.errors import UserCodeError
from cpr.serving import open_routine
from cpr.user_errors import explained

LOADERS = {
    "pickle.load": "pickle.load(io.BytesIO(Path(model_dir, 'model.pkl').read_bytes()))",
    "pickle.loads": "pickle.loads(Path(model_dir, 'model.pkl').read_bytes())",
    "joblib.load": "joblib.load(Path(model_dir, 'model.pkl'))",
}
PREDICTOR = """
import io
import pickle
from pathlib import Path
import joblib


class MyPredictor:
    @classmethod
    def from_path(cls, model_dir):
        cls.model = LOADER
        return cls()

    def predict(self, instances, **kwargs):
        return instances
"""
SAVE = {
    "class of a script": (
        "class S: pass",
        "Can't get attribute 'S' on <module '",
        "'S' was defined by the script or notebook that saved it. Move 'S' into a module, import "
        "it from there, and save the model again.",
    ),
    "module that is not here": (
        "import types; mine = sys.modules['mine'] = types.ModuleType('mine')\n"
        "exec('class S: pass', vars(mine)); S = mine.S",
        "No module named 'mine'",
        "Install the library that has 'mine'; if it is your own code, give the package that holds "
        "it.",
    ),
    "class that is gone": (
        "import json; json.S = S = type('S', (), {'__module__': 'json'})",
        "Can't get attribute 'S' on <module 'json'",
        "The class was renamed or moved: use the version of that module the file was saved with, "
        "or save it again.",
    ),
}


@pytest.mark.parametrize("loader", LOADERS)
@pytest.mark.parametrize(("script", "said", "hint"), SAVE.values(), ids=SAVE)
def test_unpickling_in_from_path_gets_the_advice_of_pickles(tmp_path, loader, script, said, hint):
    pytest.importorskip("joblib", reason="scikit-learn is an extra")
    save = f"import pickle, sys\n{script}\npickle.dump(S(), open('model.pkl', 'wb'))\n"
    subprocess.run([sys.executable, "-c", save], cwd=tmp_path, check=True)
    file = tmp_path / "predictor.py"
    file.write_text(PREDICTOR.replace("LOADER", LOADERS[loader]))
    with pytest.raises(Exception) as caught:
        open_routine(f"{file}:MyPredictor", str(tmp_path))
    error = caught.value
    assert said in error.problem
    assert error.place == f"predictor.py:11 in from_path: cls.model = {LOADERS[loader]}"
    assert error.fix == hint
    assert error.hint == f"{error.place}\n{hint}"
    assert (error.file, error.line) == (str(file), 11)


def test_an_import_that_fails_is_no_unpickling():
    def load(name):
        __import__(name)

    with pytest.raises(ModuleNotFoundError) as caught:
        load("no_such_module")
    assert explained(UserCodeError, "it broke.", caught.value).fix == ""


def test_place_and_fix_are_told_apart():
    with pytest.raises(ValueError, match="Expecting") as caught:
        json.loads("{")
    error = explained(UserCodeError, "it broke.", caught.value)
    assert error.place.startswith("test_user_errors.py:")
    assert (error.hint, error.fix) == (error.place, "")
    assert error.file == __file__
