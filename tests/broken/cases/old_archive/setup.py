from setuptools import setup

setup(scripts=["predictor.py", "preprocess.py"])
