"""TensorFlow, imported quietly, and its errors, told in our words."""

from __future__ import annotations

import logging
import os
import re
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from cpr.artifacts.quiet import without_noise
from cpr.errors import BadInput, CprError, PredictionFailed
from cpr.extras import import_extra

# The message stands above the node's name, below a stack when a function failed.
_ABOVE_NODE = re.compile(r"([^\n]+?)\s*\[\[\{\{")
_CODE = re.compile(r"^\(\d+\) [A-Za-z_ ]+: ")


def import_tensorflow() -> Any:
    """Import TensorFlow without its log lines, unless the user asked for them."""
    if "tensorflow" in sys.modules or "TF_CPP_MIN_LOG_LEVEL" in os.environ:
        return import_extra("tensorflow", "tensorflow")
    # Whatever stops a model is raised too; 2 lets alarms about missing GPUs through.
    os.environ["TF_CPP_MIN_LOG_LEVEL"] = "3"
    with without_noise():
        return import_extra("tensorflow", "tensorflow")


@contextmanager
def without_deprecations(tf: Any) -> Iterator[None]:
    """Keep TensorFlow's Python logger at errors; its advice is for authors of graphs."""
    logger = tf.get_logger()
    level = logger.level
    logger.setLevel(logging.ERROR)
    try:
        yield
    finally:
        logger.setLevel(level)


def run_error(tf: Any, error: Exception, folder: Path) -> CprError:
    """What a failed run means: shapes and values are the caller's, the rest the model's."""
    message = first_line(error, folder)
    if isinstance(error, tf.errors.InvalidArgumentError):
        return BadInput(f"The model refuses these instances: {message}")
    return PredictionFailed(f"The model failed: {type(error).__name__}: {message}")


def first_line(error: Exception, folder: Path) -> str:
    """The first line of an error that says something, without paths and node names."""
    text = str(getattr(error, "message", None) or error)
    found = _ABOVE_NODE.search(text)
    line = found.group(1) if found else (text.strip().splitlines() or [""])[0]
    line = _CODE.sub("", line.strip()).partition(" [Op:")[0]
    return line.replace(str(folder), "the model directory")
