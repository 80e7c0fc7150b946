"""Judgements over observations that are written down by hand."""

from dataclasses import replace

import pytest

from cpr.checks.behaviour.check import judge, measurements
from cpr.checks.behaviour.context import Context, numbered, place_in
from cpr.checks.behaviour.judge_groups import batchable
from cpr.checks.behaviour.observations import (
    Answer,
    Ending,
    Fault,
    Group,
    Kept,
    Loaded,
    Observations,
    Place,
    Returned,
    Threads,
    Touched,
)
from cpr.checks.profiles import PROFILES

LOADED = Loaded(
    name="predictor.P",
    is_ready_made=False,
    is_subclass=False,
    is_batchable=False,
    is_vertex=False,
    seconds=1.0,
    cpu_s=0.5,
    peak_rss_bytes=100_000_000,
    stdout_bytes=0,
    places={"predict": Place("predictor.py", 9), "self.last": Place("predictor.py", 11)},
)
GOOD = Answer(b'{"predictions":[1.0,2.0]}', seconds=0.1, instance_count=2)
RAW = Returned(Answer(b"[1.0,2.0]"), "list")
GROUP = Group(
    instances=(1, 2),
    requests=(0,),
    alone=(Answer(b"[1.0]"), Answer(b"[2.0]")),
    together=Answer(b"[1.0,2.0]"),
    shuffled=Answer(b"[2.0,1.0]"),
    order=(1, 0),
)
SOUND = Observations(
    requests=(b'{"instances":[1,2]}',),
    loaded=LOADED,
    answers=(GOOD,),
    again=(GOOD,),
    returned=(RAW,),
    elsewhere=(GOOD,),
    groups=(GROUP,),
    threads=Threads(8, ((RAW.answer,),)),
    kept=Kept(rounds=40, rss_bytes=(1, 1, 1)),
    peak_rss_bytes=100_000_000,
)
MLS1 = PROFILES["aiplatform-mls1"]


def judged(seen, profile=None):
    return list(judge(seen, Context(profile) if profile else Context()))


def answered(**changes):
    return replace(SOUND, answers=(replace(GOOD, **changes),))


def failed(kind, problem, raised="", place=None):
    return answered(fault=Fault(kind, problem, raised=raised, place=place or Place()))


def test_nothing_is_found_where_nothing_is_wrong():
    assert judged(SOUND, MLS1) == []
    assert batchable(SOUND) is True


CASES = {
    "a file is missing": (
        replace(SOUND, loaded=None, load_fault=Fault("LoadError", "it failed.")),
        "CPR401",
        "it failed",
    ),
    "ends": (
        replace(SOUND, endings=(Ending("answering a request", "the process ended.", request=0),)),
        "CPR402",
        "sample request 1: the process ended",
    ),
    "hangs": (
        replace(SOUND, endings=(Ending("loading", "too long.", is_hang=True),)),
        "CPR403",
        "too long",
    ),
    "deadlock": (
        replace(SOUND, endings=(Ending("answering several threads", "stuck", is_hang=True),)),
        "CPR443",
        "stuck",
    ),
    "memory": (
        replace(SOUND, peak_rss_bytes=2_500_000_000),
        "CPR405",
        "the process had 2,500 MB at its peak; a machine of aiplatform-mls1 has 2,000 MB",
    ),
    "slow": (
        answered(seconds=61.0),
        "CPR420",
        "sample request 1 took 61 s; the platform waits 60 s",
    ),
    "raises": (
        failed("UserCodeError", "predict raised KeyError: 'a'.", "KeyError"),
        "CPR411",
        "sample request 1: predict raised KeyError: 'a'",
    ),
    "refused": (failed("BadInput", "no"), "CPR412", "sample request 1: no"),
    "exits": (failed("UserCodeError", "x", "SystemExit"), "CPR413", "sample request 1: x"),
    "not JSON": (
        failed("BadOutput", "predict returned a value that is not JSON at predictions[0]"),
        "CPR414",
        "sample request 1: predict returned a value that is not JSON at predictions[0]",
    ),
    "NaN": (
        failed("BadOutput", "predict returned nan at predictions[0], which JSON cannot hold."),
        "CPR415",
        "sample request 1: predict returned nan at predictions[0], which JSON cannot hold",
    ),
    "numpy": (
        replace(SOUND, returned=(replace(RAW, strict_fault="predictions is of type x"),)),
        "CPR416",
        "sample request 1: predictions is of type x",
    ),
    "count": (
        replace(answered(instance_count=3), again=(), elsewhere=()),
        "CPR417",
        "sample request 1: 2 predictions for 3 instances",
    ),
    "large request": (
        replace(SOUND, requests=(b"x" * 2_000_000,)),
        "CPR418",
        "sample request 1 is 2.00 MB; the limit is 1.5 MB",
    ),
    "changes": (
        replace(SOUND, again=(replace(GOOD, body=b'{"predictions":[1.0,2.5]}'),)),
        "CPR441",
        "sample request 1, asked twice: predictions[1]: 2.0 against 2.5",
    ),
    "changes elsewhere": (
        replace(SOUND, elsewhere=(replace(GOOD, body=b'{"predictions":[1,"2"]}'),)),
        "CPR442",
        "sample request 1, asked in two processes: predictions[1]: 2.0 against '2'",
    ),
    "threads differ": (
        replace(SOUND, threads=Threads(8, ((RAW.answer, Answer(b"[1.0,7.0]")),))),
        "CPR443",
        "sample request 1, asked by 8 threads at once: predictions[1]: 2.0 against 7.0",
    ),
    "threads raise": (
        replace(SOUND, threads=Threads(8, ((Answer(fault=Fault("UserCodeError", "boom.")),),))),
        "CPR443",
        "sample request 1, asked by 8 threads at once: boom",
    ),
    "state": (
        replace(SOUND, kept=Kept(("self.last", "self.size"), rounds=40)),
        "CPR444",
        "self.last, self.size are set by each request",
    ),
    "history": (
        replace(SOUND, kept=Kept(("self.last",), {"self.last": (2, 22, 42)}, rounds=40)),
        "CPR445",
        "self.last grew from 2 to 42 items while the sample requests were asked 40 times",
    ),
    "memory leak": (
        replace(SOUND, kept=Kept(rss_bytes=(10**8, 2 * 10**8, 3 * 10**8), rounds=40)),
        "CPR445",
        "the process grew by 200 MB while the sample requests were asked 40 times",
    ),
    "prints": (
        answered(stdout_bytes=2001),
        "CPR451",
        "sample request 1 printed up to 2,001 bytes",
    ),
    "writes": (
        replace(SOUND, written_in_model_dir=(Touched("cache.json", "loading"),)),
        "CPR452",
        "it wrote cache.json",
    ),
    "must write": (
        replace(
            SOUND,
            written_in_model_dir=(Touched("cache.json", "loading"),),
            fails_read_only=Fault("LoadError", "Read-only file system."),
        ),
        "CPR453",
        "it wrote cache.json: Read-only file system",
    ),
    "leaves": (
        replace(SOUND, left_in_directory=tuple(Touched(f"{n}.jpg", "") for n in range(6))),
        "CPR454",
        "it left 0.jpg, 1.jpg, 2.jpg, 3.jpg and 2 more",
    ),
    "reads late": (
        replace(
            SOUND,
            elsewhere=(Answer(fault=Fault("UserCodeError", "no such file.")),),
            read_late=(Touched("labels.txt", "answering", Place("predictor.py", 4)),),
        ),
        "CPR455",
        "sample request 1, asked when the model directory was gone: no such file. "
        "It reads labels.txt",
    ),
}


@pytest.mark.parametrize("name", CASES)
def test_each_observation_has_its_finding(name):
    seen, identity, message = CASES[name]
    (finding,) = judged(seen, MLS1)
    assert (finding.id, finding.message) == (identity, message)


def test_a_slow_growth_or_a_single_jump_of_memory_is_no_leak():
    for rss in [(10**8, 10**8 + 10**6, 10**8 + 2 * 10**6), (10**8, 2 * 10**8, 2 * 10**8)]:
        assert judged(replace(SOUND, kept=Kept(rss_bytes=rss, rounds=40))) == []


def test_a_cache_that_grows_once_is_no_leak():
    kept = Kept(grown={"self.cache": (2, 3, 4)}, rounds=40)
    assert judged(replace(SOUND, kept=kept)) == []


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"together": Answer(b"[1.0,3.0]")}, "instance 2 of 2, alone and all at once: its "),
        ({"shuffled": Answer(b"[1.0,2.0]")}, "instance 2 of 2, alone and shuffled: its predict"),
        (
            {"alone": (Answer(fault=Fault("UserCodeError", "empty")), Answer(b"[2.0]"))},
            "instance 1 of 2 fails alone: empty",
        ),
    ],
    ids=["together", "order", "alone"],
)
@pytest.mark.parametrize(
    ("declares", "identity"), [(True, "CPR431"), (False, "CPR432")], ids=["declared", "silent"]
)
def test_dependence_is_an_error_where_batchable_is_declared(change, message, declares, identity):
    loaded = replace(LOADED, is_batchable=declares)
    seen = replace(SOUND, loaded=loaded, groups=(replace(GROUP, **change),))
    (finding,) = judged(seen)
    assert finding.id == identity
    assert finding.message.startswith(message)
    assert batchable(seen) is False


def test_nothing_is_concluded_from_groups_where_answers_change_anyway():
    seen = replace(
        SOUND,
        again=(replace(GOOD, body=b'{"predictions":[0.0,0.0]}'),),
        groups=(replace(GROUP, together=Answer(b"[1.0,3.0]")),),
        threads=Threads(8, ((Answer(b"[5.0,5.0]"),),)),
    )
    assert [finding.id for finding in judged(seen)] == ["CPR441"]
    assert batchable(seen) is False


def test_ready_made_predictors_are_not_asked_for_plain_types_or_state():
    loaded = replace(LOADED, is_ready_made=True)
    kept = Kept(("self.last",), rounds=40)
    returned = (replace(RAW, strict_fault="predictions is of type numpy.ndarray"),)
    assert judged(replace(SOUND, loaded=loaded, kept=kept, returned=returned), MLS1) == []


@pytest.mark.parametrize(
    "change",
    [
        {"endings": (Ending("answering a request", "x"),)},
        {"answers": (replace(GOOD, fault=Fault("UserCodeError", "x")),)},
        {"groups": ()},
        {"groups": (replace(GROUP, instances=(1, 1)),)},
    ],
    ids=["a crash", "a failure", "no groups", "one instance twice"],
)
def test_batchable_is_not_proven_by_less_than_all(change):
    assert batchable(replace(SOUND, **change)) is None


def test_figures_of_what_was_not_measured_are_left_out():
    assert measurements(Observations()).keys() == {"peak_rss_bytes", "cpu_s"}
    assert measurements(SOUND)["first_predict_s"] == 0.1


@pytest.mark.parametrize(
    ("numbers", "said"),
    [
        ([0], "sample request 1"),
        ([2, 0], "sample requests 1 and 3"),
        ([0, 1, 2, 3], "sample requests 1, 2, 3 and 4"),
        (range(9), "sample requests 1, 2, 3 and 6 more"),
    ],
)
def test_requests_are_counted_from_one(numbers, said):
    assert numbered(numbers) == said


def test_places_are_found_under_the_import_roots(tmp_path):
    (tmp_path / "pkg").mkdir()
    (tmp_path / "pkg" / "predictor.py").touch()
    context = Context(roots=(tmp_path,))
    elsewhere = Place("/tmp/cpr-package-abc/iris-0.1/pkg/predictor.py", 4)
    assert context.relative(elsewhere) == Place("pkg/predictor.py", 4)
    assert context.relative(Place("/usr/lib/other.py", 4)) == Place("other.py", 4)


def test_a_place_is_read_from_a_hint():
    hint = "predictor.py:11 in predict: return 1 / 0\nTry --shim x."
    assert place_in(hint) == Place("predictor.py", 11)
    assert place_in("no place") == Place()
