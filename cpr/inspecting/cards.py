"""Cards of signatures: what each takes and gives, and a request that is ready to be copied."""

from __future__ import annotations

from collections.abc import Iterable

from cpr.inspecting.inspection import SignatureView, Tensor
from cpr.inspecting.sample_text import sample_text
from cpr.inspecting.wording import shape_text
from cpr.reports.html import Markup, element, join

_MOST_SAMPLE = 4000


def signature_cards(signatures: Iterable[SignatureView]) -> Markup:
    """A card for each signature."""
    return element("div", join(_card(item) for item in signatures), class_="cards")


def _card(signature: SignatureView) -> Markup:
    return element(
        "article",
        element("h3", signature.name, class_="value"),
        element("p", signature.method, class_="note") if signature.method else None,
        _tensors("takes", signature.inputs),
        _tensors("gives", signature.outputs),
        _sample(signature),
        class_="card",
    )


def _tensors(word: str, tensors: tuple[Tensor, ...]) -> Markup | None:
    if not tensors:
        return None
    rows = (
        element(
            "div",
            element("dt", tensor.alias, class_="value", title=tensor.tensor or None),
            element("dd", _what(tensor)),
        )
        for tensor in tensors
    )
    return join([element("h4", word), element("dl", join(rows), class_="tensors")])


def _what(tensor: Tensor) -> str:
    what = f"{tensor.dtype} {shape_text(tensor.shape)}"
    return what if tensor.encoding == "dense" else f"{tensor.encoding} {what}"


def _sample(signature: SignatureView) -> Markup | None:
    if signature.sample is None:
        return None
    text = sample_text(signature.sample)
    if len(text) > _MOST_SAMPLE:
        return element(
            "p", f"A request has {len(text):,} characters; --json has one.", class_="note"
        )
    return join([element("h4", "request"), element("pre", text)])
