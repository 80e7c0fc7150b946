"""The messages of a SavedModel as real protobuf classes, without TensorFlow.

The classes live in a descriptor pool of their own, so that they and
TensorFlow's can be in one process; names and numbers are the upstream ones,
so that bytes, text and ``Any`` pass from one to the other. Nested messages and
enums are attributes of the outer class, as in generated code.

    model = protos.SavedModel.FromString(path.read_bytes())
"""

from __future__ import annotations

from typing import Any, TypeAlias

from google.protobuf import (
    any_pb2,
    descriptor_pool,
    message,
    message_factory,
    wrappers_pb2,
)
from google.protobuf.internal import enum_type_wrapper

from cpr.savedmodel import _graph_messages, _object_messages, _serving_messages
from cpr.savedmodel.message_table import describe

Message: TypeAlias = Any
"""An object of one of the classes below; which one, the name of the parameter says."""
DecodeError = message.DecodeError
"""What bytes raise that are not of the message that they are read as."""

_ANY, _WRAPPERS = "google/protobuf/any.proto", "google/protobuf/wrappers.proto"
_DEBUG, _CORE, _SERVING = "cpr/debug.proto", "cpr/tensorflow.proto", "cpr/tensorflow_serving.proto"

POOL: Any = descriptor_pool.DescriptorPool()
"""The pool of the classes: what ``text_format`` and ``Any`` need to find a message by name."""
POOL.AddSerializedFile(any_pb2.DESCRIPTOR.serialized_pb)
POOL.AddSerializedFile(wrappers_pb2.DESCRIPTOR.serialized_pb)
for _file in (
    describe(_DEBUG, _graph_messages.DEBUG_MESSAGES, package="tensorflow", syntax="proto2"),
    describe(
        _CORE,
        _graph_messages.MESSAGES + _object_messages.MESSAGES,
        package="tensorflow",
        imports=[_ANY, _WRAPPERS, _DEBUG],
    ),
    describe(
        _SERVING,
        _serving_messages.MESSAGES,
        package="tensorflow.serving",
        imports=[_WRAPPERS, _CORE],
    ),
):
    POOL.AddSerializedFile(_file.SerializeToString())


def _message(name: str) -> Any:
    return message_factory.GetMessageClass(POOL.FindMessageTypeByName(name))


def _enum(name: str) -> Any:
    return enum_type_wrapper.EnumTypeWrapper(POOL.FindEnumTypeByName(name))


AnyMessage = _message("google.protobuf.Any")
SavedModel = _message("tensorflow.SavedModel")
MetaGraphDef = _message("tensorflow.MetaGraphDef")
CollectionDef = _message("tensorflow.CollectionDef")
SignatureDef = _message("tensorflow.SignatureDef")
TensorInfo = _message("tensorflow.TensorInfo")
AssetFileDef = _message("tensorflow.AssetFileDef")
OpList = _message("tensorflow.OpList")
OpDef = _message("tensorflow.OpDef")
OpDeprecation = _message("tensorflow.OpDeprecation")
ResourceHandleProto = _message("tensorflow.ResourceHandleProto")
TensorShapeProto = _message("tensorflow.TensorShapeProto")
FullTypeDef = _message("tensorflow.FullTypeDef")
AttrValue = _message("tensorflow.AttrValue")
NameAttrList = _message("tensorflow.NameAttrList")
TensorProto = _message("tensorflow.TensorProto")
VariantTensorDataProto = _message("tensorflow.VariantTensorDataProto")
GraphDef = _message("tensorflow.GraphDef")
NodeDef = _message("tensorflow.NodeDef")
VersionDef = _message("tensorflow.VersionDef")
FunctionDefLibrary = _message("tensorflow.FunctionDefLibrary")
FunctionDef = _message("tensorflow.FunctionDef")
GradientDef = _message("tensorflow.GradientDef")
RegisteredGradient = _message("tensorflow.RegisteredGradient")
SaverDef = _message("tensorflow.SaverDef")
Example = _message("tensorflow.Example")
SequenceExample = _message("tensorflow.SequenceExample")
Features = _message("tensorflow.Features")
Feature = _message("tensorflow.Feature")
BytesList = _message("tensorflow.BytesList")
FloatList = _message("tensorflow.FloatList")
Int64List = _message("tensorflow.Int64List")
FeatureLists = _message("tensorflow.FeatureLists")
FeatureList = _message("tensorflow.FeatureList")
FullTypeId = _enum("tensorflow.FullTypeId")
DataType = _enum("tensorflow.DataType")
GraphDebugInfo = _message("tensorflow.GraphDebugInfo")
TypeSpecProto = _message("tensorflow.TypeSpecProto")
StructuredValue = _message("tensorflow.StructuredValue")
NoneValue = _message("tensorflow.NoneValue")
TensorSpecProto = _message("tensorflow.TensorSpecProto")
BoundedTensorSpecProto = _message("tensorflow.BoundedTensorSpecProto")
ListValue = _message("tensorflow.ListValue")
TupleValue = _message("tensorflow.TupleValue")
DictValue = _message("tensorflow.DictValue")
NamedTupleValue = _message("tensorflow.NamedTupleValue")
PairValue = _message("tensorflow.PairValue")
SavedObjectGraph = _message("tensorflow.SavedObjectGraph")
SavedObject = _message("tensorflow.SavedObject")
SavedUserObject = _message("tensorflow.SavedUserObject")
SavedAsset = _message("tensorflow.SavedAsset")
SavedFunction = _message("tensorflow.SavedFunction")
FunctionSpec = _message("tensorflow.FunctionSpec")
SavedVariable = _message("tensorflow.SavedVariable")
SavedBareConcreteFunction = _message("tensorflow.SavedBareConcreteFunction")
SavedConstant = _message("tensorflow.SavedConstant")
SavedResource = _message("tensorflow.SavedResource")
CapturedTensor = _message("tensorflow.CapturedTensor")
SaveableObject = _message("tensorflow.SaveableObject")
SavedConcreteFunction = _message("tensorflow.SavedConcreteFunction")
TrackableObjectGraph = _message("tensorflow.TrackableObjectGraph")
RegisteredSaver = _message("tensorflow.RegisteredSaver")
BundleHeaderProto = _message("tensorflow.BundleHeaderProto")
BundleEntryProto = _message("tensorflow.BundleEntryProto")
TensorSliceProto = _message("tensorflow.TensorSliceProto")
FingerprintDef = _message("tensorflow.FingerprintDef")
VariableDef = _message("tensorflow.VariableDef")
SaveSliceInfoDef = _message("tensorflow.SaveSliceInfoDef")
VariableSynchronization = _enum("tensorflow.VariableSynchronization")
VariableAggregation = _enum("tensorflow.VariableAggregation")
PredictionLog = _message("tensorflow.serving.PredictionLog")
ClassifyLog = _message("tensorflow.serving.ClassifyLog")
RegressLog = _message("tensorflow.serving.RegressLog")
PredictLog = _message("tensorflow.serving.PredictLog")
PredictStreamedLog = _message("tensorflow.serving.PredictStreamedLog")
MultiInferenceLog = _message("tensorflow.serving.MultiInferenceLog")
LogMetadata = _message("tensorflow.serving.LogMetadata")
ModelSpec = _message("tensorflow.serving.ModelSpec")
SamplingConfig = _message("tensorflow.serving.SamplingConfig")
PerTaskSamplingConfig = _message("tensorflow.serving.PerTaskSamplingConfig")
ClassificationRequest = _message("tensorflow.serving.ClassificationRequest")
ClassificationResponse = _message("tensorflow.serving.ClassificationResponse")
ClassificationResult = _message("tensorflow.serving.ClassificationResult")
Classifications = _message("tensorflow.serving.Classifications")
Class = _message("tensorflow.serving.Class")
Input = _message("tensorflow.serving.Input")
ExampleList = _message("tensorflow.serving.ExampleList")
ExampleListWithContext = _message("tensorflow.serving.ExampleListWithContext")
RegressionRequest = _message("tensorflow.serving.RegressionRequest")
RegressionResponse = _message("tensorflow.serving.RegressionResponse")
RegressionResult = _message("tensorflow.serving.RegressionResult")
Regression = _message("tensorflow.serving.Regression")
PredictRequest = _message("tensorflow.serving.PredictRequest")
PredictStreamedOptions = _message("tensorflow.serving.PredictStreamedOptions")
PredictResponse = _message("tensorflow.serving.PredictResponse")
MultiInferenceRequest = _message("tensorflow.serving.MultiInferenceRequest")
InferenceTask = _message("tensorflow.serving.InferenceTask")
MultiInferenceResponse = _message("tensorflow.serving.MultiInferenceResponse")
InferenceResult = _message("tensorflow.serving.InferenceResult")
