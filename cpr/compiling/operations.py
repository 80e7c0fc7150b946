"""What a child of `cpr compile` can be asked: probe, build, judge."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from cpr.artifacts.companions import load_preprocessor
from cpr.artifacts.detect import Kind
from cpr.compiling.builds import build
from cpr.compiling.declined import Declined
from cpr.compiling.example_instances import read_features
from cpr.compiling.judging import Opener, Terms, judge, measure
from cpr.compiling.signature_trial import SignatureTrial
from cpr.compiling.subject import SIGNATURE_KINDS, Subject
from cpr.compiling.table_trial import TableTrial
from cpr.compiling.trial import Trial
from cpr.config import PredictorSettings
from cpr.estimators.preparation import Preparation
from cpr.isolated.channel import Message
from cpr.isolated.child import Operation
from cpr.wire.b64 import decode_b64


class _Bench:
    """The original, loaded once, and what it is tried with."""

    def __init__(self) -> None:
        self._opened: Opener | None = None
        self._trial: Trial | None = None

    def probe(self, message: Message) -> Message:
        """Load the original and find out what it takes."""
        try:
            subject = Subject.from_json(message.header["subject"])
            self._load(subject, None, is_careful=message.header["careful"])
            _prepared(message.header)  # Better now than after all was built.
        except Declined as error:
            return Message({"declined": str(error)})
        assert self._trial is not None
        return Message({"facts": self._trial.facts})

    def judge(self, message: Message) -> Message:
        """Compare candidates, then time those that answer alike."""
        header = message.header
        subject = Subject.from_json(header["subject"])
        if self._trial is None:
            self._load(subject, header["facts"])
        trial, opened = self._trial, self._opened
        assert trial is not None and opened is not None
        terms = Terms(
            header["atol"],
            header["rtol"],
            tuple(header["batch_sizes"]),
            _prepared(header),
        )
        told = header["candidates"]
        candidates = {
            name: _opener(Subject.from_json(one), one["runtime"]) for name, one in told.items()
        }
        verdicts = {
            name: judge(
                trial, opened, candidate, terms, told[name]["variants"], told[name]["counts"]
            )
            for name, candidate in candidates.items()
        }
        return Message(
            {
                "verdicts": {name: verdict.to_json() for name, verdict in verdicts.items()},
                "figures": measure(trial, opened, candidates, terms, verdicts),
            }
        )

    def _load(
        self, subject: Subject, facts: Mapping[str, Any] | None, *, is_careful: bool = False
    ) -> None:
        self._opened = _opener(subject, "native")
        predictor = self._opened({})
        kind = subject.artifact.kind
        if kind in SIGNATURE_KINDS:
            folder = subject.artifact.path
            features = (
                read_features(folder, subject.tags, list(predictor.signatures))
                if kind is Kind.TENSORFLOW
                else {}
            )
            self._trial = SignatureTrial(
                predictor, folder, facts, features=features, is_careful=is_careful
            )
        else:
            is_booster = kind is Kind.XGBOOST
            self._trial = TableTrial(
                predictor, is_booster=is_booster, output=subject.output, facts=facts
            )


def operations() -> Mapping[str, Operation]:
    """The operations of one child."""
    bench = _Bench()
    return {"probe": bench.probe, "judge": bench.judge, "build": _build, "close": _close}


def _build(message: Message) -> Message:
    header = message.header
    try:
        model = build(
            Subject.from_json(header["subject"]),
            header["runtime"],
            header["option"],
            header["facts"],
            header["batch_sizes"],
            Path(header["into"]),
        )
    except Declined as error:
        return Message({"declined": str(error)})
    return Message({"model": model})


def _prepared(header: Mapping[str, Any]) -> tuple[Mapping[str, Any], ...]:
    """The given requests as the model gets them: bytes decoded, and through the preprocessor."""
    given = [{**one, "instances": decode_b64(one["instances"])} for one in header["given"]]
    if not given:
        return ()
    subject = Subject.from_json(header["subject"])
    settings = PredictorSettings(
        trust=subject.trust,  # type: ignore[arg-type]  # it comes from such settings
        trusted=subject.trusted,
        preprocessor=subject.preprocessor,
    )
    preprocessor = load_preprocessor(Path(header["companions"]), settings)
    if preprocessor is not None:
        prepare = Preparation(preprocessor)
        for one in given:
            table = prepare(one["instances"])
            one["instances"] = table.tolist() if hasattr(table, "tolist") else list(table)
    return tuple(given)


def _close(message: Message) -> Message:
    return Message({})


def _opener(subject: Subject, runtime: str) -> Opener:
    return Opener(lambda settings: subject.open(runtime=runtime, **settings))
