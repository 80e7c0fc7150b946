"""One rule for which export is meant, whoever asks: `cpr clean` or `cpr export-model`."""

import pytest

from cpr.errors import LoadError, UsageError
from cpr.savedmodel.cleaning.exports import find_export
from cpr.savedmodel.exporting.dispatch import kind_of
from cpr.savedmodel.exports import find_exports
from cpr.savedmodel.servable import SourceOptions


@pytest.fixture
def put(tmp_path):
    """Make SavedModels, which hold no more than the name of the file, below a directory."""

    def put(*names):
        for name in names:
            (tmp_path / name).mkdir(parents=True)
            (tmp_path / name / "saved_model.pb").write_bytes(b"")
        return tmp_path

    return put


@pytest.mark.parametrize(
    ("names", "chosen"),
    [
        (["."], "."),
        ([".", "assets/9"], "."),
        (["9", "10"], "10"),
        (["export/best/9", "export/best/10"], "export/best/10"),
        (["model"], "model"),
        (["a/b/c/d/e"], "a/b/c/d/e"),
        (["9", ".10"], "9"),
        ([".removed/10", "9"], "9"),
    ],
    ids=[
        *("itself", "itself alone", "as numbers", "of an exporter", "without a number"),
        *("five levels deep", "hidden", "in a hidden one"),
    ],
)
def test_the_highest_number_of_one_place_is_meant(tmp_path, names, chosen):
    for name in names:
        (tmp_path / name).mkdir(parents=True, exist_ok=True)
        (tmp_path / name / "saved_model.pb").write_bytes(b"")
    assert find_exports(tmp_path).chosen == tmp_path / chosen


@pytest.mark.parametrize("names", [[], ["a/b/c/d/e/f"], [".1"]], ids=["none", "deep", "hidden"])
def test_there_may_be_none(put, names):
    folder = put(*names)
    assert find_exports(folder) is None
    for ask in (find_export, lambda path: kind_of(path, SourceOptions())):
        with pytest.raises(LoadError, match=r"(is|holds) no SavedModel"):
            ask(folder)


@pytest.mark.parametrize("names", [["export/best/10", "export/latest/9"], ["10", "other"]])
def test_of_several_places_none_is_guessed(put, names):
    folder = put(*names)
    for ask in (find_exports, find_export, lambda path: kind_of(path, SourceOptions())):
        with pytest.raises(UsageError, match=rf"has exports in 2 places: {', '.join(names)}\.\n"):
            ask(folder)


def test_a_number_says_which_is_meant(put):
    folder = put("export/best/10", "export/latest/9")
    assert find_exports(folder, 9).chosen == folder / "export/latest/9"
    assert len(find_exports(folder, 9).all) == 2
    with pytest.raises(UsageError, match=r"has no export 8; it has export/best/10, export/latest"):
        find_exports(folder, 8)
