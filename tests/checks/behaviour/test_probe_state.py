"""What stays on a predictor is seen, and what does not is not."""

import pytest

from cpr.checks.behaviour.probe_state import StateWatch


class Predictor:
    def __init__(self):
        self.model = object()
        self.cache = {}


def changed(act):
    predictor = Predictor()
    watch = StateWatch(predictor, [])
    before = watch.snapshot()
    act(predictor)
    watch.note_changes(before)
    return watch.changed()


@pytest.mark.parametrize(
    ("act", "names"),
    [
        (lambda p: None, []),
        (lambda p: setattr(p, "last", 1), ["self.last"]),
        (lambda p: setattr(p, "cache", {}), ["self.cache"]),
        (lambda p: p.cache.update(a=1), ["self.cache"]),
        (lambda p: setattr(p, "model", p.model), []),
    ],
    ids=["nothing", "new", "an equal one", "in place", "the same"],
)
def test_changes_are_seen(act, names):
    assert changed(act) == names


def test_a_value_replaced_by_an_equal_one_of_the_same_address_is_seen():
    predictor = Predictor()
    watch = StateWatch(predictor, [])
    predictor.rows = [1, 2]
    before = watch.snapshot()
    predictor.rows = None
    predictor.rows = [1, 2]  # may get the old address, unless the old list is held
    watch.note_changes(before)
    assert watch.changed() == ["self.rows"]


@pytest.mark.parametrize(
    ("act", "grows"),
    [
        (lambda p: p.cache.setdefault("all", []).append("x"), True),
        (lambda p: setattr(p, "text", getattr(p, "text", "") + "x"), False),
        (lambda p: setattr(p, "texts", [*getattr(p, "texts", []), "x"]), True),
        (lambda p: p.cache.update(same=1), False),
    ],
    ids=["nested list", "a longer text", "a new list", "one key"],
)
def test_growth_is_counted_in_items(act, grows):
    predictor = Predictor()
    watch = StateWatch(predictor, [])
    act(predictor)
    for _ in range(3):
        watch.measure()
        act(predictor)
    assert bool(watch.grown()) is grows


def test_a_predictor_that_holds_itself_is_measured():
    predictor = Predictor()
    predictor.itself = {"me": predictor}
    predictor.deep = deep = []
    for _ in range(5000):
        deep.append([])
        deep = deep[0]
    watch = StateWatch(predictor, [])
    watch.measure()
    assert watch.grown().keys() >= {"self.itself"}


def test_state_of_modules_and_classes_is_seen(tmp_path):
    import importlib.util
    import sys

    path = tmp_path / "stateful_module.py"
    path.write_text("SEEN = []\nCOUNT = 0\nclass P:\n    log = []\n")
    spec = importlib.util.spec_from_file_location("stateful_module", path)
    module = importlib.util.module_from_spec(spec)
    sys.modules["stateful_module"] = module
    spec.loader.exec_module(module)
    try:
        watch = StateWatch(module.P(), [tmp_path])
        before = watch.snapshot()
        module.SEEN.append(1)
        module.COUNT += 1
        module.P.log.append(1)
        watch.note_changes(before)
        expected = {"P.log", "stateful_module.SEEN", "stateful_module.COUNT"}
        assert set(watch.changed()) == expected
    finally:
        del sys.modules["stateful_module"]
