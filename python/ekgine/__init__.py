"""ekgine's models, stores and predictions as NumPy arrays: docs/python.md has an example.

What is wrong with arguments or files is a ValueError (of types a TypeError), what the system
refuses an OSError, each with the one line that the program would print.
"""

import numpy as _numpy  # noqa: F401  (arrays are NumPy's: without it this fails now, not later)

from ._ekgine import (
    Classification,
    Model,
    Predictions,
    Record,
    Store,
    classes,
    load,
    measure,
    read_predictions,
    set_threads,
    threads,
)
from ._ekgine import version as __version__

__all__ = [
    "Classification",
    "Model",
    "Predictions",
    "Record",
    "Store",
    "__version__",
    "classes",
    "load",
    "measure",
    "read_predictions",
    "set_threads",
    "threads",
]
