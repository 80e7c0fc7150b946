"""Our message classes against TensorFlow's own, field by field."""

import subprocess
import sys

import pytest

from cpr.savedmodel import protos

# What a request for warming up never is; see _serving_messages.
LEFT_OUT = {"tensorflow.serving.PredictionLog.session_run_log"}


def ours():
    found = {}

    def visit(descriptor):
        if not descriptor.full_name.startswith("google.") and descriptor.full_name not in found:
            found[descriptor.full_name] = descriptor
            for nested in descriptor.nested_types:
                visit(nested)

    for value in vars(protos).values():
        if hasattr(value, "DESCRIPTOR") and hasattr(value.DESCRIPTOR, "fields"):
            visit(value.DESCRIPTOR)
    return found


OURS = ours()
SERVING = sorted(name for name in OURS if name.startswith("tensorflow.serving."))
CORE = sorted(set(OURS) - set(SERVING))


def described(field):
    """What a field is on the wire and in code."""
    kind = field.message_type or field.enum_type
    oneof = field.containing_oneof
    return (
        field.name, field.number, field.type, field.is_repeated, kind and kind.full_name,
        oneof and oneof.name, field.has_presence, field.is_packed,
    )  # fmt: skip


def fields_of(descriptor):
    return {described(field) for field in descriptor.fields if field.full_name not in LEFT_OUT}


def enums_of(descriptor):
    found = [field.enum_type for field in descriptor.fields if field.enum_type]
    return {enum.full_name: {v.name: v.number for v in enum.values} for enum in found}


@pytest.fixture(scope="session")
def upstream():
    pytest.importorskip("tensorflow")
    from google.protobuf import descriptor_pool
    from tensorflow.core.example import example_pb2  # noqa: F401 - registers the messages
    from tensorflow.core.protobuf import (  # noqa: F401
        fingerprint_pb2,
        saved_model_pb2,
        tensor_bundle_pb2,
    )

    return descriptor_pool.Default()


@pytest.mark.parametrize("name", CORE)
def test_message_is_as_tensorflow_has_it(name, upstream):
    theirs = upstream.FindMessageTypeByName(name)
    assert fields_of(OURS[name]) == fields_of(theirs)
    assert enums_of(OURS[name]) == enums_of(theirs)


@pytest.mark.parametrize("name", SERVING)
def test_message_is_as_tensorflow_serving_has_it(name, upstream):
    pytest.importorskip("tensorflow_serving", reason="tensorflow-serving-api is not installed")
    from tensorflow_serving.apis import prediction_log_pb2  # noqa: F401

    theirs = upstream.FindMessageTypeByName(name)
    assert fields_of(OURS[name]) == fields_of(theirs)
    assert enums_of(OURS[name]) == enums_of(theirs)


def test_every_message_that_a_saved_model_reaches_is_there():
    reached = {
        field.message_type.full_name
        for descriptor in OURS.values()
        for field in descriptor.fields
        if field.message_type
    }
    assert {name for name in reached if not name.startswith("google.")} <= set(OURS)


def test_our_classes_and_tensorflows_live_in_one_process(upstream):
    from tensorflow.core.protobuf import saved_model_pb2

    theirs = saved_model_pb2.SavedModel(saved_model_schema_version=1)
    theirs.meta_graphs.add().meta_info_def.tags.append("serve")
    mine = protos.SavedModel.FromString(theirs.SerializeToString())
    assert list(mine.meta_graphs[0].meta_info_def.tags) == ["serve"]
    assert mine.SerializeToString() == theirs.SerializeToString()


def test_nested_classes_and_enums_are_attributes():
    assert protos.TensorShapeProto.Dim(size=-1).size == -1
    assert protos.TypeSpecProto.TypeSpecClass.Name(1) == "SPARSE_TENSOR_SPEC"
    assert protos.DataType.Value("DT_HALF") == 19


def test_any_unpacks_into_our_classes():
    packed = protos.AnyMessage()
    packed.Pack(protos.AssetFileDef(filename="words.txt"))
    assert packed.type_url == "type.googleapis.com/tensorflow.AssetFileDef"
    asset = protos.AssetFileDef()
    assert packed.Unpack(asset)
    assert asset.filename == "words.txt"


def test_nobody_pays_for_the_messages_before_they_are_used():
    code = "import sys, cpr.cli.app; print('google.protobuf' in sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "False"
