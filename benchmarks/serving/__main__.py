"""Our server beside the other Python model servers: `make bench`.

Installs what is needed into a folder outside git, starts every server,
checks its answers, and measures in interleaved turns. The results are
written as JSON; `--publish` puts them into docs/ as well.
"""

from __future__ import annotations

import argparse
import json
import signal
import sys
from dataclasses import asdict
from pathlib import Path

from goals import Medians, outcomes
from installing import ROOT, install
from items import ITEMS
from machine import describe
from plot import svg
from report import markdown, replaced
from rounds import Measurement, Plan
from servers import chosen

PAGE, FIGURES, PICTURE = (ROOT / "docs" / f"benchmarks.{end}" for end in ("md", "json", "svg"))


def main() -> int:
    """Install, measure and report; exit 1 if a goal is missed."""
    options = _options()
    if options.report:
        publish(json.loads(FIGURES.read_text()))
        return 0
    folder = options.folder.resolve()
    folder.mkdir(parents=True, exist_ok=True)
    servers = chosen(options.peers)
    install(folder, servers)
    if options.install_only:
        return 0
    plan = Plan(
        tuple(ITEMS[name] for name in options.items.split() or ITEMS),
        1 if options.smoke else options.rounds,
        1 if options.smoke else options.seconds,
        0 if options.smoke else options.repeats,
        0 if options.smoke else options.patience,
    )
    measurement = Measurement(plan, folder, lambda line: print(line, flush=True))
    # So that the servers are ended too.
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(1))
    try:
        measurement.run(servers)
    finally:
        facts = describe(folder, servers)
        document = {"machine": facts, "plan": asdict(plan), **measurement.results.as_json()}
        path = folder / "results.json"
        path.write_text(json.dumps(document, indent=1) + "\n")
        print(f"The results are in {path}.")
    print(markdown(document))
    if options.publish:
        publish(document)
    return 0 if all(one.is_met for one in outcomes(Medians(document["turns"]))) else 1


def publish(document: dict) -> None:
    """Write the figures, the picture and the page of the documentation."""
    FIGURES.write_text(json.dumps(document, indent=1) + "\n")
    PICTURE.write_text(svg(document))
    PAGE.write_text(replaced(PAGE.read_text(), markdown(document)))


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="make bench", description=__doc__.splitlines()[0])
    parser.add_argument("--peers", default="", help="environments, e.g. 'vertex kserve'; else all")
    parser.add_argument("--items", default="", help=f"of {' '.join(ITEMS)}; else all")
    parser.add_argument("--folder", type=Path, default=ROOT / "build" / "bench")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--seconds", type=float, default=4)
    parser.add_argument("--repeats", type=int, default=2, help="of a turn that others disturbed")
    parser.add_argument("--patience", type=float, default=600, help="seconds, for a quiet machine")
    parser.add_argument("--smoke", action="store_true", help="one round of turns of a second")
    parser.add_argument("--install-only", action="store_true")
    parser.add_argument("--publish", action="store_true", help="rewrite docs/benchmarks.*")
    parser.add_argument("--report", action="store_true", help="rewrite the page from its figures")
    return parser.parse_args()


if __name__ == "__main__":
    raise SystemExit(main())
