"""cpr package with all that goes beside a package, as a real process."""

import json
import stat
import zipfile

import pytest

NAMED = ["--prediction-class=predictor.MyPredictor", "--name=iris", "--version=0.1"]


@pytest.fixture
def folder(project, tmp_path):
    folder = project()[0]
    (folder / "model" / "weights.bin").write_bytes(b"12345")
    (folder / "model" / "checkpoint").write_text("left only beside an exported model")
    (folder / "model" / ".DS_Store").write_text("x")
    (folder / "requests").mkdir()
    (folder / "requests" / "rows.jsonl").write_text("1\n2\n")
    return folder


def beside(folder):
    return sorted(path.name for path in (folder / "dist").iterdir())


def test_it_says_what_was_staged_left_behind_and_verified(cpr, folder):
    done = cpr("package", folder, *NAMED, f"--model-dir={folder / 'model'}")
    staged = folder / "dist" / "iris-0.1-model"
    assert f"model directory   {staged}\n" in done.stdout
    assert "                  39 bytes, 2 files\n" in done.stdout
    assert "left behind       files of an operating system: 1 bytes, 1 file\n" in done.stdout
    assert (
        "verified          model loaded, 2 requests answered as the project does\n" in done.stdout
    )
    assert f"--model-dir {staged} --json-instances INSTANCES" in done.stdout
    assert done.stderr == ""
    assert sorted(path.name for path in staged.iterdir()) == ["checkpoint", "weights.bin"]


def test_json_says_the_same(cpr, folder):
    done = cpr("package", folder, *NAMED, f"--model-dir={folder / 'model'}", "--json")
    summary = json.loads(done.stdout)["summary"]
    assert summary["verified"] == {"depth": "answered", "requests": 2, "ok": True}
    assert summary["published"] is True
    assert summary["model"]["files"] == ["checkpoint", "weights.bin"]
    assert summary["model"]["left_behind"] == [
        {"reason": "files of an operating system", "size": 1, "files": [".DS_Store"]}
    ]


@pytest.mark.parametrize(
    ("flags", "said"),
    [
        ([], "imported; no model directory is known, so nothing was loaded"),
        (["--no-verify"], "no"),
    ],
)
def test_it_says_how_far_the_package_was_tried(cpr, folder, flags, said):
    assert f"verified          {said}\n" in cpr("package", folder, *NAMED, *flags).stdout


def test_a_package_that_fails_its_trial_is_not_put_in_place(cpr, folder):
    (folder / "predictor.py").write_text("import nothing_of_that_name\n")
    flags = [*NAMED[1:], "--prediction-class=predictor.P"]
    (folder / "predictor.py").write_text("import nothing_of_that_name\nclass P: ...\n")
    done = cpr("package", folder, *flags, expected=1)
    assert done.stdout == ""
    assert "cpr: CPR281 the package fails in a process of its own" in done.stderr
    assert "No module named 'nothing_of_that_name'" in done.stderr
    assert "the package was not put in place" in done.stderr
    assert not (folder / "dist").exists()
    done = cpr("package", folder, *flags, "--json", expected=1)
    document = json.loads(done.stdout)
    assert document["ok"] is False
    assert document["summary"]["published"] is False
    assert [one["id"] for one in document["findings"]] == ["CPR281"]
    assert done.stderr == ""
    cpr("package", folder, *flags, "--no-verify")
    assert beside(folder) == ["iris-0.1.tar.gz"]


def test_the_users_traceback_is_shown(cpr, folder):
    source = (folder / "predictor.py").read_text()
    (folder / "predictor.py").write_text(source.replace("2 * instance", "instance.missing"))
    done = cpr("package", folder, *NAMED, f"--model-dir={folder / 'model'}", expected=1)
    assert done.stderr.count("CPR282") == 2
    assert 'predictor.py", line' in done.stderr


def test_sample_requests_can_be_named(cpr, folder, tmp_path):
    (tmp_path / "one.json").write_text('{"instances": [1, 2, 3]}')
    flags = [f"--model-dir={folder / 'model'}", "--requests=one.json", "--json"]
    verified = json.loads(cpr("package", folder, *NAMED, *flags).stdout)["summary"]["verified"]
    assert verified["requests"] == 1


@pytest.mark.parametrize(
    ("flags", "message"),
    [
        (["--stage-dir=x"], "--stage-dir says where --model-dir is staged"),
        (["--no-verify", "--requests=x"], "--requests and --no-verify exclude each other"),
        (["--sign=absent"], "the key absent cannot be read"),
        (["--extra-package=absent.whl"], "absent.whl is not a file"),
        (["--model-dir=project/model", "--stage-dir=project/model/x"], "lie within each other"),
    ],
)
def test_flags_that_make_no_sense_are_usage_errors(cpr, folder, flags, message):
    if "--sign=absent" in flags:
        pytest.importorskip("cryptography", reason="signatures need the extra sign")
    assert message in cpr("package", folder, *NAMED, *flags, expected=2).stderr
    assert not (folder / "dist").exists()


def test_a_model_directory_that_is_not_there_ends_with_10(cpr, folder):
    done = cpr("package", folder, *NAMED, "--model-dir=nowhere", expected=10)
    assert "nowhere" in done.stderr


def test_extra_packages_and_the_bill_of_materials_lie_beside(cpr, folder, tmp_path):
    pytest.importorskip("cyclonedx", reason="bills of materials need the extra sbom")
    with zipfile.ZipFile(tmp_path / "helper-1-py3-none-any.whl", "w") as archive:
        archive.writestr("helper.py", "")
    flags = ["--extra-package=helper-1-py3-none-any.whl", "--sbom"]
    done = cpr("package", folder, *NAMED, *flags)
    assert "beside it         helper-1-py3-none-any.whl, iris-0.1.cdx.json\n" in done.stdout
    assert beside(folder) == ["helper-1-py3-none-any.whl", "iris-0.1.cdx.json", "iris-0.1.tar.gz"]


def test_signing_and_requiring_signatures(cpr, folder, tmp_path):
    pytest.importorskip("cryptography", reason="signatures need the extra sign")
    made = cpr("key", "ours").stdout
    assert stat.S_IMODE((tmp_path / "ours").stat().st_mode) == 0o600
    key_id = json.loads(cpr("key", "other", "--json").stdout)["summary"]["key_id"]
    assert key_id not in made
    done = cpr("package", folder, *NAMED, "--sign=ours")
    assert f"signed by         {made.split()[-1]}\n" in done.stdout
    package = folder / "dist" / "iris-0.1.tar.gz"
    ask = [package, f"--model-dir={folder / 'model'}"]
    rows = f"--json-instances={folder / 'requests' / 'rows.jsonl'}"
    assert cpr("predict", *ask, rows, "--require-signature=ours.pub").stdout == "[2, 4]\n"
    requests = folder / "requests"
    cpr("replay", requests, *ask, "--require-signature=ours.pub")
    done = cpr("predict", *ask, rows, "--require-signature=other.pub", expected=10)
    assert f"it is signed by the key {made.split()[-1]}, not by {key_id}" in done.stderr
    assert cpr("replay", requests, *ask, "--require-signature=other.pub", expected=10)
    done = cpr("predict", *ask, rows, "--require-signature=ours", expected=2)
    assert "holds a private key" in done.stderr
    assert "is there already" in cpr("key", "ours", expected=2).stderr
