"""The one document of an inspection, with the samples in their places."""

import json

import pytest

from cpr.inspecting.as_json import document_of
from cpr.inspecting.inspection import Graph, Inspection, SignatureView


@pytest.mark.parametrize("name", ["\x000 b", "\x000 a", "0 b", '"', "\\u0000"], ids=repr)
def test_names_do_not_get_in_the_way_of_samples(name):
    views = [
        SignatureView(item, "", (), (), {"instances": [item]} if item != "none" else None)
        for item in (name, "b", "none")
    ]
    found = Inspection(name, "tensorflow", name, graphs=(Graph(signatures=tuple(views)),))
    document = json.loads(document_of(found))
    signatures = document["summary"]["graphs"][0]["signatures"]
    assert {key: item["sample"] for key, item in signatures.items()} == {
        name: {"instances": [name]},
        "b": {"instances": ["b"]},
        "none": None,
    }
    assert document["summary"]["path"] == name
