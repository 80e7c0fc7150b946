"""SavedModels through TensorFlow Serving's rows and columns, over the whole middle."""

import json
import shutil

import numpy as np
import pytest

from cpr.messages import Call
from cpr.serving import open_routine


@pytest.fixture(scope="session")
def half(tf, tmp_path_factory):
    """An input of half precision."""
    folder = tmp_path_factory.mktemp("half")
    module = tf.Module()
    module.f = tf.function(lambda x: {"y": x})
    spec = tf.TensorSpec([None], tf.float16, name="x")
    tf.saved_model.save(module, str(folder), signatures=module.f.get_concrete_function(spec))
    return folder


def ask(routine, body, dialect="tfserving"):
    body = body if isinstance(body, bytes) else json.dumps(body).encode()
    (reply,) = routine.answer([Call(body, dialect)])
    return reply.status, reply.body.decode()


def answers(model_dir, cases):
    with open_routine(None, str(model_dir)) as routine:
        for body, status, answer in cases:
            found = ask(routine, body)
            assert found[0] == status, (body, found)
            assert answer in found[1], (body, found)


def test_shapes_are_those_of_the_request(half_plus_two):
    answers(
        half_plus_two,
        [
            ({"instances": [2.0, 3.0]}, 200, '{"predictions":[3.0,3.5]}'),
            ({"instances": [[1, 2], [3, 5]]}, 200, '{"predictions":[[2.5,3.0],[3.5,4.5]]}'),
            ({"instances": [{"x": [1 / 3]}]}, 200, '{"predictions":[[2.16666675]]}'),
            ({"inputs": 4}, 200, '{"outputs":4.0}'),
            ({"inputs": {"x": [[6]]}}, 200, '{"outputs":[[5.0]]}'),
            (b'{"instances": [NaN, Infinity]}', 200, '{"predictions":[NaN,Infinity]}'),
            ({"instances": [[1], 1]}, 400, "instances[1]"),
            ({"instances": [None]}, 400, "null"),
            ({"signature_name": "ghost", "instances": [1]}, 400, "ghost"),
        ],
    )


def test_several_inputs_and_outputs_are_named(tf2_model):
    row = {"sizes": [1, 2, 3], "age": 4}
    answers(
        tf2_model,
        [
            ({"instances": [row]}, 200, '"older":5'),
            ({"instances": [row, row]}, 200, '"score":321.0'),
            ({"inputs": {"sizes": [[1, 2, 3]], "age": [4], "extra": 0}}, 200, '"outputs":{'),
            ({"instances": [{"age": 4}]}, 400, "sizes"),
            ({"instances": [{**row, "more": 1}]}, 400, "more"),
            ({"instances": [row, [1, 2]]}, 400, "instances[1]"),
            ({"inputs": {"age": [4]}}, 400, "Input sizes is missing"),
            ({"inputs": [4]}, 400, "expected an object with the keys"),
            ({"instances": [{**row, "age": 1.5}]}, 400, "an integer (int32)"),
        ],
    )


def test_text_and_bytes(tf2_model):
    with open_routine(None, str(tf2_model)) as routine:
        body = {"signature_name": "raw", "instances": ["cat", {"b64": "ZG9n"}]}
        status, answer = ask(routine, body)
    first, second = json.loads(answer)["predictions"]
    assert (status, first["upper"], second["upper"]) == (200, "CAT", "DOG")
    assert first["image_bytes"] == {"b64": "Y2F0/w=="}


def test_outputs_that_are_no_rows_are_refused_in_rows_and_sent_in_columns(tf2_model, counter):
    answers(
        tf2_model,
        [
            ({"signature_name": "read", "instances": ["/nowhere"]}, 400, "error"),
            # The mean of all rows: one prediction for two instances, as the model says.
            (
                {"signature_name": "mean", "instances": [[1, 2, 3], [3, 4, 5]]},
                200,
                '{"predictions":[3.0]}',
            ),
        ],
    )
    answers(
        counter,
        [
            ({"signature_name": "incr_by", "inputs": 3.0}, 200, '{"outputs":3.0}'),
            ({"signature_name": "incr_by", "instances": [1.0]}, 400, "the same size"),
            ({"signature_name": "get", "inputs": {}}, 400, "Failed to get input map"),
            ({"signature_name": "get", "instances": [{}]}, 400, "Failed to get input map"),
        ],
    )


def test_a_type_that_json_has_not_is_not_served(half):
    answers(half, [({"instances": [1.0]}, 501, "float16"), ({"inputs": [1.0]}, 501, "float16")])


def test_rows_of_several_calls_share_a_run_and_keep_their_form(two_graphs):
    bodies = [b'{"instances": [0.33333333]}', b'{"instances": [2, 3]}', b'{"instances": ["a"]}']
    with open_routine(None, str(two_graphs)) as routine:
        assert routine.is_batchable
        replies = routine.answer([Call(body, "tfserving") for body in bodies])
        alone = [ask(routine, body) for body in bodies]
        replies += routine.answer([Call(body, "tfserving") for body in bodies[:2]])
    assert [(reply.status, reply.body.decode()) for reply in replies] == alone + alone[:2]
    assert alone[0] == (200, '{"predictions":[1.33333337]}')
    assert [reply.batch_size for reply in replies[3:]] == [2, 2]


def test_labels_apply_to_rows_and_not_to_columns(half_plus_two, tmp_path):
    folder = tmp_path / "labelled"
    shutil.copytree(half_plus_two, folder)
    (folder / "labels.txt").write_text("low\nhigh\n")
    with open_routine(None, str(folder)) as routine:
        rows = ask(routine, {"instances": [[5, 1], [1, 5]]})
        columns = ask(routine, {"inputs": [[5, 1]]})
    assert rows == (200, '{"predictions":["low","high"]}')
    assert columns == (200, '{"outputs":[[4.5,2.5]]}')


def test_every_dialect_gives_the_same_numbers(two_graphs):
    with open_routine(None, str(two_graphs)) as routine:
        found = [
            json.loads(ask(routine, {"instances": [0.1, 7]}, dialect)[1])["predictions"]
            for dialect in ("aiplatform", "vertex", "tfserving", "kserve")
        ]
    for predictions in found[1:]:
        np.testing.assert_array_equal(np.float32(predictions), np.float32(found[0]))
