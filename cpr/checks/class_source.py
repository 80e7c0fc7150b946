"""What a class does that passes every check and then fails, or harms, a request."""

from __future__ import annotations

import ast
import json
from collections.abc import Iterator
from pathlib import Path

from cpr.checks.class_code import ClassCode, Method, find_class
from cpr.checks.content import content_of
from cpr.checks.model_dir_flow import ModelDirFlow
from cpr.checks.shape_in_source import OUR_BASES
from cpr.checks.state_on_self import kept_on_self
from cpr.checks.subject import Subject
from cpr.findings import Finding, rule

NO_KEYWORDS = rule(
    "CPR110",
    "note",
    "predict has no **kwargs, and failed on every request at AI Platform",
    cause="AI Platform passed a keyword `stats` to every predict, and every other top-level key of "
    "the request too. A predict without `**kwargs` passed the platform's check and then failed "
    "each time, with “Prediction failed: unknown error.” `cpr` passes only what the signature "
    "takes, so it works here; with `strict = true` it fails as it did there.",
    cure="Add `**kwargs`; `cpr check --fix` does so.",
    example="""
    def predict(self, instances):               # TypeError: unexpected keyword 'stats'
    def predict(self, instances, **kwargs):
    """,
)
KEY_COLLIDES = rule(
    "CPR111",
    "error",
    "A request has a key with the name of a positional parameter of predict",
    cause="Top-level keys of the request become keyword arguments. A key that is called as the "
    "parameter which already holds the instances, or `self`, would give it two values; the "
    "request is refused. `stats` is taken by the framework.",
    cure="Rename the parameter of predict, or the key in the request.",
    example="""
    def predict(self, data, **kwargs): ...

    {"instances": [[1.0, 2.0]], "data": "iris"}     # data has two values
    """,
)
PRINTS = rule(
    "CPR112",
    "note",
    "predict prints",
    cause="What predict prints goes to the server's log, a line or more for each request. It costs "
    "time, fills the log, and may put customers' data into it; AI Platform showed it only where "
    "console logging was switched on.",
    cure="Remove it, or log with `logging.getLogger(__name__).debug(…)`, which is silent by "
    "default.",
    example="""
    def predict(self, instances, **kwargs):
        print(instances)
    """,
)
WRITES_MODEL_DIR = rule(
    "CPR113",
    "warning",
    "The class writes into the model directory",
    cause="The model directory is a copy that several processes may share; it can be read-only, "
    "as mounted folders are, and on AI Platform it could be gone after from_path. What is "
    "written there is lost with the instance, and another process may read half of it.",
    cure="Write to `tempfile.mkdtemp()`, or keep the value in memory.",
    example="""
    @classmethod
    def from_path(cls, model_dir):
        with open(os.path.join(model_dir, "vocabulary.json"), "w") as file:
            json.dump(vocabulary, file)
    """,
)
STATE_ON_SELF = rule(
    "CPR114",
    "warning",
    "predict keeps something of a request on self",
    cause="One object answers many requests, on AI Platform from ten threads at once. What one "
    "request leaves on `self`, another overwrites or reads: answers are mixed up under load, "
    "or memory grows with every request.",
    cure="Use a local variable, and pass it on as an argument.",
    example="""
    def predict(self, instances, **kwargs):
        self.inputs = self._prepare(instances)      # a second thread overwrites it here
        return self._model.predict(self.inputs).tolist()
    """,
)
READS_LATE = rule(
    "CPR116",
    "warning",
    "predict reads from the model directory",
    cause="from_path is the time to read: AI Platform could remove the files after it, and reading "
    "at each request is slow. A model that is loaded on the first request makes that request "
    "wait, and two threads may load it twice.",
    cure="Load it in from_path, and keep what was loaded.",
    example="""
    def predict(self, instances, **kwargs):
        model = joblib.load(os.path.join(self._model_dir, "model.joblib"))
    """,
)
LOADED_WHOLE = rule(
    "CPR117",
    "note",
    "The model directory is loaded as a whole, and holds other things too",
    cause="The directory itself is given to a loader, which expects its own format's files there "
    "and nothing else. What lies beside them may be taken for a part of the model by this or "
    "another version of the library.",
    cure='Put the model into a folder of its own, and load `os.path.join(model_dir, "model")`.',
    example="""
    model_dir/
      saved_model.pb  variables/
      labels.txt                  # foreign

    model = tf.keras.models.load_model(model_dir)
    """,
)
_SAVED_MODEL = {"saved_model.pb", "saved_model.pbtxt", "variables", "assets", "assets.extra"}
_SAVED_MODEL |= {"keras_metadata.pb", "fingerprint.pb"}


def check(subject: Subject) -> Iterator[Finding]:
    """Faults that only the source shows, of the class and what it inherits in the package."""
    name = subject.prediction_class
    described = find_class(content_of(subject).code, name) if name else None
    if described is None:
        return
    answering = described.called_from("predict", "preprocess", "postprocess")
    predict = described.methods.get("predict")
    if predict is not None:
        yield from _keywords(described, predict, subject)
    for method in answering:
        for call in _prints(method):
            yield _at(PRINTS, f"{method.node.name} prints", method, call, subject)
        for line, what in kept_on_self(method):
            message = f"{method.node.name} keeps something of the request on self: {what}"
            yield _at(STATE_ON_SELF, message, method, line, subject)
    yield from _model_dir(described, answering, subject)


def _keywords(described: ClassCode, predict: Method, subject: Subject) -> Iterator[Finding]:
    arguments = predict.node.args
    is_ours = bool(OUR_BASES & set(described.outside))
    is_vertex = described.has("load") and not described.has("from_path")
    is_plain = not predict.node.decorator_list and len(predict.positional) == 2
    if arguments.kwarg is None and is_plain and not is_ours and not is_vertex:
        message = f"predict of {described.name!r} takes no **kwargs"
        yield _at(NO_KEYWORDS, message, predict, predict.node, subject)
    if is_vertex or not is_plain:
        return
    taken = {item.arg for item in arguments.args}
    accepted = {item.arg for item in arguments.kwonlyargs}
    for key in sorted(_keys(subject.requests)):
        is_passed = arguments.kwarg is not None or key in accepted
        if is_passed and (key in taken or (key == "stats" and not is_ours)):
            message = f"a sample request has the key {key!r}, which predict has for a parameter"
            yield _at(KEY_COLLIDES, message, predict, predict.node, subject)


def _keys(requests: tuple[bytes, ...]) -> set[str]:
    """The top-level keys of the sample requests but instances."""
    found: set[str] = set()
    for body in requests:
        try:
            document = json.loads(body)
        except (ValueError, RecursionError):
            continue  # its answer will say so
        found |= set(document) if isinstance(document, dict) else set()
    return found - {"instances"}


def _prints(method: Method) -> Iterator[ast.Call]:
    for node in ast.walk(method.node):
        if isinstance(node, ast.Call) and method.module.dotted(node.func) in ("print", "pprint"):
            yield node
            return


def _model_dir(
    described: ClassCode, answering: list[Method], subject: Subject
) -> Iterator[Finding]:
    flow = ModelDirFlow(described)
    for method, call in flow.writes():
        message = f"{method.node.name} writes into the model directory: {_brief(call)}"
        yield _at(WRITES_MODEL_DIR, message, method, call, subject)
    for method, call in flow.reads(answering):
        message = f"{method.node.name} reads from the model directory: {_brief(call)}"
        yield _at(READS_LATE, message, method, call, subject)
    foreign = _foreign(subject.model_dir) if subject.model_dir is not None else []
    for method, call in flow.whole() if foreign else ():
        message = (
            f"{_brief(call)} loads the model directory as a whole, which holds "
            f"{', '.join(foreign)} too"
        )
        yield _at(LOADED_WHOLE, message, method, call, subject)


def _foreign(model_dir: Path) -> list[str]:
    """What lies in a SavedModel's own directory without being part of it."""
    names = sorted(path.name for path in model_dir.iterdir()) if model_dir.is_dir() else []
    return [name for name in names if name not in _SAVED_MODEL] if _SAVED_MODEL & {*names} else []


def _brief(call: ast.Call) -> str:
    text = " ".join(ast.unparse(call).split())
    return text if len(text) <= 70 else f"{text[:69]}…"


def _at(
    identity: str, message: str, method: Method, node: ast.AST | int, subject: Subject
) -> Finding:
    line = node if isinstance(node, int) else getattr(node, "lineno", 0)
    return Finding(identity, message, file=subject.relative(method.module.path), line=line)
