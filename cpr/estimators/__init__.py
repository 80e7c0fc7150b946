"""Estimators of scikit-learn and their like: what they are made of, and the tables they take."""
