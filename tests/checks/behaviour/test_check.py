"""Broken routines, each with exactly the findings that it deserves, and where."""

import os
from dataclasses import replace
from pathlib import Path

import pytest

from cpr.checks.profiles import PROFILES
from cpr.findings import RULES

ROWS = [{"instances": [1, 2, 3]}, {"instances": [4]}]

# What predict does, the findings, and the line that the first one points at.
CASES = {
    "raises": (
        """
        def predict(self, instances, **kwargs):
            return [instances[9] for _ in instances]
        """,
        {"CPR411": "return [instances[9] for _ in instances]"},
    ),
    "refuses": (
        """
        def predict(self, instances, **kwargs):
            raise cpr.BadInput("too few")
        """,
        {"CPR412": 'raise cpr.BadInput("too few")'},
    ),
    "exits": (
        """
        def predict(self, instances, **kwargs):
            sys.exit(1)
        """,
        {"CPR413": "sys.exit(1)"},
    ),
    "not JSON": (
        """
        def predict(self, instances, **kwargs):
            return [{"tags": {"a", "b"}} for _ in instances]
        """,
        {"CPR414": "def predict(self, instances, **kwargs):"},
    ),
    "NaN": (
        """
        def predict(self, instances, **kwargs):
            return [{"score": float("nan")} for _ in instances]
        """,
        {"CPR415": "def predict(self, instances, **kwargs):"},
    ),
    "infinite, in an array": (
        """
        def predict(self, instances, **kwargs):
            return np.full(len(instances), np.inf)
        """,
        {"CPR415": "def predict(self, instances, **kwargs):"},
    ),
    "one answer for all": (
        """
        def predict(self, instances, **kwargs):
            return {"total": sum(instances)}
        """,
        {"CPR417": "def predict(self, instances, **kwargs):"},
    ),
    "one prediction too few": (
        """
        def predict(self, instances, **kwargs):
            return instances[1:]
        """,
        {"CPR417": "def predict(self, instances, **kwargs):"},
    ),
    "mean of the request": (
        """
        def predict(self, instances, **kwargs):
            return [x - sum(instances) / len(instances) for x in instances]
        """,
        {"CPR432": "def predict(self, instances, **kwargs):"},
    ),
    "sorted": (
        """
        def predict(self, instances, **kwargs):
            return sorted(x * 10 for x in instances)
        """,
        {"CPR432": "def predict(self, instances, **kwargs):"},
    ),
    "needs two": (
        """
        def predict(self, instances, **kwargs):
            if len(instances) < 2 and instances[0] != 4:
                raise ValueError("a deviation needs two")
            return instances
        """,
        {"CPR432": "def predict(self, instances, **kwargs):"},
    ),
    "says it is batchable": (
        """
        batchable = True

        def predict(self, instances, **kwargs):
            return [x - sum(instances) / len(instances) for x in instances]
        """,
        {"CPR431": "batchable = True"},
    ),
    "random": (
        """
        def predict(self, instances, **kwargs):
            return [random.random() for _ in instances]
        """,
        {"CPR441": "def predict(self, instances, **kwargs):"},
    ),
    "random from the start": (
        """
        weight = random.random()

        def predict(self, instances, **kwargs):
            return [x * self.weight for x in instances]
        """,
        {"CPR442": "def predict(self, instances, **kwargs):"},
    ),
    "order of a set": (
        """
        def predict(self, instances, **kwargs):
            return [list({f"{x}{i}" for i in range(50)}) for x in instances]
        """,
        {"CPR442": "def predict(self, instances, **kwargs):"},
    ),
    "two threads at once": (
        """
        inside = 0

        def predict(self, instances, **kwargs):
            cls = type(self)
            cls.inside += 1
            try:
                threading.Event().wait(0.002)
                if cls.inside > 1:
                    raise RuntimeError("not from two threads")
                return instances
            finally:
                cls.inside -= 1
        """,
        {"CPR443": 'raise RuntimeError("not from two threads")'},
    ),
    "keeps the last request": (
        """
        def predict(self, instances, **kwargs):
            self.last = list(instances)
            return instances
        """,
        {"CPR444": "self.last = list(instances)"},
    ),
    "keeps state in a dict": (
        """
        state = {"calls": 0}

        def predict(self, instances, **kwargs):
            self.state["calls"] += 1
            return instances
        """,
        {"CPR444": 'self.state["calls"] += 1'},
    ),
    "keeps every request": (
        """
        history = []

        def predict(self, instances, **kwargs):
            self.history.append(list(instances))
            return instances
        """,
        {"CPR445": "self.history.append(list(instances))"},
    ),
    "prints much": (
        """
        def predict(self, instances, **kwargs):
            print("x" * 3000)
            return instances
        """,
        {"CPR451": 'print("x" * 3000)'},
    ),
    "writes into the model directory": (
        """
        def predict(self, instances, **kwargs):
            try:
                Path(self.model_dir, "cache.json").write_text("{}")
            except OSError:
                pass
            return instances
        """,
        {"CPR452": 'Path(self.model_dir, "cache.json").write_text("{}")'},
    ),
    "leaves a file": (
        """
        def predict(self, instances, **kwargs):
            with open("debug.txt", "w") as file:
                file.write("x")
            return instances
        """,
        {"CPR454": 'with open("debug.txt", "w") as file:'},
    ),
    "reads late": (
        """
        def predict(self, instances, **kwargs):
            factor = int(Path(self.model_dir, "factor.txt").read_text())
            return [x * factor for x in instances]
        """,
        {"CPR455": 'factor = int(Path(self.model_dir, "factor.txt").read_text())'},
    ),
    "ends the process": (
        """
        def predict(self, instances, **kwargs):
            os._exit(3)
        """,
        {"CPR402": "os._exit(3)"},
    ),
    "crashes": (
        """
        def predict(self, instances, **kwargs):
            import ctypes
            ctypes.string_at(0)
        """,
        {"CPR402": "ctypes.string_at(0)"},
    ),
}


@pytest.mark.parametrize("name", CASES)
def test_a_broken_routine_has_its_finding(checked, name):
    code, expected = CASES[name]
    found = checked(code, *ROWS, model={"factor.txt": "3"})
    assert set(found.ids) == set(expected), [f.message for f in found.findings]
    finding = found.findings[0]
    wanted = expected[finding.id]
    lines = found.told["source"].splitlines()
    assert (lines[finding.line - 1].strip() if finding.line else "") == wanted
    assert finding.file == ("predictor.py" if wanted else "")
    assert finding.fix or finding.rule.cure


def test_a_sound_routine_has_none_and_is_told_to_be_batchable(checked):
    code = """
    def predict(self, instances, **kwargs):
        print("one line")
        return [x * 2.5 for x in instances]
    """
    found = checked(code, *ROWS)
    assert found.ids == []
    assert found.told["batchable"] is True
    measured = found.told["measurements"]
    assert "batchable = True in the class" in measured["advice"]
    assert "would let requests share one predict" in measured["advice"]
    assert measured["most_stdout_bytes"] == len("one line\n")
    assert measured["largest_request_bytes"] == len(b'{"instances": [1, 2, 3]}')
    assert measured["peak_rss_bytes"] >= measured["load_peak_rss_bytes"] > 10_000_000
    assert 0 < measured["first_predict_s"] < 20
    assert 0 < measured["load_s"] < 20


def test_without_requests_only_loading_is_seen(checked):
    found = checked("def predict(self, instances, **kwargs):\n    return instances")
    assert found.ids == []
    assert found.told["batchable"] is None
    assert found.told["measurements"].keys() >= {"load_s", "peak_rss_bytes"}


@pytest.mark.parametrize(
    ("code", "verdict"),
    [
        ("return [x * 2 for x in instances]", True),
        ("return [x - max(instances) for x in instances]", False),
        ("return {'all': instances}", False),
        ("return [random.random() for x in instances]", False),
    ],
    ids=["independent", "dependent", "no list", "random"],
)
def test_batchable_is_proven_or_disproven(checked, code, verdict):
    found = checked(f"def predict(self, instances, **kwargs):\n    {code}", *ROWS)
    assert found.told["batchable"] is verdict


def test_one_instance_proves_nothing(checked):
    code = "def predict(self, instances, **kwargs):\n    return instances"
    assert checked(code, {"instances": [1]}, {"instances": [1]}).told["batchable"] is None


def test_a_summary_shows_when_instances_are_asked_at_once(checked):
    code = "def predict(self, instances, **kwargs):\n    return [sum(instances)]"
    found = checked(code, {"instances": [1]}, {"instances": [2]})
    assert found.ids == ["CPR417"]
    assert found.only.message == "for 2 instances at once, there are 1 predictions"


def test_only_requests_of_equal_parameters_are_joined(checked):
    code = """
    def predict(self, instances, *, factor=1, **kwargs):
        return [x * factor for x in instances]
    """
    requests = [{"instances": [1, 2], "factor": 2}, {"instances": [1, 2], "factor": 5}]
    found = checked(code, *requests)
    assert (found.ids, found.told["batchable"]) == ([], True)


def test_instances_that_cannot_be_joined_are_no_fault(checked):
    code = """
    batchable = True

    def predict(self, instances, **kwargs):
        if len({len(x) for x in instances}) > 1:
            raise ValueError("inhomogeneous")
        return [sum(x) for x in instances]
    """
    found = checked(code, {"instances": [[1], [2]]}, {"instances": [[1, 2], [3, 4]]})
    assert (found.ids, found.told["batchable"]) == ([], False)


def test_what_differs_in_rounding_agrees(checked):
    code = """
    def predict(self, instances, **kwargs):
        return [x / 3 + 1e-9 * len(instances) for x in instances]
    """
    assert checked(code, *ROWS).ids == []


def test_a_hang_ends_at_the_limit(checked):
    code = """
    def predict(self, instances, **kwargs):
        if instances == [4]:
            threading.Event().wait()
        return instances
    """
    found = checked(code, *ROWS, request_s=1.0)
    assert found.ids == ["CPR403"]
    assert found.only.message == (
        "sample request 2: answering a request took longer than 1 s; the process was killed"
    )
    assert found.line == "threading.Event().wait()"


def test_a_deadlock_of_threads_ends_at_the_limit(checked):
    code = """
    gate = threading.Barrier(3)
    busy = 0

    def predict(self, instances, **kwargs):
        cls = type(self)
        cls.busy += 1
        threading.Event().wait(0.01)
        if cls.busy > 1:
            self.never.wait()
        cls.busy -= 1
        return instances

    never = threading.Event()
    """
    found = checked(code, {"instances": [1, 2]}, request_s=2.0)
    assert found.ids == ["CPR443"]
    assert "answering several threads took longer than" in found.only.message
    assert found.line == "self.never.wait()"


def test_a_crash_leaves_the_other_requests_their_findings(checked):
    code = """
    def predict(self, instances, **kwargs):
        if instances == [1]:
            os._exit(3)
        return [x / 0 if x == 2 else x for x in instances]
    """
    found = checked(code, {"instances": [1]}, {"instances": [2]}, {"instances": [3]})
    assert found.ids == ["CPR402", "CPR411"]
    assert [f.message.partition(":")[0] for f in found.findings] == [
        "sample request 1",
        "sample request 2",
    ]


def test_equal_failures_are_told_together(checked):
    code = "def predict(self, instances, **kwargs):\n    raise KeyError('age')"
    found = checked(code, *[{"instances": [n]} for n in range(6)])
    assert found.only.message.startswith("sample requests 1, 2, 3 and 3 more: predict raised Key")


@pytest.mark.parametrize(
    ("code", "place"),
    [
        ("raise OSError('no such bucket')", "raise OSError('no such bucket')"),
        ("open(model_dir + '/vocabulary.txt')", "open(model_dir + '/vocabulary.txt')"),
    ],
    ids=["raises", "a file is missing"],
)
def test_a_failed_load_names_its_line(checked, code, place):
    found = checked(
        f"""
        class P:
            @classmethod
            def from_path(cls, model_dir):
                {code}

            def predict(self, instances, **kwargs):
                return instances
        """,
        *ROWS,
        whole=True,
    )
    assert found.ids == ["CPR401"]
    assert found.line == place


@pytest.mark.parametrize(
    ("code", "identity", "said"),
    [
        ("os._exit(7)", "CPR402", "the process ended itself with exit code 7 while loading"),
        ("os.kill(os.getpid(), 9)", "CPR402", "the process was killed by SIGKILL (signal 9)"),
    ],
    ids=["exit", "killed"],
)
def test_a_load_that_ends_the_process_is_told(checked, code, identity, said):
    found = checked(
        f"""
        import os
        class P:
            @classmethod
            def from_path(cls, model_dir):
                {code}
            def predict(self, instances, **kwargs):
                return instances
        """,
        *ROWS,
        whole=True,
    )
    assert found.ids == [identity]
    assert said in found.only.message


@pytest.mark.parametrize("where", ["from_path", "predict"])
def test_a_relative_path_works_in_one_directory_only(checked, where, tmp_path, monkeypatch):
    (tmp_path / "here").mkdir()
    monkeypatch.chdir(tmp_path / "here")
    (tmp_path / "here" / "factor.txt").write_text("3")
    reads = 'int(open("factor.txt").read())'
    code = f"""
    class P:
        @classmethod
        def from_path(cls, model_dir):
            {reads if where == "from_path" else ""}
            return cls()

        def predict(self, instances, **kwargs):
            {reads if where == "predict" else ""}
            return instances
    """
    found = checked(code, *ROWS, whole=True)
    assert found.ids == ["CPR404"]
    assert "factor.txt" in found.only.message or where == "predict"


def test_a_routine_that_needs_to_write_beside_its_model(checked):
    code = """
    def predict(self, instances, **kwargs):
        with open(os.path.join(self.model_dir, "lock"), "w"):
            return instances
    """
    found = checked(code, *ROWS)
    assert found.ids == ["CPR453"]
    assert found.line == 'with open(os.path.join(self.model_dir, "lock"), "w"):'
    assert "Read-only file system" in found.only.message


def test_the_callers_own_model_directory_is_left_alone(checked):
    code = """
    def predict(self, instances, **kwargs):
        Path(self.model_dir, "factor.txt").write_text("changed")
        return instances
    """
    found = checked(code, *ROWS, model={"factor.txt": "3"})
    model_dir = found.told["model_dir"]
    assert os.listdir(model_dir) == ["factor.txt"]
    assert (model_dir / "factor.txt").read_text() == "3"


def test_lazy_loading_is_no_state(checked):
    code = """
    table = None
    memory = {}

    def predict(self, instances, **kwargs):
        if self.table is None:
            self.table = {n: n * n for n in range(100)}
        for x in instances:
            self.memory.setdefault(x, self.table[x])
        return [self.memory[x] for x in instances]
    """
    assert checked(code, *ROWS).ids == []


def test_bodies_over_the_limit_are_told(checked):
    code = "def predict(self, instances, **kwargs):\n    return [x * 2 for x in instances]"
    found = checked(code, {"instances": ["x" * 1_600_000]}, {"instances": ["y"]})
    assert found.ids == ["CPR418", "CPR419"]
    messages = [finding.message for finding in found.findings]
    assert messages[0] == "sample request 1 is 1.60 MB; the limit is 1.5 MB"
    assert messages[1] == "sample request 1 has an answer of 3.20 MB; the limit is 1.5 MB"


def test_numpy_was_not_for_ai_platform(checked):
    code = """
    def predict(self, instances, **kwargs):
        return [{"score": np.float32(x)} for x in instances]
    """
    found = checked(code, *ROWS, profile="aiplatform-mls1")
    assert found.ids == ["CPR416"]
    assert found.only.severity == "note"
    assert found.only.message == "sample request 1: predictions[0].score is of type numpy.float32"


def test_memory_above_the_machines_is_told(checked, monkeypatch):
    small = replace(PROFILES["aiplatform-mls1"], memory_bytes=150_000_000)
    monkeypatch.setitem(PROFILES, "aiplatform-mls1", small)
    code = """
    def predict(self, instances, **kwargs):
        bytearray(150_000_000)
        return instances
    """
    found = checked(code, {"instances": [1]}, profile="aiplatform-mls1")
    assert found.ids == ["CPR405"]


def test_a_vertex_class_is_checked_by_its_predictions(checked):
    code = """
    import random

    class P:
        def load(self, artifacts_uri):
            pass
        def preprocess(self, body):
            return body["instances"]
        def predict(self, instances):
            return [x - sum(instances) for x in instances]
        def postprocess(self, predictions):
            return {"predictions": predictions}
    """
    found = checked(code, *ROWS, whole=True)
    assert found.ids == ["CPR432"]


def test_every_rule_has_a_broken_routine_here():
    text = Path(__file__).read_text(encoding="utf-8")
    judged_by_hand = {"CPR420"}  # it takes a minute: test_judges.py
    behaviour = {identity for identity in RULES if identity.startswith("CPR4")}
    assert {identity for identity in behaviour if f'"{identity}"' not in text} == set()
    assert judged_by_hand <= behaviour
