"""A loaded routine: one reply a call, whatever the user's code does."""

import json
import logging
import os
import threading
from contextlib import ExitStack
from pathlib import Path

import pytest

from cpr import errors
from cpr.binding import load
from cpr.config import PredictorSettings
from cpr.messages import Call
from cpr.predictor import Predictor
from cpr.routine import Routine

HERE = Path(__file__).parent


def routine_of(cls, *, is_ready_made=False, resources=None, **settings):
    settings = PredictorSettings(**settings)
    return Routine(
        load(cls, cls.__name__, "/nowhere", settings),
        name=cls.__name__,
        settings=settings,
        is_ready_made=is_ready_made,
        roots=[HERE],
        resources=resources,
    )


class Plain:
    @classmethod
    def from_path(cls, model_dir):
        return cls()


class Echo(Plain):
    def predict(self, instances, **kwargs):
        return instances


class Keywords(Plain):
    def predict(self, instances, **kwargs):
        return sorted(kwargs)


class Calls(Plain):
    """Calls the function that the test puts in its place."""

    function = staticmethod(lambda: None)

    def predict(self, instances):
        return type(self).function()


def ask(routine, body=b'{"instances": [1]}'):
    (reply,) = routine.answer([Call(body)])
    return reply, json.loads(reply.body)


def raising(error):
    def function():
        raise error

    return type("Raises", (Calls,), {"function": staticmethod(function)})


class Mute(Exception):
    def __str__(self):
        raise RuntimeError("no words")


SAID = "Prediction failed: predict raised "
RAISED = {
    "bad_input": (errors.BadInput("row 3 is short."), 400, 11, "row 3 is short."),
    "usage": (errors.UsageError("what?"), 400, 2, "Prediction failed: what?"),
    "config": (errors.ConfigError("no"), 500, 3, "Prediction failed: no"),
    "load": (errors.LoadError("gone"), 503, 10, "Prediction failed: gone"),
    "refused": (errors.PackageRefused("bad"), 503, 10, "Prediction failed: bad"),
    "model": (errors.PredictionFailed("nan loss"), 500, 12, "Prediction failed: nan loss"),
    "output": (errors.BadOutput("odd"), 500, 13, "Prediction failed: odd"),
    "user_code": (errors.UserCodeError("mine"), 500, 14, "Prediction failed: mine"),
    "machine": (errors.EnvironmentProblem("disk"), 500, 20, "Prediction failed: disk"),
    "root": (errors.CprError("root"), 500, 70, "Prediction failed: root"),
    "value": (ValueError("bad row"), 500, 14, f"{SAID}ValueError: bad row"),
    "key": (KeyError("age"), 500, 14, f"{SAID}KeyError: 'age'"),
    "empty": (AssertionError(), 500, 14, f"{SAID}AssertionError"),
    "file": (OSError(9, "no", "/tmp/v.txt"), 500, 14, f"{SAID}OSError: [Errno 9] no: '…/v.txt'"),
    "exit": (SystemExit(3), 500, 14, f"{SAID}SystemExit: 3"),
    "memory": (MemoryError(), 500, 14, f"{SAID}MemoryError"),
    "mute": (Mute(), 500, 14, f"{SAID}Mute: <message cannot be printed>"),
    "surrogate": (ValueError("\ud800"), 500, 14, f"{SAID}ValueError: ?"),
}  # fmt: skip


@pytest.mark.parametrize(("error", "status", "exit_code", "text"), RAISED.values(), ids=RAISED)
def test_every_error_is_a_reply(error, status, exit_code, text):
    reply, body = ask(routine_of(raising(error)))
    assert (reply.status, body) == (status, {"error": text})
    assert reply.error.exit_code == exit_code
    assert not reply.is_ok
    assert "Traceback" not in text
    assert str(HERE) not in reply.body.decode()


def test_a_users_exception_keeps_its_place_and_traceback_for_the_operator():
    error = ask(routine_of(raising(ValueError("bad row"))))[0].error
    assert error.hint.startswith("test_routine.py:")
    assert error.hint.endswith("in function: raise error")
    assert "routine.py" in error.user_traceback
    assert f"{os.sep}cpr{os.sep}" not in error.user_traceback
    assert isinstance(error.__cause__, ValueError)


def test_a_long_message_is_cut():
    body = ask(routine_of(raising(ValueError("x" * 100_000))))[1]
    assert len(body["error"]) < 600


@pytest.mark.parametrize("error", [KeyboardInterrupt(), GeneratorExit()], ids=repr)
def test_an_interrupt_passes_through_and_leaves_the_routine_usable(error):
    routine = routine_of(raising(error))
    for _ in range(2):
        with pytest.raises(type(error)):
            routine.answer([Call(b'{"instances": [1]}')])


def test_a_ready_made_predictor_that_fails_blames_the_model():
    reply, body = ask(routine_of(raising(ValueError("shape")), is_ready_made=True))
    assert body == {"error": "Prediction failed: the model failed: ValueError: shape"}
    assert reply.error.exit_code == 12


@pytest.mark.parametrize(
    ("error", "text"),
    [
        (ValueError("secret"), "Prediction failed: unknown error."),
        (SystemExit(), "Prediction failed: unknown error."),
        (errors.BadInput("row 3"), "row 3"),
    ],
    ids=repr,
)
def test_strict_tells_the_client_as_little_as_the_platform(error, text):
    class Raises(Plain):
        def predict(self, instances, **kwargs):
            raise error

    reply, body = ask(routine_of(Raises, strict=True))
    assert body == {"error": text}
    assert str(error) in str(reply.error)


B64 = {
    "custom_auto": ("auto", False, {"b64": "YQ=="}),
    "custom_always": ("always", False, [97]),
    "custom_never": ("never", False, {"b64": "YQ=="}),
    "bytes_auto": ("auto", True, [97]),
    "bytes_always": ("always", True, [97]),
    "bytes_never": ("never", True, {"b64": "YQ=="}),
}


@pytest.mark.parametrize(("setting", "decodes", "expected"), B64.values(), ids=B64)
def test_decodes_base64_as_set_or_as_the_predictor_wants(setting, decodes, expected):
    class Looks(Echo):
        decodes_b64 = decodes

        def predict(self, instances, **kwargs):
            return [list(v) if isinstance(v, bytes) else v for v in instances]

    body = b'{"instances": [{"b64": "YQ=="}]}'
    assert ask(routine_of(Looks, b64=setting), body)[1] == {"predictions": [expected]}


def test_a_parameter_that_predict_does_not_take_is_ignored_with_one_warning(caplog):
    routine = routine_of(type("One", (Calls,), {"function": staticmethod(lambda: "done")}))
    body = b'{"instances": [1], "size": 2, "signature_name": "s"}'
    for _ in range(3):
        assert ask(routine, body)[1] == {"predictions": "done"}
    assert [record.getMessage() for record in caplog.records] == [
        "predict() takes no parameter 'size'; the key is ignored",
        "predict() takes no parameter 'signature_name'; the key is ignored",
    ]


def test_strict_passes_every_parameter_and_stats_as_the_platform_did():
    body = b'{"instances": [1], "size": 2}'
    assert ask(routine_of(Keywords, strict=True), body)[1] == {"predictions": ["size", "stats"]}
    calls = type("One", (Calls,), {"function": staticmethod(lambda: "done")})
    reply, answer = ask(routine_of(calls, strict=True), body)
    assert answer == {"error": "Prediction failed: unknown error."}
    assert "unexpected keyword argument" in reply.error.problem


def test_strict_writes_what_pythons_json_writes():
    body = b'{"instances": [NaN, "\xc3\xa9"]}'
    assert ask(routine_of(Echo, strict=True), body)[0].body == b'{"predictions": [NaN, "\\u00e9"]}'


def test_replies_count_and_time_what_was_done():
    for body, count in [
        (b'{"instances": [1, 2]}', 2),
        (b'{"instances": {"a": 1}}', 1),
        (b'{"instances": 5}', 1),
    ]:
        reply = ask(routine_of(Echo), body)[0]
        assert (reply.instance_count, reply.batch_size) == (count, 1)
        assert reply.timing.total_ns > 0
    assert routine_of(Echo).answer([]) == []
    assert routine_of(Echo, batchable="always").answer([]) == []


def test_calls_from_many_threads_never_overlap_in_predict():
    inside, most, answered = [], [], []
    barrier = threading.Barrier(8)

    def work():
        inside.append(1)
        most.append(len(inside))
        for _ in range(100):
            Path().stat()  # lets another thread run
        inside.pop()

    routine = routine_of(type("Busy", (Calls,), {"function": staticmethod(work)}))

    def client():
        barrier.wait()
        for _ in range(5):
            answered.extend(routine.answer([Call(b'{"instances": [1]}')] * 2))

    threads = [threading.Thread(target=client) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert max(most) == 1
    assert [reply.status for reply in answered] == [200] * 80


def test_close_waits_for_the_call_that_is_being_answered():
    entered, go_on, order = threading.Event(), threading.Event(), []

    def work():
        entered.set()
        assert go_on.wait(10)
        order.append("predicted")

    resources = ExitStack()
    resources.callback(order.append, "released")
    routine = routine_of(
        type("Slow", (Calls,), {"function": staticmethod(work)}), resources=resources
    )
    answering = threading.Thread(target=lambda: routine.answer([Call(b'{"instances": [1]}')]))
    answering.start()
    assert entered.wait(10)
    closing = threading.Thread(target=routine.close)
    closing.start()
    go_on.set()
    answering.join(10)
    closing.join(10)
    assert order == ["predicted", "released"]


def test_closes_once_and_answers_no_more():
    resources, released = ExitStack(), []
    resources.callback(released.append, 1)
    with routine_of(Echo, resources=resources) as routine:
        assert ask(routine)[1] == {"predictions": [1]}
    routine.close()
    assert released == [1]
    with pytest.raises(errors.UsageError, match="the routine of 'Echo' is closed"):
        routine.answer([Call(b'{"instances": [1]}')])


class Size(Plain):
    def predict(self, instances):
        return [len(instances)] * len(instances)


@pytest.mark.parametrize(
    ("declared", "setting", "shared"),
    [
        (False, "auto", 1),
        (True, "auto", 2),
        (False, "always", 2),
        (True, "never", 1),
    ],
    ids=["class-silent", "class-says", "setting-says", "setting-forbids"],
)
def test_requests_share_a_predict_where_class_or_setting_says_so(declared, setting, shared):
    cls = type("Sized", (Size,), {"batchable": declared})
    routine = routine_of(cls, batchable=setting)
    replies = routine.answer([Call(b'{"instances": [1]}')] * 2)
    assert [json.loads(reply.body)["predictions"] for reply in replies] == [[shared]] * 2
    assert routine.is_batchable is (shared == 2)


def test_logs_why_a_batch_is_tried_again(caplog):
    caplog.set_level(logging.INFO)
    cls = type("Batch", (raising(ValueError("no")),), {"batchable": True})
    routine_of(cls).answer([Call(b'{"instances": [1]}')] * 2)
    assert "a batch of 2 calls failed; trying each alone: predict raised" in caplog.text


def test_a_hook_of_our_own_class_runs_around_predict():
    class Hooked(Predictor):
        @classmethod
        def from_path(cls, model_dir):
            return cls()

        def preprocess(self, instances):
            return [value + 1 for value in instances]

        def predict(self, instances):
            return [value * 10 for value in instances]

        def postprocess(self, predictions):
            return {"best": max(predictions)}

    assert ask(routine_of(Hooked), b'{"instances": [1, 2]}')[1] == {"predictions": {"best": 30}}
