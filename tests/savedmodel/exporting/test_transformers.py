"""Fused transformers make what scikit-learn makes, to the last digits."""

import numpy as np
import pytest

from cpr.errors import PredictionFailed, UsageError
from cpr.predictors.tf_saved_model import TfSavedModel
from cpr.savedmodel import export
from cpr.savedmodel.exporting.fused_transformer import FusedTransformer

pytest.importorskip("sklearn", reason="needs the extra cpr[sklearn]")
pandas = pytest.importorskip("pandas", reason="needs the extra cpr[pandas]")

from sklearn.compose import ColumnTransformer  # noqa: E402
from sklearn.decomposition import PCA  # noqa: E402
from sklearn.impute import SimpleImputer  # noqa: E402
from sklearn.pipeline import FeatureUnion, Pipeline, make_pipeline  # noqa: E402
from sklearn.preprocessing import (  # noqa: E402
    FunctionTransformer,
    MaxAbsScaler,
    MinMaxScaler,
    Normalizer,
    OneHotEncoder,
    OrdinalEncoder,
    RobustScaler,
    StandardScaler,
)

GENERATOR = np.random.default_rng(5)
NUMBERS = GENERATOR.normal(3.0, 7.0, (60, 4))
GAPS = np.where(GENERATOR.random((60, 4)) < 0.3, np.nan, NUMBERS)
WORDS = GENERATOR.choice(["red", "green", "blue", "é"], (60, 2), p=[0.6, 0.3, 0.06, 0.04])
CODES = GENERATOR.choice([3, 17, 40], (60, 2), p=[0.6, 0.3, 0.1])
COLOURS = pandas.DataFrame(WORDS, columns=["body", "roof"])
HOLES = np.where(GENERATOR.random((60, 2)) < 0.3, np.nan, WORDS.astype(object))
MANY = np.array([[f"word {i}"] for i in range(200)], dtype=object)

CASES = {
    "standard": (StandardScaler(), NUMBERS),
    "standard without mean": (StandardScaler(with_mean=False), NUMBERS),
    "standard without scale": (StandardScaler(with_std=False), NUMBERS),
    "standard, a constant column": (StandardScaler(), np.ones((5, 2))),
    "min-max": (MinMaxScaler((-1, 2)), NUMBERS),
    "min-max, clipped": (MinMaxScaler(clip=True), NUMBERS),
    "max-abs": (MaxAbsScaler(), NUMBERS),
    "robust": (RobustScaler(), NUMBERS),
    "normalizer l1": (Normalizer("l1"), NUMBERS),
    "normalizer l2": (Normalizer(), np.vstack([NUMBERS, np.zeros((1, 4))])),
    "normalizer max": (Normalizer("max"), NUMBERS),
    "log": (FunctionTransformer(np.log1p), np.abs(NUMBERS)),
    "one-hot of words": (OneHotEncoder(), WORDS),
    "one-hot, unknown ignored": (OneHotEncoder(handle_unknown="ignore"), WORDS),
    "one-hot, first dropped": (OneHotEncoder(drop="first"), WORDS),
    "one-hot, binary dropped": (OneHotEncoder(drop="if_binary"), CODES[:, :1] > 3),
    "one-hot, infrequent": (
        OneHotEncoder(min_frequency=8, handle_unknown="infrequent_if_exist"),
        WORDS,
    ),
    "one-hot, infrequent, dropped": (OneHotEncoder(max_categories=2, drop="first"), WORDS),
    "one-hot of codes": (OneHotEncoder(handle_unknown="ignore"), CODES),
    "one-hot of numbers with gaps": (OneHotEncoder(), np.array([[1.0], [np.nan], [2.5]])),
    "one-hot of many words": (OneHotEncoder(handle_unknown="ignore"), MANY),
    "ordinal": (OrdinalEncoder(), WORDS),
    "ordinal, unknown encoded": (
        OrdinalEncoder(handle_unknown="use_encoded_value", unknown_value=-5),
        WORDS,
    ),
    "ordinal, missing encoded": (
        OrdinalEncoder(encoded_missing_value=-1),
        np.array([[1.0], [np.nan], [2.5]]),
    ),
    "ordinal, infrequent": (
        OrdinalEncoder(
            min_frequency=8, handle_unknown="use_encoded_value", unknown_value=np.nan
        ),
        WORDS,
    ),
    "ordinal of many words": (OrdinalEncoder(), MANY),
    "imputer mean": (SimpleImputer(), GAPS),
    "imputer median with indicator": (SimpleImputer(strategy="median", add_indicator=True), GAPS),
    "imputer of an empty column": (
        SimpleImputer(keep_empty_features=False),
        np.column_stack([GAPS, np.full(60, np.nan)]),
    ),
    "imputer of zeros": (SimpleImputer(missing_values=0, strategy="most_frequent"), CODES * 1.0),
    "imputer of words": (
        make_pipeline(
            SimpleImputer(missing_values="red", strategy="most_frequent"), OneHotEncoder()
        ),
        WORDS.astype(object),
    ),
    "imputer of missing words": (
        make_pipeline(
            SimpleImputer(strategy="most_frequent"), OneHotEncoder(handle_unknown="ignore")
        ),
        HOLES,
    ),
    "imputer of a constant word": (
        make_pipeline(
            SimpleImputer(missing_values=None, strategy="constant", fill_value="?"),
            OneHotEncoder(),
        ),
        np.where(pandas.isna(HOLES), None, HOLES),
    ),
    "imputer of missing words in a frame": (
        ColumnTransformer(
            [
                (
                    "words",
                    make_pipeline(SimpleImputer(strategy="most_frequent"), OrdinalEncoder()),
                    ["body", "roof"],
                ),
            ],
            remainder=StandardScaler(),
        ),
        pandas.DataFrame(HOLES, columns=["roof", "body"]).assign(size=NUMBERS[:, 0]),
    ),
    "one-hot of missing words": (OneHotEncoder(), HOLES),
    "ordinal of missing words": (OrdinalEncoder(encoded_missing_value=-1), HOLES),
    "pipeline": (make_pipeline(SimpleImputer(), StandardScaler()), GAPS),
    "pipeline with a gap": (
        Pipeline([("scale", StandardScaler()), ("off", "passthrough")]),
        NUMBERS,
    ),
    "union": (
        FeatureUnion(
            [("a", StandardScaler()), ("b", MinMaxScaler())], transformer_weights={"b": 2.0}
        ),
        NUMBERS,
    ),
    "columns of an array": (
        ColumnTransformer(
            [("a", StandardScaler(), [2, 0]), ("b", MinMaxScaler(), slice(1, 2))],
            remainder="passthrough",
        ),
        NUMBERS,
    ),
    "columns by name": (
        ColumnTransformer(
            [
                ("words", OneHotEncoder(handle_unknown="ignore"), ["roof", "body"]),
                ("filled", make_pipeline(SimpleImputer(), StandardScaler()), ["age", "size"]),
                ("gone", "drop", ["left"]),
            ],
            remainder=MinMaxScaler(),
        ),
        COLOURS.assign(
            age=GAPS[:, 0], size=GAPS[:, 1], left=NUMBERS[:, 0], right=NUMBERS[:, 1]
        ),
    ),
    "columns by mask": (
        ColumnTransformer([("a", StandardScaler(), [True, False, True, False])]),
        NUMBERS,
    ),
}  # fmt: skip


@pytest.mark.filterwarnings("ignore:Skipping features without any observed values")
@pytest.mark.parametrize(("transformer", "data"), CASES.values(), ids=CASES)
def test_makes_what_scikit_learn_makes(tf, transformer, data):
    fused = FusedTransformer(tf, transformer.fit(data))
    fused.reference(fused.examples)  # raises where they differ
    frame = data if hasattr(data, "columns") else {"features": data}
    arrays = {name: as_array(frame[name]) for name in fused.inputs}
    made = fused.reference(arrays)
    assert made.shape[0] == len(data)
    # In a graph, not only eagerly.
    specs = [fused.inputs]
    graph = tf.function(fused, input_signature=specs)
    tensors = {n: tf.constant(a.tolist(), fused.inputs[n].dtype) for n, a in arrays.items()}
    np.testing.assert_allclose(graph(tensors), made, rtol=1e-9, atol=1e-12)


def as_array(values):
    array = np.asarray(values)
    if array.dtype.kind in "OU":
        flat = [item.encode() if isinstance(item, str) else b"" for item in array.ravel()]
        made = np.empty(len(flat), object)
        made[:] = flat
        return made.reshape(array.shape)
    return array.astype(np.float64)


@pytest.mark.parametrize("missing", [None, np.nan], ids=["None", "NaN"])
def test_an_empty_text_stands_for_a_missing_one_where_there_were_such(tf, missing):
    fit = np.array([["red"], ["red"], [missing]], object)
    steps = SimpleImputer(missing_values=missing, strategy="most_frequent"), OneHotEncoder()
    fused = FusedTransformer(tf, make_pipeline(*steps).fit(fit))
    assert b"" in fused.examples["features"]
    assert fused.reference({"features": np.array([[b""]], object)}).tolist() == [[1.0]]
    # Where none was missing an empty text is a text like others.
    words = np.array([[""], ["red"]], object)
    fused = FusedTransformer(tf, OneHotEncoder().fit(words))
    assert fused.reference({"features": np.array([[b""]], object)}).tolist() == [[1.0, 0.0]]


def test_the_examples_reach_every_category_and_the_missing_value(tf):
    data = COLOURS.assign(age=GAPS[:, 0])
    steps = [("words", OneHotEncoder(), ["body"]), ("age", SimpleImputer(), ["age"])]
    fused = FusedTransformer(tf, ColumnTransformer(steps).fit(data))
    assert set(fused.examples["body"]) == {item.encode() for item in set(COLOURS["body"])}
    assert np.isnan(fused.examples["age"]).any()


@pytest.mark.parametrize(
    ("transformer", "data", "message"),
    [
        (PCA(2).fit(NUMBERS), NUMBERS, r"PCA\(n_components=2\) cannot be made a graph"),
        (StandardScaler(), NUMBERS, r"StandardScaler\(\) is not fitted"),
        (
            SimpleImputer(missing_values="", strategy="most_frequent").fit(WORDS.astype(object)),
            WORDS,
            "the transformer makes text of a column",
        ),
        (
            FunctionTransformer(np.cumsum).fit(NUMBERS),
            NUMBERS,
            "the FunctionTransformer of <function cumsum",
        ),
    ],
    ids=["another kind", "not fitted", "text", "another function"],
)
def test_says_what_cannot_be_fused(tf, transformer, data, message):
    with pytest.raises(UsageError, match=message):
        FusedTransformer(tf, transformer).reference({"features": as_array(data)})


def test_an_array_of_text_and_numbers_is_refused(tf):
    data = np.array([["a", 1.0], ["b", 2.0]], dtype=object)
    steps = [("a", OneHotEncoder(), [0]), ("b", StandardScaler(), [1])]
    with pytest.raises(UsageError, match="an array of text and numbers") as raised:
        FusedTransformer(tf, ColumnTransformer(steps).fit(data))
    assert "DataFrame" in raised.value.hint


def test_a_difference_is_found(tf):
    scaler = StandardScaler().fit(NUMBERS)
    fused = FusedTransformer(tf, scaler)
    made = fused._transformer.transform
    scaler.transform = lambda data: made(data) + 1e-6
    with pytest.raises(PredictionFailed, match=r"not make what scikit-learn does: .* column 0"):
        fused.reference(fused.examples)


def test_is_served_in_front_of_a_keras_model(keras, tmp_path):
    data = COLOURS.assign(age=GAPS[:, 0])
    transformer = ColumnTransformer(
        [
            ("words", OneHotEncoder(handle_unknown="ignore"), ["body", "roof"]),
            ("age", make_pipeline(SimpleImputer(), StandardScaler()), ["age"]),
        ]
    ).fit(data)
    width = transformer.transform(data).shape[1]
    model = keras.Sequential([keras.Input((width,)), keras.layers.Dense(3)])
    exported = export(model, tmp_path, preprocess=transformer)
    [signature] = exported.signatures
    assert signature.inputs == {
        "age": "float64 [any]", "body": "string [any]", "roof": "string [any]"
    }  # fmt: skip
    assert signature.proof.deviation <= 1e-6
    predictor = TfSavedModel.from_path(exported.path)
    rows = [{"body": "red", "roof": "pink", "age": 4.5}, {"body": "é", "roof": "blue", "age": -1.0}]
    got = predictor.predict(rows)
    predictor.close()
    wanted = model(np.asarray(transformer.transform(pandas.DataFrame(rows))))
    np.testing.assert_allclose(got, wanted, rtol=1e-5, atol=1e-6)


def test_an_unknown_category_is_refused_as_scikit_learn_does(keras, tmp_path):
    encoder = OneHotEncoder().fit(COLOURS)
    model = keras.Sequential([keras.Input((8,)), keras.layers.Dense(1)])
    exported = export(model, tmp_path, preprocess=encoder)
    predictor = TfSavedModel.from_path(exported.path)
    with pytest.raises(Exception, match="Found unknown categories in column 1"):
        predictor.predict([{"body": "red", "roof": "pink"}])
    predictor.close()


def test_many_categories_are_looked_up_in_a_table_that_travels_along(keras, tmp_path):
    encoder = OneHotEncoder(handle_unknown="ignore").fit(MANY)
    model = keras.Sequential([keras.Input((200,)), keras.layers.Dense(1, use_bias=False)])
    exported = export(model, tmp_path, preprocess=encoder, fresh=True)
    assert exported.signatures[0].proof.deviation <= 1e-6
