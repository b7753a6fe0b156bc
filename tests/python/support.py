"""What the tests of the Python module share: the module, and files that the program has made.

EKGINE_PROGRAM names the program that the module is compared with.
"""

import atexit
import functools
import os
import pathlib
import shutil
import subprocess
import sys
import tempfile
import unittest

try:
    import numpy
except ImportError as missing:
    raise unittest.SkipTest(f"NumPy is missing: {missing}")
import ekgine

ROOT = pathlib.Path(__file__).resolve().parents[2]
TRAINED_ON, EVALUATED = "217", "213"
SHIPPED = ROOT / "data/weights/mitdb-ds1.safetensors"


def program(*arguments, **variables):
    """Runs `ekgine ARGUMENTS...`, with environment variables, which must succeed."""
    command = [os.environ["EKGINE_PROGRAM"], *map(str, arguments), "--quiet"]
    result = subprocess.run(command, capture_output=True, text=True,
                            env={**os.environ, **variables})
    if result.returncode != 0:
        raise AssertionError(f"{command}: {result.stderr}")


@functools.lru_cache(maxsize=None)
def workspace():
    """A folder with a store of two records, and `run`: a small model trained on one of them."""
    folder = pathlib.Path(tempfile.mkdtemp(prefix="ekgine-python-"))
    atexit.register(shutil.rmtree, folder)
    program("preprocess", "--database", ROOT / "data/samples", "--records",
            f"{TRAINED_ON},{EVALUATED}", "--output", folder / "store")
    program("train", "--data", folder / "store", "--train-records", TRAINED_ON, "--test-records",
            EVALUATED, "--allow-absent-classes", "--amplitude", "record", "--embed-dim", "16",
            "--num-heads", "2", "--epochs", "1", "--output", folder / "run")
    # What the examples of docs/python.md find beside them.
    shutil.copy(SHIPPED, folder)
    numpy.save(folder / "ecg.npy", leads())
    return folder


def weights():
    return workspace() / "run/model.safetensors"


@functools.lru_cache(maxsize=None)
def model():
    return ekgine.load(weights())


@functools.lru_cache(maxsize=None)
def record():
    """What the model is evaluated on, in its unit."""
    return ekgine.Store(workspace() / "store", model().unit).read(EVALUATED)


def beats(count):
    return record().beats[:count]


@functools.lru_cache(maxsize=None)
def ec57_store():
    """A store of the same records with the classes of the weights that come with ekgine."""
    program("preprocess", "--database", ROOT / "data/samples", "--records",
            f"{TRAINED_ON},{EVALUATED}", "--label-map", "ec57", "--output", workspace() / "ec57")
    return workspace() / "ec57"


@functools.lru_cache(maxsize=None)
def rhythm():
    """The model that comes with ekgine, which takes features."""
    return ekgine.load(SHIPPED)


@functools.lru_cache(maxsize=None)
def leads():
    """Both leads of the record (2, n) in mV, at 360 Hz: signals of format 212."""
    packed = numpy.fromfile(ROOT / f"data/samples/{EVALUATED}.dat", numpy.uint8).reshape(-1, 3)
    low, both, high = packed.T.astype(numpy.int32)
    stored = numpy.stack([low | (both & 15) << 8, high | (both >> 4) << 8])
    return (((stored ^ 0x800) - 0x800 - 1024) / 200).astype(numpy.float32)


def evaluate(output, *options, **variables):
    """The probabilities that `ekgine evaluate` writes for the same record."""
    return evaluate_with(weights(), workspace() / "store", output, *options, **variables)


def evaluate_with(weights, store, output, *options, **variables):
    program("evaluate", "--weights", weights, "--data", store, "--records", EVALUATED, "--output",
            output, *options, **variables)
    return ekgine.read_predictions(output / "predictions.h5")[EVALUATED]


@functools.lru_cache(maxsize=None)
def evaluated(*options):
    return evaluate(workspace() / "-".join(["evaluation", *options]).replace("--", ""), *options)


class Case(unittest.TestCase):
    def assert_same_bits(self, found, expected):
        self.assertEqual(found.dtype, expected.dtype)
        self.assertEqual(found.shape, expected.shape)
        differing = numpy.flatnonzero(
            numpy.frombuffer(found.tobytes(), "u4") != numpy.frombuffer(expected.tobytes(), "u4"))
        self.assertEqual(len(differing), 0, f"values that differ: {len(differing)} of {found.size}")

    def assert_view_of(self, array, dtype, shape):
        """`array` shares memory of the module's, and does not let it be written to."""
        self.assertEqual(array.dtype, numpy.dtype(dtype))
        self.assertEqual(array.shape, shape)
        self.assertFalse(array.flags.owndata)
        self.assertFalse(array.flags.writeable)
        with self.assertRaises(ValueError):
            array[...] = 0

    def assert_refused(self, kind, text, call, *arguments, **options):
        """`call` fails with an exception of just that kind, with `text` in its one line."""
        with self.assertRaises(kind) as caught:
            call(*arguments, **options)
        said = str(caught.exception)
        self.assertIn(text, said)
        self.assertNotIn("\n", said)

    def run_python(self, text, notice="", **variables):
        """Runs a script in a process of its own, in the workspace, with environment variables; it must
        end well, and say no more than the notice."""
        result = subprocess.run([sys.executable, "-c", text], cwd=workspace(), capture_output=True,
                                text=True, timeout=120, env={**os.environ, **variables})
        self.assertEqual((result.returncode, result.stderr), (0, notice))
        return result.stdout
