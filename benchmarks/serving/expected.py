"""The right answers, from the models themselves: `python expected.py MODELS`, items on stdin."""

from __future__ import annotations

import json
import os
import sys
from pathlib import Path


def main() -> None:
    """Read {item: [work, [instances, …]]}, write {item: [predictions, …]}."""
    os.environ["BENCH_MODELS"] = sys.argv[1]
    sys.path.insert(0, str(Path(__file__).parent / "peers"))
    import work

    answers = {}
    for name, (kind, bodies) in json.load(sys.stdin).items():
        predict = work.load(kind)
        answers[name] = [predict(instances) for instances in bodies]
    json.dump(answers, sys.stdout)


if __name__ == "__main__":
    main()
