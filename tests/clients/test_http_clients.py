"""What people have at hand: requests, httpx, curl and the standard library."""

import asyncio
import gzip
import http.client
import json
import shutil
import subprocess
import urllib.request
from concurrent.futures import ThreadPoolExecutor

import httpx
import pytest
import requests

ROW = [5.1, 3.5, 1.4, 0.2]
BODY = {"instances": [ROW]}
AIPLATFORM = "/v1/projects/p/models/iris:predict"
KSERVE = "/v1/models/iris:predict"
PATHS = pytest.mark.parametrize("path", [AIPLATFORM, KSERVE, "/"])
CURL = pytest.mark.skipif(not shutil.which("curl"), reason="curl is not installed")


def curl(*arguments, stdin=""):
    done = subprocess.run(
        ["curl", "--silent", "--show-error", *arguments],
        input=stdin,
        capture_output=True,
        text=True,
        timeout=60,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


@PATHS
def test_requests_predicts_on_one_connection(server, path):
    with requests.Session() as session:
        for _ in range(10):
            response = session.post(server.url + path, json=BODY, timeout=30)
            assert (response.status_code, response.json()) == (200, {"predictions": [10]})
        assert response.headers["content-type"].startswith("application/json")


def test_requests_streams_a_body_in_chunks(server):
    def chunks():
        for byte in json.dumps(BODY).encode():
            yield bytes([byte])

    response = requests.post(server.url + AIPLATFORM, data=chunks(), timeout=30)
    assert response.json() == {"predictions": [10]}


def test_requests_sends_a_compressed_body(server):
    headers = {"Content-Encoding": "gzip"}
    data = gzip.compress(json.dumps(BODY).encode())
    response = requests.post(server.url + AIPLATFORM, data=data, headers=headers, timeout=30)
    assert response.json() == {"predictions": [10]}


def test_requests_from_many_threads_are_answered_each_with_its_own(server):
    def ask(count):
        body = {"instances": [ROW] * count}
        answer = requests.post(server.url + AIPLATFORM, json=body, timeout=60).json()
        return len(answer["predictions"])

    with ThreadPoolExecutor(16) as pool:
        assert list(pool.map(ask, range(1, 101))) == list(range(1, 101))


@PATHS
def test_httpx_predicts(server, path):
    with httpx.Client(base_url=server.url) as client:
        for _ in range(10):
            assert client.post(path, json=BODY).json() == {"predictions": [10]}


def test_httpx_predicts_many_at_once(server):
    async def ask():
        async with httpx.AsyncClient(base_url=server.url, timeout=60) as client:
            bodies = [{"instances": [ROW] * count} for count in range(1, 51)]
            return await asyncio.gather(*(client.post(AIPLATFORM, json=b) for b in bodies))

    answers = asyncio.run(ask())
    assert [len(answer.json()["predictions"]) for answer in answers] == list(range(1, 51))


@CURL
@PATHS
def test_curl_predicts_without_saying_what_it_sends(server, path):
    assert json.loads(curl("-d", json.dumps(BODY), server.url + path)) == {"predictions": [10]}


@CURL
def test_curl_that_waits_to_be_told_to_go_on_is_told(server):
    # curl asks so by itself where a body is larger than a megabyte.
    body = json.dumps({"instances": [ROW] * 60_000})
    assert len(body) > 1_100_000
    headers = ["-H", "Expect: 100-continue", "-H", "Content-Type: application/json"]
    timing = ["--expect100-timeout", "30", "--max-time", "25"]
    answer = curl(*headers, *timing, "--data-binary", "@-", server.url + AIPLATFORM, stdin=body)
    assert len(json.loads(answer)["predictions"]) == 60_000


@CURL
def test_curl_fetches_two_answers_on_one_connection(server):
    url = server.url + AIPLATFORM
    body = json.dumps(BODY)
    form = "\n%{num_connects}\n"
    told = curl("-w", form, "-d", body, url, "--next", "-s", "-w", form, "-d", body, url)
    assert [line for line in told.splitlines() if not line.startswith("{")] == ["1", "0"]


@CURL
def test_curl_asks_for_the_head_alone(server):
    assert curl("-I", f"{server.url}/healthz").startswith("HTTP/1.1 200 ")


def test_the_standard_library_predicts(server):
    request = urllib.request.Request(server.url + AIPLATFORM, json.dumps(BODY).encode())
    with urllib.request.urlopen(request, timeout=30) as response:
        assert json.load(response) == {"predictions": [10]}


def test_http_1_0_is_answered_and_closed(server):
    connection = http.client.HTTPConnection(server.host, server.port, timeout=30)
    connection._http_vsn, connection._http_vsn_str = 10, "HTTP/1.0"
    connection.request("POST", AIPLATFORM, json.dumps(BODY))
    response = connection.getresponse()
    assert json.load(response) == {"predictions": [10]}
    assert response.will_close
    connection.close()


# KServe's V1 protocol, as its clients use it.


def test_kserve_v1_finds_the_model_ready_and_predicts(server):
    with httpx.Client(base_url=server.url) as client:
        assert client.get("/v1/models").json() == {"models": ["iris"]}
        assert client.get("/v1/models/iris").json()["ready"] in (True, "True")
        answer = client.post(KSERVE, json={"instances": [ROW, ROW]})
        assert answer.json() == {"predictions": [10, 10]}


@pytest.mark.parametrize(
    ("path", "body", "status"),
    [
        ("/v1/models/rose:predict", BODY, 404),
        ("/v1/models/iris/versions/7:predict", BODY, 404),
        (KSERVE, {"rows": []}, 400),
        (KSERVE, {"instances": [[1.0]]}, 500),
    ],
    ids=["no such model", "no such version", "no instances", "failing routine"],
)
def test_kserve_v1_errors_are_text(server, path, body, status):
    response = httpx.post(server.url + path, json=body)
    assert response.status_code == status
    assert isinstance(response.json()["error"], str)


@pytest.mark.parametrize(("version", "prediction"), [("1", 0), ("2", 10)])
def test_a_version_is_asked_as_of_tensorflow_serving(server, version, prediction):
    path = f"/v1/models/iris/versions/{version}:predict"
    assert httpx.post(server.url + path, json=BODY).json() == {"predictions": [prediction]}


# Clients that would rather speak HTTP/2 ask for it in a request that has a body.


@CURL
def test_curl_that_asks_for_http_2_is_answered(server):
    if "HTTP2" not in curl("--version"):
        pytest.skip("this curl does not speak HTTP/2")
    answer = curl("--http2", "-d", json.dumps(BODY), server.url + AIPLATFORM)
    assert json.loads(answer) == {"predictions": [10]}


JAVA = """
import java.net.URI;
import java.net.http.HttpClient;
import java.net.http.HttpRequest;
import java.net.http.HttpResponse.BodyHandlers;

public class Ask {
    public static void main(String[] words) throws Exception {
        HttpClient client = HttpClient.newHttpClient();
        for (int times = 0; times < 3; times++) {
            HttpRequest request = HttpRequest.newBuilder(URI.create(words[0]))
                .POST(HttpRequest.BodyPublishers.ofString(words[1])).build();
            System.out.println(client.send(request, BodyHandlers.ofString()).body());
        }
    }
}
"""


@pytest.mark.skipif(not shutil.which("java"), reason="Java is not installed")
def test_java_asks_as_it_does_by_default(server, tmp_path):
    (tmp_path / "Ask.java").write_text(JAVA)
    command = ["java", tmp_path / "Ask.java", server.url + AIPLATFORM, json.dumps(BODY)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=120)
    if "No such module" in done.stderr or "compiler" in done.stderr:
        pytest.skip("this Java runs no source file")
    assert [json.loads(line) for line in done.stdout.splitlines()] == [{"predictions": [10]}] * 3
