"""An ONNX model in an onnxruntime session, and its errors in few words."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

from cpr.artifacts.companions import first_line
from cpr.errors import LoadError
from cpr.extras import import_extra

# "/src/model.cc:164 Model::Model(const Options&) ", in the middle of a message.
_CPP_PLACE = re.compile(r"/[^\s:]*\.(?:cc|h):\d+ .*?\) ")


def open_session(path: Path) -> Any:
    """A session of one thread.

    Raises:
        LoadError: The file is damaged, or onnxruntime does not know what it needs.
    """
    onnxruntime = import_extra("onnxruntime", "onnx")
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = 1
    options.inter_op_num_threads = 1
    options.log_severity_level = 3
    try:
        return onnxruntime.InferenceSession(str(path), options, providers=["CPUExecutionProvider"])
    except Exception as error:
        why = reason(error).rpartition("failed:")[2].strip()
        raise LoadError(
            f"onnxruntime {onnxruntime.__version__} cannot load {path}: {why}",
            hint="Check that the file is whole, that its external data (*.data) is beside it, and "
            "that this onnxruntime knows its opset.",
        ) from error


def reason(error: Exception) -> str:
    """The first line of an error, without the place in onnxruntime's source."""
    return _CPP_PLACE.sub("", first_line(error))
