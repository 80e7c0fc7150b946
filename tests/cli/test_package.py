import hashlib
import json
import resource

import pytest

CLASS = "--prediction-class=predictor.MyPredictor"
NAMED = [CLASS, "--name=iris-routine", "--version=0.1"]


@pytest.fixture
def folder(project):
    return project()[0]


def test_flags_alone_build_a_package(cpr, folder):
    done = cpr("package", folder, *NAMED)
    package = folder / "dist" / "iris_routine-0.1.tar.gz"
    assert f"package           {package}\n" in done.stdout
    assert hashlib.sha256(package.read_bytes()).hexdigest() in done.stdout
    assert "prediction class  predictor.MyPredictor\n" in done.stdout
    assert "requirements      none\n" in done.stdout
    assert f"  cpr predict {package} --model-dir MODEL_DIR" in done.stdout
    assert done.stderr == ""


def test_the_package_predicts(cpr, folder, tmp_path):
    cpr("package", folder, *NAMED, "-o", "out")
    rows = tmp_path / "rows.jsonl"
    rows.write_text("1\n2\n")
    done = cpr(
        "predict",
        "out/iris_routine-0.1.tar.gz",
        f"--model-dir={folder / 'model'}",
        f"--json-instances={rows}",
        "--format=json",
    )
    assert json.loads(done.stdout) == {"predictions": [2, 4]}


def test_json_is_one_document(cpr, folder):
    (folder / "table.csv").write_text("1,2\n")
    flags = ["--requirement=numpy>=1", "--requirement=joblib", "--json"]
    done = cpr("package", folder, *NAMED, *flags)
    document = json.loads(done.stdout)
    assert (document["schema"], document["ok"]) == ("cpr.package/1", True)
    summary = document["summary"]
    assert summary["path"] == str(folder / "dist" / "iris_routine-0.1.tar.gz")
    assert summary["requirements"] == ["numpy>=1", "joblib"]
    assert "predictor.py" in summary["members"]
    (finding,) = document["findings"]
    assert (finding["id"], finding["severity"]) == ("CPR201", "warning")
    assert finding["file"] == str(folder / "table.csv")
    assert done.stderr == ""


def test_remarks_go_to_standard_error_unless_quiet(cpr, folder):
    (folder / "table.csv").write_text("1,2\n")
    done = cpr("package", folder, *NAMED)
    assert done.stderr.startswith("cpr: CPR201 table.csv: data beside the modules")
    assert cpr("package", folder, *NAMED, "--quiet").stderr == ""


def test_include_and_exclude_choose_the_files(cpr, folder):
    for name in ("a.py", "b.py"):
        (folder / name).write_text("")
    flags = ["--include=*.py", "--exclude=b.py", "--json"]
    members = json.loads(cpr("package", folder, *NAMED, *flags).stdout)["summary"]["members"]
    assert "a.py" in members
    assert "b.py" not in members


def test_the_current_directory_is_the_default(cpr, tmp_path, folder):
    cpr("package", folder, *NAMED)
    (tmp_path / "predictor.py").write_bytes((folder / "predictor.py").read_bytes())
    done = cpr("package", *NAMED, "--exclude=project")
    assert "package           dist/iris_routine-0.1.tar.gz\n" in done.stdout
    first, second = (
        (root / "dist" / "iris_routine-0.1.tar.gz").read_bytes() for root in (folder, tmp_path)
    )
    assert first == second


def test_flags_beat_the_file(cpr, folder):
    (folder / "cpr.toml").write_text(
        "[project]\nname='file'\nversion='1'\nprediction_class='predictor.MyPredictor'\n"
    )
    done = cpr("package", folder, "--version=2", "--json")
    assert json.loads(done.stdout)["summary"]["path"].endswith("file-2.tar.gz")


@pytest.mark.parametrize(
    ("flags", "code", "message"),
    [
        (["--name=x", "--version=1"], 3, "Give --prediction-class predictor.MyPredictor"),
        ([CLASS, "--version=1"], 3, "has no name"),
        ([CLASS, "--name=x"], 3, "has no version"),
        ([CLASS, "--name=x", "--version=2022-06-05-13-38-45"], 3, "2022.6.5.13.38.45"),
        (["--prediction-class=predictor.Nobody", "--name=x", "--version=1"], 3, "'Nobody'"),
        ([*NAMED, "--requirement=a b"], 3, "'a b' is not a requirement"),
        ([*NAMED, "--inclued=x"], 2, "--include"),
        ([*NAMED, "--output=predictor.py/dist"], 20, "cannot be written"),
    ],
)
def test_what_cannot_be_packaged_ends_with_its_exit_code(cpr, folder, flags, code, message):
    flags = [flag.replace("=predictor.py/", f"={folder}/predictor.py/") for flag in flags]
    done = cpr("package", folder, *flags, expected=code)
    assert message in done.stderr
    assert done.stdout == ""
    assert not (folder / "dist").exists()


def test_a_path_that_the_system_refuses_is_no_bug_of_ours(cpr):
    done = cpr("package", "x" * 300, expected=20)
    assert "xxx': File name too long." in done.stderr


def test_a_project_that_is_not_there_is_a_usage_error(cpr):
    done = cpr("package", "nowhere", expected=2)
    assert "nowhere is not a directory" in done.stderr


def test_a_full_disk_leaves_the_old_package_whole(cpr, folder):
    cpr("package", folder, *NAMED)
    package = folder / "dist" / "iris_routine-0.1.tar.gz"
    old = package.read_bytes()
    (folder / "pkg").mkdir()
    (folder / "pkg" / "__init__.py").write_text("")
    (folder / "pkg" / "noise.txt").write_text(" ".join(map(str, range(100_000))))

    def limit():
        resource.setrlimit(resource.RLIMIT_FSIZE, (50_000, 50_000))

    done = cpr("package", folder, *NAMED, expected=20, preexec_fn=limit)
    assert "cannot be written: File too large" in done.stderr
    assert package.read_bytes() == old
    assert list(package.parent.iterdir()) == [package]
