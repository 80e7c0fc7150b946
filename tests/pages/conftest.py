"""Models to serve, apps that serve them, and apps behind a real WSGI server."""

import json
import pickle
import subprocess
import sys
import threading
from types import SimpleNamespace

import pytest

pytest.importorskip("flask", reason="needs the extra cpr[serve]")

from werkzeug.serving import make_server

import cpr

FLOWERS = [[5.1, 3.5, 1.4, 0.2], [5.9, 3.0, 4.2, 1.5], [6.7, 3.0, 5.2, 2.3], [5.0, 3.4, 1.5, 0.2]]
KINDS = ["setosa", "versicolor", "virginica", "setosa"]
SIZES = {"desktop": {"width": 1280, "height": 900}, "phone": {"width": 390, "height": 844}}
NAMES = ["sepal length", "sepal width", "petal length", "petal width"]


@pytest.fixture(scope="session")
def flowers(tmp_path_factory):
    """A scikit-learn pipeline over named features, with three classes."""
    pytest.importorskip("sklearn", reason="needs the extra cpr[sklearn]")
    pandas = pytest.importorskip("pandas", reason="needs the extra cpr[pandas]")
    from sklearn.linear_model import LogisticRegression
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import StandardScaler

    folder = tmp_path_factory.mktemp("flowers")
    frame = pandas.DataFrame(FLOWERS, columns=NAMES)
    model = make_pipeline(StandardScaler(), LogisticRegression()).fit(frame, KINDS)
    (folder / "model.pkl").write_bytes(pickle.dumps(model))
    return folder


@pytest.fixture(scope="session")
def reviews(tmp_path_factory):
    """A scikit-learn pipeline over texts."""
    pytest.importorskip("sklearn", reason="needs the extra cpr[sklearn]")
    from sklearn.feature_extraction.text import CountVectorizer
    from sklearn.naive_bayes import MultinomialNB
    from sklearn.pipeline import make_pipeline

    folder = tmp_path_factory.mktemp("reviews")
    texts = ["good film", "great cast", "bad film", "dull plot"]
    model = make_pipeline(CountVectorizer(), MultinomialNB())
    model.fit(texts, ["praise", "praise", "blame", "blame"])
    (folder / "model.pkl").write_bytes(pickle.dumps(model))
    return folder


@pytest.fixture(scope="session")
def scores(tmp_path_factory):
    """A SavedModel with two signatures, one of a vector and a text, one of a picture."""
    pytest.importorskip("tensorflow", reason="needs the extra cpr[tensorflow]")
    from cpr.savedmodel.tensorflow_library import import_tensorflow

    tf = import_tensorflow()
    spec = tf.TensorSpec

    class Model(tf.Module):
        @tf.function(
            input_signature=[
                spec([None, 3], tf.float32, name="sizes"),
                spec([None], tf.string, name="word"),
            ]
        )
        def score(self, sizes, word):
            return {
                "probabilities": tf.nn.softmax(sizes),
                "score": tf.reduce_sum(sizes, 1),
                "word": word,
            }

        @tf.function(input_signature=[spec([None, 8, 8], tf.float32, name="picture")])
        def darkness(self, picture):
            return {"mean": tf.reduce_mean(picture, [1, 2])}

    model = Model()
    signatures = {"serving_default": model.score, "darkness": model.darkness}
    folder = tmp_path_factory.mktemp("scores") / "model"
    tf.saved_model.save(model, str(folder), signatures=signatures)
    return folder


@pytest.fixture(scope="module")
def app_of():
    """Makes the app of a model directory or target; closed at the end."""
    apps = []

    def make(model_dir=None, *, target=None, **options):
        app = cpr.create_app(target, None if model_dir is None else str(model_dir), **options)
        apps.append(app)
        return app

    yield make
    for app in apps:
        app.extensions["cpr"].close()


@pytest.fixture(scope="module")
def serve():
    """Serves an app on a port of its own, by a WSGI server with threads."""
    running = []

    def start(app):
        server = make_server("127.0.0.1", 0, app, threaded=True)
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        running.append((server, thread))
        return SimpleNamespace(url=f"http://127.0.0.1:{server.server_port}", app=app)

    yield start
    for server, thread in running:
        server.shutdown()
        thread.join()
        server.server_close()


@pytest.fixture(scope="module")
def open_playground(browser):
    """Opens a playground as its reader would; what the console says must be expected.

    Nothing but the server itself may be asked. `page.said` holds what the
    console said; a test that expects something takes it out.
    """
    opened = []

    def open_(url, *, size="desktop", scheme="light", **options):
        context = browser.new_context(viewport=SIZES[size], color_scheme=scheme, **options)
        page = context.new_page()
        page.said = []
        page.on("console", lambda message: page.said.append(f"console: {message.text}"))
        page.on("pageerror", lambda error: page.said.append(f"error: {error}"))
        page.on("request", lambda request: note(page, url, request.url))
        page.goto(url)
        page.locator("#workspace").wait_for()
        opened.append((context, page))
        return page

    def note(page, url, asked):
        if not asked.startswith((url, "data:", "blob:")):
            page.said.append(f"request: {asked}")

    yield open_
    for context, _ in opened:
        context.close()
    assert not [said for _, page in opened for said in page.said]


@pytest.fixture(scope="module")
def serve_command():
    """Starts `cpr serve` on a free port; its address."""
    running = []

    def start(*arguments):
        command = [sys.executable, "-m", "cpr", "serve", *map(str, arguments)]
        process = subprocess.Popen(
            [*command, "--port", "0", "--json"], stdout=subprocess.PIPE, stderr=subprocess.DEVNULL
        )
        running.append(process)
        return json.loads(process.stdout.readline())["summary"]["url"]

    yield start
    for process in running:
        process.terminate()
        process.stdout.read()
        process.stdout.close()
        assert process.wait() == 0
