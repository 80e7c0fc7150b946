"""Why a model predicts what it does: how much each feature of an instance adds to a score.

Two methods, those of AI Platform's explanations. Sampled Shapley asks any
predictor for predictions of the instance with some of its features replaced by
a baseline's; integrated gradients follows the gradient of a TensorFlow model
from the baseline to the instance. Either way the attributions add up to the
difference between the two scores.

`cpr.explaining.explainer.Explainer` is the way in. Nothing is imported here,
since a server that only predicts needs none of it.
"""
