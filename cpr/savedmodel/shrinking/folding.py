"""Folds graphs with Grappler, and freezes variables, in a process that does nothing else.

Run as ``python -m cpr.savedmodel.shrinking.folding TASK MADE``, both files of
JSON. It does what the Graph Transform Tool was for: what is constant is
computed, what is computed twice is computed once, what changes nothing goes;
where variables are frozen into constants, functions are put where they are
called, and scales that follow weights, as of batch norms, become part of them.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

from cpr.savedmodel.protos import Message
from cpr.savedmodel.reader import read_saved_model, write_saved_model
from cpr.savedmodel.restores import Unclear
from cpr.savedmodel.shrinking.constants import share_constants
from cpr.savedmodel.shrinking.freezing import freeze
from cpr.savedmodel.shrinking.grappler import FOLDING, kept_nodes, optimize
from cpr.savedmodel.shrinking.nodes import bodies, without_checks
from cpr.savedmodel.shrinking.scales import fold_scales
from cpr.savedmodel.tensorflow_library import first_line, import_tensorflow, without_deprecations


def main(task: Path, made: Path) -> None:
    """Fold all graphs of the SavedModel that the task names, in place."""
    asked = json.loads(task.read_text(encoding="utf-8"))
    folder = Path(asked["folder"])
    tf = import_tensorflow()
    model = read_saved_model(folder)
    before = _count(model)
    told: dict[str, Any] = {"error": "", "frozen": 0, "left": {}, "scales": 0, "checks": 0}
    try:
        with without_deprecations(tf):
            for meta_graph in model.meta_graphs:
                if asked["freeze"]:
                    _freeze(tf, folder, meta_graph, told)
                else:
                    optimize(tf, meta_graph, ("function", *FOLDING))
        write_saved_model(model, folder)
        told |= {"before": before, "after": _count(model)}
    except (tf.errors.OpError, ValueError, Unclear) as error:
        told["error"] = first_line(error, folder)
    made.write_text(json.dumps(told), encoding="utf-8")


def _freeze(tf: Any, folder: Path, meta_graph: Message, told: dict[str, Any]) -> None:
    frozen = freeze(tf, folder, meta_graph)
    told["frozen"] += len(frozen.variables)
    for name, reason in frozen.left.items():
        told["left"].setdefault(reason, []).append(name)
    told["checks"] += without_checks(meta_graph)
    optimize(tf, meta_graph, FOLDING)
    share_constants(meta_graph)
    scales = fold_scales(meta_graph.graph_def, kept_nodes(meta_graph))
    if scales:
        told["scales"] += scales
        optimize(tf, meta_graph, FOLDING)
        share_constants(meta_graph)


def _count(model: Message) -> int:
    """The nodes of all graphs and functions."""
    return sum(len(body.nodes) for one in model.meta_graphs for body in bodies(one))


if __name__ == "__main__":
    main(Path(sys.argv[1]), Path(sys.argv[2]))
