"""A request for a model that declares its inputs, whatever its format."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from cpr.inspecting.inspection import Tensor
from cpr.savedmodel.meta_graph import Signature, TensorSpec
from cpr.savedmodel.samples.requests import NoSample, sample_request


def sample_for(inputs: Sequence[Tensor]) -> Mapping[str, Any] | None:
    """A body with one instance; None where no JSON says what the inputs are."""
    specs = {
        item.alias: TensorSpec(item.dtype, item.shape, item.tensor, item.encoding)
        for item in inputs
    }
    try:
        return sample_request(Signature("", "", specs, {}), is_only=True)
    except NoSample:
        return None
