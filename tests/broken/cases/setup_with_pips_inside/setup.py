from pip.req import parse_requirements
from setuptools import setup

setup(name="routine", version="0.1", py_modules=["predictor"])
