"""The ids of what is found in the answers to sample requests."""

from __future__ import annotations

from cpr.findings import rule

REQUEST_FAILS = rule(
    "CPR411",
    "error",
    "A sample request fails",
    cause="`predict` raised an exception. AI Platform's clients got "
    '"Prediction failed: unknown error."',
    cure="Mend the line that is named, or the sample request. If the request is at fault, raise "
    "`cpr.BadInput`: its message reaches the client.",
    example="""
    def predict(self, instances, **kwargs):
        return self._model.predict(instances["rows"])          # instances is a list
    """,
)
REQUEST_REFUSED = rule(
    "CPR412",
    "warning",
    "A sample request is refused",
    cause="The request was found to be at fault; samples should show what works.",
    cure="Mend the sample request, or take it out.",
    example="""
    {"instances": []}
    """,
)
EXITS = rule(
    "CPR413",
    "error",
    "predict leaves through sys.exit",
    cause="`sys.exit`, `exit` or `quit` in `predict` raises `SystemExit`. Here it fails the "
    "request; elsewhere it ends a thread or the server.",
    cure="Raise an exception that says what is wrong.",
    example="""
    if self._model is None:
        sys.exit("no model")
    """,
)
NOT_JSON = rule(
    "CPR414",
    "error",
    "What predict returns has no JSON form",
    cause="Somewhere in the returned value is an object that cannot be written as JSON.",
    cure="Return lists, dicts, strings, numbers, booleans, None, numpy arrays or bytes.",
    example="""
    return [{"when": timedelta(days=1), "tags": {"a", "b"}}]
    """,
)
NOT_FINITE = rule(
    "CPR415",
    "error",
    "A prediction is NaN or infinite",
    cause="JSON has no such number. AI Platform wrote a bare `NaN`, which strict clients refuse.",
    cure="Find out where the number comes from: a missing value, or log(0). To send it all the "
    'same, set `nonfinite = "null"` or `"literal"` in `[predictor]`.',
    example="""
    return np.log(scores)          # a score of 0
    """,
)
NOT_PLAIN = rule(
    "CPR416",
    "note",
    "AI Platform could not have written what predict returns",
    cause="It used `json.dumps` as it is, which refuses numpy's types, tensors and bytes. `cpr` "
    "writes them.",
    cure="Return `predictions.tolist()` if the routine is to run elsewhere too.",
    example="""
    return self._model.predict(instances)          # a numpy array
    """,
)
OTHER_COUNT = rule(
    "CPR417",
    "warning",
    "Not one prediction for each instance",
    cause="Clients match predictions to instances by their position, and batch prediction too.",
    cure="Return a list with one entry for each instance, in order.",
    example="""
    return {"mean": float(np.mean(instances))}
    """,
)
LARGE_REQUEST = rule(
    "CPR418",
    "warning",
    "A request is larger than the platform takes",
    cause="AI Platform and Vertex AI refuse a request body above 1.5 MB.",
    cure="Send fewer instances at once, smaller or compressed images, or the place where the data "
    "lies instead of the data.",
    example="""
    {"instances": [[[0.12156862745098039, 0.13725490196078433, …
    """,
)
LARGE_RESPONSE = rule(
    "CPR419",
    "warning",
    "A response is larger than the platform takes",
    cause="AI Platform and Vertex AI refuse a response body above 1.5 MB.",
    cure="Return the best classes instead of all, round numbers, or send fewer instances at once.",
    example="""
    return self._model.predict_proba(rows).tolist()          # 10,000 classes a row
    """,
)
SLOW = rule(
    "CPR420",
    "warning",
    "A request takes longer than the platform waits",
    cause="AI Platform gave up after 60 seconds.",
    cure="Send fewer instances at once, or make the model faster.",
    example="""
    time.sleep(90)
    """,
)
