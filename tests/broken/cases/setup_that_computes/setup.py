import glob

from setuptools import setup

setup(name="routine", version="0.1", scripts=glob.glob("*.py"))
