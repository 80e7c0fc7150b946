"""What is said of a SavedModel, against TensorFlow's own view of the same files."""

import re
import shutil
from dataclasses import asdict

import numpy
import pytest

from cpr.artifacts.companions import LABEL_FILES, PREPROCESSOR_FILES
from cpr.inspecting import inspect_model


@pytest.fixture
def upstream(any_saved_model, tf):
    from tensorflow.python.saved_model import loader_impl

    return loader_impl.parse_saved_model(str(any_saved_model)).meta_graphs


def sizes(shape):
    return None if shape.unknown_rank else tuple(n.size if n.size >= 0 else None for n in shape.dim)


def test_every_graph_is_as_tensorflow_sees_it(any_saved_model, upstream, tf):
    found = inspect_model(any_saved_model)
    assert found.is_servable, found.problems
    for own, other in zip(found.graphs, upstream, strict=True):
        info = other.meta_info_def
        assert own.tags == tuple(sorted(info.tags))
        assert own.facts["TensorFlow"] == info.tensorflow_version == tf.__version__
        assert own.facts["git"] == info.tensorflow_git_version
        assert own.facts["strip_default_attrs"] is info.stripped_default_attrs
        assert own.facts["producer"] == other.graph_def.versions.producer
        assert own.nodes == len(other.graph_def.node)
        assert own.functions == len(other.graph_def.library.function)
        is_second = other.HasField("object_graph_def")
        assert own.facts["exported by"] == f"TensorFlow {2 if is_second else 1}"
        names = {item.name for item in own.signatures}
        assert names | set(own.hidden) == set(other.signature_def)
        assert all(name.startswith("__saved_model_") for name in own.hidden)


def test_every_signature_is_as_tensorflow_sees_it(any_saved_model, upstream, tf):
    found = inspect_model(any_saved_model)
    for own, other in zip(found.graphs, upstream, strict=True):
        for signature in own.signatures:
            proto = other.signature_def[signature.name]
            assert signature.method == proto.method_name
            for tensors, infos in (
                (signature.inputs, proto.inputs),
                (signature.outputs, proto.outputs),
            ):
                assert [asdict(tensor) for tensor in tensors] == [
                    {
                        "alias": alias,
                        "dtype": tf.dtypes.as_dtype(info.dtype).name,
                        "shape": sizes(info.tensor_shape),
                        "tensor": info.name,
                        "encoding": "dense",
                        "taken": None,
                    }
                    for alias, info in sorted(infos.items())
                ]


def test_every_operation_is_counted_as_tensorflow_does(any_saved_model, upstream):
    from collections import Counter

    for own, other in zip(inspect_model(any_saved_model).graphs, upstream, strict=True):
        counts = Counter(node.op for node in other.graph_def.node)
        for function in other.graph_def.library.function:
            counts.update(node.op for node in function.node_def)
        assert own.ops == counts


def test_every_variable_is_as_tensorflow_reads_it(any_saved_model, tf):
    reader = tf.train.load_checkpoint(str(any_saved_model / "variables" / "variables"))
    shapes = reader.get_variable_to_shape_map()
    types = reader.get_variable_to_dtype_map()
    found = inspect_model(any_saved_model).variables
    assert {item.key: (item.dtype, list(item.shape)) for item in found} == {
        name: (types[name].name, shape) for name, shape in shapes.items()
    }
    for item in found:
        if item.dtype != "string":
            assert item.size == reader.get_tensor(item.key).nbytes


def test_assets_are_as_tensorflow_sees_them(any_saved_model, upstream):
    for own, other in zip(inspect_model(any_saved_model).graphs, upstream, strict=True):
        named = [(item.filename, item.tensor_info.name) for item in other.asset_file_def]
        if "saved_model_assets" in other.collection_def:  # as TensorFlow 1 lists them
            for packed in other.collection_def["saved_model_assets"].any_list.value:
                asset = other.asset_file_def.add()
                packed.Unpack(asset)
                named.append((asset.filename, asset.tensor_info.name))
        assert {(item.filename, item.tensor) for item in own.assets} == set(named)
        for item in own.assets:
            assert item.size == (any_saved_model / "assets" / item.filename).stat().st_size


@pytest.mark.parametrize("name", ["keras_cnn", "keras_trained", "transformer", "text_vocabulary"])
def test_what_signatures_reach_is_what_the_loaded_model_captures(request, tf, name):
    folder = request.getfixturevalue(name)
    found = inspect_model(folder)
    loaded = tf.saved_model.load(str(folder))
    captured = {
        tuple(variable.shape)
        for signature in loaded.signatures.values()
        for variable in signature.variables
    }
    weights = [item for item in found.variables if item.is_reached]
    assert {item.shape for item in weights} == captured


def test_files_add_up(any_saved_model):
    found = inspect_model(any_saved_model)
    paths = [path for path in any_saved_model.rglob("*") if path.is_file()]
    assert found.size == sum(path.stat().st_size for path in paths)
    assert {file.path for file in found.files} == {
        path.relative_to(any_saved_model).as_posix() for path in paths
    }
    assert "other" not in {file.role for file in found.files}
    assert [limit.bytes for limit in found.limits] == [500_000_000, 10_000_000_000]


def test_files_that_predictors_read_beside_a_graph_are_not_called_useless(keras_cnn, tmp_path):
    model = tmp_path / "model"
    shutil.copytree(keras_cnn, model)
    names = {*LABEL_FILES, *PREPROCESSOR_FILES, "explanation_metadata.json"}
    for name in names:
        (model / name).write_text("cat\n")
    found = inspect_model(model)
    assert {file.path for file in found.files if file.role == "for predictors"} == names
    assert "other-files" not in {problem.id for problem in found.problems}
    (model / "model.ckpt-3.meta").write_text("left over")
    assert "other-files" in {problem.id for problem in inspect_model(model).problems}


def test_weights_that_keras_writes_twice_are_marked(keras_cnn):
    found = inspect_model(keras_cnn)
    copies = [item for item in found.variables if item.duplicate_of]
    whole = sum(item.size for item in found.variables if item.is_reached)
    # Half of it, and more where a bias is as empty as another.
    assert whole / 2 <= sum(item.size for item in copies) < whole * 0.6
    [kernel] = [item for item in found.variables if item.key.startswith("variables/0/")]
    # Keras counts on where a process has made such layers before.
    assert re.fullmatch(r"sequential(_\d+)?/conv2d(_\d+)?/kernel", kernel.name)
    assert kernel.duplicate_of.startswith("_all_variables/")
    assert any("are stored more than once" in problem.message for problem in found.problems)


def test_optimizer_slots_are_marked(keras_trained):
    found = inspect_model(keras_trained)
    slots = [item for item in found.variables if item.role == "optimizer"]
    weights = [item for item in found.variables if item.is_reached]
    assert len(weights) == 4
    assert len(slots) == 2 * 4 + 2  # two of each weight, the step and the learning rate
    assert {item.role for item in weights} == {"weight"}
    assert any("No signature reaches " in problem.message for problem in found.problems)


def test_weights_that_only_one_loader_restores_are_a_warning(keras_trained, keras_cnn, tf):
    found = inspect_model(keras_trained)
    [warning] = [item for item in found.problems if "has no restore for" in item.message]
    assert "4 variables that its signatures reach" in warning.message
    v1 = tf.compat.v1
    for folder, is_whole in ((keras_trained, False), (keras_cnn, True)):
        with tf.Graph().as_default(), v1.Session() as session:
            [own] = inspect_model(folder).graphs
            v1.saved_model.load(session, ["serve"], str(folder))
            shape = [1, *own.signatures[0].inputs[0].shape[1:]]
            feeds = {own.signatures[0].inputs[0].tensor: numpy.zeros(shape)}
            assert (own.unrestored == ()) is is_whole
            if is_whole:
                session.run(own.signatures[0].outputs[0].tensor, feeds)
            else:
                with pytest.raises(tf.errors.FailedPreconditionError):
                    session.run(own.signatures[0].outputs[0].tensor, feeds)


def test_optimizer_slots_of_tensorflow_1_are_marked(tf, tmp_path):
    v1 = tf.compat.v1
    with tf.Graph().as_default(), v1.Session() as session:
        x = v1.placeholder(tf.float32, [None, 2], "x")
        y = tf.matmul(x, v1.get_variable("net/w", (2, 1)))
        step = v1.train.get_or_create_global_step()
        v1.train.AdamOptimizer().minimize(tf.reduce_sum(y), step)
        session.run(v1.global_variables_initializer())
        v1.saved_model.simple_save(session, str(tmp_path / "1"), {"x": x}, {"y": y})
    found = inspect_model(tmp_path / "1")
    assert {item.name: item.role for item in found.variables} == {
        "net/w": "weight",
        "net/w/Adam": "optimizer",
        "net/w/Adam_1": "optimizer",
        "beta1_power": "training",
        "beta2_power": "training",
        "global_step": "training",
    }
    [graph] = found.graphs
    assert {op.op: (op.count, op.reached) for op in graph.training}["ResourceApplyAdam"] == (1, 0)


def test_an_input_of_another_type_than_its_graph_takes_is_a_warning(tf1_text, tmp_path):
    folder = shutil.copytree(tf1_text, tmp_path / "1")
    path = folder / "saved_model.pbtxt"
    text = path.read_text()
    start = text.index("signature_def")
    path.write_text(text[:start] + text[start:].replace("dtype: DT_FLOAT", "dtype: DT_STRING", 1))
    found = inspect_model(folder)
    [problem] = [one for one in found.problems if one.id == "other-type"]
    assert problem.severity == "warning"
    assert "calls its input x string, and its graph takes float32" in problem.message
    [signature] = found.graphs[0].signatures
    assert [(one.dtype, one.taken) for one in signature.inputs] == [("string", "float32")]
    assert signature.sample == {"instances": [[0.0]]}


def test_training_that_a_signature_reaches_is_a_warning(tf, tmp_path):
    @tf.function(input_signature=[tf.TensorSpec([None, 4])])
    def score(x):
        return {"y": tf.nn.dropout(x, 0.5, name="dropout")}

    module = tf.Module()
    module.score = score
    tf.saved_model.save(module, str(tmp_path), {"serving_default": score})
    [warning] = inspect_model(tmp_path).problems
    assert warning.severity == "warning"
    assert warning.message.startswith("A signature of The graph serve reaches 1 × ")
    assert "(dropout)" in warning.message


def test_unsafe_operations_are_a_warning(tf, tmp_path):
    @tf.function(input_signature=[tf.TensorSpec([], tf.string)])
    def read(path):
        return {"content": tf.io.read_file(path)}

    module = tf.Module()
    module.read = read
    tf.saved_model.save(module, str(tmp_path), {"serving_default": read})
    [warning] = inspect_model(tmp_path).problems
    assert warning.severity == "warning"
    assert "has 1 × ReadFile, which reads files: " in warning.message


def test_a_folder_of_versions_is_the_latest(text_vocabulary):
    assert inspect_model(text_vocabulary.parent).path == str(text_vocabulary)
    assert inspect_model(text_vocabulary / "saved_model.pb").path == str(text_vocabulary)
