"""Stores, records and predictions as arrays."""

import gc
import os
import shutil
import tempfile
import warnings

import ekgine
import numpy
import support
from support import Case, evaluated, workspace

N = 3250  # beats of the record (data/samples/README.md)


class Stores(Case):
    def store(self, *arguments):
        return ekgine.Store(workspace() / "store", *arguments)

    def test_tell_what_they_are(self):
        self.assertEqual(sorted(self.store().records), ["213", "217"])
        self.assertEqual(self.store().label_map, "reference")
        self.assertEqual(self.store().unit, "mV")
        self.assertEqual(self.store("deviation").unit, "deviation")
        self.assertIn("2 records, beats in mV", repr(self.store()))

    def test_give_records_as_views(self):
        record = self.store().read("213")
        self.assertEqual((record.name, record.lead, record.unit, len(record)),
                         ("213", "MLII", "mV", N))
        for name, dtype, shape in (("beats", "f4", (N, 187)), ("labels", "i4", (N,)),
                                   ("symbols", "u1", (N,)), ("r_samples", "i8", (N,))):
            with self.subTest(name):
                array = getattr(record, name)
                self.assert_view_of(array, dtype, shape)
                self.assertTrue(array.flags.c_contiguous)
                again = getattr(record, name)
                self.assertEqual(array.ctypes.data, again.ctypes.data)

    def test_give_what_is_in_the_record(self):
        record = self.store().read("213")
        counts = numpy.bincount(record.labels, minlength=5)
        self.assertEqual(counts.tolist(), [2640, 28, 220, 362, 0])
        symbols = record.symbols.tobytes().decode()
        self.assertEqual((symbols.count("V"), symbols.count("F")), (220, 362))
        self.assertTrue((numpy.diff(record.r_samples) > 0).all())
        # The R waves are in the middle.
        self.assertGreater(numpy.median(record.beats[:, 93]), numpy.median(record.beats[:, 40]))

    def test_views_keep_the_record(self):
        expected = self.store().read("213").beats.copy()
        view = self.store().read("213").beats[5:]  # of a record that nobody else has
        gc.collect()
        filler = [numpy.full((N, 187), 7, numpy.float32) for _ in range(4)]
        self.assert_same_bits(view.copy(), expected[5:])
        del filler

    def test_measure_as_asked(self):
        record = self.store().read("213")
        for unit in ("mV", "centred", "record", "deviation"):
            with self.subTest(unit):
                self.assert_same_bits(ekgine.measure(record.beats, unit),
                                      self.store(unit).read("213").beats)
        self.assertAlmostEqual(numpy.abs(numpy.median(self.store("centred").read("213").beats,
                                                      axis=1)).max(), 0, places=6)

    def test_measure_refuses(self):
        beats = self.store().read("213").beats
        self.assert_refused(ValueError, "'volt'", ekgine.measure, beats, "volt")
        self.assert_refused(TypeError, "array of float64", ekgine.measure,
                            beats.astype(numpy.float64), "record")
        self.assert_refused(ValueError, "expected (n,187)", ekgine.measure, beats[0], "record")
        self.assert_refused(ValueError, "flat", ekgine.measure,
                            numpy.ones((3, 187), numpy.float32), "record")
        self.assertEqual(ekgine.measure(beats[:0], "record").shape, (0, 187))

    def test_refuse(self):
        self.assert_refused(ValueError, "record 999 is not in the store", self.store().read, "999")
        self.assert_refused(ValueError, "'volt'", self.store, "volt")
        with self.assertRaises(FileNotFoundError):
            ekgine.Store(workspace() / "none")
        self.assert_refused(ValueError, "store.json is missing", ekgine.Store, workspace())
        with self.assertRaises(TypeError):
            self.store().read(213)

    def test_records_are_made_by_stores_alone(self):
        with self.assertRaises(TypeError):
            ekgine.Record()
        for name in ("beats", "features", "labels", "symbols", "r_samples", "unit"):
            with self.subTest(name), self.assertRaises(TypeError):
                getattr(ekgine.Record, name).__get__(5)
            with self.subTest(name), self.assertRaises(TypeError), warnings.catch_warnings():
                warnings.simplefilter("ignore")  # nanobind's own
                getattr(ekgine.Record.__new__(ekgine.Record), name)

    def test_damaged_records_are_refused(self):
        with tempfile.TemporaryDirectory() as folder:
            shutil.copytree(workspace() / "store", folder + "/store")
            content = bytearray((workspace() / "store/213.h5").read_bytes())
            content[len(content) // 2] ^= 1
            with open(folder + "/store/213.h5", "wb") as file:
                file.write(content)
            store = ekgine.Store(folder + "/store")
            self.assert_refused(ValueError, "is damaged", store.read, "213")
            for size in (len(content) - 1, len(content) // 2, 0):
                os.truncate(folder + "/store/213.h5", size)
                self.assert_refused(ValueError, "213.h5", store.read, "213")
            self.assertEqual(len(store.read("217")), 2208)
            shutil.rmtree(folder + "/store")
            self.assert_refused(ValueError, "213.h5", store.read, "213")


class Predictions(Case):
    def test_are_views(self):
        self.assertEqual((evaluated().record, len(evaluated())), ("213", N - 2))
        self.assert_view_of(evaluated().probabilities, "f4", (N - 2, 5))
        self.assert_view_of(evaluated().labels, "i4", (N - 2,))
        self.assert_view_of(evaluated().r_samples, "i8", (N - 2,))
        self.assertTrue(numpy.shares_memory(evaluated().labels, evaluated().labels))

    def test_are_of_the_sequences_last_beats(self):
        record = support.record()
        numpy.testing.assert_array_equal(evaluated().labels, record.labels[2:])
        numpy.testing.assert_array_equal(evaluated().r_samples, record.r_samples[2:])

    def test_keep_their_memory(self):
        path = workspace() / "run/predictions.h5"
        labels = ekgine.read_predictions(path)["213"].labels
        gc.collect()
        numpy.testing.assert_array_equal(labels, evaluated().labels)

    def test_of_damaged_files(self):
        content = (workspace() / "run/predictions.h5").read_bytes()
        path = workspace() / "damaged.h5"
        for damaged in (content[:-1], content[: len(content) // 2], b""):
            path.write_bytes(damaged)
            self.assert_refused(ValueError, "damaged.h5", ekgine.read_predictions, path)

    def test_refuse(self):
        with self.assertRaises(FileNotFoundError):
            ekgine.read_predictions(workspace() / "none.h5")
        for name in ("store/213.h5", "store/store.json", "run"):
            self.assert_refused(ValueError, name, ekgine.read_predictions, workspace() / name)


class Files(Case):
    def test_of_h5py_in_the_same_process(self):
        try:
            import h5py
        except ImportError:
            self.skipTest("h5py is missing")
        with h5py.File(workspace() / "store/213.h5") as file:
            numpy.testing.assert_array_equal(file["beats"][:],
                                             ekgine.Store(workspace() / "store").read("213").beats)
        # Without r_samples and without a seal, as the reference writes them: read in a child process.
        path = workspace() / "others.h5"
        with h5py.File(path, "w") as file:
            group = file.create_group("100")
            group["probabilities"] = numpy.full((4, 5), 0.2, numpy.float32)
            group["labels"] = numpy.zeros(4, numpy.int32)
        found = self.run_python(
            "import ekgine;"
            "p = ekgine.read_predictions('others.h5')['100'];"
            "print(p.r_samples, p.labels.tolist(), p.probabilities.shape)",
            notice="others.h5: has no checksum; taken as it is\n")
        self.assertEqual(found, "None [0, 0, 0, 0] (4, 5)\n")
