"""A preprocessor, given the table that it was fitted for."""

from __future__ import annotations

from typing import Any

from cpr.artifacts.companions import Preprocessor
from cpr.estimators.parts import is_rowwise
from cpr.estimators.tables import Layout
from cpr.wire.weight import check_weight


class Preparation:
    """What happens to instances before the model: arranged, then preprocessed.

    Attributes:
        name: Of the preprocessor's file, for messages.
        is_rowwise: Whether a row's result surely does not depend on its
            neighbours.
    """

    def __init__(self, preprocessor: Preprocessor) -> None:
        self.name = preprocessor.source.name
        self.is_rowwise = is_rowwise(preprocessor.target)
        self._preprocessor = preprocessor
        self._layout = Layout(preprocessor.target)

    def __call__(self, instances: Any) -> Any:
        """Prepare at least one instance; raises BadInput, PredictionFailed or BadOutput."""
        with self._layout.quietly():
            prepared = self._preprocessor(self._layout.arrange(instances))
        check_weight(prepared, name=f"what {self.name} makes of the instances")
        return prepared
