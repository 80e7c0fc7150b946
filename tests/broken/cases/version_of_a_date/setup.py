from setuptools import setup

setup(name="routine", version="2022-06-05-13-38-45", scripts=["predictor.py"])
