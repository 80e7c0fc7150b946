"""Sessions that sources are opened in are closed at once, and not when memory is collected."""

import pytest

from cpr.errors import LoadError, UserCodeError
from cpr.savedmodel import export


@pytest.fixture
def sessions(tf, monkeypatch):
    """Every session that is opened from now on, kept from being collected."""
    opened = []

    class Session(tf.compat.v1.Session):
        def __init__(self, *arguments, **options):
            super().__init__(*arguments, **options)
            opened.append(self)

    monkeypatch.setattr(tf.compat.v1, "Session", Session)
    return opened


def serving_graph(tf):
    v1 = tf.compat.v1
    x = v1.placeholder("float32", [None, 3], "x")
    w = v1.get_variable("layer/w", [3, 1])
    return {"x": x}, {"y": v1.matmul(x, w) + v1.get_variable("layer/b", [1])}


@pytest.fixture(params=["checkpoint", "meta graph", "frozen graph", "SavedModel"])
def source(request, tf, trained, tmp_path):
    """A source of each kind that is opened in a session, and options for it."""
    v1 = tf.compat.v1
    if request.param == "checkpoint":
        return trained.path, {"build": lambda: serving_graph(tf)}
    named = {"inputs": {"x": "x:0"}, "outputs": {"y": "y:0"}}
    if request.param == "meta graph":
        return trained.path.with_name(f"{trained.path.name}.meta"), named
    with tf.Graph().as_default() as graph, v1.Session() as session:
        x = v1.placeholder("float32", [None, 3], "x")
        y = v1.multiply(x, 2.0, "y")
        if request.param == "frozen graph":
            tf.io.write_graph(graph, str(tmp_path), "graph.pb", as_text=False)
            return tmp_path / "graph.pb", named
        v1.saved_model.simple_save(session, str(tmp_path / "old"), {"x": x}, {"y": y})
    return tmp_path / "old", {}


def assert_closed(sessions):
    assert sessions
    for session in sessions:
        with pytest.raises(RuntimeError, match="Attempted to use a closed Session"):
            session.run([])


def test_an_export_closes_the_session_of_its_source(source, sessions, tmp_path):
    path, options = source
    done = export(path, tmp_path / "out", **options)
    assert done.signatures[0].proof.deviation == 0
    assert_closed(sessions)


def test_a_source_that_cannot_be_opened_leaves_no_session(tf, trained, sessions, tmp_path):
    def build():
        x = tf.compat.v1.placeholder("float32", [None, 3])
        return {"x": x}, {"y": x + tf.compat.v1.get_variable("unknown", [3])}

    with pytest.raises(LoadError, match="has no value for the variable 'unknown'"):
        export(trained.path, tmp_path / "out", build=build)
    assert_closed(sessions)


def broken_build():
    raise ValueError("no such layer")  # the line that is told


def test_a_function_that_raises_while_it_builds_the_graph_is_told(trained, sessions, tmp_path):
    with pytest.raises(UserCodeError) as caught:
        export(trained.path, tmp_path / "out", build=broken_build)
    error = caught.value
    assert error.problem == ("the function that builds the graph raised ValueError: no such layer")
    assert error.file == __file__
    assert error.line == broken_build.__code__.co_firstlineno + 1
    assert f"test_sessions.py:{error.line} in broken_build: raise ValueError" in error.hint
    assert "no such layer" in error.user_traceback
    assert_closed(sessions)
    assert not (tmp_path / "out").exists() or not list((tmp_path / "out").iterdir())
