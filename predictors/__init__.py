"""Ready-made predictors, one module per kind of artifact."""
