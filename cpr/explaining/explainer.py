"""Explains what a routine predicts: a call in, a reply out."""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from functools import cached_property
from time import perf_counter_ns
from typing import Any

from cpr.artifacts.detect import detect
from cpr.describing import describe as described
from cpr.errors import BadInput, CprError, shorten
from cpr.explaining import gradients, sampling
from cpr.explaining.budget import Budget, check_predictions
from cpr.explaining.examples import declared_features
from cpr.explaining.explanation import Explanation, to_aiplatform, to_vertex
from cpr.explaining.fitting import check
from cpr.explaining.gradient_model import GradientModel, why_not
from cpr.explaining.gradients import Target
from cpr.explaining.labels import attributions_of, columns_of, shares_of
from cpr.explaining.metadata import Metadata, find, read
from cpr.explaining.options import AUTO, GRADIENTS, SHAPLEY, Options
from cpr.explaining.sampling import Oracle
from cpr.explaining.scores import Scorer, scorer_of, with_scores
from cpr.explaining.subjects import Subject, Subjects
from cpr.messages import Call, Instances, Reply, Timing
from cpr.routine import Routine
from cpr.suggest import did_you_mean
from cpr.wire.json_codec import dumps
from cpr.wire.tensors import describe

logger = logging.getLogger(__name__)

# Instances of more values are explained by their gradients, where there are some.
_MANY_VALUES = 64


class Explainer:
    """Explains the predictions of one routine, which its owner closes.

    What lies beside the model as ``explanation_metadata.json`` says which
    inputs are explained, against which baselines.

    Args:
        routine: It is open.
    """

    def __init__(self, routine: Routine) -> None:
        self.routine = routine

    @cached_property
    def metadata(self) -> Metadata | None:
        """What is beside the model; None where nothing is.

        Raises:
            LoadError: It is invalid, or does not fit the model.
        """
        path = self.routine.model_dir and find(self.routine.model_dir)
        if path is None:
            return None
        metadata = read(path)
        check(metadata, self.description, self.features)
        return metadata

    @cached_property
    def features(self) -> dict[str, Any]:
        """What the model itself parses of serialized Examples: a value of each feature."""
        if not (self.routine.is_ready_made and self.description["kind"] == "tensorflow"):
            return {}
        if self.routine.model_dir is None:
            return {}
        folder = detect(self.routine.model_dir, "tensorflow").path
        return declared_features(folder, self.routine.settings.tags)

    @cached_property
    def description(self) -> dict[str, Any]:
        """What the routine takes and returns."""
        return described(self.routine)

    @cached_property
    def _gradient_model(self) -> GradientModel:
        return GradientModel.of(self.routine)

    def answer(
        self, call: Call, *, deadline_ns: int = 0, between: Callable[[], None] | None = None
    ) -> Reply:
        """Answer a call, whatever happens.

        Args:
            call: Its body holds instances, as for a prediction.
            deadline_ns: When the answer must be there, on the monotonic clock;
                0 for never.
            between: Called between predicts, for whoever else wants one.
        """
        start = perf_counter_ns()
        translation = self.routine.translation
        most = translation.limits.max_batch_size
        budget = Budget(deadline_ns, between=between, most_rows=most)
        try:
            document = self.document(call, budget)
            body = dumps(document, name="explanations")
        except CprError as error:
            return translation.failed(call, error, Timing(0, perf_counter_ns() - start))
        count = len(document["explanations"])
        return Reply(200, body, Timing(0, perf_counter_ns() - start), count)

    def document(self, call: Call, budget: Budget | None = None) -> dict[str, Any]:
        """The answer to a call, in the words of its dialect.

        Raises:
            CprError: As of `explain`; or the body cannot be read.
        """
        request = _without_body(self.routine.translation.decode(call))
        options, parameters = Options.take(request.parameters)
        found = self.explain(request.values, parameters, options, budget=budget)
        return to_vertex(found) if call.dialect == "vertex" else to_aiplatform(found)

    def explain(
        self,
        instances: Any,
        parameters: Mapping[str, Any] | None = None,
        options: Options | None = None,
        *,
        budget: Budget | None = None,
    ) -> list[Explanation]:
        """Explain each instance.

        Args:
            instances: A list of them.
            parameters: Further keyword arguments of predict.
            options: How.
            budget: The time that there is; without bounds by default.

        Raises:
            CprError: An instance, baseline or option cannot be used, the
                predictor failed, or it takes too long.
        """
        options, budget = options or Options(), budget or Budget()
        if not isinstance(instances, list):
            raise BadInput(f"instances is {describe(instances)}; expected a list.")
        check_predictions(len(instances), f"{len(instances):,} instances")
        parameters = with_scores(self.routine, parameters or {})
        signature = self._signature(parameters)
        makes = self._subjects(signature, options)
        subjects = [makes.of(instance, at) for at, instance in enumerate(instances)]
        if not subjects:
            return []
        budget.limit_values(max(len(subject.values) for subject in subjects))
        if self._method(subjects, signature, options) == GRADIENTS:
            return self._by_gradients(subjects, parameters, signature, options, budget)
        return self._by_sampling(subjects, parameters, signature, options, budget)

    def _by_sampling(
        self,
        subjects: Sequence[Subject],
        parameters: Mapping[str, Any],
        signature: Any,
        options: Options,
        budget: Budget,
    ) -> list[Explanation]:
        budget.planned = sampling.check_cost(subjects, options)
        oracle = Oracle(self.routine, parameters, budget)
        first = oracle.predict([subjects[0].instance])[0]
        scorer = self._scorer(first, signature, options)
        base = subjects[0].rebuild(subjects[0].baselines[0])
        oracle.settle(subjects[0].instance, base, scorer)
        predictions = [first, *oracle.predict([subject.instance for subject in subjects[1:]])]
        columns = columns_of(options)
        found = []
        for subject, prediction in zip(subjects, predictions, strict=True):
            [scores] = scorer.scores([prediction])
            picked = columns(scores)
            budget.keep(len(subject.values) * len(picked))
            estimate = sampling.explain(subject, oracle, scorer, options, picked)
            errors = shares_of(estimate)
            made = attributions_of(subject, scorer, estimate, picked, errors)
            found.append(Explanation(made, prediction))
        return found

    def _by_gradients(
        self,
        subjects: Sequence[Subject],
        parameters: Mapping[str, Any],
        signature: Any,
        options: Options,
        budget: Budget,
    ) -> list[Explanation]:
        model = self._gradient_model
        lines = sum(len(subject.baselines) for subject in subjects)
        budget.planned = lines * options.num_integral_steps * abs(options.top_k)
        oracle = Oracle(self.routine, parameters, budget)
        predictions = oracle.predict([subject.instance for subject in subjects])
        scorer = self._scorer(predictions[0], signature, options)
        output = scorer.output or next(iter(signature.outputs))
        if scorer.output is None and self.routine.settings.output in signature.outputs:
            output = self.routine.settings.output
        target, columns = Target(model, signature, output), columns_of(options)
        found = []
        for subject, prediction in zip(subjects, predictions, strict=True):
            [scores] = scorer.scores([prediction])
            picked = columns(scores)
            budget.keep(len(subject.values) * len(picked))
            estimate, errors = gradients.explain(
                subject, target, picked, steps=options.num_integral_steps, budget=budget
            )
            made = attributions_of(subject, scorer, estimate, picked, errors)
            found.append(Explanation(made, prediction))
        return found

    def _method(self, subjects: Sequence[Subject], signature: Any, options: Options) -> str:
        if options.method != AUTO:
            return options.method
        is_many = max(len(subject.free) for subject in subjects) > _MANY_VALUES
        inputs = signature.inputs.values() if signature is not None else ()
        has_gradients = any("float" in spec.dtype for spec in inputs) and not why_not(self.routine)
        is_opened = any(subject.is_opened for subject in subjects)
        return GRADIENTS if is_many and has_gradients and not is_opened else SHAPLEY

    def _signature(self, parameters: Mapping[str, Any]) -> Any:
        """The signature that a request means, of a model that has some."""
        signatures = getattr(self.routine.predictor, "signatures", None)
        if not (self.routine.is_ready_made and isinstance(signatures, Mapping)):
            return None
        name = parameters.get("signature_name") or self.description["default_signature"]
        return signatures.get(name) if isinstance(name, str) else None

    def _subjects(self, signature: Any, options: Options) -> Subjects:
        aliases: dict[str, str] = {}
        if signature is not None:
            aliases = {spec.name: alias for alias, spec in signature.inputs.items()}
        names = _feature_names(self.routine)
        if not names and signature is not None and len(signature.inputs) == 1:
            names = list(signature.inputs)
        taken = self.description["signatures"].get(self.description["default_signature"], {})
        if not names and signature is None and taken.get("form") == "value":
            names = list(taken["inputs"])
        opens_examples = options.method != GRADIENTS
        return Subjects(names, self.metadata, aliases, options.baselines, opens_examples)

    def _scorer(self, prediction: Any, signature: Any, options: Options) -> Scorer:
        wanted, names, labels = options.output, {}, []
        for output in self.metadata.outputs if self.metadata is not None else ():
            specs = signature.outputs if signature is not None else {}
            aliases = {spec.name: alias for alias, spec in specs.items()}
            key = aliases.get(output.tensor, output.tensor)
            names[key], wanted, labels = output.name, wanted or key, list(output.labels)
        known = {*signature.outputs, *names, *names.values()} if signature is not None else {}
        if options.output and known and options.output not in known:
            raise BadInput(
                f"explain.output is {shorten(options.output)}; the signature has "
                f"{', '.join(sorted(signature.outputs))}.",
                hint=did_you_mean(options.output, known),
            )
        only = ""
        if signature is not None and len(signature.outputs) == 1:
            only = next(iter(signature.outputs))
        only = self.routine.settings.output if signature is not None and not only else only
        scorer = scorer_of(prediction, self.routine, only=only, wanted=wanted, names=names)
        return replace(scorer, labels=labels) if labels else scorer


def _feature_names(routine: Routine) -> list[str]:
    """What a model itself calls the features of a row."""
    predictor = routine.predictor
    preprocessor = getattr(predictor, "preprocessor", None)
    known = getattr(preprocessor, "target", None) or getattr(predictor, "estimator", None)
    names = getattr(known, "feature_names_in_", None)
    if names is None and preprocessor is None:
        names = getattr(getattr(predictor, "booster", None), "feature_names", None)
    return [] if names is None else [str(name) for name in names]


def _without_body(request: Instances) -> Instances:
    """A Vertex AI class's request, which is a whole body, as instances and parameters."""
    if request.form != "body":
        return Instances(request.values, request.parameters)
    body = request.values
    if not isinstance(body, dict) or "instances" not in body:
        raise BadInput(
            f"the body is {describe(body)} without instances.", hint='Send {"instances": […]}.'
        )
    rest = {key: value for key, value in body.items() if key != "instances"}
    return Instances(body["instances"], rest)
