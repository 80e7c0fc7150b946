"""A worker: the process that holds one version of the model and predicts.

Started by the supervisor alone, with `main` as its entry. User code runs in
its main thread and nowhere else.
"""

from __future__ import annotations

import faulthandler
import gc
import json
import logging
import os
import resource
import socket
import sys
import tempfile
import time
import traceback
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from cpr import user_errors
from cpr.describing import describe
from cpr.errors import CprError, LoadError, UserCodeError, shorten
from cpr.isolated.child import (
    end_with_parent,
    leave_signals_to_the_supervisor,
    name_process,
    say_where_it_exits,
)
from cpr.isolated.errors_json import error_to_json
from cpr.isolated.forks import end_forks, let_forks_go
from cpr.isolated.memory import current_rss_bytes
from cpr.messages import Call
from cpr.observe.server_log import configure_logging
from cpr.routine import Routine
from cpr.server.control import ControlSocket
from cpr.server.kept_memory import keep_freed_blocks
from cpr.server.options import ServeOptions
from cpr.server.worker_loop import WorkerLoop
from cpr.serving import open_routine

logger = logging.getLogger(__name__)

_KEPT_BYTES = 64 << 20
_CUT_OFF_S = 5.0


def main(start: Mapping[str, Any]) -> None:
    """Load a version, say that it is ready, and answer until drained.

    Args:
        start: What the supervisor passes: `control` and `lifeline` are
            descriptors, `parent` its process id, `options` the server's,
            `version` a name, `open_with` the keywords of `open_routine`,
            `samples` the requests to warm up with, and `temporary` a folder
            for what is unpacked.
    """
    leave_signals_to_the_supervisor()
    name_process(f"cpr-worker {start['version']}")
    # Bytecode is known by second and size: an edit within a second would be missed.
    sys.dont_write_bytecode = True
    for descriptor in (start["control"], start["lifeline"]):
        os.set_inheritable(descriptor, False)
    end_with_parent(start["parent"], start["lifeline"])
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    faulthandler.enable()
    say_where_it_exits()
    let_forks_go()
    keep_freed_blocks(_KEPT_BYTES)
    control = ControlSocket(socket.socket(fileno=start["control"]))
    options = ServeOptions.from_json(start["options"])
    role = f"worker-{start['version']}"
    configure_logging(role, line_format=options.log_format, level=options.log_level)
    try:
        routine, ready = _load(start, options)
    except BaseException as error:  # SystemExit of user code too: it fails the load, no more
        end_forks()
        told = _told(LoadError, "loading", error)
        control.send({"say": "failed", "error": error_to_json(told)})
        raise SystemExit(told.exit_code) from None  # the supervisor tells it, in full
    end_forks()
    with routine:
        control.send(ready)
        # What is loaded stays: the collector need not look at it again.
        gc.collect()
        gc.freeze()
        _serve(WorkerLoop(routine, control, options), routine, control)
    control.send({"say": "bye"})


def _serve(loop: WorkerLoop, routine: Routine, control: ControlSocket) -> None:
    """Run the loop; what it cannot go on after ends the process, with no further ado."""
    try:
        loop.run()
    except BaseException as error:
        try:
            traceback.print_exc()
            told = _told(UserCodeError, "the process", error, routine.roots)
            control.send({"say": "failed", "error": error_to_json(told)})
        except OSError:
            time.sleep(_CUT_OFF_S)  # the supervisor ends it meanwhile, and knows why
        finally:
            sys.stderr.flush()
            os._exit(1)


def _told(
    kind: type[CprError], what: str, error: BaseException, roots: Sequence[Path] = ()
) -> CprError:
    """The error, or one of ours for what nobody has caught: KeyboardInterrupt, and its like."""
    if isinstance(error, CprError):
        return error
    problem = f"{what} was ended by {user_errors.describe(error)}."
    return user_errors.explained(kind, problem, error, roots)


def _load(start: Mapping[str, Any], options: ServeOptions) -> tuple[Routine, dict[str, Any]]:
    """The routine, warmed up, and what the supervisor is told of it."""
    began, cpu = time.perf_counter(), time.process_time()
    # The supervisor removes it when this process is gone, however it went.
    tempfile.tempdir = start["temporary"]
    routine = open_routine(**_opening(start["open_with"], options))
    tempfile.tempdir = None
    try:
        given = [sample["body"].encode() for sample in start["samples"]]
        description = describe(routine, given)
        for number, sample in enumerate(start["samples"], 1):
            _warm_up(routine, sample, f"sample request {number} of {len(given)}")
        has_answered = bool(given) or _try_out(routine, description.get("samples", ()))
    except BaseException:
        routine.close()
        raise
    load = {
        "seconds": time.perf_counter() - began,
        "cpu_s": time.process_time() - cpu,
        "rss_bytes": current_rss_bytes(),
        "is_batchable": routine.is_batchable,
        "name": routine.name,
        "has_answered": has_answered,
    }
    return routine, {"say": "ready", "describe": description, "load": load}


def _opening(open_with: Mapping[str, Any], options: ServeOptions) -> dict[str, Any]:
    """The keywords of `open_routine`, with what the server was told of how to answer."""
    told = {
        "batching.max_batch_size": options.max_batch_size,
        "limits.body_bytes": options.body_bytes,
        "limits.json_depth": options.json_depth,
        "serve.error_status": options.error_status,
        "serve.debug_errors": options.debug_errors,
    }
    return {**open_with, "flags": {**open_with.get("flags", {}), **told}}


def _warm_up(routine: Routine, sample: Mapping[str, Any], named: str) -> None:
    """Answer a sample request, which must be answered well unless it is there to fail."""
    (reply,) = routine.answer([Call(sample["body"].encode(), request_id="warm-up")])
    if reply.error is None or (sample.get("fails") and reply.status < 500):
        return
    raise LoadError(
        f"{named} was answered with status {reply.status}: {reply.error.problem} "
        f"The request: {shorten(sample['body'])}",
        hint=reply.error.hint,
        user_traceback=reply.error.user_traceback,
    ) from reply.error


def _try_out(routine: Routine, samples: Sequence[Any]) -> bool:
    """Answer samples made up from a signature; True if one could be.

    The model may well refuse one of those, which is no reason not to serve it.
    """
    replies = routine.answer([Call(json.dumps(sample).encode()) for sample in samples])
    for reply in replies:
        if reply.error is not None:
            logger.info("the made-up sample request was refused: %s", reply.error)
    return any(reply.is_ok for reply in replies)
