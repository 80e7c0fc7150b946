"""A Session Bundle, what exporters wrote before SavedModel, becomes one."""

import pytest

from cpr.errors import LoadError, UsageError
from cpr.savedmodel import export
from cpr.savedmodel.shrinking import shrink


@pytest.fixture
def bundle(tf, tmp_path):
    """A MetaGraph and a checkpoint of the first version, as the exporter called them."""
    v1 = tf.compat.v1
    folder = tmp_path / "00000123"
    folder.mkdir()
    with tf.Graph().as_default(), v1.Session() as session:
        x = v1.placeholder(tf.float32, [None, 1], "x")
        half = v1.get_variable("half", initializer=0.5, use_resource=False)
        tf.add(x * half, 2.0, name="y")
        session.run(v1.global_variables_initializer())
        saver = v1.train.Saver(write_version=v1.train.SaverDef.V1)
        saver.save(session, str(folder / "export"))
    return folder


def test_a_session_bundle_becomes_a_saved_model(tf, bundle, tmp_path):
    assert not (bundle / "export.index").exists()
    done = export(bundle, tmp_path / "out", inputs={"x": "x:0"}, outputs={"y": "y:0"})
    served = tf.saved_model.load(str(done.path)).signatures["serving_default"]
    assert served(x=tf.constant([[2.0], [4.0]]))["y"].numpy().tolist() == [[3.0], [4.0]]


def test_a_session_bundle_is_asked_for_its_tensors(bundle, tmp_path):
    with pytest.raises(UsageError, match="say which tensors are the outputs"):
        export(bundle, tmp_path / "out")


def test_the_folder_of_a_session_bundle_is_told_with_the_command(bundle, tmp_path):
    for ask in (export, shrink):
        with pytest.raises(LoadError, match=r"holds 00000123/export\.meta, a Session Bundle") as e:
            ask(tmp_path, tmp_path / "out")
        assert f"cpr export-model {bundle / 'export.meta'} OUT --input" in e.value.hint
