import json

import pytest

from cpr.manifest import Manifest, MemberRecord
from cpr.packager.lock import Pin
from cpr.packager.sbom import bill_of_materials

pytest.importorskip("cyclonedx", reason="bills of materials need the extra sbom")

ONE, TWO = "1" * 64, "2" * 64
MANIFEST = Manifest(
    name="iris",
    version="0.1",
    prediction_class="predictor.P",
    requirements=("Scikit_Learn>=1.3", "absent"),
    libraries={"scikit-learn": "1.9.0", "numpy": "2.4.6"},
    extra_packages={
        "helper-1.0-py3-none-any.whl": MemberRecord(ONE, 10),
        "odd.tgz": MemberRecord(TWO, 10),
    },
    model={"model.joblib": MemberRecord(ONE, 5), "assets/words.txt": MemberRecord(TWO, 6)},
)


def document(manifest=MANIFEST, package=b"package", pins=(), epoch=0):
    return json.loads(bill_of_materials(manifest, package, pins=pins, epoch=epoch))


def components(found):
    return {one["bom-ref"]: one for one in found["components"]}


def test_it_names_the_package_by_the_hash_of_its_file():
    root = document(epoch=86_400)["metadata"]
    assert root["timestamp"] == "1970-01-02T00:00:00+00:00"
    component = root["component"]
    assert (component["name"], component["version"]) == ("iris", "0.1")
    digest = "bc4a71180870f7945155fbb02f4b0a2e3faa2a62d6d31b7039013055ed19869a"
    assert component["hashes"] == [{"alg": "SHA-256", "content": digest}]


def test_without_a_lock_it_lists_requirements_and_installed_versions():
    found = components(document())
    library = found["library:scikit-learn"]
    assert (library["version"], library["purl"]) == ("1.9.0", "pkg:pypi/scikit-learn@1.9.0")
    assert library["properties"] == [{"name": "cpr:requirement", "value": ">=1.3"}]
    assert "version" not in found["library:absent"]
    assert "properties" not in found["library:numpy"]


def test_with_a_lock_it_lists_every_pin_with_its_hashes():
    found = components(document(pins=[Pin("numpy", "2.0.0", (ONE, TWO))]))
    assert [ref for ref in found if ref.startswith("library:")] == ["library:numpy"]
    (reference,) = found["library:numpy"]["externalReferences"]
    assert [one["content"] for one in reference["hashes"]] == [ONE, TWO]


def test_it_lists_extra_packages_and_the_files_of_the_model():
    found = components(document())
    extra = found["extra:helper-1.0-py3-none-any.whl"]
    assert (extra["name"], extra["version"]) == ("helper", "1.0")
    assert extra["hashes"] == [{"alg": "SHA-256", "content": ONE}]
    assert found["extra:odd.tgz"]["name"] == "odd.tgz"
    model = found["model"]
    assert model["type"] == "machine-learning-model"
    files = {one["name"]: one["hashes"][0]["content"] for one in model["components"]}
    assert files == {"model.joblib": ONE, "assets/words.txt": TWO}


def test_the_package_depends_on_all_of_them():
    found = document()
    (root,) = [one for one in found["dependencies"] if one["ref"] == "package"]
    assert sorted(root["dependsOn"]) == sorted(components(found))


def test_the_same_package_gives_the_same_bytes():
    first = bill_of_materials(MANIFEST, b"package", pins=(), epoch=0)
    assert first == bill_of_materials(MANIFEST, b"package", pins=(), epoch=0)
    other = document(package=b"other")
    assert json.loads(first)["serialNumber"] != other["serialNumber"]


@pytest.mark.parametrize("pins", [(), (Pin("numpy", "2.0.0", (ONE, TWO)),)], ids=["open", "locked"])
def test_it_is_valid_cyclonedx(pins):
    validation = pytest.importorskip("cyclonedx.validation.json", reason="needs jsonschema")
    from cyclonedx.schema import SchemaVersion

    bill = bill_of_materials(MANIFEST, b"package", pins=pins, epoch=0).decode()
    assert validation.JsonStrictValidator(SchemaVersion.V1_6).validate_str(bill) is None


def test_without_the_library_the_extra_is_named(monkeypatch):
    import sys

    from cpr.errors import EnvironmentProblem

    monkeypatch.setitem(sys.modules, "cyclonedx.model.bom", None)
    with pytest.raises(EnvironmentProblem) as caught:
        bill_of_materials(MANIFEST, b"package", pins=(), epoch=0)
    assert "pip install 'cpr[sbom]'" in caught.value.hint
