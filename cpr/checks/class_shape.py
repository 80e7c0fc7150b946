"""Whether the class can be called at all: the contract's own checks, as findings.

The class is imported in a clean process and held against `cpr.contract`. Where
it cannot be imported, or must not be, its source is read instead.
"""

from __future__ import annotations

from collections.abc import Iterator

from cpr.checks.class_code import ClassCode, find_class
from cpr.checks.content import content_of
from cpr.checks.probe import Probe, probe
from cpr.checks.shape_in_source import fault_in_source
from cpr.checks.subject import Subject
from cpr.contract import Fault
from cpr.findings import Finding, rule

NO_FROM_PATH = rule(
    "CPR101",
    "error",
    "The class has no from_path",
    cause="A server builds the predictor with `from_path(model_dir)`, a classmethod. A class "
    "without one is refused when it is uploaded: nothing else is called instead, not "
    "`__init__`, and not `load` unless the class has the shape of Vertex AI's.",
    cure="Add a classmethod that loads the model and returns the object to serve.",
    example="""
    class MyPredictor:
        def __init__(self, model):
            self._model = model

        @classmethod
        def from_path(cls, model_dir):
            return cls(joblib.load(os.path.join(model_dir, "model.joblib")))
    """,
)
NO_PREDICT = rule(
    "CPR102",
    "error",
    "The class has no predict",
    cause="Every request ends in `predict(instances, **kwargs)`. A class that has none, or only "
    "the one of `cpr.Predictor`, which raises, cannot answer.",
    cure="Add `def predict(self, instances, **kwargs)` that returns the predictions.",
    example="""
    def predict(self, instances, **kwargs):
        return self._model.predict(instances).tolist()
    """,
)
PREDICT_SIGNATURE = rule(
    "CPR103",
    "error",
    "predict takes other positional parameters than self and instances",
    cause="predict is called with the instances alone by position; everything else of the request "
    "comes as keywords. AI Platform counted the positional parameters and refused a class "
    "whose predict had not exactly two: a default does not help, a staticmethod has one.",
    cure="Make it `predict(self, instances, **kwargs)`; further named parameters go after a star.",
    example="""
    def predict(self, instances, size=None):        # refused
    def predict(self, instances, *, size=None):     # accepted
    """,
)
FROM_PATH_UNBOUND = rule(
    "CPR104",
    "error",
    "from_path is not a classmethod",
    cause="from_path is called on the class, before there is an object. Without `@classmethod` the "
    "model directory arrives as `self` or `cls`, and the call fails.",
    cure="Put `@classmethod` above it; `cpr check --fix` does so.",
    example="""
    @classmethod
    def from_path(cls, model_dir):
        ...
    """,
)
FROM_PATH_SIGNATURE = rule(
    "CPR105",
    "error",
    "from_path cannot be called with the model directory alone",
    cause="from_path gets one positional argument, whatever its name: the path of the model "
    "directory. A second parameter without a default has nobody to fill it.",
    cure="Give further parameters defaults, or read them from a file in the model directory.",
    example="""
    @classmethod
    def from_path(cls, model_dir, version):         # refused
    def from_path(cls, model_dir, version="1"):     # accepted
    """,
)
ASYNC = rule(
    "CPR106",
    "error",
    "An async method that nobody awaits",
    cause="from_path and predict are called as plain functions, here as on AI Platform. An `async "
    "def` returns a coroutine at once, and its body never runs.",
    cure="Make it a plain `def`; run what is async inside with `asyncio.run`.",
    example="""
    async def predict(self, instances, **kwargs):   # never awaited
    """,
)
NOT_A_CLASS = rule(
    "CPR107",
    "error",
    "The prediction class's name does not lead to a class",
    cause="The name is looked up as `package.module.Class`, beginning at the root of the package. "
    "AI Platform answered with “cannot be found. Please make sure prediction_class is the "
    "fully qualified function name”.",
    cure="Name the module and the class in it, as `predictor.MyPredictor`.",
    example="""
    predictor.py defines class MyPredictor:
      predictor.MyPredictor        right
      predictor                    a module
      MyPredictor                  no module
      my_package.predictor.MyPredictor, where the package holds predictor.py at its root
    """,
)
VERTEX_SIGNATURE = rule(
    "CPR108",
    "error",
    "A class in the shape of Vertex AI's that cannot be built or loaded",
    cause="A class with `load` and no `from_path` is taken for one of Vertex AI's: it is built "
    "without arguments, then `load(artifacts_uri)` is called with the model directory.",
    cure="Give `__init__` and `load` defaults for whatever else they take; or, if it is not one of "
    "those classes, add the classmethod `from_path(cls, model_dir)`.",
    example="""
    class MyPredictor(Predictor):
        def __init__(self):
            ...

        def load(self, artifacts_uri):
            ...
    """,
)
_IDS = {
    Fault.NO_FROM_PATH: NO_FROM_PATH,
    Fault.NO_PREDICT: NO_PREDICT,
    Fault.PREDICT_SIGNATURE: PREDICT_SIGNATURE,
    Fault.FROM_PATH_UNBOUND: FROM_PATH_UNBOUND,
    Fault.FROM_PATH_SIGNATURE: FROM_PATH_SIGNATURE,
    Fault.ASYNC: ASYNC,
    Fault.NOT_A_CLASS: NOT_A_CLASS,
    Fault.VERTEX_SIGNATURE: VERTEX_SIGNATURE,
}


def check(subject: Subject) -> Iterator[Finding]:
    """The one fault that a class has, if it has one."""
    name = subject.prediction_class
    if not name or name.startswith("cpr."):
        return
    code = content_of(subject).code
    seen = probe(subject)
    if seen is not None and seen.fault is not None:
        fault = seen.fault
        identity = _IDS[Fault[fault.fault]]
        place = fault.place
        yield Finding(
            identity, fault.problem.rstrip("."), file=place.file, line=place.line, fix=fault.hint
        )
    elif seen is None or not seen.is_found:
        described = find_class(code, name)
        if described is not None:
            yield from _in_source(described, subject)
        elif _is_nowhere(name, subject) and not _is_explained(seen, name):
            yield _not_found(name, subject)


def _in_source(described: ClassCode, subject: Subject) -> Iterator[Finding]:
    found = fault_in_source(described)
    if found is not None:
        yield Finding(
            _IDS[found.fault],
            found.problem,
            file=subject.relative(found.module.path),
            line=found.line,
        )


def _is_nowhere(name: str, subject: Subject) -> bool:
    """Whether the source shows that the name leads nowhere: its module is there, it is not."""
    code = content_of(subject).code
    location = name.rpartition(".")[0]
    module = code.read(location) if location else None
    if module is None:
        return code.find(location or name) is None or not location
    attribute = name.rpartition(".")[2]
    return attribute not in module.aliases and attribute not in module.bound


def _is_explained(seen: Probe | None, name: str) -> bool:
    """Whether the import failed for another reason than that the class's module is not there."""
    if seen is None or seen.failure is None:
        return False
    missing = seen.failure.missing
    return not missing or not f"{name}.".startswith(f"{missing}.")


def _not_found(name: str, subject: Subject) -> Finding:
    code = content_of(subject).code
    location, _, attribute = name.rpartition(".")
    module = code.read(location) if location else None
    if module is not None:
        return Finding(
            NOT_A_CLASS,
            f"{name!r} cannot be found: the module {location!r} defines no {attribute!r}",
            file=subject.relative(module.path),
        )
    return Finding(
        NOT_A_CLASS, f"{name!r} cannot be found: the package has no module {location or name!r}"
    )
