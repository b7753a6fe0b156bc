#!/usr/bin/env python3
"""Reads what ekgine writes for other programs with packages that are not ours.

read_back.py PROGRAM SAMPLES: runs the program on the sample records in a temporary folder, then
reads scalograms and metadata.json with h5py, the arrays of `ekgine export --npz` with NumPy, and,
where they are installed, the weights with safetensors and the TFRecords with TensorFlow, by the
descriptions in docs/formats.md. Modules that are missing are named; without NumPy or h5py the
script ends with status 77: there is nothing that it could check.
"""

import json
import os
import pathlib
import shutil
import subprocess
import sys
import tempfile

from support import cut_store, module

SKIPPED = 77
RECORDS = ["217", "213"]
KEPT = 300  # beats of a record that the quick part goes on with: two Examples of sequences
T = 2

os.environ["TF_CPP_MIN_LOG_LEVEL"] = "3"
os.environ["CUDA_VISIBLE_DEVICES"] = ""


numpy, h5py = module("numpy"), module("h5py")


def check(condition, text):
    if not condition:
        sys.exit(f"read_back.py: {text}")


def check_equal(found, expected, text):
    check(found.dtype == expected.dtype, f"{text}: {found.dtype}, expected {expected.dtype}")
    check(found.shape == expected.shape, f"{text}: {found.shape}, expected {expected.shape}")
    check(numpy.array_equal(found, expected), f"{text}: other values")


def check_store(store):
    """What the reference's next stage reads: scalograms, and a list of all beats."""
    beats = []
    for record in sorted(RECORDS):
        with h5py.File(store / f"{record}.h5") as file:
            scalograms, labels = file["scalograms"], file["labels"][:]
            check(scalograms.dtype == numpy.float32, f"{record}: scalograms of {scalograms.dtype}")
            check(scalograms.shape == (len(labels), 32, 187), f"{record}: {scalograms.shape}")
            values = scalograms[::50]
            check(numpy.isfinite(values).all() and (values >= 0).all(), f"{record}: no moduli")
            check(values.std() > 0.01, f"{record}: scalograms without any contrast")
        beats += [
            {"record_name": record, "beat_index": i, "label": int(label)}
            for i, label in enumerate(labels)
        ]
    with open(store / "metadata.json") as file:
        check(json.load(file) == beats, "metadata.json: not the beats of the records")
    print(f"h5py, json: {len(beats)} beats")


def check_npz(path, predictions):
    with h5py.File(predictions) as file:
        labels = numpy.concatenate([file[record]["labels"][:] for record in file])
        probabilities = numpy.concatenate([file[record]["probabilities"][:] for record in file])
    check(len(labels) == len(RECORDS) * (KEPT - T + 1), f"predictions.h5: {len(labels)} sequences")
    with numpy.load(path) as arrays:
        check(
            arrays.files == ["y_true", "y_pred_probs", "y_pred_classes"],
            f"the arrays are {arrays.files}",
        )
        check_equal(arrays["y_true"], labels.astype(numpy.int32), "y_true")
        check_equal(arrays["y_pred_probs"], probabilities, "y_pred_probs")
        classes = probabilities.argmax(axis=1).astype(numpy.int64)
        check_equal(arrays["y_pred_classes"], classes, "y_pred_classes")
    print(f"numpy {numpy.__version__}: {len(labels)} predictions")


def check_tfrecords(tf, folder, store):
    features = {name: tf.io.FixedLenFeature([], tf.int64)
                for name in ("num_in_batch", "sequence_len", "height", "width")}
    features |= {name: tf.io.FixedLenFeature([], tf.string)
                 for name in ("sequences_raw", "labels_raw")}
    files = sorted(path.name for path in folder.iterdir())
    check(files == sorted(f"{record}.tfrecord" for record in RECORDS), f"the files are {files}")
    for record in RECORDS:
        sequences, labels, counts = [], [], []
        for message in tf.data.TFRecordDataset(str(folder / f"{record}.tfrecord")):
            example = tf.io.parse_single_example(message, features)
            shape = [example[name] for name in ("num_in_batch", "sequence_len", "height", "width")]
            values = tf.reshape(tf.io.decode_raw(example["sequences_raw"], tf.float32), shape)
            sequences.append(values.numpy())
            labels.append(tf.io.decode_raw(example["labels_raw"], tf.int32).numpy())
            counts.append(int(shape[0]))
        check(counts == [256, KEPT - T + 1 - 256], f"{record}: Examples of {counts} sequences")
        with h5py.File(store / f"{record}.h5") as file:
            scalograms, expected = file["scalograms"][:], file["labels"][:]
        windows = numpy.stack([scalograms[i : i + T] for i in range(KEPT - T + 1)])
        check_equal(numpy.concatenate(sequences), windows, f"{record}: sequences_raw")
        check_equal(numpy.concatenate(labels), expected[T - 1 :], f"{record}: labels_raw")
    print(f"tensorflow {tf.__version__}: {len(RECORDS)} TFRecord files")


def check_weights(safetensors, path):
    with safetensors.safe_open(str(path), framework="numpy") as file:
        metadata, names = file.metadata(), list(file.keys())
        arrays = {name: file.get_tensor(name) for name in names}
    check(metadata["format"] == "ekgine-weights-2", f"the metadata is {metadata}")
    check(json.loads(metadata["model"])["sequence_length"] == T, f"the metadata is {metadata}")
    check(arrays["classifier.weight"].shape == (8, 5), "classifier.weight has another shape")
    check(arrays["normalisation.mean"].shape == (187,), "normalisation.mean has another shape")
    for name, array in arrays.items():
        check(array.dtype == numpy.float32 and numpy.isfinite(array).all(), f"{name} is no weight")
    print(f"safetensors {safetensors.__version__}: {len(arrays)} arrays")


def main():
    program, samples = pathlib.Path(sys.argv[1]).resolve(), pathlib.Path(sys.argv[2]).resolve()
    missing = [name for name in ("numpy", "h5py") if module(name) is None]
    if missing:
        print("not installed:", ", ".join(missing))
        sys.exit(SKIPPED)

    folder = pathlib.Path(tempfile.mkdtemp(prefix="ekgine-interchange-"))
    try:
        def ekgine(*arguments):
            command = [program, *arguments, "--quiet"]
            subprocess.run(command, check=True, stdout=subprocess.DEVNULL)

        whole, part, run = folder / "whole", folder / "part", folder / "run"
        ekgine("preprocess", "--database", samples, "--output", whole, "--scalograms",
               "--records", ",".join(RECORDS))
        check_store(whole)
        cut_store(whole, part, KEPT)
        ekgine("train", "--data", part, "--train-records", RECORDS[0], "--allow-absent-classes",
               "--sequence-length", str(T), "--embed-dim", "8", "--num-heads", "1",
               "--kernel-size", "3", "--epochs", "1", "--output", run)
        ekgine("evaluate", "--data", part, "--weights", run / "model.safetensors",
               "--records", ",".join(RECORDS), "--output", run / "both")
        ekgine("export", "--data", part, "--tfrecord", folder / "tfrecord",
               "--sequence-length", str(T),
               "--predictions", run / "both/predictions.h5", "--npz", folder / "raw.npz")
        check_npz(folder / "raw.npz", run / "both/predictions.h5")
        safetensors, tensorflow = module("safetensors"), module("tensorflow")
        if safetensors is not None:
            check_weights(safetensors, run / "model.safetensors")
        if tensorflow is not None:
            check_tfrecords(tensorflow, folder / "tfrecord", part)
        missing = [name for name in ("safetensors", "tensorflow") if module(name) is None]
        if missing:
            print("not installed, so not read:", ", ".join(missing))
    finally:
        shutil.rmtree(folder)


main()
