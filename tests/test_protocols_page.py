"""The page of protocols tells the truth: its routes, its requests and its answers."""

import json
import re
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest

from cpr.binding import Binding
from cpr.config import PredictorSettings
from cpr.contract import Contract
from cpr.messages import Call
from cpr.routine import Routine
from cpr.wire.failures import failure
from cpr.wire.routes import Routes

TEXT = (Path(__file__).resolve().parent.parent / "docs" / "protocols.md").read_text("utf-8")
BLOCK = re.compile(
    r"^<!-- (request|answer|refusal) \w+ (.*?) -->\n```json\n(.*?)^```$", re.M | re.S
)
DIALECTS = {
    "AI Platform": "aiplatform",
    "Vertex AI": "vertex",
    "TensorFlow Serving": "tfserving",
}
ROUTES = dict(re.findall(r"^\| `(/\S*|\$\S*)` \| ([^|,]*)[^|]* \|$", TEXT, re.M))


class Multiplies:
    def predict(self, instances, *, scale=1):
        return [value * scale for value in instances]


class Model(Multiplies):
    def serve_rows(self, instances, *, signature_name=None):
        return {"y": np.array(instances, "f4") + np.float32(1)}

    def serve_columns(self, inputs, *, signature_name=None):
        return {"y": np.array(inputs["x"], "f4") + np.float32(1)}


def exchanges():
    found = BLOCK.findall(TEXT)
    for (kind, dialect, request), (then, status, answer) in pairwise(found):
        if kind == "request":
            assert then == "answer"
            yield dialect, request, int(status), json.loads(answer)


def test_the_page_shows_every_protocol():
    assert {dialect for dialect, *_ in exchanges()} == {*DIALECTS.values(), "kserve"}
    assert len(ROUTES) == 7


@pytest.mark.parametrize(("path", "protocol"), ROUTES.items(), ids=ROUTES)
def test_a_path_leads_to_the_protocol_that_the_page_says(path, protocol):
    route = Routes(aip_predict_route="$AIP_PREDICT_ROUTE").predict_route(path.encode())
    assert route.dialect == DIALECTS[protocol]
    assert route.model == ("M" if "/M" in path else "")
    assert route.version == ("V" if "/V" in path else "")
    assert route.label == ("L" if "/L" in path else "")


@pytest.mark.parametrize(("dialect", "request_body", "status", "answer"), list(exchanges()))
def test_a_request_is_answered_as_the_page_says(dialect, request_body, status, answer):
    predictor = Model() if dialect == "tfserving" else Multiplies()
    routine = Routine(
        Binding(predictor, Contract.AI_PLATFORM), name="Page", settings=PredictorSettings()
    )
    (reply,) = routine.answer([Call(request_body.encode(), dialect)])
    assert (reply.status, json.loads(reply.body)) == (status, answer)


def test_a_refusal_has_the_shape_that_the_page_says():
    ((_, said, shown),) = [found for found in BLOCK.findall(TEXT) if found[0] == "refusal"]
    dialect, status = said.split()
    document = json.loads(shown)
    sent, body = failure(dialect, int(status), document["error"]["message"])
    assert (sent, json.loads(body)) == (int(status), document)
