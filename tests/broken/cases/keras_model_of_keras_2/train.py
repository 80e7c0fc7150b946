"""Writes the file of Keras 2.2, with a layer that Keras 3 has not."""

import json
import sys
from pathlib import Path

import h5py

layer = {"class_name": "CuDNNLSTM", "config": {"name": "lstm", "units": 4}}
with h5py.File(Path(sys.argv[1]) / "model.h5", "w") as file:
    file.attrs["keras_version"] = "2.2.4"
    file.attrs["backend"] = "tensorflow"
    file.attrs["model_config"] = json.dumps({"class_name": "Sequential", "config": {"name": "net", "layers": [layer]}})
    file.create_group("model_weights")
