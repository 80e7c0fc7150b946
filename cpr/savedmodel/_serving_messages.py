"""What warm-up requests are written in: TensorFlow Serving's messages, as ``_graph_messages``.

``PredictionLog.session_run_log`` is left out: it needs the whole of
``ConfigProto``, and nobody warms a model up with it. It passes as unknown.
A oneof whose name starts with an underscore stands for ``optional``.
"""

from __future__ import annotations

MESSAGES = """
# tensorflow_serving/apis/prediction_log.proto
PredictionLog: 1 log_metadata LogMetadata, log_type( 2 classify_log ClassifyLog,
  3 regress_log RegressLog, 6 predict_log PredictLog, 7 predict_streamed_log PredictStreamedLog,
  4 multi_inference_log MultiInferenceLog )
ClassifyLog: 1 request ClassificationRequest, 2 response ClassificationResponse
RegressLog: 1 request RegressionRequest, 2 response RegressionResponse
PredictLog: 1 request PredictRequest, 2 response PredictResponse
PredictStreamedLog: 1 request PredictRequest*, 2 response PredictResponse*
MultiInferenceLog: 1 request MultiInferenceRequest, 2 response MultiInferenceResponse

# tensorflow_serving/apis/logging.proto
LogMetadata: 1 model_spec ModelSpec, 2 sampling_config SamplingConfig,
  3 saved_model_tags string*, 4 timestamp_secs int64, 5 dc string, 6 request_origin string,
  7 request_criticality string, 8 safe_aggregation_privacy_key int64

# tensorflow_serving/apis/model.proto
ModelSpec: 1 name string, version_choice( 2 version google.protobuf.Int64Value,
  4 version_label string ), 3 signature_name string

# tensorflow_serving/config/logging_config.proto
SamplingConfig: 1 sampling_rate double, 3 per_task_sampling_configs PerTaskSamplingConfig*,
  2 attributes int32
PerTaskSamplingConfig: 1 dc string, _task_index( 2 task_index int32 ), 3 sampling_rate double

# tensorflow_serving/apis/classification.proto
ClassificationRequest: 1 model_spec ModelSpec, 2 input Input
ClassificationResponse: 2 model_spec ModelSpec, 1 result ClassificationResult
ClassificationResult: 1 classifications Classifications*
Classifications: 1 classes Class*
Class: 1 label string, 2 score float

# tensorflow_serving/apis/input.proto
Input: kind( 1 example_list ExampleList, 2 example_list_with_context ExampleListWithContext )
ExampleList: 1 examples tensorflow.Example*
ExampleListWithContext: 1 examples tensorflow.Example*, 2 context tensorflow.Example

# tensorflow_serving/apis/regression.proto
RegressionRequest: 1 model_spec ModelSpec, 2 input Input
RegressionResponse: 2 model_spec ModelSpec, 1 result RegressionResult
RegressionResult: 1 regressions Regression*
Regression: 1 value float

# tensorflow_serving/apis/predict.proto
PredictRequest: 1 model_spec ModelSpec, 2 inputs map<string tensorflow.TensorProto>,
  3 output_filter string*, 5 predict_streamed_options PredictStreamedOptions,
  _client_id( 6 client_id bytes ),
  _request_options( 7 request_options PredictRequest.RequestOptions )
PredictStreamedOptions: 1 request_state PredictStreamedOptions.RequestState,
  2 split_dimensions map<string int32>, 3 return_single_response bool
PredictRequest.RequestOptions: _client_id( 1 client_id bytes ),
  _deterministic_mode( 2 deterministic_mode PredictRequest.RequestOptions.DeterministicMode ),
  _return_additional_arrays_from_prefill( 3 return_additional_arrays_from_prefill bool ),
  4 return_stoptokens int64*, _return_all_stoptokens( 9 return_all_stoptokens bool ),
  _max_cache_length( 6 max_cache_length int64 ),
  _handshake( 13 handshake PredictRequest.RequestOptions.Handshake )
PredictRequest.RequestOptions.Handshake: 1 estimated_payload_bytes int64
PredictResponse: 2 model_spec ModelSpec, 1 outputs map<string tensorflow.TensorProto>
enum PredictStreamedOptions.RequestState: 0 NONE, 1 SPLIT, 2 END_SPLIT, 3 CANCEL
enum PredictRequest.RequestOptions.DeterministicMode: 0 DETERMINISTIC_MODE_UNSPECIFIED,
  1 FIXED_DECODER_SLOT

# tensorflow_serving/apis/inference.proto
MultiInferenceRequest: 1 tasks InferenceTask*, 2 input Input
InferenceTask: 1 model_spec ModelSpec, 2 method_name string
MultiInferenceResponse: 1 results InferenceResult*
InferenceResult: 1 model_spec ModelSpec, result( 2 classification_result ClassificationResult,
  3 regression_result RegressionResult )
"""
