"""Signatures are run in a process that knows nothing of this one."""

import shutil

import numpy as np
import pytest

from cpr.errors import LoadError
from cpr.savedmodel.fresh import Run, run_fresh, run_here

WORDS = np.array([b"good", b"fine", b"other"], dtype=object)


def test_a_fresh_process_answers_as_this_one(text_vocabulary):
    runs = [Run("serving_default", {"words": WORDS}), Run("number", {"words": WORDS[:1]})]
    here, fresh = run_here(text_vocabulary, runs), run_fresh(text_vocabulary, runs)
    np.testing.assert_array_equal(here[0].outputs["score"], [1.0, 0.5, 0.0])
    np.testing.assert_array_equal(here[1].outputs["id"], [0])
    for one, other in zip(here, fresh, strict=True):
        assert one.error == other.error == ""
        for name, array in one.outputs.items():
            np.testing.assert_array_equal(array, other.outputs[name])


def test_a_call_that_fails_is_an_answer(keras_cnn):
    flat = {"image": np.zeros((1, 2), np.float32)}  # convolutions end the process for it
    [answer] = run_here(keras_cnn, [Run("serving_default", flat)])
    assert answer.outputs == {}
    assert answer.error == "a value has the shape [1, 2], not (None, 16, 16, 3)"


def test_each_graph_of_several_is_run_by_its_tags(tf1_two_graphs):
    colours = {"colour": np.array([b"red"], dtype=object)}
    runs = [Run("serving_default", colours, tags) for tags in (("serve",), ("serve", "gpu"))]
    answers = run_here(tf1_two_graphs, runs)
    assert [a.outputs["scores"].shape for a in answers] == [(1, 2), (1, 2)]


@pytest.mark.parametrize("run", [run_here, run_fresh])
def test_a_damaged_model_is_refused(keras_cnn, tmp_path, run):
    shutil.copytree(keras_cnn, tmp_path / "1")
    (tmp_path / "1" / "variables" / "variables.index").unlink()
    with pytest.raises(LoadError, match="cannot be loaded with the tags serve"):
        run(tmp_path / "1", [Run("serving_default", {})])


def test_a_signature_that_is_not_there_is_named(keras_cnn):
    with pytest.raises(LoadError, match="has no signature 'score'; it has 'serv"):
        run_here(keras_cnn, [Run("score", {})])
