"""KServe's Python SDK: a model behind its model server, V1 protocol."""

from __future__ import annotations

from typing import Any

import work
from kserve import Model, ModelServer


class WorkModel(Model):
    """Pickled into each of the server's processes, where it loads."""

    def __init__(self) -> None:
        super().__init__("m")
        self.load()

    def load(self) -> bool:
        self._predict = work.load()
        self.ready = True
        return True

    def __getstate__(self) -> dict[str, Any]:
        return {name: value for name, value in self.__dict__.items() if name != "_predict"}

    def __setstate__(self, state: dict[str, Any]) -> None:
        self.__dict__.update(state)
        self.load()

    async def predict(
        self, payload: dict[str, Any], headers: Any = None, response_headers: Any = None
    ) -> dict[str, Any]:
        return {"predictions": self._predict(payload["instances"])}


if __name__ == "__main__":
    server = ModelServer(
        http_port=work.PORT,
        workers=work.PROCESSES,
        enable_grpc=False,
        enable_docs_url=False,
        enable_latency_logging=False,
        access_log_format=None,
    )
    server.start([WorkModel()])
