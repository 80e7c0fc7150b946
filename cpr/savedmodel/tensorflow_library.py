"""TensorFlow, imported quietly, and its errors, told in our words."""

from __future__ import annotations

import logging
import os
import re
import sys
from collections.abc import Collection, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any

from cpr.artifacts.quiet import without_noise
from cpr.errors import BadInput, CprError, LoadError, PredictionFailed, shorten
from cpr.extras import import_extra
from cpr.savedmodel.loadable import refuse_unloadable
from cpr.savedmodel.reader import skim_saved_model

# The message stands above the node's name, below a stack when a function failed.
_NODE = "[[{{"
_MOST_CHARACTERS = 1000
EXPORT_AGAIN = "Export the model again, or copy it again, whole: its parts do not fit together."
_COLOURS = re.compile(r"\x1b\[[0-9;]*m")
_CODE = re.compile(r"^\(\d+\) [A-Za-z_ ]+: ")


def import_tensorflow() -> Any:
    """Import TensorFlow without its log lines, unless the user asked for them.

    Its own ``TF_CPP_MIN_LOG_LEVEL`` says which; it holds back what is logged
    before TensorFlow has read it too. Processes that this one starts inherit it.
    """
    if "tensorflow" in sys.modules:
        return import_extra("tensorflow", "tensorflow")
    # Whatever stops a model is raised too; 2 lets alarms about missing GPUs through.
    if os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3") != "3":
        return import_extra("tensorflow", "tensorflow")
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


@contextmanager
def version_2(tf: Any) -> Iterator[None]:
    """TensorFlow 2's behaviour, also where code of TensorFlow 1 has switched it off.

    ``tf.disable_v2_behavior()`` stands at the top of most of it, and holds for the
    whole process. What was off is switched off again when the context is closed.
    """
    context = import_extra("tensorflow.python.eager.context", "tensorflow")
    version = import_extra("tensorflow.python.tf2", "tensorflow")
    v1 = tf.compat.v1
    switches = [
        (version.enabled(), version.enable, version.disable),
        # Sizes are numbers in version 2, and objects in version 1.
        (
            isinstance(tf.TensorShape([1])[0], int),
            v1.enable_v2_tensorshape,
            v1.disable_v2_tensorshape,
        ),
        (
            v1.resource_variables_enabled(),
            v1.enable_resource_variables,
            v1.disable_resource_variables,
        ),
        (v1.control_flow_v2_enabled(), v1.enable_control_flow_v2, v1.disable_control_flow_v2),
    ]
    with ExitStack() as held:
        for is_on, enable, disable in switches:
            if not is_on:
                enable()
                held.callback(disable)
        held.enter_context(context.eager_mode())
        yield


def load_saved_model(tf: Any, folder: Path, tags: Collection[str] | None = None) -> Any:
    """What ``tf.saved_model.load`` makes of a SavedModel; `tags` where it has several graphs.

    Raises:
        LoadError: It cannot be loaded.
    """
    refuse_unloadable(skim_saved_model(folder).model, folder)
    try:
        return tf.saved_model.load(str(folder), tags=None if tags is None else list(tags))
    except Exception as error:  # TensorFlow raises almost anything for a damaged model
        chosen = f" with the tags {', '.join(tags)}" if tags else ""
        raise LoadError(
            f"{folder} cannot be loaded{chosen}: "
            f"{type(error).__name__}: {first_line(error, folder)}",
            hint=EXPORT_AGAIN,
        ) from error


def run_error(tf: Any, error: Exception, folder: Path) -> CprError:
    """What a failed run means: shapes and values are the caller's, the rest the model's."""
    if isinstance(error, UnicodeDecodeError):
        # The message of TensorFlow quotes bytes of an instance, and so cannot be raised as text.
        quoted = shorten(error.object[error.start :])
        return BadInput(f"The model refuses these instances, among which are the bytes {quoted}.")
    message = first_line(error, folder)
    if isinstance(error, tf.errors.InvalidArgumentError):
        return BadInput(f"The model refuses these instances: {message}")
    return PredictionFailed(f"The model failed: {type(error).__name__}: {message}")


def first_line(error: Exception, folder: Path) -> str:
    """The first line of an error that says something, without paths and node names."""
    text = str(getattr(error, "message", None) or error)
    above, found, _ = text.partition(_NODE)
    lines = [line for line in map(str.strip, _COLOURS.sub("", text).splitlines()) if line]
    # Keras says which call it was, and below that why.
    if len(lines) > 1 and lines[0].startswith("Exception encountered when calling"):
        lines = lines[1:]
    line = above.rstrip().rpartition("\n")[2] if found and above.strip() else "".join(lines[:1])
    line = _CODE.sub("", line.strip()).partition(" [Op:")[0]
    line = line.replace(str(folder), "the model directory")
    # It quotes names, which may be as long as the file.
    return line if len(line) <= _MOST_CHARACTERS else f"{line[:_MOST_CHARACTERS]}…"
