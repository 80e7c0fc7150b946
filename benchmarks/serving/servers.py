"""Every server of the comparison: how it is started, what it speaks, what it is made of."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Literal

from items import ITEMS, Protocol

WORKS = tuple(dict.fromkeys(item.work for item in ITEMS.values()))
# One numeric stack everywhere, so that the model costs the same in each server.
NUMERIC = (
    "numpy==1.26.4",
    "scipy==1.15.3",
    "scikit-learn==1.6.1",
    "joblib==1.5.3",
    "pandas==2.2.3",
)
TENSORFLOW = "tensorflow-cpu==2.19.1"
# Threads of BLAS and OpenMP would only fight over two cores.
VARIABLES = {
    "OMP_NUM_THREADS": "1",
    "OPENBLAS_NUM_THREADS": "1",
    "CUDA_VISIBLE_DEVICES": "",
    "TF_CPP_MIN_LOG_LEVEL": "3",
    "TF_ENABLE_ONEDNN_OPTS": "0",
}


@dataclass(frozen=True)
class Environment:
    """A virtual environment: what is installed into it, beside the numeric stack.

    Attributes:
        requires: Requirements, "." being this checkout.
        says: The distribution whose version stands for the server's.
        python: The interpreter, where it is not the one that runs the benchmark.
    """

    requires: tuple[str, ...]
    says: str
    python: str = ""


@dataclass(frozen=True)
class Server:
    """One entry of the comparison.

    Attributes:
        command: Its words may hold the names of `processes.Running`, in braces.
        processes: What makes it quickest on two cores, as far as it can be told.
        works: The work it can do, with words that the command takes in addition.
        idle: What is done with it between its turns: it waits; it is stopped
            by SIGSTOP, since it uses the processor; or it is ended and started again.
        settle_s: How long it goes on starting after its first answer.
    """

    name: str
    title: str
    environment: str
    command: tuple[str, ...]
    path: str
    protocol: Protocol
    kind: Literal["ours", "peer", "ceiling"] = "peer"
    processes: int = 2
    works: Mapping[str, tuple[str, ...]] = field(default_factory=lambda: dict.fromkeys(WORKS, ()))
    variables: Mapping[str, str] = field(default_factory=dict)
    idle: Literal["waits", "stopped", "ended"] = "waits"
    settle_s: float = 0.0


ENVIRONMENTS = {
    "ours": Environment((".[serve,compile]", TENSORFLOW), "cpr"),
    "vertex": Environment(
        ("google-cloud-aiplatform[prediction]==2.7.0", "uvicorn[standard]", TENSORFLOW),
        "google-cloud-aiplatform",
    ),
    # KServe wants protobuf 6, which TensorFlow 2.19 does not allow.
    "kserve": Environment(("kserve==0.21.0", "tensorflow-cpu==2.21.0"), "kserve"),
    # Its own runtime of uvloop stops at 0.21.
    "mlserver": Environment(
        ("mlserver==1.7.1", "mlserver-sklearn==1.7.1", "uvloop==0.21.0", TENSORFLOW), "mlserver"
    ),
    "bentoml": Environment(("bentoml==1.4.39", TENSORFLOW), "bentoml"),
    "litserve": Environment(("litserve==0.2.19", TENSORFLOW), "litserve"),
    # Its stub is linked with the system's libpython3.11, and no other minor version.
    "pytriton": Environment(
        ("nvidia-pytriton==0.7.0", TENSORFLOW), "nvidia-pytriton", "/usr/bin/python3.11"
    ),
    "torchserve": Environment(
        (
            "torchserve==0.12.0",
            "torch-model-archiver==0.12.0",
            "torch",
            "setuptools<81",
            "pyyaml",
            TENSORFLOW,
        ),
        "torchserve",
    ),
    "ray": Environment(("ray[serve]==2.60.0", TENSORFLOW), "ray"),
    "mlflow": Environment(("mlflow==3.17.0", "flask", TENSORFLOW), "mlflow"),
}


def _peer(
    name: str,
    title: str,
    path: str,
    protocol: Protocol = "instances",
    *,
    environment: str = "",
    processes: int = 2,
    works: tuple[str, ...] = WORKS,
    variables: Mapping[str, str] | None = None,
    idle: Literal["waits", "stopped", "ended"] = "waits",
    settle_s: float = 0.0,
) -> Server:
    environment = environment or name
    command = ("{bin}/python", f"{{peers}}/{environment}_server.py")
    return Server(
        name,
        title,
        environment,
        command,
        path,
        protocol,
        processes=processes,
        works=dict.fromkeys(works, ()),
        variables=variables or {},
        idle=idle,
        settle_s=settle_s,
    )


OURS = Server(
    "ours",
    "cpr serve",
    "ours",
    (
        "{bin}/cpr",
        "serve",
        "--model-name",
        "m",
        "--port",
        "{port}",
        "--workers",
        "{processes}",
        "--access-log",
        "{log}",
    ),
    "/v1/models/m:predict",
    "instances",
    kind="ours",
    processes=1,
    works={
        "sklearn": ("--model-dir", "{models}/sklearn"),
        "savedmodel": ("--model-dir", "{models}/savedmodel"),
        # A second process is worth it where predicting takes most of the time.
        "one-hot": (
            "{routines}/one_hot.py:OneHotForest",
            "--model-dir",
            "{models}/one-hot",
            "--workers",
            "2",
        ),
        "echo": (
            "{routines}/echo.py:Echo",
            "--model-dir",
            "{models}/echo",
            "--workers",
            "2",
        ),
        "picture": ("{routines}/echo.py:Echo", "--model-dir", "{models}/echo"),
    },
)

# What a user gets by `cpr compile` beforehand; nothing else differs.
COMPILED = replace(
    OURS,
    name="ours-compiled",
    title="cpr serve, compiled",
    works={
        "sklearn": ("--model-dir", "{models}/sklearn-compiled"),
        "savedmodel": ("--model-dir", "{models}/savedmodel-compiled"),
    },
)

NGINX = Server(
    "nginx",
    "nginx, fixed body",
    "ours",
    ("{bin}/python", "{peers}/nginx_server.py"),
    "/",
    "fixed",
    kind="ceiling",
    works={"sklearn": ()},
)

_BATCH = {"BENCH_BATCH": "1"}
_ROWS = ("sklearn", "savedmodel", "one-hot")

SERVERS = {
    server.name: server
    for server in (
        OURS,
        COMPILED,
        _peer("vertex", "Vertex AI CPR", "/predict"),
        _peer("kserve", "KServe", "/v1/models/m:predict"),
        _peer("mlserver", "MLServer", "/v2/models/m/infer", "tensors"),
        _peer("bentoml", "BentoML", "/predict", "bare-list"),
        _peer(
            "bentoml-batch",
            "BentoML, batching",
            "/predict",
            "bare-list",
            environment="bentoml",
            works=_ROWS,
            variables=_BATCH,
        ),
        _peer("litserve", "LitServe", "/predict", idle="stopped"),
        # One process that speaks HTTP and one that predicts fill two cores, and keep batches whole.
        _peer(
            "litserve-batch",
            "LitServe, batching",
            "/predict",
            environment="litserve",
            processes=1,
            works=_ROWS,
            variables=_BATCH,
            idle="stopped",
        ),
        # Its callables share one interpreter.
        _peer("pytriton", "PyTriton", "/v2/models/m/infer", "tensors", processes=1),
        _peer("torchserve", "TorchServe", "/predictions/m"),
        # With two processes each answer waits 40 ms for a delayed acknowledgement.
        _peer("mlflow", "MLflow", "/invocations", "mlflow", processes=1),
        _peer(
            "ray",
            "Ray Serve",
            "/",
            variables={"RAY_SERVE_THROUGHPUT_OPTIMIZED": "1", "RAY_USAGE_STATS_ENABLED": "0"},
            idle="ended",
            settle_s=6.0,
        ),
        NGINX,
    )
}


def chosen(names: str) -> list[Server]:
    """Ours, the ceiling, and the peers whose environments are named; all when none is.

    Raises:
        SystemExit: A name is of no peer.
    """
    wanted = set(names.split())
    if unknown := wanted - set(ENVIRONMENTS):
        raise SystemExit(f"bench: no peer {', '.join(sorted(unknown))}; {', '.join(ENVIRONMENTS)}")
    return [
        s for s in SERVERS.values() if not wanted or s.kind != "peer" or s.environment in wanted
    ]
