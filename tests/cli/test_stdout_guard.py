"""Standard output holds results alone, whatever user code does."""

import subprocess
import sys

import pytest

NOISY = """
    import atexit, ctypes, os, subprocess, sys, threading

    def noise(where):
        print(f"<{where} print>")
        sys.stdout.buffer.write(f"<{where} buffer>".encode())
        sys.__stdout__.write(f"<{where} dunder>")
        os.write(1, f"<{where} descriptor>".encode())
        libc = ctypes.CDLL(None)
        libc.puts(f"<{where} C>".encode())
        libc.fflush(None)
        subprocess.run(["echo", f"<{where} subprocess>"])
        thread = threading.Thread(target=print, args=(f"<{where} thread>",))
        thread.start()
        thread.join()

    noise("import")
    atexit.register(noise, "exit")

    class MyPredictor:
        @classmethod
        def from_path(cls, model_dir):
            noise("from_path")
            return cls()

        def predict(self, instances):
            noise("predict")
            return [2 * instance for instance in instances]
"""
PLACES = ("import", "from_path", "predict", "exit")
WAYS = ("print", "buffer", "dunder", "descriptor", "C", "subprocess", "thread")


@pytest.fixture
def noisy(cpr, project):
    return cpr("predict", *project(NOISY), "--json-instances=-", "--json", stdin="21\n")


def test_stdout_is_the_result_alone(noisy):
    assert noisy.stdout.startswith('{"schema": "cpr.predict/1", "ok": true')
    assert noisy.stdout.count("\n") == 1
    assert "<" not in noisy.stdout


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("place", PLACES)
def test_noise_is_on_standard_error(noisy_stderr, place, way):
    assert noisy_stderr.count(f"<{place} {way}>") == 1


@pytest.fixture(scope="module")
def noisy_stderr(tmp_path_factory):
    import textwrap

    folder = tmp_path_factory.mktemp("noisy")
    (folder / "model").mkdir()
    (folder / "predictor.py").write_text(textwrap.dedent(NOISY))
    command = [sys.executable, "-m", "cpr", "predict", folder, f"--model-dir={folder / 'model'}"]
    done = subprocess.run(
        [*command, "--json-instances=-"], input="21\n", capture_output=True, text=True
    )
    assert done.stdout == "[42]\n"
    return done.stderr


@pytest.mark.parametrize("closed", ["1>&-", "2>&-", "1>&- 2>&-"])
def test_closed_streams_are_no_crash(tmp_path, project, closed):
    # A child process that is started with its output closed may fail by itself.
    folder, model_dir = project(NOISY.replace("subprocess.run", "tuple"))
    script = f'exec "$0" -m cpr predict "$1" "$2" --json-instances=rows 3>&1 {closed}'
    (tmp_path / "rows").write_text("21\n")
    done = subprocess.run(
        ["bash", "-c", script, sys.executable, folder, model_dir],
        cwd=tmp_path,
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stderr
    assert done.stdout == ("" if "1>" in closed else "[42]\n")


@pytest.mark.parametrize("call", ["sys.exit(0)", "os._exit(0)"], ids=["sys.exit", "os._exit"])
def test_routine_that_ends_the_process_prints_no_result(tmp_path, project, call):
    source = f"""
        import os, sys

        class MyPredictor:
            @classmethod
            def from_path(cls, model_dir):
                return cls()

            def predict(self, instances):
                {call}
    """
    command = [sys.executable, "-m", "cpr", "predict", *project(source), "--json-instances=-"]
    done = subprocess.run(command, input="1\n", capture_output=True, text=True)
    assert done.stdout == ""
    if call == "sys.exit(0)":
        assert done.returncode == 14
        assert "SystemExit" in done.stderr
