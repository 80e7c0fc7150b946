"""What is read from saved_model.pb, against TensorFlow's view of the same files."""

import pytest

from cpr.errors import LoadError
from cpr.savedmodel import meta_graph, protos, reader

SCORE = protos.SignatureDef(method_name="tensorflow/serving/predict")


def graph(*tags, signatures=("serving_default",)):
    made = protos.MetaGraphDef()
    made.meta_info_def.tags.extend(tags)
    for name in signatures:
        made.signature_def[name].CopyFrom(SCORE)
    return made


def model(*graphs):
    return protos.SavedModel(saved_model_schema_version=1, meta_graphs=graphs)


def upstream_model(folder):
    """What TensorFlow's own parser makes of the directory."""
    from tensorflow.python.saved_model import loader_impl

    return loader_impl.parse_saved_model(str(folder))


def sizes(shape):
    if shape.unknown_rank:
        return None
    return tuple(None if dim.size == -1 else dim.size for dim in shape.dim)


def tensors(tf, infos):
    return {
        alias: (
            tf.dtypes.as_dtype(info.dtype).name,
            sizes(info.tensor_shape),
            info.name,
        )
        for alias, info in infos.items()
    }


def test_reads_the_same_message_as_tensorflow(any_saved_model, tf):
    theirs = upstream_model(any_saved_model)
    ours = reader.read_saved_model(any_saved_model)
    assert ours.SerializeToString(deterministic=True) == theirs.SerializeToString(
        deterministic=True
    )


def test_signatures_are_those_that_tensorflow_sees(any_saved_model, tf):
    theirs = upstream_model(any_saved_model)
    ours = reader.read_saved_model(any_saved_model)
    for own, other in zip(ours.meta_graphs, theirs.meta_graphs, strict=True):
        assert meta_graph.tags(own) == tuple(sorted(other.meta_info_def.tags))
        expected = {
            name: (proto.method_name, tensors(tf, proto.inputs), tensors(tf, proto.outputs))
            for name, proto in other.signature_def.items()
            if name not in ("__saved_model_init_op", "__saved_model_train_op")
        }
        assert expected == {
            name: (
                item.method_name,
                {alias: (t.dtype, t.shape, t.name) for alias, t in item.inputs.items()},
                {alias: (t.dtype, t.shape, t.name) for alias, t in item.outputs.items()},
            )
            for name, item in meta_graph.signatures(own).items()
        }


def test_assets_are_found_in_both_generations(text_vocabulary, tf1_two_graphs):
    [modern] = reader.read_saved_model(text_vocabulary).meta_graphs
    assert [asset.filename for asset in meta_graph.assets(modern)] == ["words.txt"]
    for old in reader.read_saved_model(tf1_two_graphs).meta_graphs:
        assert meta_graph.assets(old) == (meta_graph.Asset("colours.txt", "vocabulary:0"),)


def test_assets_of_the_old_collection_are_found():
    made = graph("serve")
    asset = protos.AssetFileDef(filename="words.txt")
    asset.tensor_info.name = "path:0"
    made.collection_def["saved_model_assets"].any_list.value.add().Pack(asset)
    assert meta_graph.assets(made) == (meta_graph.Asset("words.txt", "path:0"),)


def test_a_damaged_entry_of_the_old_collection_is_no_asset():
    made = graph("serve")
    packed = made.collection_def["saved_model_assets"].any_list.value.add()
    packed.Pack(protos.AssetFileDef(filename="words.txt"))
    packed.value = packed.value[:-1]
    assert meta_graph.assets(made) == ()


def test_looking_for_assets_changes_nothing():
    made = graph("serve")
    assert meta_graph.assets(made) == ()
    assert not made.collection_def


@pytest.mark.parametrize(
    ("info", "spec"),
    [
        (
            protos.TensorInfo(dtype=7, tensor_shape={"unknown_rank": True}, name="x:0"),
            meta_graph.TensorSpec("string", None, "x:0"),
        ),
        (
            protos.TensorInfo(dtype=101, tensor_shape={"dim": [{"size": -1}, {"size": 3}]}),
            meta_graph.TensorSpec("float32_ref", (None, 3)),
        ),
        (
            protos.TensorInfo(dtype=9, coo_sparse={"values_tensor_name": "v:0"}),
            meta_graph.TensorSpec("int64", (), "v:0", "sparse"),
        ),
        (
            protos.TensorInfo(dtype=1, composite_tensor={"components": [{"name": "a:0"}]}),
            meta_graph.TensorSpec("float32", (), "", "composite"),
        ),
        (protos.TensorInfo(dtype=99), meta_graph.TensorSpec("dtype 99", ())),
    ],
    ids=["any rank", "a reference", "sparse", "composite", "a type of tomorrow"],
)
def test_tensors_are_described(info, spec):
    made = graph("serve", signatures=())
    made.signature_def["s"].inputs["x"].CopyFrom(info)
    assert meta_graph.signatures(made)["s"].inputs == {"x": spec}


def test_signatures_are_sorted_and_without_tensorflows_own():
    made = graph("serve", signatures=("b", "__saved_model_init_op", "a"))
    assert list(meta_graph.signatures(made)) == ["a", "b"]


@pytest.mark.parametrize(
    ("graphs", "wanted", "found"),
    [
        ([("train",), ("serve",)], None, ("serve",)),
        ([("serve", "gpu"), ("serve",)], None, ("serve",)),
        ([("x", "y")], None, ("x", "y")),
        ([("serve",), ("serve", "gpu")], ("gpu", "serve"), ("gpu", "serve")),
    ],
    ids=["for serving", "exactly serve", "the only one", "as told"],
)
def test_chooses_a_graph(graphs, wanted, found):
    chosen = meta_graph.choose_meta_graph(model(*(graph(*tags) for tags in graphs)), wanted)
    assert meta_graph.tags(chosen) == found


def test_says_which_graphs_there_are():
    both = model(graph("train"), graph("eval", "x"), graph())
    with pytest.raises(LoadError) as caught:
        meta_graph.choose_meta_graph(both, ["serve"], where="the model m")
    assert caught.value.problem == (
        "the model m has no graph with the tags serve; its graphs have: train; eval,x; (none)."
    )


def test_writes_binary_that_tensorflow_reads(text_vocabulary, tmp_path, tf):
    reader.write_saved_model(reader.read_saved_model(text_vocabulary), tmp_path)
    assert [path.name for path in tmp_path.iterdir()] == ["saved_model.pb"]
    assert upstream_model(tmp_path) == upstream_model(text_vocabulary)


def test_writes_text_where_it_is_text(tf1_text, tmp_path, tf):
    (tmp_path / "saved_model.pbtxt").write_bytes((tf1_text / "saved_model.pbtxt").read_bytes())
    changed = reader.read_saved_model(tmp_path)
    changed.meta_graphs[0].meta_info_def.tags.append("gpu")
    reader.write_saved_model(changed, tmp_path)
    assert [path.name for path in tmp_path.iterdir()] == ["saved_model.pbtxt"]
    assert upstream_model(tmp_path).meta_graphs[0].meta_info_def.tags == ["serve", "gpu"]


def test_the_same_message_gives_the_same_bytes(text_vocabulary, tmp_path):
    written = []
    for _ in range(2):
        reader.write_saved_model(reader.read_saved_model(text_vocabulary), tmp_path)
        written.append((tmp_path / "saved_model.pb").read_bytes())
    assert written[0] == written[1]


def test_a_path_that_is_no_directory_is_told(tmp_path):
    (tmp_path / "model").mkdir()
    (tmp_path / "file").touch()
    with pytest.raises(LoadError, match="modle does not exist; the directory of a") as caught:
        reader.read_saved_model(tmp_path / "modle")
    assert caught.value.hint == "Did you mean 'model'?"


@pytest.mark.parametrize(
    ("name", "hint"),
    [
        ("file", ""),
        ("model.h5", "Export it first: cpr export-model {}/model.h5 OUT"),
        ("saved_model.pb", "Name the directory that it is in: {}"),
    ],
)
def test_a_file_in_place_of_the_directory_is_told(tmp_path, name, hint):
    (tmp_path / name).touch()
    with pytest.raises(LoadError, match=f"{name} is a file; the directory of a") as caught:
        reader.read_saved_model(tmp_path / name)
    assert caught.value.hint == hint.format(tmp_path)


def test_a_directory_above_the_model_is_told_where_that_is(tmp_path):
    model = tmp_path / "run" / "export" / "1"
    (model / "variables").mkdir(parents=True)
    (model / "saved_model.pb").touch()
    (model / "variables" / "variables.index").touch()
    with pytest.raises(LoadError, match="run is no SavedModel: it holds neither") as caught:
        reader.read_saved_model(tmp_path / "run")
    assert caught.value.hint.startswith(f"A SavedModel is in {model}:")


@pytest.mark.parametrize(
    ("name", "content", "problem"),
    [
        (
            "readme.txt",
            b"",
            "holds no SavedModel (saved_model.pb or saved_model.pbtxt), but readme.txt",
        ),
        ("saved_model.pb", b"", "is not a SavedModel, or is damaged: it holds no graph"),
        ("saved_model.pb", b"\x12\xff\xff", "is not a SavedModel, or is damaged: "),
        ("saved_model.pb", b"<html>not found</html>", "is not a SavedModel, or is damaged: "),
        ("saved_model.pbtxt", b"meta_graphs {", "is not a SavedModel, or is damaged: "),
        ("saved_model.pbtxt", b"colour: 1", 'damaged: 1:1 : Message type "tensorflow.Saved'),
        ("saved_model.pbtxt", b"\xff\xfe", "is not a SavedModel, or is damaged: 'utf-8'"),
        ("saved_model.pbtxt", b"", "is not a SavedModel, or is damaged: it holds no graph"),
    ],
    ids=["nothing", "empty", "cut off", "a page", "open", "another key", "no text", "empty text"],
)
def test_says_what_is_wrong_with_a_file(tmp_path, name, content, problem):
    (tmp_path / name).write_bytes(content)
    with pytest.raises(LoadError) as caught:
        reader.read_saved_model(tmp_path)
    assert problem in caught.value.problem
    assert caught.value.hint


def test_a_frozen_graph_is_told_from_a_saved_model(tmp_path):
    (tmp_path / "saved_model.pb").write_bytes(
        protos.GraphDef(node=[{"name": "x", "op": "Placeholder"}]).SerializeToString()
    )
    with pytest.raises(LoadError) as caught:
        reader.read_saved_model(tmp_path)
    assert "it holds no graph" in caught.value.problem
    assert "export-model" in caught.value.hint


def nested(depth):
    """A message whose types nest this deep."""
    data = b""
    for _ in range(depth):
        size = protos.BundleEntryProto(size=len(data)).SerializeToString()[1:] if data else b"\0"
        data = b"\x12" + size + data  # FullTypeDef.args
    node = protos.NodeDef(name="deep").SerializeToString()
    type_size = protos.BundleEntryProto(size=len(data)).SerializeToString()[1:]
    return node + b"\x3a" + type_size + data  # NodeDef.experimental_type


@pytest.mark.parametrize("read", [reader.read_saved_model, reader.skim_saved_model])
@pytest.mark.parametrize("padding", [0, 5_000_000], ids=["small", "large"])
def test_messages_that_nest_too_deep_are_refused(tmp_path, read, padding):
    made = model(graph("serve"))
    made.meta_graphs[0].graph_def.node.add(name="c", op="Const").attr[
        "value"
    ].tensor.tensor_content = bytes(padding)
    deep = protos.GraphDef()
    deep.node.append(protos.NodeDef())
    data = nested(3_000)
    body = b"\x0a" + protos.BundleEntryProto(size=len(data)).SerializeToString()[1:] + data
    outer = b"\x12" + protos.BundleEntryProto(size=len(body)).SerializeToString()[1:] + body
    whole = b"\x12" + protos.BundleEntryProto(size=len(outer)).SerializeToString()[1:] + outer
    (tmp_path / "saved_model.pb").write_bytes(made.SerializeToString() + whole)
    with pytest.raises(LoadError, match="is not a SavedModel, or is damaged"):
        read(tmp_path)


def test_text_that_nests_too_deep_is_refused(tmp_path):
    text = "meta_graphs { graph_def { node { experimental_type {" + " args {" * 5000
    (tmp_path / "saved_model.pbtxt").write_text(text, encoding="utf-8")
    with pytest.raises(LoadError, match="its messages nest too deep"):
        reader.read_saved_model(tmp_path)
