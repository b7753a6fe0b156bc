"""Weights: classifying and encoding arrays of beats."""

import os
import shutil
import tempfile
import unittest

import ekgine
import numpy
import support
from support import Case, beats, evaluated, model, record, weights

T = 3


class Classifying(Case):
    def test_gives_the_bits_of_the_program(self):
        self.assert_same_bits(model().classify(record()), evaluated().probabilities)
        # Not because nothing depends on the beats.
        self.assertGreater(numpy.ptp(evaluated().probabilities, axis=0).max(), 0.1)

    def test_gives_the_bits_of_the_program_with_one_thread(self):
        self.addCleanup(ekgine.set_threads, 0)
        ekgine.set_threads(1)
        self.assertEqual(ekgine.threads(), 1)
        self.assertIn("1 thread", model().device)
        expected = evaluated("--threads", "1").probabilities
        self.assert_same_bits(model().classify(record()), expected)

    def test_gives_the_bits_of_the_program_in_bfloat16(self):
        rounded = ekgine.load(weights(), precision="bf16").classify(record())
        self.assert_same_bits(rounded, evaluated("--precision", "bf16").probabilities)
        self.assertFalse(numpy.array_equal(rounded, evaluated().probabilities))

    def test_gives_the_bits_that_are_exported(self):
        evaluated()
        file = support.workspace() / "exported.npz"
        support.program("export", "--predictions",
                        support.workspace() / "evaluation/predictions.h5", "--npz", file)
        self.assert_same_bits(model().classify(record()), numpy.load(file)["y_pred_probs"])

    def test_takes_an_array_of_a_recording(self):
        whole = model().classify(record())
        self.assertEqual(whole.shape, (len(record()) - T + 1, 5))
        self.assert_same_bits(model().classify(record().beats), whole)
        numpy.testing.assert_allclose(whole.sum(axis=1), 1, atol=1e-5)

    def test_takes_sequences(self):
        # More than one chunk of them.
        windows = numpy.lib.stride_tricks.sliding_window_view(beats(302), T, axis=0)
        sequences = numpy.ascontiguousarray(windows.transpose(0, 2, 1))
        found = model().classify(sequences)
        self.assertEqual(found.shape, (300, 5))
        # As near as training/step_test wants sequences alone to be to the whole recording.
        numpy.testing.assert_allclose(found, model().classify(beats(302)), rtol=0, atol=2e-6)
        self.assert_same_bits(model().classify(sequences), found)
        # Their order is theirs alone, but for the last bits.
        reversed_ = model().classify(sequences[::-1].copy())[::-1]
        numpy.testing.assert_allclose(reversed_, found, rtol=0, atol=2e-6)

    def test_takes_the_fewest(self):
        self.assertEqual(model().classify(beats(T)).shape, (1, 5))
        none = model().classify(numpy.empty((0, T, 187), numpy.float32))
        self.assertEqual((none.shape, none.dtype), ((0, 5), numpy.float32))
        self.assert_refused(ValueError, "a recording of 2 beats holds no sequence of 3",
                            model().classify, beats(2))
        self.assert_refused(ValueError, "a recording of 0 beats holds no sequence of 3",
                            model().classify, beats(0))

    def test_gives_an_array_that_is_the_callers(self):
        found = model().classify(beats(5))
        kept = found.copy()
        self.assertTrue(found.flags.writeable)
        model().classify(beats(9))
        self.assert_same_bits(found, kept)
        found[...] = 0

    def test_reads_arrays_of_any_owner(self):
        expected = model().classify(beats(40))
        with tempfile.NamedTemporaryFile() as file:
            file.write(beats(40).tobytes())
            file.flush()
            mapped = numpy.memmap(file.name, numpy.float32, "r", shape=(40, 187))
            self.assert_same_bits(model().classify(mapped), expected)
        self.assert_same_bits(model().classify(memoryview(beats(40))), expected)
        # One row, whatever its stride is called.
        row = numpy.lib.stride_tricks.as_strided(beats(1), (1, 187), (8, 4))
        self.assert_same_bits(model().encode(row), model().encode(beats(1)))


class Encoding(Case):
    def test_gives_a_row_per_beat(self):
        features = model().encode(beats(70))
        self.assertEqual((features.shape, features.dtype), ((70, 16), numpy.float32))
        self.assertTrue(numpy.isfinite(features).all())
        self.assertGreater(numpy.ptp(features, axis=0).max(), 1e-3)
        numpy.testing.assert_allclose(model().encode(beats(70)[40:41]), features[40:41], atol=1e-5)

    def test_takes_a_record(self):
        self.assert_same_bits(model().encode(record())[:64], model().encode(beats(64)))

    def test_takes_no_beats(self):
        self.assertEqual(model().encode(beats(0)).shape, (0, 16))


class Arrays(Case):
    """What is no array of beats is refused, by both calls."""

    def refuses(self, kind, text, array):
        for call in (model().classify, model().encode):
            with self.subTest(text=text, call=call.__name__):
                self.assert_refused(kind, text, call, array)

    def test_of_other_types(self):
        for array, found in (
            (beats(5).tolist(), "a list"),
            (None, "a NoneType"),
            ("beats", "a str"),
            (beats(5).tobytes(), "a bytes"),
            (beats(5).astype(numpy.float64), "an array of float64"),
            (beats(5).astype(numpy.float16), "an array of float16"),
            (beats(5).astype(">f4"), "an array of >f4"),
            (beats(5).astype(numpy.int32), "an array of int32"),
            (beats(5).view(numpy.int32), "an array of int32"),
            (beats(5).astype(numpy.complex64), "an array of complex64"),
            (beats(5).astype(bool), "an array of bool"),
            (beats(5).astype(object), "an array of object"),
            (beats(5).astype("U4"), "an array of <U4"),
            (numpy.zeros(5, "f4,f4"), "an array of [('f0'"),
        ):
            self.refuses(TypeError, f"beats: {found}", array)

    def test_of_other_shapes(self):
        for shape in ((), (187,), (5, 186), (5, 188), (187, 5), (5, 2, 187), (5, 4, 187),
                      (5, T, 186), (1, 5, T, 187), (5, 187, 0), (0, 0)):
            self.refuses(ValueError, "beats: have the shape (" + ",".join(map(str, shape)) + ")",
                         numpy.zeros(shape, numpy.float32))
        self.assert_refused(ValueError, "expected (n,187) or (n,3,187)", model().classify,
                            numpy.zeros(187, numpy.float32))
        self.assert_refused(ValueError, "expected (n,187)", model().encode,
                            numpy.zeros((5, T, 187), numpy.float32))

    def test_that_are_scattered(self):
        wide = numpy.zeros((10, 400), numpy.float32)
        bytes_ = numpy.zeros(5 * 187 * 4 + 1, numpy.uint8)
        for array in (beats(10)[::2], beats(10)[::-1], wide[:, :187], wide[:, ::2][:, :187],
                      numpy.asfortranarray(beats(10)), numpy.broadcast_to(beats(1), (5, 187)),
                      bytes_[1:].view(numpy.float32).reshape(5, 187)):
            self.refuses(ValueError, "beats: the array is not contiguous", array)

    def test_with_values_that_are_not_finite(self):
        for value, text in ((numpy.nan, "nan"), (numpy.inf, "inf"), (-numpy.inf, "-inf")):
            array = beats(5).copy()
            array[4, 186] = value
            self.refuses(ValueError, f"beats: beat 4, sample 186 is {text}, expected a finite",
                         array)

    def test_records_of_another_unit(self):
        other = ekgine.Store(support.workspace() / "store").read(support.EVALUATED)
        self.assert_refused(ValueError, "the beats' amplitude is mV, the model takes record",
                            model().classify, other)
        self.assert_refused(ValueError, "the beats' amplitude is mV, the model takes record",
                            model().encode, other)


class Loading(Case):
    def setUp(self):
        self.folder = tempfile.mkdtemp()
        self.addCleanup(shutil.rmtree, self.folder)

    def path(self, name):
        return os.path.join(self.folder, name)

    def write(self, name, content):
        with open(self.path(name), "wb") as file:
            file.write(content)
        return self.path(name)

    def test_tells_what_was_loaded(self):
        self.assertEqual(model().architecture, "Main_Model")
        self.assertEqual(model().sequence_length, T)
        self.assertEqual(model().unit, "record")
        self.assertEqual(model().label_map, "reference")
        self.assertEqual(model().config["embed_dim"], 16)
        self.assertEqual(model().config["amplitude"], "record")
        self.assertIn("thread", model().device)
        self.assertEqual(repr(model()), "<ekgine.Model Main_Model: sequences of 3 beats in record>")

    def test_paths_of_all_kinds(self):
        for path in (weights(), str(weights())):
            self.assertEqual(ekgine.load(path).architecture, "Main_Model")
        odd = os.path.join(os.fsencode(self.folder), b"\xff\n.safetensors")
        shutil.copy(weights(), odd)
        self.assertEqual(ekgine.load(os.fsdecode(odd)).architecture, "Main_Model")
        with open(odd, "wb") as file:
            file.write(b"none")
        self.assert_refused(ValueError, "\\xff\\n.safetensors: ", ekgine.load, os.fsdecode(odd))

    def test_keras(self):
        support.program("convert", weights(), self.path("model.keras"))
        self.assert_same_bits(ekgine.load(self.path("model.keras")).classify(beats(40)),
                              model().classify(beats(40)))

    def test_keras_without_normalisation(self):
        fixture = support.ROOT / "tests/model/fixtures/Main_Model.keras"
        self.assert_refused(ValueError, "carries no normalisation statistics", ekgine.load, fixture)

    def test_what_is_not_there(self):
        with self.assertRaises(FileNotFoundError) as caught:
            ekgine.load(self.path("none.safetensors"))
        self.assertEqual(caught.exception.filename, self.path("none.safetensors"))
        self.assert_refused(ValueError, self.folder, ekgine.load, self.folder)
        for path in (None, 3, "a\0b"):
            with self.assertRaises((TypeError, ValueError)):
                ekgine.load(path)

    @unittest.skipIf(os.geteuid() == 0, "root may read everything")
    def test_what_may_not_be_read(self):
        path = self.write("model.safetensors", b"")
        os.chmod(path, 0)
        with self.assertRaises(PermissionError):
            ekgine.load(path)

    def test_damaged_files(self):
        content = weights().read_bytes()
        flipped = bytearray(content)
        flipped[len(content) // 2] ^= 1
        for damaged in (b"", b"none", content[:-1], content[: len(content) // 2], bytes(flipped)):
            path = self.write("damaged.safetensors", damaged)
            self.assert_refused(ValueError, path + ": ", ekgine.load, path)

    def test_options(self):
        self.assert_refused(ValueError, "device: 'gpu', expected one of auto, cpu, cuda",
                            ekgine.load, weights(), device="gpu")
        self.assert_refused(ValueError, "precision: 'f16', expected one of f32, tf32, bf16",
                            ekgine.load, weights(), precision="f16")
        self.assert_refused(ValueError, "precision tf32 needs the device cuda", ekgine.load,
                            weights(), device="cpu", precision="tf32")
        with self.assertRaises(TypeError):
            ekgine.load(weights(), "cpu")
        with self.assertRaises(TypeError):
            ekgine.Model()
