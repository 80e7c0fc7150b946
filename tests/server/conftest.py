"""A real server for the tests: `cpr serve` in processes of its own, on a free port.

The modules of benchmarks/robustness are importable here: the scripts and the
tests show the same promises with the same tools.
"""

import datetime
import ipaddress
import json
import queue
import signal
import socket
import subprocess
import sys
import textwrap
import threading
from http.client import HTTPConnection
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

ROBUSTNESS = Path(__file__).resolve().parents[2] / "benchmarks" / "robustness"
if str(ROBUSTNESS) not in sys.path:
    sys.path.append(str(ROBUSTNESS))


@pytest.fixture
def serve():
    """Start `cpr serve` with the given arguments; all of its processes end with the test.

    Returns a `running_server.RunningServer`: its url, host, port and pid, its ready
    document, and post, get, predict, workers, fronts, stop and kill.
    """
    from running_server import RunningServer

    started = []

    def start(*arguments, **options):
        server = RunningServer(*(str(argument) for argument in arguments), **options)
        started.append(server)
        return server

    yield start
    for server in started:
        server.__exit__(None, None, None)


@pytest.fixture
def faults():
    """The path of the predictor that does what an instance says, as a target."""
    return f"{ROBUSTNESS / 'fault_predictor.py'}:FaultPredictor"


SUPERVISED = """
import contextlib, ctypes, dataclasses, fcntl, json, sys, termios
PR_SET_CHILD_SUBREAPER = 36
ctypes.CDLL(None).prctl(PR_SET_CHILD_SUBREAPER, 1)  # as process 1 of a container is
if sys.stdin.isatty():
    with contextlib.suppress(OSError):
        fcntl.ioctl(0, termios.TIOCSCTTY, 0)
from cpr.server.options import ServeOptions
from cpr.server.supervisor import run

class Screen:
    def __getattr__(self, name):
        return lambda *told: print(json.dumps([name, *map(plain, told)], default=str), flush=True)

def plain(value):
    if isinstance(value, Exception):
        return {"type": type(value).__name__, "problem": value.problem, "hint": value.hint}
    if dataclasses.is_dataclass(value):
        return {key: plain(item) for key, item in vars(value).items()}
    return [plain(item) for item in value] if isinstance(value, list) else value

sys.exit(run(ServeOptions.from_json(json.loads(sys.argv[1])), screen=Screen()))
"""
PREDICTOR = """
import ctypes, os, signal, subprocess, threading
import cpr

class Doubler:
    batchable = True

    @classmethod
    def from_path(cls, model_dir):
        return cls()

    def predict(self, instances, **kwargs):
        return [self.one(instance) for instance in instances]

    def one(self, instance):
        if instance == "crash":
            ctypes.string_at(0)
        if instance == "hang":
            threading.Event().wait()
        if instance == "pid":
            return os.getpid()
        if instance == "sleeper":
            return subprocess.Popen(["sleep", "1000"]).pid
        if instance == "daemon":
            return daemon()
        if isinstance(instance, str) and instance.startswith("/"):
            open(f"{instance}.began", "w").close()
            with open(instance) as fifo:
                return fifo.read()
        return 2 * instance

def daemon():
    mine, theirs = os.pipe()
    if not os.fork():
        os.setsid()
        if not os.fork():
            os.write(theirs, str(os.getpid()).encode())
            while True:
                print("nobody reads this", flush=True)
        os._exit(0)
    os.wait()
    return int(os.read(mine, 20))
"""


class Supervised:
    """A supervisor in a process of its own, and what it tells its screen."""

    def __init__(self, options, terminal=None):
        self.events = queue.Queue()
        self.process = subprocess.Popen(
            [sys.executable, "-c", SUPERVISED, json.dumps(options)],
            stdin=subprocess.DEVNULL if terminal is None else terminal,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            start_new_session=terminal is not None,
        )
        self.stderr = []
        self._threads = [
            threading.Thread(target=self._read_events),
            threading.Thread(target=lambda: self.stderr.extend(self.process.stderr)),
        ]
        for thread in self._threads:
            thread.start()

    def _read_events(self):
        for line in self.process.stdout:
            self.events.put(json.loads(line))
        self.events.put(None)

    def await_told(self, name):
        """What the screen is told by this name, next; what it is told before is passed over."""
        while (event := self.events.get(timeout=60)) is not None:
            if event[0] == name:
                return event[1:]
        raise AssertionError(f"ended before {name}: {b''.join(self.stderr).decode()}")

    def await_ready(self):
        (report,) = self.await_told("ready")
        self.host, _, port = report["url"].removeprefix("http://").rpartition(":")
        self.port = int(port)
        self.admin_path = report["admin"]
        return report

    def post(self, *instances, version=""):
        """Status and JSON of the answer to a prediction."""
        route = f"/v1/projects/p/models/default{version and f'/versions/{version}'}:predict"
        return self.fetch("POST", route, json.dumps({"instances": instances}))

    def fetch(self, method, path, body=None):
        connection = HTTPConnection(self.host.strip("[]"), self.port, timeout=60)
        connection.request(method, path, body)
        answer = connection.getresponse()
        text = answer.read()
        connection.close()
        return answer.status, json.loads(text) if text[:1] in b"{[" else text.decode()

    def ask(self, request):
        """The last line of the answer of the admin socket."""
        with socket.socket(socket.AF_UNIX) as connection:
            connection.connect(self.admin_path)
            connection.sendall(json.dumps(request).encode() + b"\n")
            with connection.makefile() as lines:
                return json.loads(list(lines)[-1])

    def signal(self, number=signal.SIGTERM):
        self.process.send_signal(number)

    def wait(self):
        """The exit code, when it has ended."""
        code = self.process.wait(60)
        for thread in self._threads:
            thread.join(60)
        return code

    def family(self):
        """Its processes: fronts, workers, and what they started."""
        from running_server import processes_below

        return processes_below(self.process.pid)

    def end(self):
        self.process.kill()
        self.wait()
        self.process.stdout.close()
        self.process.stderr.close()


@pytest.fixture(scope="session")
def supervising():
    """Start a supervisor on a folder with a predictor; the caller ends it."""

    def start(folder, *, terminal=None, **options):
        source = folder / "predictor.py"
        if not source.exists():
            source.write_text(textwrap.dedent(PREDICTOR))
        (folder / "model").mkdir(exist_ok=True)
        target, model_dir = f"{source}:Doubler", str(folder / "model")
        settled = {
            "versions": [{"name": "1", "open_with": {"target": target, "model_dir": model_dir}}],
            "default_version": "1",
            "targets": [target],
            "base_dir": model_dir,
            "version_policy": "",
            "port": 0,
            "admin": str(folder / "admin" / "socket"),
            **options,
        }
        for version in settled["versions"]:
            version.setdefault("watch", [])
        return Supervised(settled, terminal)

    return start


@pytest.fixture
def supervise(supervising, tmp_path):
    """The same in the test's own folder, ended with the test."""
    started = []

    def start(**options):
        started.append(supervising(tmp_path, **options))
        return started[-1]

    yield start
    for supervisor in started:
        supervisor.end()


PEM = serialization.Encoding.PEM


def write_key(path, key, encryption=None):
    encryption = encryption or serialization.NoEncryption()
    path.write_bytes(key.private_bytes(PEM, serialization.PrivateFormat.PKCS8, encryption))
    path.chmod(0o600)
    return path


def certify(name, key, issuer_name, issuer_key, *, is_authority=False):
    start = datetime.datetime(2020, 1, 1, tzinfo=datetime.timezone.utc)
    builder = (
        x509.CertificateBuilder()
        .subject_name(x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)]))
        .issuer_name(x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, issuer_name)]))
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(start)
        .not_valid_after(start + datetime.timedelta(days=36_500))
        .add_extension(x509.BasicConstraints(is_authority, None), critical=True)
        .add_extension(
            x509.SubjectAlternativeName([x509.IPAddress(ipaddress.ip_address("127.0.0.1"))]),
            critical=False,
        )
    )
    return builder.sign(issuer_key, hashes.SHA256()).public_bytes(PEM)


@pytest.fixture(scope="session")
def tls_files(tmp_path_factory):
    """An authority, a server and a client of it, and a client of another one."""
    folder = tmp_path_factory.mktemp("tls")
    keys = {}
    for authority in ("ca", "other-ca"):
        keys[authority] = ec.generate_private_key(ec.SECP256R1())
        pem = certify(authority, keys[authority], authority, keys[authority], is_authority=True)
        (folder / f"{authority}.pem").write_bytes(pem)
    for name, issuer in (("server", "ca"), ("client", "ca"), ("stranger", "other-ca")):
        keys[name] = ec.generate_private_key(ec.SECP256R1())
        write_key(folder / f"{name}.key", keys[name])
        (folder / f"{name}.pem").write_bytes(certify(name, keys[name], issuer, keys[issuer]))
    locked = serialization.BestAvailableEncryption(b"secret")
    write_key(folder / "locked.key", keys["server"], locked)
    both = (folder / "server.pem").read_bytes() + (folder / "server.key").read_bytes()
    (folder / "both.pem").write_bytes(both)
    (folder / "both.pem").chmod(0o600)
    lines = (folder / "server.pem").read_text().splitlines()
    (folder / "damaged.pem").write_text("\n".join([lines[0], *lines[3:]]))
    (folder / "text.pem").write_text("hello")
    return folder
