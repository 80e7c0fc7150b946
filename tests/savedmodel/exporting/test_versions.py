"""Version directories: numbered, whole or not there, and collected by policy."""

import os
import signal
import subprocess
import sys
import threading

import pytest

from cpr.errors import UsageError
from cpr.savedmodel.exporting.versions import Retention, collect, publish, staged, versions_in


def put(base, version, content="x"):
    with staged(base, version) as folder:
        (folder / "saved_model.pb").write_text(content)
        return publish(folder, base, version)


def test_versions_are_numbered_from_one(tmp_path):
    assert [put(tmp_path / "out", "next").name for _ in range(3)] == ["1", "2", "3"]


def test_the_next_version_follows_the_highest_number_as_a_number(tmp_path):
    for name in ("9", "10", "00000123", "best", "-7", "²"):
        (tmp_path / name).mkdir()
    assert versions_in(tmp_path) == [9, 10, 123]
    assert put(tmp_path, "next").name == "124"


def test_the_time_is_a_version_of_its_own_even_within_a_second(tmp_path):
    first, second = put(tmp_path, "time"), put(tmp_path, "time")
    assert int(second.name) > int(first.name) > 1_700_000_000


def test_a_version_is_never_overwritten(tmp_path):
    put(tmp_path, 7, "first")
    with pytest.raises(UsageError, match=r"7 is there already\."):
        put(tmp_path, 7, "second")
    assert (tmp_path / "7" / "saved_model.pb").read_text() == "first"


def test_the_directory_itself_is_the_model_without_a_version(tmp_path):
    assert put(tmp_path / "model", None) == tmp_path / "model"
    with pytest.raises(UsageError, match="model is not empty"):
        put(tmp_path / "model", None)


def test_nothing_is_left_of_an_export_that_fails(tmp_path):
    with pytest.raises(ValueError, match="no"), staged(tmp_path, "next") as folder:
        (folder / "saved_model.pb").write_text("half")
        raise ValueError("no")
    assert not list(tmp_path.iterdir())


def test_exports_that_race_get_a_number_each(tmp_path):
    count = 8
    barrier = threading.Barrier(count)
    places = []

    def export(content):
        with staged(tmp_path, "next") as folder:
            (folder / "saved_model.pb").write_text(content)
            barrier.wait()
            places.append(publish(folder, tmp_path, "next"))

    threads = [threading.Thread(target=export, args=(str(i),)) for i in range(count)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert versions_in(tmp_path) == list(range(1, count + 1))
    assert sorted((p / "saved_model.pb").read_text() for p in places) == list("01234567")


@pytest.mark.parametrize(
    ("policy", "kept"),
    [
        (Retention(1), [12]),
        (Retention(3), [9, 10, 12]),
        (Retention(99), [1, 2, 5, 9, 10, 12]),
        (Retention(1, every=5), [5, 10, 12]),
    ],
    ids=["the newest", "three", "more than there are", "and every fifth"],
)
def test_the_policy_says_what_goes(policy, kept):
    versions = [12, 1, 9, 10, 2, 5]
    assert sorted(set(versions) - set(policy.doomed(versions))) == kept


def test_a_policy_keeps_at_least_one():
    with pytest.raises(UsageError, match="cannot keep 0 exports"):
        Retention(0)


def test_only_exports_are_collected(tmp_path):
    for number in (1, 2, 3):
        put(tmp_path, number)
    (tmp_path / "0").mkdir()  # no model: not ours to remove
    (tmp_path / "notes").mkdir()
    newest = put(tmp_path, 4)
    removed, left = collect(tmp_path, Retention(2), sparing=newest)
    assert (removed, left) == ([tmp_path / "1", tmp_path / "2"], [])
    assert sorted(item.name for item in tmp_path.iterdir()) == ["0", "3", "4", "notes"]


def test_what_was_just_written_stays_even_if_its_number_is_low(tmp_path):
    for number in (8, 9):
        put(tmp_path, number)
    old = put(tmp_path, 1)
    assert collect(tmp_path, Retention(1), sparing=old) == ([tmp_path / "8"], [])
    assert old.is_dir()


def test_what_cannot_be_removed_is_said(tmp_path):
    # With what is put around it, the name is longer than a file system takes.
    base = tmp_path / ("b" * 250)
    for version in ("1", "2"):
        (base / version).mkdir(parents=True)
        (base / version / "saved_model.pb").write_text("x")
    removed, [said] = collect(base, Retention(1), sparing=base / "2")
    assert removed == []
    assert said == (
        f"no older export could be removed: {base} cannot be written: File name too long."
    )
    assert (base / "1").is_dir()


def test_a_version_that_is_a_link_goes_and_what_it_names_stays(tmp_path):
    put(tmp_path / "elsewhere", 1)
    base = tmp_path / "base"
    newest = put(base, 2)
    (base / "1").symlink_to(tmp_path / "elsewhere" / "1")
    assert collect(base, Retention(1), sparing=newest) == ([base / "1"], [])
    assert [path.name for path in base.iterdir()] == ["2"]
    assert (tmp_path / "elsewhere" / "1" / "saved_model.pb").is_file()


EXPORTS = """
import os, signal, sys
from pathlib import Path
from cpr.savedmodel.exporting.versions import Retention, collect, publish, staged

base, event = Path(sys.argv[1]), sys.argv[2]

def kill(found, arguments):
    if found == event:
        os.kill(os.getpid(), signal.SIGKILL)

for number in range(int(sys.argv[3])):
    if number == int(sys.argv[3]) - 1 and event:
        sys.addaudithook(kill)
    with staged(base, "next") as folder:
        (folder / "variables").mkdir()
        for name in ("saved_model.pb", "variables/variables.index", "fingerprint.pb"):
            (folder / name).write_text("x")
        place = publish(folder, base, "next")
    collect(base, Retention(int(sys.argv[4])), sparing=place)
"""
WHOLE = ["fingerprint.pb", "saved_model.pb", "variables"]


def run_exports(base, *, killed_at="", count, keep=1000):
    command = [sys.executable, "-c", EXPORTS, base, killed_at, str(count), str(keep)]
    return subprocess.run(command, check=False).returncode


@pytest.mark.parametrize(
    ("event", "keep", "versions"),
    [("os.rename", 9, [1]), ("shutil.rmtree", 9, [1, 2]), ("os.rename", 1, [1])],
    ids=["before it gets its name", "once it has it", "with a policy"],
)
def test_a_killed_export_leaves_whole_versions_and_the_next_sweeps(tmp_path, event, keep, versions):
    assert run_exports(tmp_path, killed_at=event, count=2, keep=keep) == -signal.SIGKILL
    assert versions_in(tmp_path) == versions
    assert len(list(tmp_path.iterdir())) == len(versions) + 1
    for number in versions:
        assert sorted(os.listdir(tmp_path / str(number))) == WHOLE
    assert run_exports(tmp_path, count=1) == 0
    assert versions_in(tmp_path) == [*versions, versions[-1] + 1]
    assert len(list(tmp_path.iterdir())) == len(versions) + 1


def test_what_a_killed_policy_was_removing_is_removed_by_the_next(tmp_path):
    assert run_exports(tmp_path, count=3) == 0
    code = EXPORTS.replace("found == event", "found == event and not list(base.glob('[12]'))")
    command = [sys.executable, "-c", code, tmp_path, "shutil.rmtree", "1", "1"]
    assert subprocess.run(command, check=False).returncode == -signal.SIGKILL
    assert versions_in(tmp_path) == [4]
    assert len(list(tmp_path.iterdir())) == 2
    assert run_exports(tmp_path, count=1) == 0
    assert sorted(path.name for path in tmp_path.iterdir()) == ["4", "5"]


def test_processes_that_race_get_numbers_each_and_no_reader_meets_half_of_one(tmp_path):
    command = [sys.executable, "-c", EXPORTS, tmp_path, "", "40", "1000"]
    writers = [subprocess.Popen(command) for _ in range(2)]
    seen = set()
    while any(writer.poll() is None for writer in writers):
        for number in versions_in(tmp_path):
            assert sorted(os.listdir(tmp_path / str(number))) == WHOLE
            seen.add(number)
    assert [writer.returncode for writer in writers] == [0, 0]
    assert versions_in(tmp_path) == list(range(1, 81))
    assert len(list(tmp_path.iterdir())) == 80
    assert seen
