"""Operations are counted, and those that serving should not need are named."""

import pytest

from cpr.savedmodel import protos, reader
from cpr.savedmodel.audit import UnwantedOp, nodes, op_histogram, training_ops, unsafe_ops
from cpr.savedmodel.unwanted_ops import training_reason, unsafe_reason


def meta_graph(*ops, function=()):
    made = protos.MetaGraphDef()
    for number, op in enumerate(ops):
        made.graph_def.node.add(name=f"n{number}", op=op)
    if function:
        library = made.graph_def.library.function.add()
        library.signature.name = "body"
        for number, op in enumerate(function):
            library.node_def.add(name=f"f{number}", op=op)
    return made


def test_counts_operations_of_the_graph_and_its_functions():
    made = meta_graph("MatMul", "Const", function=("Const", "Const", "Abs"))
    assert op_histogram(made) == {"Const": 3, "Abs": 1, "MatMul": 1}
    assert [node.place for node in nodes(made)] == ["n0", "n1", "body/f0", "body/f1", "body/f2"]


def test_counts_as_tensorflow_does(any_saved_model, tf):
    from tensorflow.python.saved_model import loader_impl
    from tensorflow.python.tools import saved_model_utils

    theirs = loader_impl.parse_saved_model(str(any_saved_model)).meta_graphs
    for own, other in zip(
        reader.read_saved_model(any_saved_model).meta_graphs, theirs, strict=True
    ):
        used = saved_model_utils.get_meta_graph_def(
            str(any_saved_model), ",".join(other.meta_info_def.tags)
        )
        listed = {op.name for op in used.meta_info_def.stripped_op_list.op}
        functions = {function.signature.name for function in other.graph_def.library.function}
        assert set(op_histogram(own)) - functions <= listed


def test_unsafe_operations_are_named_with_their_places():
    made = meta_graph("MatMul", "ReadFile", function=("EagerPyFunc", "ReadFile"))
    assert unsafe_ops(made) == (
        UnwantedOp("EagerPyFunc", "runs Python of the process that saved it", 1, ("body/f0",)),
        UnwantedOp("ReadFile", "reads files", 2, ("n1", "body/f1")),
    )


def test_only_the_first_places_are_listed():
    [found] = unsafe_ops(meta_graph(*["WriteFile"] * 9))
    assert (found.count, found.places) == (9, ("n0", "n1", "n2", "n3", "n4"))


def test_what_restores_a_model_is_not_unsafe():
    ops = "SaveV2 RestoreV2 ShardedFilename MergeV2Checkpoints InitializeTableFromTextFileV2"
    assert unsafe_ops(meta_graph(*ops.split())) == ()


def test_freshly_exported_models_are_not_unsafe(any_saved_model):
    for graph in reader.read_saved_model(any_saved_model).meta_graphs:
        assert unsafe_ops(graph) == ()


@pytest.mark.parametrize(
    ("op", "name", "reason"),
    [
        ("ResourceApplyAdam", "a", "an optimizer's step"),
        ("ApplyGradientDescent", "a", "an optimizer's step"),
        ("ReluGrad", "a", "a gradient"),
        ("Conv2DBackpropFilter", "a", "a gradient"),
        ("SparseSoftmaxCrossEntropyWithLogits", "a", "a loss"),
        ("RandomShuffleQueueV2", "a", "an input queue"),
        ("QueueDequeueManyV2", "a", "an input queue"),
        ("TFRecordReaderV2", "a", "a file reader"),
        ("ParallelMapDatasetV2", "a", "an input pipeline"),
        ("IteratorGetNext", "a", "an input pipeline"),
        ("ScalarSummary", "a", "a summary for TensorBoard"),
        ("RandomUniform", "model/dropout_1/random_uniform", "dropout"),
        ("StatelessRandomUniformV2", "dnn/Dropout/x", "dropout"),
        ("RandomUniform", "noise", ""),
        ("MatMul", "dropout/mul", ""),
        ("Conv2DBackpropInput", "deconvolution", ""),
        ("StopGradient", "a", ""),
        ("PreventGradient", "a", ""),
        ("ParseExampleV2", "a", ""),
        ("AssignAddVariableOp", "a", ""),
    ],
)
def test_training_is_told_from_serving(op, name, reason):
    assert training_reason(protos.NodeDef(op=op, name=name)) == reason


def test_a_trained_keras_model_keeps_its_training(tf, tmp_path):
    @tf.function(input_signature=[tf.TensorSpec([None, 4])])
    def score(x):
        return {"y": tf.nn.dropout(x, 0.5, name="dropout")}

    module = tf.Module()
    module.score = score
    tf.saved_model.save(module, str(tmp_path), {"serving_default": score})
    [graph] = reader.read_saved_model(tmp_path).meta_graphs
    assert {item.reason for item in training_ops(graph)} == {"dropout"}


def test_every_listed_operation_is_one_of_tensorflow_or_of_a_known_library(tf):
    from tensorflow.core.framework import op_def_pb2
    from tensorflow.python.client import pywrap_tf_session

    registered = op_def_pb2.OpList()
    registered.ParseFromString(pywrap_tf_session.TF_GetBuffer(pywrap_tf_session.TF_GetAllOpList()))
    from cpr.savedmodel.unwanted_ops import _UNSAFE_REASONS

    elsewhere = {
        "Rpc", "TryRpc", "RemoteFusedGraphExecute", "BigQueryReader", "KafkaDataset", "TRTEngineOp",
    }  # fmt: skip
    assert set(_UNSAFE_REASONS) - {op.name for op in registered.op} == elsewhere
    assert unsafe_reason(protos.NodeDef(op="SaveV2")) == ""
