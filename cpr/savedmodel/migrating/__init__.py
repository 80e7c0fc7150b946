"""From TensorFlow 1: SavedModels, checkpoints, frozen graphs and Estimator directories.

Each source becomes a graph in a session of TensorFlow 1, which is rebuilt out
of objects of TensorFlow 2 and stays at hand as the reference for what the
result must answer.
"""
