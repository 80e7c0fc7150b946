"""Exports: from every kind of source to a servable SavedModel, verified before it appears."""
