"""What the process that others are forked from has imported: TensorFlow, quietly."""

from cpr.savedmodel.tensorflow_library import import_tensorflow

import_tensorflow()
