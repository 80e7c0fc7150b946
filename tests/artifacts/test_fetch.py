"""Model directories from paths and URLs."""

import http.server
import sys
import tempfile
import threading
from pathlib import Path

import fsspec
import pytest
from fsspec.implementations.memory import MemoryFileSystem

from cpr.artifacts.fetch import fetch, fetch_file
from cpr.errors import EnvironmentProblem, LoadError


@pytest.fixture(autouse=True)
def temporary(tmp_path, monkeypatch):
    """The directory below which downloads go."""
    folder = tmp_path / "temporary"
    folder.mkdir()
    monkeypatch.setattr(tempfile, "tempdir", str(folder))
    return folder


@pytest.fixture
def memory():
    filesystem = fsspec.filesystem("memory")
    filesystem.store.clear()
    yield filesystem
    filesystem.store.clear()


class Faulty(MemoryFileSystem):
    """Remote storage on which the second file cannot be read."""

    protocol = "faulty"
    fault: BaseException | None = None

    @classmethod
    def _strip_protocol(cls, path):
        return super()._strip_protocol(path.replace("faulty://", "memory://"))

    def get_file(self, rpath, lpath, callback=None, **kwargs):
        if rpath.endswith("b"):
            Path(lpath).write_bytes(b"half")
            if self.fault:
                raise self.fault
            return
        super().get_file(rpath, lpath, callback=callback, **kwargs)


fsspec.register_implementation("faulty", Faulty, clobber=True)


def files_below(folder):
    return {str(p.relative_to(folder)): p.read_bytes() for p in folder.rglob("*") if p.is_file()}


def test_a_local_directory_is_used_where_it_stands(tmp_path, monkeypatch):
    (tmp_path / "model").mkdir()
    monkeypatch.chdir(tmp_path)
    with fetch("model/") as path:
        assert path == tmp_path / "model"
    assert path.is_dir()


def test_a_tilde_is_the_home_directory(tmp_path, monkeypatch):
    (tmp_path / "model").mkdir()
    monkeypatch.setenv("HOME", str(tmp_path))
    assert fetch("~/model").path == tmp_path / "model"


def test_a_missing_directory_says_what_is_there(tmp_path):
    for name in ("models", "data"):
        (tmp_path / name).mkdir()
    with pytest.raises(LoadError) as caught:
        fetch(str(tmp_path / "modles" / "iris"))
    assert caught.value.problem == (
        f"The model directory {tmp_path}/modles/iris does not exist: "
        f"{tmp_path} has no 'modles', but data/, models/, temporary/."
    )
    assert caught.value.hint == "Did you mean 'models'?"


def test_a_file_is_no_directory(tmp_path):
    (tmp_path / "model.txt").write_text("x")
    with pytest.raises(LoadError, match="is a file, and no model by its name;") as caught:
        fetch(tmp_path / "model.txt")
    assert caught.value.hint == f"Give the directory that holds it: {tmp_path}."


def test_a_model_file_alone_stands_for_a_directory_as_behind_a_url(tmp_path, temporary):
    (tmp_path / "iris-3.joblib").write_bytes(b"x")
    (tmp_path / "other.joblib").write_bytes(b"y")
    with fetch(tmp_path / "iris-3.joblib") as path:
        assert files_below(path) == {"model.joblib": b"x"}
    assert not list(temporary.iterdir())
    assert (tmp_path / "iris-3.joblib").read_bytes() == b"x"


@pytest.mark.parametrize(
    ("location", "hint"),
    [("file:///nowhere/at/all", "path"), ("memory://bucket/none", "bucket and the path")],
)
def test_nothing_behind_a_url_says_what_to_check(memory, location, hint):
    with pytest.raises(LoadError, match="holds no files") as caught:
        fetch(location)
    assert caught.value.hint == f"Check the {hint}."


def test_one_file_is_copied_with_the_one_beside_it(memory, tmp_path):
    memory.pipe({"/bucket/a-1.tar.gz": b"package", "/bucket/a-1.tar.gz.sig": b"signature"})
    assert fetch_file("memory://bucket/a-1.tar.gz", tmp_path, beside=".sig").read_bytes() == (
        b"package"
    )
    assert files_below(tmp_path) == {"a-1.tar.gz": b"package", "a-1.tar.gz.sig": b"signature"}


def test_one_file_that_is_not_there_is_told(memory, tmp_path):
    with pytest.raises(LoadError, match=r"There is nothing at memory://bucket/a.whl\."):
        fetch_file("memory://bucket/a.whl", tmp_path, beside=".sig")


@pytest.mark.parametrize(
    ("location", "reason"),
    [
        pytest.param("x" * 300, "File name too long", id="too-long"),
        pytest.param("~no-such-user/model", "Could not determine home directory", id="no-user"),
    ],
)
def test_a_path_that_cannot_be_looked_at_says_why(location, reason):
    with pytest.raises(LoadError, match=rf"^The model directory .* cannot be read: {reason}"):
        fetch(location)


@pytest.mark.parametrize("slash", ["", "/"])
def test_a_remote_directory_is_copied_whole_and_removed(memory, temporary, slash):
    memory.pipe({"/bucket/m/saved_model.pb": b"graph", "/bucket/m/variables/v.index": b"index"})
    memory.pipe({"/bucket/mx/other": b"not ours"})
    with fetch(f"memory://bucket/m{slash}") as path:
        assert files_below(path) == {"saved_model.pb": b"graph", "variables/v.index": b"index"}
        assert path.parent == temporary
    assert not list(temporary.iterdir())


def test_a_file_url_is_copied(tmp_path):
    (tmp_path / "a model").mkdir()
    (tmp_path / "a model" / "model.pkl").write_bytes(b"x")
    with fetch((tmp_path / "a model").as_uri().replace("%20", " ")) as path:
        assert path != tmp_path / "a model"
        assert files_below(path) == {"model.pkl": b"x"}


def test_closing_twice_is_fine(memory):
    memory.pipe("/m/model.pkl", b"x")
    fetched = fetch("memory://m")
    fetched.close()
    fetched.close()
    assert not fetched.path.exists()


def test_a_lone_file_is_named_as_a_model(memory):
    memory.pipe("/m/iris-v3.joblib", b"x")
    with fetch("memory://m/iris-v3.joblib") as path:
        assert files_below(path) == {"model.joblib": b"x"}


def test_placeholders_for_directories_are_left_out(memory):
    memory.pipe({"/m/model.pkl": b"x"})
    memory.store["/m/empty/"] = memory.store["/m/model.pkl"]
    with fetch("memory://m") as path:
        assert files_below(path) == {"model.pkl": b"x"}


def test_progress_grows_to_the_total(memory):
    memory.pipe({"/m/a": b"x" * 10, "/m/b": b"y" * 5})
    seen = []
    fetch("memory://m", progress=lambda done, total: seen.append((done, total))).close()
    assert seen == sorted(seen)
    assert seen[0] == (0, 15)
    assert seen[-1] == (15, 15)


@pytest.mark.parametrize("url", ["memory://nowhere", "file:///nowhere/at/all"])
def test_nothing_there_is_a_load_error(memory, temporary, url):
    with pytest.raises(LoadError, match=f"{url} holds no files"):
        fetch(url)
    assert not list(temporary.iterdir())


@pytest.mark.parametrize(
    ("fault", "error", "message"),
    [
        (OSError("connection reset"), EnvironmentProblem, "cannot be read: OSError: connection"),
        (PermissionError("403"), EnvironmentProblem, "cannot be read: PermissionError: 403"),
        (FileNotFoundError("/m/b"), LoadError, "There is nothing at faulty://m"),
        (None, EnvironmentProblem, "/m/b has 9 bytes, but 4 arrived."),
        (KeyboardInterrupt("^C"), KeyboardInterrupt, "C"),
    ],
    ids=["network", "permission", "vanished", "short", "interrupt"],
)
def test_a_partial_download_is_never_left(memory, temporary, monkeypatch, fault, error, message):
    memory.pipe({"/m/a": b"whole", "/m/b": b"nine byte"})
    monkeypatch.setattr(Faulty, "fault", fault)
    with pytest.raises(error, match=message):
        fetch("faulty://m")
    assert not list(temporary.iterdir())


def test_names_that_lead_outside_are_refused(memory, temporary):
    memory.pipe("/m/model.pkl", b"x")
    memory.store["/m/../../evil"] = memory.store["/m/model.pkl"]
    with pytest.raises(LoadError, match="would be written outside the model directory; refused"):
        fetch("memory://m")
    assert not list(temporary.iterdir())
    assert not (temporary.parent / "evil").exists()


@pytest.mark.parametrize(
    ("url", "library", "extra"),
    [
        ("gs://bucket/model", "gcsfs", "gcs"),
        ("s3://bucket/model", "s3fs", "s3"),
        ("https://host/model.pkl", "aiohttp", "https"),
    ],
)
def test_a_missing_extra_is_named(monkeypatch, url, library, extra):
    monkeypatch.setitem(sys.modules, library, None)
    with pytest.raises(EnvironmentProblem, match=f"needs the library '{library}'") as caught:
        fetch(url)
    assert caught.value.hint == f"pip install 'cpr[{extra}]'"


def test_an_unknown_scheme_is_refused():
    with pytest.raises(LoadError, match="gopher://host/model cannot be opened") as caught:
        fetch("gopher://host/model")
    assert caught.value.hint.startswith("Known are local paths, gs://")


class Site(http.server.BaseHTTPRequestHandler):
    """One model file, one that breaks off, one that is secret, and nothing else."""

    def do_GET(self):
        path = self.path.partition("?")[0]
        if path not in ("/iris.joblib", "/short.joblib"):
            self.send_error(403 if path == "/secret.joblib" else 404)
            return
        self.send_response(200)
        self.send_header("Content-Length", "6" if path == "/iris.joblib" else "1000")
        self.end_headers()
        if self.command == "GET":
            self.wfile.write(b"iris!!")

    do_HEAD = do_GET

    def log_message(self, *args):
        pass


@pytest.fixture(scope="module")
def site():
    pytest.importorskip("aiohttp", reason="needs the extra cpr[https]")
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), Site) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        yield f"http://127.0.0.1:{server.server_port}"
        server.shutdown()
        thread.join()


@pytest.mark.parametrize("query", ["", "?token=a/b.txt"])
def test_a_model_file_is_fetched_over_http(site, temporary, query):
    with fetch(f"{site}/iris.joblib{query}") as path:
        assert files_below(path) == {"model.joblib": b"iris!!"}
    assert not list(temporary.iterdir())


@pytest.mark.parametrize(
    ("path", "error", "message"),
    [
        ("/gone.joblib", LoadError, "There is nothing at"),
        ("/secret.joblib", EnvironmentProblem, "cannot be read: HTTP status 403"),
        ("/short.joblib", EnvironmentProblem, "short.joblib"),
        ("/models/", LoadError, "is not a model file, and HTTP cannot list a directory"),
        ("/model.tar.gz", LoadError, "is not a model file, and HTTP cannot list a directory"),
    ],
)
def test_http_failures_are_told_apart(site, temporary, path, error, message):
    with pytest.raises(error, match=message):
        fetch(site + path)
    assert not list(temporary.iterdir())


def test_a_server_that_is_not_there_is_an_environment_problem(site, temporary):
    with pytest.raises(EnvironmentProblem, match="cannot be read: ClientConnector"):
        fetch("http://127.0.0.1:1/model.joblib")
    assert not list(temporary.iterdir())
