"""Ray Serve: replicas behind its HTTP proxy."""

from __future__ import annotations

import signal
from typing import Any

import ray
import work
from ray import serve
from starlette.requests import Request

QUIET = {"enable_access_log": False, "log_level": "ERROR"}


@serve.deployment(
    num_replicas=work.PROCESSES,
    max_ongoing_requests=128,
    ray_actor_options={"num_cpus": 0.1},
    logging_config=QUIET,
)
class Peer:
    """One replica."""

    def __init__(self) -> None:
        self._predict = work.load()

    async def __call__(self, request: Request) -> dict[str, Any]:
        document = await request.json()
        return {"predictions": self._predict(document["instances"])}


if __name__ == "__main__":
    ray.init(
        num_cpus=2,
        include_dashboard=False,
        _node_ip_address="127.0.0.1",
        log_to_driver=False,
        object_store_memory=200 << 20,
        configure_logging=False,
    )
    serve.start(http_options={"host": "127.0.0.1", "port": work.PORT}, logging_config=QUIET)
    serve.run(Peer.bind(), route_prefix="/")
    try:
        signal.sigwait({signal.SIGTERM, signal.SIGINT})
    finally:
        serve.shutdown()
        ray.shutdown()
