"""Source distribution of the routine, in the style of the AI Platform guides."""

from setuptools import setup

setup(
    name="iris_routine",
    version="0.1",
    scripts=["predictor.py", "preprocess.py"],
    install_requires=["joblib>=1.3,<2", "numpy>=1.26,<3", "scikit-learn>=1.3,<2"],
)
