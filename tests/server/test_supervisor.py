"""The supervisor starts, watches and ends its processes; none outlives it."""

import json
import os
import pty
import signal
import socket
import threading
from pathlib import Path

import pytest


def test_says_where_it_serves_what(supervise):
    server = supervise(workers=2, fronts=2)
    assert server.await_told("loading") == ["1"]
    report = server.await_ready()
    assert (report["model_name"], report["default_version"]) == ("default", "1")
    assert report["pid"] == server.process.pid
    (version,) = report["versions"]
    assert (version["name"], version["workers"]) == ("1", 2)
    assert version["description"]["name"] == "predictor.Doubler"
    assert 10e6 < version["memory_bytes"] < 1e9
    assert server.post(1, 2) == (200, {"predictions": [2, 4]})
    assert len(server.family()) == 4


def test_a_worker_that_crashes_is_replaced_and_its_line_told(supervise):
    server = supervise()
    server.await_ready()
    before = server.post("pid")
    status, answer = server.post("crash")
    assert status == 500
    assert "crashed" in str(answer)
    version, problem = server.await_told("crashed")
    assert version == "1"
    assert "was killed by SIGSEGV (signal 11) while answering requests." in problem
    assert "predictor.py:17 in one" in problem
    assert server.post("pid") != before
    assert server.post(4) == (200, {"predictions": [8]})


def test_what_a_worker_started_goes_with_it_and_leaves_no_zombie(supervise):
    server = supervise()
    server.await_ready()
    (sleeper,) = server.post("sleeper")[1]["predictions"]
    server.post("crash")
    while Path(f"/proc/{sleeper}").exists():
        server.ask({"do": "status"})


def test_a_worker_that_hangs_is_replaced_and_its_line_told(supervise):
    server = supervise(request_timeout_s=0.5)
    server.await_ready()
    assert server.post("hang")[0] == 504
    _, problem = server.await_told("crashed")
    assert "the process did not answer for 0.5 s and was killed." in problem
    assert "predictor.py:19 in one" in problem
    _, text = server.fetch("GET", "/metrics")
    assert 'cpr_worker_hangs_total{model="default",version="1"} 1' in text
    assert 'cpr_worker_crashes_total{model="default",version="1"} 0' in text


def test_a_front_that_is_killed_is_replaced_and_the_other_serves_on(supervise):
    from running_server import wait_until_gone

    server = supervise(fronts=2)
    server.await_ready()
    fronts = set(server.family()) - set(server.post("pid")[1]["predictions"])
    assert len(fronts) == 2
    for pid in fronts:
        os.kill(pid, signal.SIGKILL)
        wait_until_gone([pid])
        assert server.post(4) == (200, {"predictions": [8]})


@pytest.mark.parametrize(
    ("source", "code", "problem"),
    [
        ("import absent_library", 10, "absent_library"),
        ("class Doubler:\n    def predict(self, instances, **kwargs): ...", 14, "from_path"),
        ("import os\nos._exit(7)", 14, "the process ended itself with exit code 7 while loading."),
        ("import threading\nthreading.Event().wait()", 14, "loading took longer than 0.5 s"),
    ],
    ids=["import", "no from_path", "exit", "hang"],
)
def test_a_first_load_that_fails_ends_it_with_the_errors_code(
    supervise, tmp_path, source, code, problem
):
    (tmp_path / "predictor.py").write_text(source)
    server = supervise(workers=2, load_timeout_s=0.5 if "Event" in source else 60.0)
    (error,) = server.await_told("failed")
    assert problem in error["problem"]
    assert server.wait() == code
    assert not server.family()
    assert not (tmp_path / "admin" / "socket").exists()


def test_a_busy_port_ends_it_at_once(supervise):
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        server = supervise(port=port)
        (error,) = server.await_told("failed")
    assert server.wait() == 20
    assert error["problem"].startswith(f"port {port} on 127.0.0.1 is taken by ")
    assert "--port" in error["hint"]


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT], ids=["TERM", "INT"])
def test_a_signal_while_loading_ends_it_at_once(supervise, tmp_path, number):
    (tmp_path / "predictor.py").write_text("import threading\nthreading.Event().wait()")
    server = supervise()
    server.await_told("loading")
    server.signal(number)
    assert server.wait() == 128 + number
    assert not server.family()


@pytest.fixture
def slow_call(tmp_path):
    """A request that is being predicted until it is let go: its thread, and its answer."""

    class Slow:
        def __init__(self, server):
            self.into = tmp_path / "into"
            began = tmp_path / "into.began"
            os.mkfifo(self.into)
            os.mkfifo(began)
            self.answer = []
            self.thread = threading.Thread(target=self.send, args=(server,))
            self.thread.start()
            began.open().close()

        def send(self, server):
            try:
                self.answer.append(server.post(str(self.into)))
            except OSError as error:
                self.answer.append(error)

        def let_go(self):
            self.into.write_text("slow")
            self.thread.join(60)

    return Slow


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT], ids=["TERM", "INT"])
def test_what_is_in_flight_is_answered_before_the_end(supervise, slow_call, number):
    server = supervise()
    server.await_ready()
    call = slow_call(server)
    server.signal(number)
    assert server.await_told("stopping") == [signal.Signals(number).name]
    call.let_go()
    assert call.answer == [(200, {"predictions": ["slow"]})]
    assert server.wait() == 0
    assert not server.family()


def test_a_signal_to_all_its_processes_is_one_to_it(supervise, slow_call):
    # systemd sends it so, unless told otherwise, and a terminal its Ctrl-C.
    server = supervise(fronts=2, workers=2)
    server.await_ready()
    call = slow_call(server)
    for pid in server.family():
        os.kill(pid, signal.SIGTERM)
        os.kill(pid, signal.SIGINT)
    server.signal(signal.SIGTERM)
    call.let_go()
    assert call.answer == [(200, {"predictions": ["slow"]})]
    assert server.wait() == 0


def test_a_second_signal_ends_it_now(supervise, slow_call):
    server = supervise()
    server.await_ready()
    call = slow_call(server)
    server.signal()
    server.await_told("stopping")
    server.signal(signal.SIGINT)
    assert server.wait() == 130
    call.thread.join(60)
    assert isinstance(call.answer[0], OSError)
    assert not server.family()


def test_draining_has_a_limit(supervise, slow_call):
    server = supervise(drain_timeout_s=0.3)
    server.await_ready()
    call = slow_call(server)
    server.signal()
    assert server.wait() == 0
    call.thread.join(60)
    assert not server.family()


def test_nothing_outlives_a_supervisor_that_is_killed(supervise):
    from running_server import is_free, wait_until_gone

    server = supervise(workers=2, fronts=2)
    server.await_ready()
    status, answer = server.post("sleeper")
    family = server.family()
    assert status == 200
    assert answer["predictions"][0] in family
    assert len(family) == 5
    server.process.kill()
    wait_until_gone(family)
    assert is_free(server.port)


def test_serves_on_ipv6(supervise):
    server = supervise(host="::1", allow_hosts=["::1"])
    report = server.await_ready()
    assert report["url"].startswith("http://[::1]:")
    assert server.post(4) == (200, {"predictions": [8]})


def test_metrics_name_each_process_and_count_its_crashes(supervise):
    server = supervise()
    server.await_ready()
    server.post("crash")
    server.await_told("crashed")
    server.await_told("crashed")  # it is tried once more, alone
    _, text = server.fetch("GET", "/metrics")
    assert 'cpr_worker_crashes_total{model="default",version="1"} 2' in text
    assert 'cpr_process_resident_memory_bytes{process="supervisor"}' in text
    assert 'cpr_process_resident_memory_bytes{process="front-0"}' in text


def test_closing_its_terminal_ends_it(supervise):
    window, terminal = pty.openpty()
    server = supervise(terminal=terminal)
    os.close(terminal)
    server.await_ready()
    os.close(window)
    assert server.await_told("stopping") == ["SIGHUP"]
    assert server.wait() == 0
    assert not server.family()


def test_a_path_for_the_admin_socket_that_was_asked_for_must_be_to_be_had(supervise, tmp_path):
    (tmp_path / "admin").write_text("a file")
    server = supervise()
    (error,) = server.await_told("failed")
    assert "admin" in error["problem"]
    assert server.wait() == 20


def test_workers_that_end_before_they_answer_anything_are_replaced_ever_later(supervise):
    server = supervise()
    server.await_ready()
    told = []
    for _ in range(2):
        assert server.post("crash")[0] == 500  # tried twice
        told += [server.await_told("crashed")[1] for _ in range(2)]
    assert server.post(4) == (200, {"predictions": [8]})
    assert server.post("crash")[0] == 500
    told += [server.await_told("crashed")[1] for _ in range(2)]

    waits = [text.partition("the next in ")[2] for text in told]
    assert waits == ["", "0.1 s.", "0.2 s.", "0.4 s.", "", ""]
    _, text = server.fetch("GET", "/metrics")
    assert 'cpr_worker_crashes_total{model="default",version="1"} 6' in text


def test_who_waits_while_the_first_load_fails_is_told_so(supervise, tmp_path):
    gate = tmp_path / "gate"
    os.mkfifo(gate)
    source = f"open({str(gate)!r}).read()\nraise OSError('no such luck')"
    (tmp_path / "predictor.py").write_text(source)
    with socket.create_server(("127.0.0.1", 0)) as unused:
        port = unused.getsockname()[1]
    server = supervise(port=port)
    server.host, server.port = "127.0.0.1", port
    server.await_told("loading")
    answers = []
    asking = threading.Thread(target=lambda: answers.append(server.post(1)))
    asking.start()
    while "cpr_requests_in_flight 1" not in str(server.fetch("GET", "/metrics")):
        assert asking.is_alive()
    gate.write_text("")
    asking.join(60)

    ((status, answer),) = answers
    assert status == 503
    assert "the model could not be loaded (LoadError)" in str(answer)
    assert "luck" not in str(answer)
    assert server.wait() == 10


def test_what_nobody_waits_for_any_more_is_not_predicted(supervise, slow_call, tmp_path):
    server = supervise()
    server.await_ready()
    call = slow_call(server)
    gone = tmp_path / "gone"
    for _ in range(3):
        body = json.dumps({"instances": [str(gone)]})
        head = f"POST / HTTP/1.1\r\nHost: localhost\r\nContent-Length: {len(body)}\r\n\r\n"
        with socket.create_connection((server.host, server.port)) as client:
            client.sendall((head + body).encode())
            while "cpr_requests_in_flight 2" not in server.fetch("GET", "/metrics")[1]:
                pass
        while "cpr_requests_in_flight 1" not in server.fetch("GET", "/metrics")[1]:
            pass
    call.let_go()

    assert server.post(4) == (200, {"predictions": [8]})
    assert call.answer == [(200, {"predictions": ["slow"]})]
    assert not Path(f"{gone}.began").exists()
    assert "cpr_requests_abandoned_total 3" in server.fetch("GET", "/metrics")[1]


def test_what_a_worker_started_goes_with_it_wherever_it_went(supervise):
    server = supervise()
    server.await_ready()
    (daemon,) = server.post("daemon")[1]["predictions"]
    assert os.getsid(daemon) not in server.family()  # it is in no group of the server's

    server.post("crash")
    while Path(f"/proc/{daemon}").exists():
        server.ask({"do": "status"})
    assert server.post(4) == (200, {"predictions": [8]})


def test_systemd_is_told_when_it_serves_and_when_it_ends(supervise, tmp_path, monkeypatch):
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as systemd:
        systemd.bind(str(tmp_path / "notify"))
        systemd.settimeout(60)
        monkeypatch.setenv("NOTIFY_SOCKET", str(tmp_path / "notify"))
        server = supervise()
        assert systemd.recv(100) == b"READY=1"
        server.await_ready()
        server.signal()
        assert systemd.recv(100) == b"STOPPING=1"
        assert server.wait() == 0
