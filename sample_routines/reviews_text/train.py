"""Trains the review classifier and writes its model directory."""

from __future__ import annotations

import argparse
import collections
from pathlib import Path

import tensorflow as tf
from vocabulary import tokens

HERE = Path(__file__).resolve().parent
SENTIMENTS = ["negative", "positive"]


class ReviewModel(tf.Module):
    """Scores a text by the words in it; the words are an asset of the SavedModel."""

    def __init__(self, vocabulary: Path, words: int) -> None:
        super().__init__()
        # The file is copied into the SavedModel's assets/ and found there again.
        self.vocabulary = tf.saved_model.Asset(str(vocabulary))
        initializer = tf.lookup.TextFileInitializer(
            self.vocabulary,
            tf.string,
            tf.lookup.TextFileIndex.WHOLE_LINE,
            tf.int64,
            tf.lookup.TextFileIndex.LINE_NUMBER,
        )
        self.table = tf.lookup.StaticVocabularyTable(initializer, num_oov_buckets=1)
        self.words = words
        self.weights = tf.Variable(tf.zeros([words + 1, 1]), name="weights")
        self.bias = tf.Variable(tf.zeros([1]), name="bias")

    def score(self, texts: tf.Tensor) -> tf.Tensor:
        ids = self.table.lookup(tokens(texts).to_tensor(""))
        counts = tf.reduce_sum(tf.one_hot(ids, self.words), axis=1)
        return tf.sigmoid(counts @ self.weights[: self.words] + self.bias)[:, 0]

    @tf.function(input_signature=[tf.TensorSpec([None], tf.string, name="text")])
    def serve(self, text: tf.Tensor) -> dict[str, tf.Tensor]:
        score = self.score(text)
        return {"score": score, "sentiment": tf.gather(SENTIMENTS, tf.cast(score > 0.5, tf.int32))}


def read_reviews() -> tuple[list[str], list[float]]:
    lines = (HERE / "reviews.tsv").read_text(encoding="utf-8").splitlines()
    pairs = [line.split("\t") for line in lines]
    return [text for _, text in pairs], [float(SENTIMENTS.index(label)) for label, _ in pairs]


def write_vocabulary(texts: list[str], path: Path) -> int:
    counted = collections.Counter(
        word.decode() for row in tokens(tf.constant(texts)).to_list() for word in row
    )
    words = sorted(word for word, count in counted.items() if count > 1)
    path.write_text("\n".join(words) + "\n", encoding="utf-8")
    return len(words)


def train(model_dir: Path) -> float:
    texts, targets = read_reviews()
    model_dir.mkdir(parents=True, exist_ok=True)
    vocabulary = model_dir / "vocabulary.txt"
    model = ReviewModel(vocabulary, write_vocabulary(texts, vocabulary))
    wanted = tf.constant(targets)
    for _ in range(300):
        with tf.GradientTape() as tape:
            losses = tf.keras.losses.binary_crossentropy(wanted, model.score(tf.constant(texts)))
        for variable, gradient in zip(
            model.trainable_variables,
            tape.gradient(losses, model.trainable_variables),
            strict=True,
        ):
            variable.assign_sub(2.0 * gradient)
    tf.saved_model.save(model, str(model_dir), signatures={"serving_default": model.serve})
    vocabulary.unlink()
    right = tf.equal(model.score(tf.constant(texts)) > 0.5, wanted > 0.5)
    return float(tf.reduce_mean(tf.cast(right, tf.float32)))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--model-dir", type=Path, default=HERE / "model")
    model_dir = parser.parse_args().model_dir
    accuracy = train(model_dir)
    print(f"Wrote {model_dir} (accuracy on the training data {accuracy:.2f}).")


if __name__ == "__main__":
    main()
