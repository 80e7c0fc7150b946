"""What objects, variables and checkpoints are written in, in the form of ``_graph_messages``."""

from __future__ import annotations

MESSAGES = """
# tensorflow/core/protobuf/struct.proto
TypeSpecProto: 1 type_spec_class TypeSpecProto.TypeSpecClass, 2 type_state StructuredValue,
  3 type_spec_class_name string, 4 num_flat_components int32
StructuredValue: kind( 1 none_value NoneValue, 11 float64_value double, 12 int64_value sint64,
  13 string_value string, 14 bool_value bool, 31 tensor_shape_value TensorShapeProto,
  32 tensor_dtype_value DataType, 33 tensor_spec_value TensorSpecProto,
  34 type_spec_value TypeSpecProto, 35 bounded_tensor_spec_value BoundedTensorSpecProto,
  51 list_value ListValue, 52 tuple_value TupleValue, 53 dict_value DictValue,
  54 named_tuple_value NamedTupleValue, 55 tensor_value TensorProto,
  56 numpy_value TensorProto )
NoneValue:
TensorSpecProto: 1 name string, 2 shape TensorShapeProto, 3 dtype DataType
BoundedTensorSpecProto: 1 name string, 2 shape TensorShapeProto, 3 dtype DataType,
  4 minimum TensorProto, 5 maximum TensorProto
ListValue: 1 values StructuredValue*
TupleValue: 1 values StructuredValue*
DictValue: 1 fields map<string StructuredValue>
NamedTupleValue: 1 name string, 2 values PairValue*
PairValue: 1 key string, 2 value StructuredValue
enum TypeSpecProto.TypeSpecClass: 0 UNKNOWN, 1 SPARSE_TENSOR_SPEC, 2 INDEXED_SLICES_SPEC,
  3 RAGGED_TENSOR_SPEC, 4 TENSOR_ARRAY_SPEC, 5 DATA_DATASET_SPEC, 6 DATA_ITERATOR_SPEC,
  7 OPTIONAL_SPEC, 8 PER_REPLICA_SPEC, 9 VARIABLE_SPEC, 10 ROW_PARTITION_SPEC,
  12 REGISTERED_TYPE_SPEC, 13 EXTENSION_TYPE_SPEC

# tensorflow/core/protobuf/saved_object_graph.proto
SavedObjectGraph: 1 nodes SavedObject*, 2 concrete_functions map<string SavedConcreteFunction>
SavedObject: 1 children TrackableObjectGraph.TrackableObject.ObjectReference*,
  15 dependencies TrackableObjectGraph.TrackableObject.ObjectReference*,
  3 slot_variables TrackableObjectGraph.TrackableObject.SlotVariableReference*,
  kind( 4 user_object SavedUserObject, 5 asset SavedAsset, 6 function SavedFunction,
  7 variable SavedVariable, 8 bare_concrete_function SavedBareConcreteFunction,
  9 constant SavedConstant, 10 resource SavedResource, 12 captured_tensor CapturedTensor ),
  11 saveable_objects map<string SaveableObject>, 13 registered_name string,
  14 serialized_user_proto google.protobuf.Any, 16 registered_saver string
SavedUserObject: 1 identifier string, 2 version VersionDef, 3 metadata string
SavedAsset: 1 asset_file_def_index int32
SavedFunction: 1 concrete_functions string*, 2 function_spec FunctionSpec
FunctionSpec: 1 fullargspec StructuredValue, 2 is_method bool,
  5 input_signature StructuredValue, 6 jit_compile FunctionSpec.JitCompile
SavedVariable: 1 dtype DataType, 2 shape TensorShapeProto, 3 trainable bool,
  4 synchronization VariableSynchronization, 5 aggregation VariableAggregation, 6 name string,
  7 device string, 8 experimental_distributed_variable_components SavedVariable*
SavedBareConcreteFunction: 1 concrete_function_name string, 2 argument_keywords string*,
  3 allowed_positional_arguments int64, 4 function_spec FunctionSpec
SavedConstant: 1 operation string
SavedResource: 1 device string
CapturedTensor: 1 name string, 2 concrete_function string
SaveableObject: 2 save_function int32, 3 restore_function int32
SavedConcreteFunction: 2 bound_inputs int32*, 3 canonicalized_input_signature StructuredValue,
  4 output_signature StructuredValue
enum FunctionSpec.JitCompile: 0 DEFAULT, 1 ON, 2 OFF

# tensorflow/core/protobuf/trackable_object_graph.proto
TrackableObjectGraph.TrackableObject.ObjectReference: 1 node_id int32, 2 local_name string
TrackableObjectGraph.TrackableObject.SlotVariableReference: 1 original_variable_node_id int32,
  2 slot_name string, 3 slot_variable_node_id int32
TrackableObjectGraph: 1 nodes TrackableObjectGraph.TrackableObject*
TrackableObjectGraph.TrackableObject:
  1 children TrackableObjectGraph.TrackableObject.ObjectReference*,
  2 attributes TrackableObjectGraph.TrackableObject.SerializedTensor*,
  3 slot_variables TrackableObjectGraph.TrackableObject.SlotVariableReference*,
  4 registered_saver RegisteredSaver, 5 has_checkpoint_values google.protobuf.BoolValue
TrackableObjectGraph.TrackableObject.SerializedTensor: 1 name string, 2 full_name string,
  3 checkpoint_key string
RegisteredSaver: 1 name string, 2 object_name string

# tensorflow/core/protobuf/tensor_bundle.proto
BundleHeaderProto: 1 num_shards int32, 2 endianness BundleHeaderProto.Endianness,
  3 version VersionDef
BundleEntryProto: 1 dtype DataType, 2 shape TensorShapeProto, 3 shard_id int32, 4 offset int64,
  5 size int64, 6 crc32c fixed32, 7 slices TensorSliceProto*
enum BundleHeaderProto.Endianness: 0 LITTLE, 1 BIG

# tensorflow/core/framework/tensor_slice.proto
TensorSliceProto: 1 extent TensorSliceProto.Extent*
TensorSliceProto.Extent: 1 start int64, has_length_hack( 2 length int64 )

# tensorflow/core/protobuf/fingerprint.proto
FingerprintDef: 1 saved_model_checksum uint64, 2 graph_def_program_hash uint64,
  3 signature_def_hash uint64, 4 saved_object_graph_hash uint64, 5 checkpoint_hash uint64,
  7 uuid string, 6 version VersionDef

# tensorflow/core/framework/variable.proto
VariableDef: 1 variable_name string, 6 initial_value_name string, 2 initializer_name string,
  3 snapshot_name string, 4 save_slice_info_def SaveSliceInfoDef, 5 is_resource bool,
  7 trainable bool, 8 synchronization VariableSynchronization, 9 aggregation VariableAggregation
SaveSliceInfoDef: 1 full_name string, 2 full_shape int64*, 3 var_offset int64*,
  4 var_shape int64*
enum VariableSynchronization: 0 VARIABLE_SYNCHRONIZATION_AUTO, 1 VARIABLE_SYNCHRONIZATION_NONE,
  2 VARIABLE_SYNCHRONIZATION_ON_WRITE, 3 VARIABLE_SYNCHRONIZATION_ON_READ
enum VariableAggregation: 0 VARIABLE_AGGREGATION_NONE, 1 VARIABLE_AGGREGATION_SUM,
  2 VARIABLE_AGGREGATION_MEAN, 3 VARIABLE_AGGREGATION_ONLY_FIRST_REPLICA
"""
