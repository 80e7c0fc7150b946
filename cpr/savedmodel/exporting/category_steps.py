"""The graphs of scikit-learn's encoders of categories."""

from __future__ import annotations

from typing import Any

import numpy as np

from cpr.savedmodel.exporting.tables import Table
from cpr.wire.tensors import Array

# Up to so many categories, comparing with all is quicker than a table.
_COMPARED = 64


def one_hot(tf: Any, encoder: Any, table: Table, owned: list[Any]) -> Table:
    """What a fitted OneHotEncoder makes: a block for each column."""
    blocks = []
    for index, categories in enumerate(encoder.categories_):
        mapping = grouping(encoder, index)
        width = len(categories) if mapping is None else int(mapping.max()) + 1
        codes = _codes(tf, encoder, table, index, owned)
        if mapping is not None:
            infrequent = width - 1 if encoder.handle_unknown != "ignore" else -1
            codes = _mapped(tf, codes, mapping, infrequent)
        block = tf.one_hot(codes, width, dtype=tf.float64)
        dropped = _dropped(encoder, index)
        if dropped is not None:
            kept = [place for place in range(width) if place != dropped]
            block = tf.gather(block, kept, axis=1)
        blocks.append(block)
    return Table(tuple(blocks))


def ordinal(tf: Any, encoder: Any, table: Table, owned: list[Any]) -> Table:
    """What a fitted OrdinalEncoder makes: a column for each column."""
    columns = []
    for index, categories in enumerate(encoder.categories_):
        codes = _codes(tf, encoder, table, index, owned)
        mapping = grouping(encoder, index)
        numbers = tf.cast(codes if mapping is None else _mapped(tf, codes, mapping, -1), tf.float64)
        if encoder.handle_unknown == "use_encoded_value":
            unknown = tf.constant(encoder.unknown_value, tf.float64)
            numbers = tf.where(codes < 0, unknown, numbers)
        missing = _missing(categories)
        if missing is not None:
            value = tf.constant(float(encoder.encoded_missing_value), tf.float64)
            numbers = tf.where(codes == missing, value, numbers)
        columns.append(numbers)
    return Table((tf.stack(columns, axis=1),))


def grouping(encoder: Any, index: int) -> Array | None:
    """Where each category of a column goes, if infrequent ones are grouped."""
    if not getattr(encoder, "_infrequent_enabled", False):
        return None
    mapping = encoder._default_to_infrequent_mappings[index]
    return None if mapping is None else np.asarray(mapping)


def _codes(tf: Any, encoder: Any, table: Table, index: int, owned: list[Any]) -> Any:
    """Which category each value is, -1 for none; an error, where the encoder makes it one."""
    categories, values = encoder.categories_[index], table.column(index)
    codes = _look_up(tf, values, categories, owned)
    if encoder.handle_unknown != "error":
        return codes
    message = f"Found unknown categories in column {index} during transform"
    check = tf.debugging.assert_non_negative(codes, message=message)
    # Eagerly there is nothing to wait for: it has raised.
    with tf.control_dependencies([check] if check is not None else []):
        return tf.identity(codes)


def _look_up(tf: Any, values: Any, categories: Array, owned: list[Any]) -> Any:
    is_text = values.dtype.name == "string"
    if is_text:
        # Of a missing text, None or NaN, a tensor has the empty one.
        known = [item if isinstance(item, str) else "" for item in categories.tolist()]
        if len(known) > _COMPARED:
            return _table(tf, known, owned).lookup(values)
        keys = tf.constant(known, tf.string)
    else:
        keys = tf.constant(categories.astype(np.float64))
    is_it = values[:, None] == keys[None, :]
    if not is_text:
        is_it |= tf.math.is_nan(values)[:, None] & tf.math.is_nan(keys)[None, :]
    found = tf.argmax(tf.cast(is_it, tf.int8), axis=1)
    return tf.where(tf.reduce_any(is_it, axis=1), found, tf.constant(-1, tf.int64))


def _table(tf: Any, known: list[str], owned: list[Any]) -> Any:
    with tf.init_scope():  # a table that is made while tracing would be lost
        numbers = tf.range(len(known), dtype=tf.int64)
        keys = tf.constant(known, tf.string)
        made = tf.lookup.StaticHashTable(tf.lookup.KeyValueTensorInitializer(keys, numbers), -1)
    owned.append(made)
    return made


def _mapped(tf: Any, codes: Any, mapping: Array, unknown: int) -> Any:
    goal = tf.gather(tf.constant(mapping, tf.int64), tf.maximum(codes, 0))
    return tf.where(codes < 0, tf.constant(unknown, tf.int64), goal)


def _dropped(encoder: Any, index: int) -> int | None:
    if encoder.drop_idx_ is None:
        return None
    dropped = encoder._drop_idx_after_grouping[index]
    return None if dropped is None else int(dropped)


def _missing(categories: Array) -> int | None:
    """The place of NaN among the categories, which is the last."""
    last = categories[-1]
    is_nan = isinstance(last, float) and np.isnan(last)
    return len(categories) - 1 if is_nan else None
