import os
import subprocess
import sys

from cpr.packager import verify_package

PACKAGE = """
import sys
from pathlib import Path
from cpr.config import load_settings
from cpr.packager import build_package
flags = {"project.prediction_class": "predictor.P", "project.name": "x", "project.version": "1"}
project, out = map(Path, sys.argv[1:])
settings = load_settings(project, flags=flags)
print("ready", flush=True)
for _ in range(1000):
    build_package(project, out_dir=out, settings=settings)
    print("built", flush=True)
"""


def test_killed_anywhere_the_package_is_absent_or_whole(make_project, tmp_path):
    project = make_project({"predictor.py": "class P: ...\n", "pkg/__init__.py": ""})
    (project / "pkg" / "noise.bin").write_bytes(os.urandom(200_000))
    out = tmp_path / "out"
    for built_before in range(6):
        process = subprocess.Popen(
            [sys.executable, "-c", PACKAGE, project, out], stdout=subprocess.PIPE
        )
        for _ in range(1 + built_before):
            process.stdout.readline()
        process.kill()
        process.communicate()
        files = list(out.iterdir()) if out.exists() else []
        packages = [path for path in files if path.suffix != ".tmp"]
        for package in packages:
            assert verify_package(package).name == "x"
        assert built_before == 0 or packages
