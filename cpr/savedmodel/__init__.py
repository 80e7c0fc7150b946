"""SavedModels as files: read, checked, cleaned, written and exported.

Nothing here imports TensorFlow but what must run a graph, and that when it is
called.
"""
