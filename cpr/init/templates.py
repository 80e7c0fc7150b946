"""The templates by name: what they are made of and what they need."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from dataclasses import dataclass, field
from importlib.metadata import PackageNotFoundError, version

_IRIS = ("common", "trained", "iris")
_TRAIN = "| `train.py` | trains the model and writes the model directory |"
_PREDICTOR = "| `predictor.py` | the class that is served |"
_PREPROCESS = "| `preprocess.py` | turns what clients send into rows of numbers |"
# The same library, published under several names.
_ALSO_AS = {
    "onnxruntime": ("onnxruntime-gpu",),
    "tensorflow": ("tensorflow-cpu",),
    "xgboost": ("xgboost-cpu",),
}


@dataclass(frozen=True)
class Template:
    """One kind of project.

    `folders` of template files are laid over each other in this order;
    `serving` and `training` are the libraries that either needs; `modules`
    are what is packaged; `files` are rows of the README's table; `settings`
    ends the configuration; `sample` is a request file.
    """

    folders: tuple[str, ...]
    summary: str
    serving: tuple[str, ...] = ()
    training: tuple[str, ...] = ()
    modules: tuple[str, ...] = ("predictor.py", "preprocess.py")
    files: tuple[str, ...] = (_PREDICTOR, _PREPROCESS, _TRAIN)
    settings: str = ""
    sample: str = "objects.json"


def _iris(folder: str, words: str, serving: Sequence[str], settings: str = "") -> Template:
    return Template(
        (*_IRIS, folder),
        f"Names the species of an iris by its measurements: {words}.",
        tuple(serving),
        ("scikit-learn", *(["skl2onnx"] if folder == "onnx" else [])),
        settings=settings,
    )


TEMPLATES: dict[str, Template] = {
    "sklearn": _iris(
        "sklearn",
        "scikit-learn behind a class of its own",
        ["joblib", "numpy", "scikit-learn"],
    ),
    "savedmodel": _iris("savedmodel", "a TensorFlow SavedModel", ["tensorflow"]),
    "keras": _iris("keras", "a Keras model", ["tensorflow"]),
    "xgboost": _iris("xgboost", "gradient-boosted trees of XGBoost", ["xgboost"]),
    "onnx": _iris(
        "onnx",
        "an ONNX model, converted from scikit-learn",
        ["onnxruntime"],
        settings='\n[predictor]\noutput = "label"\n',
    ),
    "bare": Template(
        ("common", "trained", "bare"),
        "Names a fruit by its weight and length, with nothing but Python.",
        modules=("predictor.py",),
        files=(_PREDICTOR, _TRAIN),
        sample="fruit.json",
    ),
}


@dataclass(frozen=True)
class Values:
    """What the tokens of template files stand for, beside what the template says."""

    name: str
    stem: str
    more: dict[str, str] = field(default_factory=dict)

    def of(self, template: Template) -> dict[str, str]:
        """All tokens."""
        everything = sorted({*template.serving, *template.training, "pytest"})
        is_trained = "trained" in template.folders
        return {
            "name": self.name,
            "stem": self.stem,
            "summary": template.summary,
            "requirements": ", ".join(f'"{pinned(name)}"' for name in template.serving),
            "requirement_lines": "\n".join(map(pinned, everything)),
            "modules": ", ".join(f'"{name}"' for name in template.modules),
            # The requirements are pinned to what this Python has.
            "python": f">={sys.version_info.major}.{sys.version_info.minor}",
            "settings": template.settings,
            "files": "\n".join(template.files),
            "sample": template.sample,
            "ignored": "model/\n" if is_trained else "",
            "training": _TRAINING if is_trained else "",
            **self.more,
        }


_TRAINING = """## Train

```console
$ python train.py
```

writes `model/`. The tests do it too where there is none.

"""


def pinned(library: str) -> str:
    """A requirement for the version that is installed here; without one if it is not."""
    for name in (library, *_ALSO_AS.get(library, ())):
        try:
            return f"{name}=={version(name).partition('+')[0]}"
        except PackageNotFoundError:
            continue
    return library
