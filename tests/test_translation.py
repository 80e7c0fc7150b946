"""Every dialect, limit and error of one routine."""

import gzip
import json
from collections import Counter

import numpy as np
import pytest

from cpr import errors
from cpr.binding import Binding
from cpr.config import PredictorSettings
from cpr.contract import Contract
from cpr.messages import Call
from cpr.routine import Routine
from cpr.translation import AnswerLimits

DIALECTS = ["aiplatform", "vertex", "tfserving", "kserve"]
LIMITS = AnswerLimits(body_bytes=1000, json_depth=10)


def routine_of(predictor, limits=LIMITS, *, contract=Contract.AI_PLATFORM, **settings):
    return Routine(
        Binding(predictor, contract),
        name="Mine",
        settings=PredictorSettings(**settings),
        limits=limits,
    )


def ask(routine, body, dialect="aiplatform", **headers):
    body = body if isinstance(body, bytes) else json.dumps(body).encode()
    (reply,) = routine.answer([Call(body, dialect, **headers)])
    return reply.status, json.loads(reply.body)


class Echo:
    def predict(self, instances, **kwargs):
        return instances


class Keywords:
    def predict(self, instances, *, a=None, parameters="none"):
        return [a, parameters]


class Plain:
    def predict(self, instances, *, a=None, b=None):
        return [a, b]


class Fails:
    def __init__(self, error):
        self.error = error

    def predict(self, instances):
        raise self.error


@pytest.mark.parametrize("dialect", DIALECTS)
def test_every_dialect_answers_instances_with_predictions(dialect):
    assert ask(routine_of(Echo()), {"instances": [1, "é"]}, dialect) == (
        200,
        {"predictions": [1, "é"]},
    )


NAUGHTY = [
    "",
    " ",
    "undefined",
    "\\",
    '"',
    "'",
    "<script>alert(1)</script>",
    "../../../etc/passwd",
    "${HOME}`id`$(id)",
    "%s%n{0}",
    "\x00\x01\x1f\x7f",
    "\t\r\n\u2028\u2029\x85",
    "\ufeff\u200b\u202e\u2066",
    "Ω≈ç√∫",
    "田中さん 社會科學院",
    "👾 🙇 💁‍♂️ 🏳️‍🌈 🇷🇺🇸",
    "Z̮̞̠͙͔ͅḀ̗̞͈̻̗Ḷ͙͎̯̹̞͓G̻O̭̗̮",
    "ﷺ مرحبا",
    "NaN",
    "1e400",
    "null",
    "\U0010ffff\ue000",
]


@pytest.mark.parametrize("ascii_only", [True, False], ids=["escaped", "utf_8"])
@pytest.mark.parametrize("dialect", DIALECTS)
def test_texts_come_back_as_they_went_in(dialect, ascii_only):
    body = json.dumps({"instances": NAUGHTY}, ensure_ascii=ascii_only).encode()
    assert ask(routine_of(Echo()), body, dialect) == (200, {"predictions": NAUGHTY})


NOT_JSON = [
    b"",
    b" ",
    b"[1,]",
    b"[1",
    b"1]",
    b"[1]]",
    b'{"a":1}}',
    b'{"a":1,}',
    b"{a:1}",
    b"{'a':1}",
    b'{"a" 1}',
    b'{"a"}',
    b"[01]",
    b"[+1]",
    b"[.5]",
    b"[1.]",
    b"[1e]",
    b"[0x1]",
    b"[NaN]",
    b"[Infinity]",
    b"[-Infinity]",
    b"[nul]",
    b"[True]",
    b'["a]',
    b'["\\x"]',
    b'["\\u12"]',
    b'["a\nb"]',
    b'["a\x00"]',
    b'["\xff"]',
    b'["\xed\xa0\x80"]',
    b'["\\ud800"]',
    b"[1]\x00",
    b"\xef\xbb\xbf[1]",
    b"[\x001]",
    b"[1] /* */",
    b"// a\n[1]",
    b"[1\xa0]",
    b"\xff\xfe[\x001\x00]\x00",
    b"[" * 5000,
    b"[" * 5000 + b"]" * 5000,
    b'{"a":' * 5000,
]


@pytest.mark.parametrize("document", NOT_JSON, ids=lambda value: repr(value)[:30])
@pytest.mark.parametrize("dialect", ["aiplatform", "vertex", "kserve"])
def test_what_is_not_json_is_refused_raw_and_inside(dialect, document):
    routine = routine_of(Echo(), AnswerLimits())
    bodies = [document, b'{"instances": %b}' % document, b'{"instances": [1], "x": %b}' % document]
    for body in bodies:
        status, answer = ask(routine, body, dialect)
        assert status == 400
        assert isinstance(answer["error"], str)
        assert len(answer["error"]) < 600


JSON = [
    b"[]",
    b"[[]]",
    b"[1, 2.5e-3, -0, 1E+2, true, false, null]",
    b'["\\u00e9\\ud83d\\ude00\\n\\/"]',
    b'[{"": 0, "a": {"a": []}}]',
    b" [ 1 ] ",
    b"[9007199254740993, -9223372036854775808, 18446744073709551615]",
    b'["\xe2\x80\xa8\x7f"]',
    b"[" * 500 + b"]" * 500,
]


@pytest.mark.parametrize("document", JSON, ids=lambda value: repr(value)[:30])
@pytest.mark.parametrize("dialect", ["aiplatform", "vertex", "kserve"])
def test_what_is_json_is_taken_and_comes_back(dialect, document):
    routine = routine_of(Echo(), AnswerLimits())
    body = b'{"instances": %b}' % document
    assert ask(routine, body, dialect) == (200, {"predictions": json.loads(document)})


@pytest.mark.parametrize("dialect", DIALECTS)
def test_what_nests_too_deeply_is_refused(dialect):
    routine = routine_of(Echo())
    body = b'{"instances": %b}' % (b"[" * 8 + b"1," * 500 + b"1" + b"]" * 8)
    assert ask(routine, body, dialect)[0] == 200
    status, answer = ask(routine, body.replace(b"1,1", b"1,[[[1]]]", 1), dialect)
    assert status == 400
    assert "nested more than 10 levels deep" in answer["error"]


@pytest.mark.parametrize("dialect", DIALECTS)
def test_packed_bodies_are_unpacked_up_to_the_limit(dialect):
    routine = routine_of(Echo())
    body = gzip.compress(b'{"instances": [1]}')
    assert ask(routine, body, dialect, encoding="gzip") == (200, {"predictions": [1]})
    large = gzip.compress(b'{"instances": [%b]}' % (b" " * 1000))
    assert ask(routine, large, dialect, encoding="gzip")[0] == 413
    assert ask(routine, body[:-4], dialect, encoding="gzip")[0] == 400
    assert ask(routine, body, dialect, encoding="br")[0] == 415


def test_parameters_of_vertex_ai_are_keyword_arguments_unless_predict_names_them():
    body = {"instances": [1], "parameters": {"a": 1, "b": 2}}
    assert ask(routine_of(Plain()), body, "vertex") == (200, {"predictions": [1, 2]})
    assert ask(routine_of(Keywords()), body, "vertex") == (
        200,
        {"predictions": [None, {"a": 1, "b": 2}]},
    )
    assert ask(routine_of(Keywords()), body) == (
        200,
        {"predictions": [None, {"a": 1, "b": 2}]},
    )


def test_only_vertex_ai_minds_the_content_type():
    for dialect in DIALECTS:
        reply = ask(routine_of(Echo()), {"instances": [1]}, dialect, content_type="text/plain")
        assert reply[0] == (400 if dialect == "vertex" else 200)
    assert (
        "Unsupported content type of the request: text/plain"
        in ask(routine_of(Echo()), {"instances": [1]}, "vertex", content_type="text/plain")[1][
            "error"
        ]
    )


ERRORS = {
    "input": (errors.BadInput("row 3 is short."), 400, "row 3 is short."),
    "code": (ValueError("x"), 500, "predict raised ValueError: x"),
    "file": (OSError(9, "gone", "/srv/a/b.txt"), 500, "OSError: [Errno 9] gone: '…/b.txt'"),
}


@pytest.mark.parametrize("dialect", DIALECTS)
@pytest.mark.parametrize(("error", "status", "text"), ERRORS.values(), ids=ERRORS)
def test_errors_have_true_statuses_and_tell_no_folders(dialect, error, status, text):
    found, answer = ask(routine_of(Fails(error)), {"instances": [1]}, dialect)
    assert found == status
    assert answer["error"].endswith(text)
    assert answer["error"].startswith("Prediction failed: ") is (
        dialect == "aiplatform" and status == 500
    )


@pytest.mark.parametrize("dialect", DIALECTS)
def test_error_status_is_for_what_ai_platforms_routines_say(dialect):
    limits = AnswerLimits(body_bytes=10, error_status=200)
    routine = routine_of(Fails(ValueError("x")), limits)
    is_platform = dialect == "aiplatform"
    assert ask(routine, {"instances": [1]}, dialect)[0] == (200 if is_platform else 500)
    assert ask(routine, b"{", dialect)[0] == (200 if is_platform else 400)
    assert ask(routine_of(Echo(), limits), {"instances": [1]}, dialect)[0] == 200
    (reply,) = routine.answer([Call(b"{", dialect)])
    assert not reply.is_ok


def test_a_limit_keeps_its_status_and_is_told_as_the_platforms_own():
    routine = routine_of(Echo(), AnswerLimits(body_bytes=10, error_status=200))
    body = gzip.compress(bytes(99))
    status, answer = ask(routine, body, encoding="gzip")
    assert status == 413
    assert answer["error"]["code"] == 413
    assert answer["error"]["status"] == "INVALID_ARGUMENT"
    assert answer["error"]["message"].startswith("the body is larger than 10 bytes")


class Vertex:
    def load(self, artifacts_uri):
        pass

    def preprocess(self, body):
        return body

    def predict(self, body):
        return body

    def postprocess(self, body):
        return {"predictions": body}


def vertex_routine(predictor):
    return routine_of(predictor, contract=Contract.VERTEX)


@pytest.mark.parametrize("body", [{"inputs": [1]}, [1, 2], "text", None], ids=repr)
def test_a_vertex_ai_class_gets_and_gives_whole_bodies_on_its_own_route(body):
    assert ask(vertex_routine(Vertex()), body, "vertex") == (200, {"predictions": body})


@pytest.mark.parametrize("dialect", ["aiplatform", "tfserving", "kserve"])
def test_a_vertex_ai_class_gets_instances_on_other_routes(dialect):
    body = {"instances": [1], "parameters": {"a": 1}}
    assert ask(vertex_routine(Vertex()), body, dialect) == (200, {"predictions": body})
    assert ask(vertex_routine(Vertex()), {"inputs": [1]}, dialect)[0] == 400


def test_errors_of_a_vertex_ai_class_are_details_on_its_own_route():
    class Broken(Vertex):
        def predict(self, body):
            raise ValueError("odd")

    routine = vertex_routine(Broken())
    said = "predict raised ValueError: odd"
    assert ask(routine, {"instances": [1]}, "vertex") == (500, {"detail": said})
    assert ask(routine, {"instances": [1]}, "kserve") == (500, {"error": said})
    assert ask(routine, b"{", "vertex")[0] == 400
    assert "detail" in ask(routine, b"{", "vertex")[1]


class HTTPException(Exception):
    def __init__(self, status_code, detail):
        super().__init__(detail)
        self.status_code = status_code
        self.detail = detail


@pytest.mark.parametrize(
    ("error", "status", "detail"),
    [
        (HTTPException(422, "too short"), 422, "too short"),
        (HTTPException(404, {"a": 1}), 404, "{'a': 1}"),
        (HTTPException(503, "busy"), 500, "predict raised HTTPException: busy"),
    ],
    ids=str,
)
def test_a_vertex_ai_class_refuses_with_the_exception_of_its_web_framework(error, status, detail):
    class Refuses(Vertex):
        def predict(self, body):
            raise error

    assert ask(vertex_routine(Refuses()), {"instances": []}, "vertex") == (
        status,
        {"detail": detail},
    )


class Tensors:
    """As a model with signatures: y = x + 1."""

    batchable = True

    def __init__(self):
        self.calls = Counter()

    def predict(self, instances, *, signature_name=None):
        self.calls["predict"] += 1
        return np.array(instances, "f4") + 1

    def serve_rows(self, instances, *, signature_name=None):
        self.calls["rows"] += 1
        return {"y": np.array(instances, "f4") + 1}

    def serve_columns(self, inputs, *, signature_name=None):
        self.calls["columns"] += 1
        return {"y": np.array(inputs["x"], "f4") + 1}


def test_a_model_with_tensors_answers_rows_and_columns():
    routine = routine_of(Tensors())
    answers = routine.answer([Call(b'{"instances": [[1, 2]]}', "tfserving")])
    answers += routine.answer([Call(b'{"inputs": {"x": 0.1}}', "tfserving")])
    assert [a.body for a in answers] == [b'{"predictions":[[2.0,3.0]]}', b'{"outputs":1.1}']
    assert ask(routine, {"inputs": {"x": 1}}, "kserve")[0] == 400


def test_rows_of_every_dialect_share_a_predict_and_are_written_as_each_wants():
    predictor = Tensors()
    calls = [Call(b'{"instances": [[2], [0.5]]}', dialect) for dialect in DIALECTS]
    calls.append(Call(b'{"inputs": {"x": [3]}}', "tfserving"))
    replies = routine_of(predictor).answer(calls)
    assert [reply.body for reply in replies] == [b'{"predictions":[[3.0],[1.5]]}'] * 4 + [
        b'{"outputs":[4.0]}'
    ]
    assert predictor.calls == {"predict": 1, "columns": 1}
    assert [reply.batch_size for reply in replies] == [4, 4, 4, 4, 1]


def test_a_number_is_written_alike_alone_and_in_company():
    body = b'{"instances": [[0.33333333]]}'
    for dialect, text in [("tfserving", b"1.33333337"), ("kserve", b"1.3333334")]:
        call = Call(body, dialect)
        alone = routine_of(Tensors()).answer([call])[0].body
        assert alone == b'{"predictions":[[%b]]}' % text
        together = routine_of(Tensors()).answer([call, call, Call(body, "aiplatform")])
        assert [reply.body for reply in together[:2]] == [alone, alone]
        together = routine_of(Tensors()).answer([call, call])
        assert [reply.body for reply in together] == [alone, alone]


class Sizes:
    batchable = True

    def __init__(self):
        self.sizes = []

    def predict(self, instances):
        self.sizes.append(len(instances))
        return instances


def test_no_joint_predict_has_more_instances_than_the_most():
    predictor = Sizes()
    counts = [2, 2, 1, 3, 9, 1, 1]
    calls = [Call(json.dumps({"instances": [n] * n}).encode()) for n in counts]
    replies = routine_of(predictor, AnswerLimits(max_batch_size=4)).answer(calls)
    assert predictor.sizes == [4, 4, 9, 2]
    assert [json.loads(reply.body)["predictions"] for reply in replies] == [[n] * n for n in counts]


def test_the_strict_routine_writes_as_the_platform_did_in_company_too():
    class Doubles:
        batchable = True

        def predict(self, instances, **kwargs):
            return instances

    routine = routine_of(Doubles(), strict=True)
    replies = routine.answer([Call(b'{"instances": [1, "\xc3\xa9"]}')] * 2)
    assert {reply.body for reply in replies} == {b'{"predictions": [1, "\\u00e9"]}'}


def test_limits_are_those_of_the_settings(tmp_path):
    from cpr.serving import open_routine

    (tmp_path / "mine.py").write_text(
        "class Echo:\n"
        "    @classmethod\n"
        "    def from_path(cls, model_dir): return cls()\n"
        "    def predict(self, instances): return instances\n"
    )
    flags = {
        "limits.json_depth": 3,
        "limits.body_bytes": 50,
        "serve.error_status": 299,
        "batching.max_batch_size": 2,
    }
    with open_routine(f"{tmp_path}/mine.py:Echo", str(tmp_path), flags=flags) as routine:
        assert ask(routine, {"instances": [[1]]})[0] == 200
        assert ask(routine, {"instances": [[[1]]]})[0] == 299
        assert ask(routine, {"instances": [[[1]]]}, "kserve")[0] == 400
        assert ask(routine, gzip.compress(bytes(60)), encoding="gzip")[0] == 413
