"""Source distribution of the routine, in the style of the AI Platform guides."""

from setuptools import setup

setup(name="iris_routine", version="0.1", scripts=["predictor.py", "preprocess.py"])
