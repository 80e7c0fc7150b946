"""Bytes to instances and predictions to bytes, one module per dialect."""
