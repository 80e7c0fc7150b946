"""LitServe, one request a call or, with BENCH_BATCH, up to 64 that arrive within 2 ms."""

from __future__ import annotations

import os
from typing import Any

import litserve
import work


class Api(litserve.LitAPI):
    """One request a call."""

    def setup(self, device: str) -> None:
        self._predict = work.load()

    # An annotation would make LitServe look for `request` in the query.
    def decode_request(self, request):  # noqa: ANN001, ANN201
        return request["instances"]

    def predict(self, x: Any) -> Any:
        return self._predict(x)

    def encode_response(self, output: Any) -> dict[str, Any]:
        return {"predictions": output}


class BatchedApi(Api):
    """All rows of several requests in one call."""

    def batch(self, inputs: list[Any]) -> list[Any]:
        self._sizes = [len(rows) for rows in inputs]
        return [row for rows in inputs for row in rows]

    def unbatch(self, output: Any) -> list[Any]:
        parts, start = [], 0
        for size in self._sizes:
            parts.append(output[start : start + size])
            start += size
        return parts


if __name__ == "__main__":
    if os.environ.get("BENCH_BATCH"):
        api = BatchedApi(max_batch_size=64, batch_timeout=0.002)
    else:
        api = Api()
    server = litserve.LitServer(api, accelerator="cpu", workers_per_device=work.PROCESSES)
    server.run(
        host="127.0.0.1",
        port=work.PORT,
        num_api_servers=1,
        generate_client_file=False,
        log_level="warning",
        access_log=False,
    )
