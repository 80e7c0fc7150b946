"""MLServer's runtime for the work that it has none for."""

from __future__ import annotations

from typing import Any

import numpy as np
import work
from mlserver import MLModel
from mlserver.codecs import NumpyCodec, StringCodec
from mlserver.types import InferenceRequest, InferenceResponse


class WorkModel(MLModel):
    """Tensors in, one tensor out."""

    async def load(self) -> bool:
        self._predict = work.load()
        return True

    async def predict(self, payload: InferenceRequest) -> InferenceResponse:
        if work.WORK == "picture":
            texts = StringCodec.decode_input(payload.inputs[0])
            output = StringCodec.encode_output("y", texts)
            return InferenceResponse(model_name=self.name, outputs=[output])
        if work.WORK == "one-hot":
            found = np.asarray(self._predict(_objects(payload)))
        elif work.WORK == "echo":
            found = NumpyCodec.decode_input(payload.inputs[0])
        else:
            found = np.asarray(self._predict(NumpyCodec.decode_input(payload.inputs[0])))
        output = NumpyCodec.encode_output("y", found)
        return InferenceResponse(model_name=self.name, outputs=[output])


def _objects(payload: InferenceRequest) -> list[dict[str, Any]]:
    columns = {}
    for given in payload.inputs:
        is_text = given.datatype == "BYTES"
        values = (StringCodec if is_text else NumpyCodec).decode_input(given)
        columns[given.name] = values if is_text else values.ravel().tolist()
    return [dict(zip(columns, row, strict=True)) for row in zip(*columns.values(), strict=True)]
