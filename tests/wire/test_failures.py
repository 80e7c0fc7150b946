"""What the server itself refuses, in the shape that each dialect's clients read."""

import json

import pytest

from cpr.wire.failures import failure

STATUSES = [400, 401, 403, 404, 408, 411, 413, 414, 415, 421, 431, 500, 503, 504]


@pytest.mark.parametrize("status", STATUSES)
@pytest.mark.parametrize("dialect", ["vertex", "tfserving", "kserve"])
def test_an_error_is_a_text_with_its_true_status(dialect, status):
    sent, body = failure(dialect, status, "no “room”", error_status=200)
    assert (sent, json.loads(body)) == (status, {"error": "no “room”"})


@pytest.mark.parametrize(
    ("status", "name"),
    [
        (400, "INVALID_ARGUMENT"),
        (401, "UNAUTHENTICATED"),
        (403, "PERMISSION_DENIED"),
        (404, "NOT_FOUND"),
        (408, "DEADLINE_EXCEEDED"),
        (413, "INVALID_ARGUMENT"),
        (421, "INVALID_ARGUMENT"),
        (431, "INVALID_ARGUMENT"),
        (503, "UNAVAILABLE"),
        (504, "DEADLINE_EXCEEDED"),
    ],
)
def test_a_refusal_of_ai_platform_has_a_code_and_never_status_200(status, name):
    sent, body = failure("aiplatform", status, "no", error_status=200)
    assert sent == status
    assert json.loads(body) == {"error": {"code": status, "message": "no", "status": name}}


@pytest.mark.parametrize(("error_status", "status"), [(None, 500), (200, 200)])
def test_a_predictor_that_died_is_told_as_a_prediction_that_failed(error_status, status):
    sent, body = failure("aiplatform", 500, "it crashed.", error_status=error_status)
    assert (sent, json.loads(body)) == (status, {"error": "Prediction failed: it crashed."})


def test_any_text_can_be_sent():
    _, body = failure("kserve", 400, 'quote " \ud800 \x00')
    assert json.loads(body) == {"error": 'quote " \ud800 \x00'}
    body.decode("ascii")
