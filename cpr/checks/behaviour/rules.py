"""The ids of what is found while a routine runs."""

from __future__ import annotations

from cpr.findings import rule

DOES_NOT_LOAD = rule(
    "CPR401",
    "error",
    "The predictor does not load",
    cause="`from_path` raised an exception, or something that it needs is not there. AI Platform "
    'said "Bad model detected with error" and hid the rest.',
    cure="Mend the line that is named; `cpr predict -v` shows the whole traceback.",
    example="""
    with open("vocabulary.txt") as file:          # not in the model directory
    """,
)
ENDS_PROCESS = rule(
    "CPR402",
    "error",
    "The process ends",
    cause="User code called `os._exit`, a compiled library crashed, or memory ran out. A server "
    "loses every request that was under way.",
    cure="Raise an exception instead of ending the process. For a crash of a library, look for "
    "two builds of the same one; for memory, see the peak that the report shows.",
    example="""
    os._exit(3)
    """,
)
HANGS = rule(
    "CPR403",
    "error",
    "It does not finish",
    cause="Loading or answering took longer than the limit: a lock that nobody releases, a "
    "download without a timeout, or a model too slow for one request.",
    cure="Give whatever waits a timeout, and take out of `predict` what can be done in "
    "`from_path`.",
    example="""
    requests.get(url)          # no timeout
    """,
)
NEEDS_DIRECTORY = rule(
    "CPR404",
    "warning",
    "It loads in one current directory only",
    cause="A relative path is read, which starts from wherever the server was started.",
    cure="Build paths from `model_dir`, or from `Path(__file__).parent` for what the package "
    "brings itself.",
    example="""
    labels = open("labels.txt").read()          # better: Path(model_dir, "labels.txt")
    """,
)
MUCH_MEMORY = rule(
    "CPR405",
    "warning",
    "It needs more memory than the machine has",
    cause="The process's peak is above what the profile's machine offers. AI Platform said "
    '"Model requires more memory than allowed".',
    cure="Load the model once, in `from_path`; drop what is needed for training only; choose "
    "smaller types; or a larger machine.",
    example="""
    frame = pd.read_csv(f"{model_dir}/train.csv")          # held for one column's mean
    """,
)
NOT_BATCHABLE = rule(
    "CPR431",
    "error",
    "It says batchable = True, and is not",
    cause="Requests then share one `predict`, and a client's answer depends on who else asks. "
    "The sample instances were sent one by one, all at once and shuffled, and did not agree.",
    cure="Make each prediction depend on its own instance only, in order, one each; or remove "
    "`batchable = True`.",
    example="""
    batchable = True

    def predict(self, instances):
        return (np.array(instances) - np.mean(instances)).tolist()
    """,
)
DEPENDS_ON_NEIGHBOURS = rule(
    "CPR432",
    "warning",
    "A prediction depends on the other instances of its request",
    cause="The sample instances were sent one by one, all at once and shuffled, and did not "
    "agree: something is computed over the whole request, or answers come in another order.",
    cure="Compute means, scales and categories in training and load them in `from_path`; keep "
    "the order of the instances.",
    example="""
    rows = (rows - rows.mean(axis=0)) / rows.std(axis=0)
    """,
)
CHANGES = rule(
    "CPR441",
    "warning",
    "The same request gets another answer the second time",
    cause="Something random, or a state that earlier requests left behind.",
    cure="Seed the generator in `predict`, switch dropout off (`model.eval()`, "
    "`training=False`), and keep nothing of a request on `self`.",
    example="""
    noise = np.random.normal(size=len(instances))
    """,
)
CHANGES_ELSEWHERE = rule(
    "CPR442",
    "warning",
    "Another process gives another answer",
    cause="Each process drew random numbers while it loaded, or iterates over a set of strings, "
    "whose order is another in each process.",
    cure="Store in training what is random, and sort what comes from a set.",
    example="""
    columns = list({"age", "income", "city"})
    """,
)
NOT_THREAD_SAFE = rule(
    "CPR443",
    "warning",
    "Threads get in each other's way",
    cause="Eight threads asked the one object at once, and answers were not those that it gives "
    "one at a time. `cpr` has one thread at a time ask; AI Platform had ten.",
    cure="Keep what belongs to a request in local variables; put a lock around what cannot be "
    "shared.",
    example="""
    self.rows = self.clean(instances)
    return self.model.predict(self.rows)
    """,
)
KEEPS_STATE = rule(
    "CPR444",
    "warning",
    "Something of a request stays on the predictor",
    cause="An attribute was set anew by a request that was the same as one before. With several "
    "threads or processes, requests see each other's values, or different ones.",
    cure="Use a local variable. A counter for logs is harmless: silence the finding then.",
    example="""
    self.last_instances = instances
    """,
)
GROWS = rule(
    "CPR445",
    "warning",
    "It grows with every request",
    cause="A container or the process's memory grew each time the same requests were asked: in "
    "the end memory runs out.",
    cure="Keep no list of what was asked; bound caches, as `functools.lru_cache(maxsize=…)` does.",
    example="""
    self.history.append(instances)
    """,
)
PRINTS_MUCH = rule(
    "CPR451",
    "warning",
    "It prints much for each request",
    cause="What `predict` prints is written, collected and paid for with each request; whole "
    "instances in a log are a leak of data too.",
    cure="Remove the print, or use `logging.debug`.",
    example="""
    print("got", instances)
    """,
)
WRITES_IN_MODEL_DIR = rule(
    "CPR452",
    "warning",
    "It writes into the model directory",
    cause="Model directories are often read-only, and shared by several processes.",
    cure="Write into a folder of `tempfile.TemporaryDirectory()`.",
    example="""
    (Path(model_dir) / "cache.json").write_text(…)
    """,
)
NEEDS_WRITABLE = rule(
    "CPR453",
    "error",
    "It fails where the model directory is read-only",
    cause="Model directories are mounted read-only by many platforms.",
    cure="Write into a folder of `tempfile.TemporaryDirectory()`.",
    example="""
    with zipfile.ZipFile(f"{model_dir}/data.zip") as archive:
        archive.extractall(model_dir)
    """,
)
LEAVES_FILES = rule(
    "CPR454",
    "warning",
    "It leaves files in the current directory",
    cause="They pile up, and two processes overwrite each other's; a read-only file system "
    "refuses them.",
    cure="Write into a folder of `tempfile.TemporaryDirectory()`.",
    example="""
    cv2.imwrite("input.jpg", image)
    """,
)
READS_LATE = rule(
    "CPR455",
    "warning",
    "predict fails when the model directory is gone",
    cause="AI Platform could delete the model directory once `from_path` had returned, and other "
    "platforms replace it.",
    cure="Read in `from_path` all that `predict` needs.",
    example="""
    def predict(self, instances, **kwargs):
        labels = open(f"{self._model_dir}/labels.txt").read()
    """,
)
