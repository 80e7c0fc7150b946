"""A predictor that forks, closes what is not its own or takes signals harms no other request."""

import pytest

_MOST_PREDICTS = 2000


@pytest.fixture
def server(serve, faults, tmp_path):
    return serve(faults, "--model-name=m", "--model-dir", tmp_path, "--request-timeout=20")


def await_told(server, text):
    """Predict on, each time right, until the log has this text."""
    for number in range(_MOST_PREDICTS):
        assert server.predict(number) == (200, {"predictions": [number]})
        if text in server.errors:
            return
    raise AssertionError(server.errors)


def worker(server):
    return server.predict({"do": "pid"})[1]["predictions"]


def test_a_fork_that_comes_back_from_predict_answers_nothing(server):
    before = worker(server)
    for _ in range(3):
        assert server.predict({"do": "fork"})[0] == 200
    await_told(server, "a process that user code had forked came back from it, and was ended")
    assert worker(server) == before
    assert "while answering requests" not in server.errors


def test_a_fork_that_comes_back_from_loading_serves_nothing(serve, faults, tmp_path):
    from running_server import FAULTS

    source = tmp_path / "predictor.py"
    source.write_text(FAULTS.read_text().replace('BROKEN = ""', 'BROKEN = "fork"'))
    server = serve(f"{source}:FaultPredictor", "--model-name=m", "--model-dir", tmp_path)
    await_told(server, "a process that user code had forked came back from it, and was ended")
    assert len(server.workers()) == 1


def test_an_interrupt_while_loading_is_told_with_its_line(serve, tmp_path):
    from running_server import FAULTS, ServerFailed

    source = tmp_path / "predictor.py"
    source.write_text(FAULTS.read_text().replace("return cls()", "raise KeyboardInterrupt"))
    with pytest.raises(ServerFailed) as failed:
        serve(f"{source}:FaultPredictor", "--model-name=m", "--model-dir", tmp_path)
    assert "cpr: loading was ended by KeyboardInterrupt." in str(failed.value)
    assert "in from_path: raise KeyboardInterrupt" in str(failed.value)


def test_a_process_that_predict_forked_can_be_terminated(server):
    before = worker(server)
    assert server.predict({"do": "terminate"})[0] == 200
    assert worker(server) == before


@pytest.mark.parametrize(
    ("do", "ending", "advice"),
    [
        (
            "close_descriptors",
            "was killed by SIGKILL (signal 9)",
            "It had closed its connection to the server, and was ended for that:",
        ),
        (
            "interrupt",
            "was ended by KeyboardInterrupt.",
            "in _interrupt: raise KeyboardInterrupt",
        ),
        (
            "alarm",
            "was killed by SIGALRM (signal 14)",
            "Another process sent that signal, or a timer or a limit that the code has set.",
        ),
    ],
)
def test_the_log_says_why_a_process_had_to_be_replaced(server, do, ending, advice):
    assert server.predict({"do": do})[0] == 500
    await_told(server, advice)
    assert f"version 1: the process {ending}" in server.errors
