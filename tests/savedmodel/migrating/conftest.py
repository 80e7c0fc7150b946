"""Real TF1 models, built through compat.v1 as people built them, and what they answer."""

from dataclasses import dataclass

import pytest


@pytest.fixture(scope="session")
def tf():
    return pytest.importorskip("tensorflow", reason="needs the extra cpr[tensorflow]")


@dataclass(frozen=True)
class Source:
    """A path to migrate, inputs, and what TensorFlow 1 answers to them."""

    path: object
    feeds: dict
    answer: dict


def affine(v1, *, use_resource=False, keep=1.0):
    """A linear model with a loss and an optimizer, as a training graph has them."""
    x = v1.placeholder("float32", [None, 3], "x")
    w = v1.get_variable("layer/w", initializer=[[1.0], [2.0], [3.0]], use_resource=use_resource)
    b = v1.get_variable("layer/b", initializer=[0.5], use_resource=use_resource)
    dropped = v1.nn.dropout(x, rate=1 - keep) if keep < 1 else x
    y = v1.add(v1.matmul(dropped, w), b, "y")
    loss = v1.reduce_mean(v1.square(y - 1.0), name="loss")
    train = v1.train.AdamOptimizer(0.1).minimize(loss, name="train")
    return x, y, train


@pytest.fixture(scope="session")
def trained(tf, tmp_path_factory):
    """A checkpoint of a training run: its prefix, with a .meta, and what the model answers."""
    folder = tmp_path_factory.mktemp("trained")
    v1 = tf.compat.v1
    rows = [[1.0, 0.0, 2.0], [0.0, 1.0, 0.0]]
    with tf.Graph().as_default(), v1.Session() as session:
        x, y, train = affine(v1)
        session.run(v1.global_variables_initializer())
        for _ in range(3):
            session.run(train, {x: rows})
        answer = session.run(y, {x: rows})
        v1.train.Saver().save(session, str(folder / "model.ckpt"), global_step=3)
    return Source(folder / "model.ckpt-3", {"x": rows}, {"y": answer})
