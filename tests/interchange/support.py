"""What the scripts here share."""

import importlib
import json


def module(name):
    """A module, or None where it is not installed."""
    try:
        return importlib.import_module(name)
    except ImportError:
        return None


def cut_store(whole, part, kept):
    """A store with less in it: the first beats of every record, made by h5py, without checksums."""
    import h5py
    import numpy

    part.mkdir()
    with open(whole / "store.json") as file:
        description = json.load(file)
    del description["sha256"]
    description["version"] = 2
    for record in description["records"]:
        name = record["name"] + ".h5"
        del record["sha256"]
        with h5py.File(whole / name) as source, h5py.File(part / name, "w") as target:
            for key, value in source.attrs.items():
                target.attrs[key] = value
            target.attrs["version"] = 2
            for key, dataset in source.items():
                target[key] = dataset[:kept]
            counts = numpy.bincount(target["labels"][:], minlength=5)
        record["counts"], record["beats"] = counts.tolist(), kept
    with open(part / "store.json", "w") as file:
        json.dump(description, file)
