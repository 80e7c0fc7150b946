"""The names of operations that a graph for serving should not hold, and why.

The lists are of the 1,900 operations that TensorFlow 2.21 registers. Sources:
`saved_model_cli scan` denies ``ReadFile``, ``WriteFile`` and ``PrintV2``
(tensorflow/python/tools/saved_model_cli.py); TensorFlow's SECURITY.md names
reading and writing of files and sending over the network as what an untrusted
model may do; the other names are those whose kernels open a file by a path
(tensorflow/core/kernels/{io_ops,data,summary_kernels,lookup_init_op}),
connect to an address (kernels/{rpc,data/experimental/data_service}), call
back into Python (python/ops/script_ops.py) or end the process (kernels/
control_flow_ops, ``Abort``). What training-only means is what Google's
"Export a SavedModel for prediction" lists: file readers, input queues,
dropout layers, loss functions and optimizers.
"""

from __future__ import annotations

import functools
import re

from cpr.savedmodel import protos

_READS, _WRITES = "reads files", "writes files"
_NETWORK, _PYTHON = "reaches the network", "runs Python of the process that saved it"

# Not here, as any model's own loading needs them: SaveV2, RestoreV2, ShardedFilename,
# MergeV2Checkpoints, InitializeTableFromTextFileV2.
_UNSAFE = {
    _READS: (
        "ReadFile MatchingFiles MatchingFilesDataset ExperimentalMatchingFilesDataset "
        "WholeFileReader WholeFileReaderV2 TextLineReader TextLineReaderV2 TFRecordReader "
        "TFRecordReaderV2 FixedLengthRecordReader FixedLengthRecordReaderV2 LMDBReader "
        "TextLineDataset TFRecordDataset TFRecordDatasetV2 FixedLengthRecordDataset "
        "FixedLengthRecordDatasetV2 CSVDataset CSVDatasetV2 ExperimentalCSVDataset LMDBDataset "
        "ExperimentalLMDBDataset LoadDataset SnapshotDatasetReader SnapshotNestedDatasetReader "
        "SnapshotChunkDataset ListSnapshotChunksDataset LoadAndRemapMatrix GenerateVocabRemapping "
        "Restore RestoreSlice DTensorRestoreV2"
    ),
    _WRITES: (
        "WriteFile Save SaveSlices SaveDataset SaveDatasetV2 DistributedSave SnapshotDataset "
        "SnapshotDatasetV2 CacheDataset CacheDatasetV2 DatasetToTFRecord "
        "ExperimentalDatasetToTFRecord CreateSummaryFileWriter CreateSummaryDbWriter "
        "DebugIdentity DebugIdentityV2 DebugIdentityV3 DebugNanCount DebugNumericSummary "
        "DumpTensor CalibrationStatisticsSaver"
    ),
    "prints, to a file where told": "PrintV2 Print",
    _NETWORK: (
        "RpcCall RpcClient RpcServer RpcServerRegister RpcServerStart RpcGetValue Rpc TryRpc "
        "RemoteCall RemoteFusedGraphExecute DataServiceDataset DataServiceDatasetV2 "
        "DataServiceDatasetV3 DataServiceDatasetV4 RegisterDataset RegisterDatasetV2 "
        "FileSystemSetConfiguration BigQueryReader Send Recv CollectiveBcastSend "
        "CollectiveBcastRecv KafkaDataset"
    ),
    "queries a database": "SqlDataset ExperimentalSqlDataset",
    _PYTHON: "PyFunc PyFuncStateless EagerPyFunc GeneratorDataset",
    "ends the process": "Abort",
    "runs compiled code that the model carries": "XlaCustomCall XlaCustomCallV2 TRTEngineOp",
}
_UNSAFE_REASONS = {op: reason for reason, ops in _UNSAFE.items() for op in ops.split()}

_TRAINING = {
    "an optimizer's step": re.compile(
        r"(Resource)?(Sparse)?Apply(AdaMax|Adadelta|Adagrad(DA|V2)?|Adam(WithAmsgrad)?|AddSign"
        r"|CenteredRMSProp|Ftrl(V2)?|GradientDescent|(Keras)?Momentum|PowerSign"
        r"|Proximal(Adagrad|GradientDescent)|RMSProp)"
        r"|.*Accumulator(ApplyGradient|TakeGradient)|SdcaOptimizer(V2)?|BoostedTreesUpdateEnsemble.*"
    ),
    "a gradient": re.compile(
        r"(?!_?Mkl)(?!PreventGradient|StopGradient|DebugGradient).*(Grad|GradV[23]|GradWithArgmax)"
        r"|Conv[23]DBackpropFilter(V2)?|DepthwiseConv2dNativeBackprop(Filter|Input)"
        r"|Dilation2DBackprop(Filter|Input)|CudnnRNNBackprop(V[23])?|SymbolicGradient"
        r"|BroadcastGradientArgs|FakeQuant.*Gradient"
    ),
    "a loss": re.compile(
        r"(Sparse)?SoftmaxCrossEntropyWithLogits|L2Loss|CTCLoss(V2)?|.*CandidateSampler"
    ),
    "an input queue": re.compile(
        r"(FIFO|PaddingFIFO|RandomShuffle|Priority)Queue(V2)?|Queue(Enqueue|Dequeue|Close|Size|Is).*"
        r"|Barrier.*|(Ordered)?MapStage|Stage"
    ),
    "a file reader": re.compile(r".*Reader(V2)?|Reader(Read|Num|Reset|Restore|Serialize).*"),
    "an input pipeline": re.compile(
        r".*Dataset(V[2-4])?|(OneShot|Multi|Make|Anonymous)?(Device)?Iterator(V[23])?|IteratorGet.*"
    ),
    "a summary for TensorBoard": re.compile(
        r"(Audio|Histogram|Image|Merge|Scalar|Tensor)Summary(V2)?|Write.*Summary|SummaryWriter"
    ),
}
_DROPOUT = re.compile(r"(^|[/_])dropout([/_\d]|$)", re.IGNORECASE)
_RANDOM = re.compile(r"(Stateless)?RandomUniform(V2)?|StatelessRandomUniformV2")


def unsafe_reason(node: protos.Message) -> str:
    """What a node may do that a model for serving should not, or ""."""
    return _UNSAFE_REASONS.get(node.op, "")


def training_reason(node: protos.Message) -> str:
    """What a node is for in training, or "".

    Dropout is no operation of its own: it is told by random numbers that are
    drawn under a name with ``dropout`` in it.
    """
    if "RandomUniform" in node.op and _RANDOM.fullmatch(node.op):
        return "dropout" if _DROPOUT.search(node.name) else ""
    return _training_reason(node.op)


@functools.lru_cache(maxsize=4096)
def _training_reason(op: str) -> str:
    return next((why for why, ops in _TRAINING.items() if ops.fullmatch(op)), "")
