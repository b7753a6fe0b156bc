#!/usr/bin/env python3
"""Loads what `ekgine convert` writes in Keras of several versions, and what those write in ekgine.

keras_versions.py PROGRAM FOLDER [VERSION...]: puts JAX, which Keras computes with here, and each
version of Keras into FOLDER, from PyPI, unless it is there already (some 500 MB). Without versions:
the oldest that reads its files as later ones do, the last two before Functional models were written
in another way, the first after, and the newest. For each of the four architectures:

- ekgine's .keras file loads, its variables are those of the file that Keras 3.8 wrote, and its
  probabilities those of tests/model/fixtures/keras_models.json, which ekgine's own are tested with;
- saved again, and built and saved by this version, ekgine reads the same arrays bit for bit.
"""

import json
import os
import pathlib
import subprocess
import sys
import tempfile
import venv
import zipfile

VERSIONS = ["3.6.0", "3.8.0", "3.10.0", "3.11.3", "newest"]
PACKAGES = ["jax[cpu]", "numpy", "h5py", "pywavelets", "absl-py", "rich", "namex", "optree",
            "ml-dtypes", "packaging"]
MODELS = ["Main_Model", "AttentionOnly", "CNNLSTM_Model", "Baseline_Model"]
FIXTURES = pathlib.Path(__file__).resolve().parent.parent / "model/fixtures"
TOLERANCE = 2e-6  # of probabilities: float32 here, float64 in the fixtures


def check(condition, text):
    if not condition:
        sys.exit(f"keras_versions.py: {text}")


def arrays(path):
    """Shape and bytes of every array of a safetensors file."""
    content = path.read_bytes()
    start = 8 + int.from_bytes(content[:8], "little")
    header = json.loads(content[8:start])
    found = {}
    for name, entry in header.items():
        if name != "__metadata__":
            first, last = entry["data_offsets"]
            found[name] = entry["dtype"], entry["shape"], content[start + first : start + last]
    return found


def check_version(program):
    """In a process whose `keras` is the version to check."""
    sys.path.insert(0, str(FIXTURES))
    import keras
    import keras_models
    import numpy

    def load(path):
        return keras.models.load_model(path, custom_objects={
            block.__name__: block
            for block in (keras_models.ConformerBlock, keras_models.AttentionOnlyBlock)})

    expected = json.loads((FIXTURES / "keras_models.json").read_text())
    inputs = keras_models.sequences(expected)
    with tempfile.TemporaryDirectory(prefix="ekgine-keras-") as folder:
        folder = pathlib.Path(folder)

        def convert(source, target):
            subprocess.run([program, "convert", source, folder / target, "--quiet"], check=True,
                           stdout=subprocess.DEVNULL)
            return folder / target

        for name in MODELS:
            ours = arrays(convert(FIXTURES / f"{name}.keras", "ours.safetensors"))
            model = load(convert(folder / "ours.safetensors", "ours.keras"))
            # From 3.11 on, Keras itself does not load the models that 3.8 wrote: their variables only.
            keras.utils.clear_session()
            built = keras_models.build(name)
            with zipfile.ZipFile(FIXTURES / f"{name}.keras") as archive:
                (folder / "theirs.weights.h5").write_bytes(archive.read("model.weights.h5"))
            built.load_weights(folder / "theirs.weights.h5")
            theirs = built.get_weights()
            weights = model.get_weights()
            check(len(weights) == len(theirs) and all(map(numpy.array_equal, weights, theirs)),
                  f"{name}: other variables")
            found = numpy.array(model(inputs, training=False), dtype=numpy.float64).ravel()
            worst = numpy.abs(found - expected["probabilities"][name]).max()
            check(worst < TOLERANCE, f"{name}: probabilities differ by {worst:.1e}")

            model.save(folder / "again.keras")
            check(arrays(convert(folder / "again.keras", "again.safetensors")) == ours,
                  f"{name}: saved again, other arrays")
            built.save(folder / "built.keras")
            check(arrays(convert(folder / "built.keras", "built.safetensors")) == ours,
                  f"{name}: built and saved, other arrays")
            print(f"Keras {keras.__version__}, {name}: {len(weights)} variables, probabilities "
                  f"within {worst:.0e}", flush=True)


def installed(folder, version):
    """The folder of this version of Keras; the interpreter beside it has what Keras needs."""
    python = folder / "python/bin/python"
    pip = [python, "-m", "pip", "install", "--quiet", "--disable-pip-version-check"]
    if not python.exists():
        venv.create(folder / "python", with_pip=True)
        subprocess.run([*pip, *PACKAGES], check=True)
    target = folder / f"keras-{version}"
    if version == "newest" or not target.exists():
        package = "keras" if version == "newest" else f"keras=={version}"
        subprocess.run([*pip, "--no-deps", "--upgrade", "--target", target, package], check=True)
    return python, target


def main():
    if sys.argv[1] == "--one":
        check_version(sys.argv[2])
        return
    program, folder = (pathlib.Path(argument).resolve() for argument in sys.argv[1:3])
    failed = []
    for version in sys.argv[3:] or VERSIONS:
        python, target = installed(folder, version)
        environment = os.environ | {"PYTHONPATH": str(target), "KERAS_BACKEND": "jax",
                                    "JAX_PLATFORMS": "cpu"}
        command = [python, __file__, "--one", program]
        if subprocess.run(command, env=environment).returncode != 0:
            failed.append(version)
    check(not failed, f"failed with Keras {', '.join(failed)}")


main()
