"""A version that is good is switched to without losing a call; one that is not changes nothing."""

import io
import json
import os
import signal
import tarfile
import threading

import pytest

GOOD = """
class Doubler:
    @classmethod
    def from_path(cls, model_dir):
        return cls()

    def predict(self, instances, **kwargs):
        return [FACTOR * instance for instance in instances]
"""
NAMED = b"""
class Named:
    @classmethod
    def from_path(cls, model_dir):
        routine = cls()
        routine.name = open(f"{model_dir}/name.txt").read()
        return routine

    def predict(self, instances, **kwargs):
        return [self.name for _ in instances]
"""
BROKEN = {
    "import": ("import absent_library\n", 10, "absent_library"),
    "load": (GOOD.replace("return cls()", "raise OSError('no')"), 10, "OSError: no"),
    "crash": ("import os\nos._exit(7)\n", 14, "ended itself with exit code 7 while loading"),
    "hang": ("import threading\nthreading.Event().wait()\n", 14, "longer than 2 s"),
    "exit": ("raise SystemExit(3)\n", 10, "SystemExit"),
    "raises": (GOOD.replace("FACTOR *", "1 / 0 +"), 10, "ZeroDivisionError"),
    "output": (GOOD.replace("[FACTOR * instance for instance in instances]", "{1, 2}"), 10, "set"),
    "count": (GOOD.replace("[FACTOR * instance for instance in instances]", "[6]"), 13, "value"),
    "golden": (GOOD.replace("FACTOR", "4"), 13, "predictions[1] is 20, expected 10"),
}


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    folder = tmp_path_factory.mktemp("reloads")
    (folder / "cpr.toml").write_text("")
    for name, document in (
        ("requests", {"instances": [3, 5]}),
        ("golden", {"predictions": [6, 10]}),
    ):
        (folder / name).mkdir()
        (folder / name / "first.json").write_text(json.dumps(document))
    return folder


@pytest.fixture(scope="module")
def server(supervising, folder):
    """One server with a golden answer, for all attempts to replace what it serves."""
    (folder / "predictor.py").write_text(GOOD.replace("FACTOR", "2"))
    server = supervising(folder, load_timeout_s=2.0, samples=str(folder / "requests"))
    server.await_ready()
    yield server
    server.end()


@pytest.mark.parametrize("fault", BROKEN)
def test_a_broken_version_changes_nothing_and_says_why(server, folder, fault):
    source, code, problem = BROKEN[fault]
    (folder / "predictor.py").write_text(source)
    before = set(server.family())
    answer = server.ask({"do": "reload"})
    assert not answer["ok"]
    assert (answer["exit_code"], answer["loaded"]) == (code, [])
    assert problem in answer["error"]["problem"]
    assert server.post(4) == (200, {"predictions": [8]})
    assert set(server.family()) == before
    (report,) = server.await_told("reloaded")
    assert problem in report["error"]["problem"]
    assert report["reason"] == "cpr reload"
    told = server.fetch("GET", "/readyz?verbose")[1]["last_reload"]
    assert told["result"] == "failed"
    assert problem in told["problem"]
    metrics = server.fetch("GET", "/metrics")[1]
    assert "cpr_last_reload_failed 1" in metrics


def test_a_good_version_is_switched_to_after_all_that(server, folder):
    (folder / "predictor.py").write_text(GOOD.replace("FACTOR", "2.0"))
    before = server.ask({"do": "status"})["versions"]["1"]
    answer = server.ask({"do": "reload"})
    assert answer["ok"], answer
    assert (answer["exit_code"], answer["loaded"], answer["default"]) == (0, ["1"], "1")
    assert server.post(4) == (200, {"predictions": [8.0]})
    after = server.ask({"do": "status"})["versions"]["1"]
    assert after["generation"] > before["generation"]
    assert not set(after["workers"]) & set(before["workers"])
    assert "cpr_last_reload_failed 0" in server.fetch("GET", "/metrics")[1]


def test_reloads_that_are_asked_for_at_once_are_all_answered(server, folder):
    (folder / "predictor.py").write_text(GOOD.replace("FACTOR", "2"))
    answers = []
    threads = [
        threading.Thread(target=lambda: answers.append(server.ask({"do": "reload"})))
        for _ in range(5)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    assert [answer["ok"] for answer in answers] == [True] * 5
    assert server.post(4) == (200, {"predictions": [8]})


def test_sighup_reloads(server, folder):
    (folder / "predictor.py").write_text(GOOD.replace("FACTOR", "2"))
    while not server.events.empty():
        server.events.get()
    server.signal(signal.SIGHUP)
    assert server.await_told("reloading") == ["SIGHUP"]
    (report,) = server.await_told("reloaded")
    assert report["error"] is None
    assert report["versions"][0]["name"] == "1"


def test_no_call_is_lost_by_a_switch(server, folder):
    (folder / "predictor.py").write_text(GOOD.replace("FACTOR", "2"))
    statuses, is_over = [], threading.Event()

    def call():
        while not is_over.is_set():
            statuses.append(server.post(4))

    callers = [threading.Thread(target=call) for _ in range(3)]
    for caller in callers:
        caller.start()
    for _ in range(3):
        assert server.ask({"do": "reload"})["ok"]
    is_over.set()
    for caller in callers:
        caller.join(60)
    assert len(statuses) > 10
    assert {status for status, _ in statuses} == {200}


@pytest.fixture
def numbered(tmp_path):
    """Write a numbered model directory, whose class answers with what it holds."""
    package = tmp_path / "named-0.1.tar.gz"
    with tarfile.open(package, "w:gz") as archive:
        member = tarfile.TarInfo("named-0.1/predictor.py")
        member.size = len(NAMED)
        archive.addfile(member, io.BytesIO(NAMED))
    opening = {"prediction_class": "predictor.Named"}

    def write(number, name):
        folder = tmp_path / "model" / number
        folder.mkdir(parents=True, exist_ok=True)
        (folder / "name.txt").write_text(name)
        return {
            "name": number,
            "open_with": {**opening, "target": str(package), "model_dir": str(folder)},
        }

    write.options = {"targets": [str(package)], "opening": opening, "version_policy": "all"}
    return write


def test_new_versions_come_old_ones_go_and_the_others_stay(supervise, numbered, tmp_path):
    versions = [numbered("1", "one"), numbered("2", "two")]
    server = supervise(versions=versions, default_version="2", **numbered.options)
    server.await_ready()
    assert server.post(0) == (200, {"predictions": ["two"]})
    assert server.post(0, version="1") == (200, {"predictions": ["one"]})
    stays = server.ask({"do": "status"})["versions"]["2"]
    numbered("3", "three")
    (tmp_path / "model" / "1" / "name.txt").unlink()
    (tmp_path / "model" / "1").rmdir()
    answer = server.ask({"do": "reload"})
    assert (answer["loaded"], answer["versions"], answer["default"]) == (["3"], ["2", "3"], "3")
    assert server.post(0) == (200, {"predictions": ["three"]})
    assert server.post(0, version="2") == (200, {"predictions": ["two"]})
    assert server.post(0, version="1")[0] == 404
    assert server.ask({"do": "status"})["versions"]["2"] == stays


def test_a_version_whose_files_were_replaced_is_loaded_anew(supervise, numbered):
    versions = [numbered("1", "one"), numbered("2", "two")]
    server = supervise(versions=versions, default_version="2", **numbered.options)
    server.await_ready()
    numbered("1", "another")
    assert server.ask({"do": "reload"})["loaded"] == ["1"]
    assert server.post(0, version="1") == (200, {"predictions": ["another"]})


def test_versions_that_cannot_be_found_any_more_change_nothing(supervise, numbered, tmp_path):
    server = supervise(versions=[numbered("1", "one")], **numbered.options)
    server.await_ready()
    (tmp_path / "model" / "1").rename(tmp_path / "elsewhere")
    answer = server.ask({"do": "reload"})
    assert (answer["ok"], answer["exit_code"]) == (False, 2)
    assert "holds no numbered version" in answer["error"]["problem"]
    assert server.post(0) == (200, {"predictions": ["one"]})


def test_a_number_of_predictions_that_was_always_wrong_is_not_held_against_a_version(
    supervise, tmp_path
):
    (tmp_path / "requests").mkdir()
    (tmp_path / "requests" / "first.json").write_text('{"instances": [1, 2]}')
    source = GOOD.replace("[FACTOR * instance for instance in instances]", "[FACTOR]")
    (tmp_path / "predictor.py").write_text(source.replace("FACTOR", "1"))
    server = supervise()
    server.await_ready()
    (tmp_path / "predictor.py").write_text(source.replace("FACTOR", "2"))
    assert server.ask({"do": "reload"})["ok"]
    assert server.post(0) == (200, {"predictions": [2]})


def test_an_edit_of_the_same_second_and_length_is_seen(supervise, tmp_path):
    source = tmp_path / "predictor.py"
    source.write_text(GOOD.replace("FACTOR", "2"))
    written = source.stat()
    server = supervise()
    server.await_ready()
    source.write_text(GOOD.replace("FACTOR", "3"))
    os.utime(source, ns=(written.st_atime_ns, written.st_mtime_ns))
    assert server.ask({"do": "reload"})["ok"]
    assert server.post(1) == (200, {"predictions": [3]})


def test_a_changed_number_of_predictions_is(supervise, tmp_path):
    (tmp_path / "requests").mkdir()
    (tmp_path / "requests" / "first.json").write_text('{"instances": [1, 2]}')
    (tmp_path / "predictor.py").write_text(GOOD.replace("FACTOR", "2"))
    server = supervise()
    server.await_ready()
    (tmp_path / "predictor.py").write_text(
        GOOD.replace("[FACTOR * instance for instance in instances]", "[1]")
    )
    answer = server.ask({"do": "reload"})
    assert answer["exit_code"] == 13
    problem = "1 predictions came back for the 2 instances of first.json:1."
    assert answer["error"]["problem"] == problem


def test_the_admin_socket_says_what_it_does_not_know(server):
    answer = server.ask({"do": "dance"})
    assert (answer["ok"], answer["exit_code"]) == (False, 2)
    assert answer["error"]["problem"] == "{'do': 'dance'} says neither reload nor status."
