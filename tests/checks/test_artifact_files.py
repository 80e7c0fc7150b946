"""What should not be in an upload, and how much an upload may be."""

import pytest

from cpr.checks import profiles
from cpr.checks.run import check_routine

PREDICTOR = """\
class MyPredictor:
    @classmethod
    def from_path(cls, model_dir):
        return cls()

    def predict(self, instances, **kwargs):
        return instances
"""


@pytest.fixture
def project(tmp_path):
    folder = tmp_path / "project"
    folder.mkdir()
    (tmp_path / "model").mkdir()
    (folder / "cpr.toml").write_text('[project]\nname = "shop"\nversion = "0.1"\n')
    (folder / "predictor.py").write_text(PREDICTOR)
    return folder


@pytest.fixture
def found(project, tmp_path):
    """Checks the artifacts of the project with these files in its model directory."""

    def run(files=None, *, profile=""):
        for name, content in (files or {}).items():
            path = tmp_path / "model" / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(content if isinstance(content, bytes) else content.encode())
        report = check_routine(
            str(project), str(tmp_path / "model"), profile=profile, only=["artifacts"]
        )
        return list(report.findings)

    return run


def summary(findings):
    return [(item.id, item.severity, item.file) for item in findings]


EXPORTED = {"weights.bin": b"x", "net.onnx": b"\x08\x07"}


@pytest.mark.parametrize(
    ("name", "identity", "severity"),
    [
        ("model.ckpt-10.index", "CPR330", "warning"),
        ("logs/events.out.tfevents.1.host", "CPR332", "warning"),
        ("graph.pbtxt", "CPR333", "note"),
        ("optimizer.pt", "CPR334", "warning"),
        (".git/config", "CPR335", "warning"),
        ("__pycache__/a.cpython-311.pyc", "CPR336", "note"),
        (".DS_Store", "CPR336", "note"),
        ("notes.txt~", "CPR336", "note"),
        ("explore.ipynb", "CPR336", "note"),
    ],
)
def test_what_serving_does_not_read_is_found(found, name, identity, severity):
    (finding,) = found({**EXPORTED, name: "x" * 2000})
    assert summary([finding]) == [(identity, severity, name)]
    assert finding.message == f"one file of 2.0 kB that serving does not read: {name}"


def test_files_of_one_kind_are_one_finding(found):
    names = {f"run/events.out.tfevents.{n}": "x" * 10 for n in range(6)}
    (finding,) = found({**EXPORTED, **names})
    assert finding.message.startswith("6 files of 60 bytes that serving does not read: run/events")
    assert finding.message.endswith(" and 2 more")
    assert len(finding.data["files"]) == 6


def test_checkpoints_alone_are_what_a_routine_serves_from(found):
    assert found({"model.ckpt.index": "x", "model.ckpt.data-00000-of-00001": "x"}) == []


def test_a_directory_beyond_the_limits_of_a_profile_is_an_error(found, monkeypatch):
    small = profiles.Profile("aiplatform-mls1", model_dir_bytes=1000, model_dir_files=3)
    monkeypatch.setitem(profiles.PROFILES, "aiplatform-mls1", small)
    files = {"a.bin": "x" * 900, "b.bin": "x" * 200, "c.bin": "x", "d.bin": "x"}
    assert found(files) == []
    size, count = found(profile="aiplatform-mls1")
    assert (size.id, size.severity) == ("CPR350", "error")
    assert size.message == (
        "the model directory has 1.1 kB; aiplatform-mls1 takes 1.0 kB. The largest: a.bin (900 "
        "bytes), b.bin (200 bytes), c.bin (1 bytes), d.bin (1 bytes)"
    )
    assert (count.id, count.severity) == ("CPR351", "error")
    assert count.message == "the model directory has 4 files; aiplatform-mls1 takes 3"


@pytest.mark.parametrize("count", [1000, 1001])
def test_ai_platform_took_a_thousand_files(found, count):
    files = {f"{number}.txt": "x" for number in range(count)}
    assert [item.id for item in found(files, profile="aiplatform-n1")] == ["CPR351"][: count - 1000]


# Spelled in parts, so that no scanner takes this file for a leak.
BEGIN = "-----BEGIN " + "RSA PRIVATE KEY-----\nMIIE\n"
SECRETS = {
    "key.json": '{"type": "service_account", "private_key": "x", "client_email": "a@b"}',
    "application_default_credentials.json": '{"type": "authorized_user", "refresh_token": "1//x"}',
    "server.pem": BEGIN,
    ".env": "DEBUG=1\n\nDB_PASSWORD=hunter22\n",
    "prod.env": 'export API_KEY="abcdefgh"',
    "settings.yaml": "key: " + "AKIA" + "A" * 16,
    "maps.js": "k = '" + "AIza" + "b" * 35 + "'",
    "ci.txt": "ghp_" + "c" * 36,
    "hub.txt": "hf_" + "d" * 34,
    "chat.txt": "xoxb-" + "1" * 12 + "-" + "e" * 24,
    "pay.txt": "sk_live_" + "f" * 24,
    "db.ini": "url = postgres://admin:hunter22@db.example.com/x",
    "id_ed25519": "x",
}


@pytest.mark.parametrize(("name", "content"), SECRETS.items(), ids=SECRETS)
def test_a_secret_is_an_error_and_is_not_shown(found, name, content):
    findings = [item for item in found({name: content}) if item.id == "CPR340"]
    assert summary(findings) == [("CPR340", "error", name)]
    for secret in ("hunter22", "abcdefgh", "AKIA", "AIza", "1//x", "MIIE", "xoxb", "sk_live"):
        assert secret not in findings[0].message


def test_the_line_of_a_secret_is_told(found):
    (finding,) = [item for item in found({".env": SECRETS[".env"]}) if item.id == "CPR340"]
    assert finding.line == 3


def test_secrets_of_a_package_with_its_model_are_found_once(project):
    (project / "settings.py").write_text(f'KEY = """{BEGIN}"""\n')
    (project / ".env").write_text(SECRETS[".env"])  # would not be packaged
    (project / "model").mkdir()
    (project / "model" / "key.json").write_text(SECRETS["key.json"])
    report = check_routine(str(project), str(project / "model"), only=["artifacts"])
    assert [(item.id, item.file) for item in report.findings] == [
        ("CPR340", "model/key.json"),
        ("CPR340", "settings.py"),
    ]


HARMLESS = {
    "config.json": '{"type": "service", "private_key": null}',
    "cert.pem": "-----BEGIN CERTIFICATE-----\nMIIE\n",
    "public.pem": "-----BEGIN PUBLIC KEY-----\nMIIE\n",
    "vocab.txt": "token\nsecret\npassword\napi_key\n",
    ".env.example": "DB_PASSWORD=change-me\n",
    "app.env": "DB_PASSWORD=$SECRET\nDEBUG=1\nTOKEN=\n",
    "readme.md": "postgres://user:password@host.example.com and https://a.example/b@c.example",
    "tokenizer.json": '{"hf_token": "hf_short", "sk": "sk-learn-based-model-for-iris-data"}',
    "numbers.csv": "AKIAlowercase, AIza, ghp_, 1234567890123456789012345678901234567890",
    "weights.bin": b"\0\0" + BEGIN.encode(),
}


@pytest.mark.parametrize(("name", "content"), HARMLESS.items(), ids=HARMLESS)
def test_what_only_looks_like_a_secret_is_not_told(found, name, content):
    assert "CPR340" not in [item.id for item in found({name: content})]
