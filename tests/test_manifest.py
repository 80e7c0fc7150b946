import json

import pytest

from cpr.errors import PackageRefused
from cpr.manifest import Manifest, MemberRecord

MANIFEST = Manifest(
    name="iris",
    version="0.1",
    prediction_class="predictor.MyPredictor",
    requirements=("numpy>=1.26", "scikit-learn"),
    requires_python=">=3.8",
    python="3.11.7",
    libraries={"numpy": "1.26.4"},
    predictor={"b64": "always", "tags": ["serve"]},
    members={
        "predictor.py": MemberRecord("a" * 64, 12),
        "caf\u00e9.txt": MemberRecord("b" * 64, 0),
    },
)


def test_a_manifest_survives_writing_and_reading():
    assert Manifest.parse(MANIFEST.to_bytes()) == MANIFEST


def test_equal_manifests_have_equal_bytes():
    members = dict(reversed(MANIFEST.members.items()))
    again = Manifest.parse(MANIFEST.to_bytes())
    shuffled = Manifest(**{**vars(again), "members": members})
    assert shuffled.to_bytes() == MANIFEST.to_bytes()


def test_its_bytes_are_ascii_json_with_the_schema_named():
    document = json.loads(MANIFEST.to_bytes().decode("ascii"))
    assert document["schema"] == "cpr.manifest/1"
    assert document["members"]["predictor.py"] == {"sha256": "a" * 64, "size": 12}


def changed(**fields):
    document = json.loads(MANIFEST.to_bytes())
    document.update(fields)
    return json.dumps({k: v for k, v in document.items() if v is not ...}).encode()


@pytest.mark.parametrize(
    ("data", "message"),
    [
        (b"", "not valid JSON"),
        (b"\xff", "not valid JSON"),
        (b"[" * 100_000, "not valid JSON"),
        (b'{"schema": 1, "schema": 2}', "'schema' stands there twice"),
        (b"[]", r"JSON object, not \[\]"),
        (changed(schema="cpr.manifest/2"), "schema 'cpr.manifest/2'"),
        (changed(name=...), "lacks the field 'name'"),
        (changed(name=3), "'name' is 3; expected a str"),
        (changed(extra=1), "unknown field 'extra'"),
        (changed(requirements=[1]), "1 should be a string"),
        (changed(libraries={"numpy": 1}), "1 should be a string"),
        (changed(members={"a": "b"}), "member 'a' is described by 'b'"),
        (changed(members={"a": {"sha256": "A" * 64, "size": 1}}), "member 'a'"),
        (changed(members={"a": {"sha256": "a" * 64, "size": -1}}), "member 'a'"),
        (changed(members={"a": {"sha256": "a" * 64, "size": True}}), "member 'a'"),
        (changed(members={"a": {"sha256": "a" * 64}}), "member 'a'"),
    ],
    ids=[
        "empty", "not-utf-8", "deep", "key-twice", "no-object", "schema", "missing", "kind",
        "unknown", "requirement", "library", "member", "upper-case-digest", "negative-size",
        "boolean-size", "no-size",
    ],
)  # fmt: skip
def test_refuses_a_manifest_that_is_not_one(data, message):
    with pytest.raises(PackageRefused, match=message) as caught:
        Manifest.parse(data)
    assert "cpr-manifest.json" in caught.value.problem
