from setuptools import setup

setup(name="routine", version="0.1", scripts=["predictor.py", "preprocess.py"])
