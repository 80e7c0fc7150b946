"""Tells an optimizer's variables from a model's, by their names."""

from __future__ import annotations

import re

# Names of TensorFlow 2's objects, where an optimizer may list the weights too; then those
# that TensorFlow 1's optimizers append.
_STATE = re.compile(
    r".*/\.OPTIMIZER_SLOT/.*|(.*/)?(optimizer|keras_api/optimizer)/(?!_trainable_variables/).*|"
    r".*/(Adam|Adam_1|Adagrad|Adadelta|Adadelta_1|Ftrl|Ftrl_1|Momentum|RMSProp|RMSProp_1|LAMB|"
    r"AdamWeightDecay|adam_[mv])|(.*/)?beta[12]_power"
)


def is_optimizer_state(name: str) -> bool:
    """Whether a name in ``variables/`` is of an optimizer's slot or counter."""
    return _STATE.fullmatch(name) is not None
