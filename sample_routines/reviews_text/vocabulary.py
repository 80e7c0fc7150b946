"""How a text becomes words; in the graph, so that serving needs no Python for it."""

from __future__ import annotations

import tensorflow as tf


def tokens(texts: tf.Tensor) -> tf.RaggedTensor:
    """The lower-case words of each text, without punctuation."""
    lowered = tf.strings.lower(texts, encoding="utf-8")
    return tf.strings.split(tf.strings.regex_replace(lowered, r"[^\p{L}\p{N}' ]", " "))
