"""Models of features: the weights that come with ekgine, and what stores have for them."""

import hashlib
import json
import shutil
import tempfile

import ekgine
import numpy
import support
from support import EVALUATED, Case, beats, ec57_store, model, rhythm

N = 3250  # beats of the record (data/samples/README.md)


def record(unit="mV"):
    return ekgine.Store(ec57_store(), unit).read(EVALUATED)


def evaluated(*options):
    output = support.workspace() / "-".join(["rhythm", *options]).replace("--", "")
    return support.evaluate_with(support.SHIPPED, ec57_store(), output, *options)


def sealed(content, place):
    """`content` with its seal, 64 digits at `place` (base/seal.h)."""
    blank = content[:place] + b"0" * 64 + content[place + 64 :]
    return content[:place] + hashlib.sha256(blank).hexdigest().encode() + content[place + 64 :]


def without_features(folder):
    """A copy of the store in which the record's file does not say that it has features."""
    shutil.copytree(ec57_store(), folder)
    path = folder + f"/{EVALUATED}.h5"
    with open(path, "rb") as file:
        content = file.read()
    assert content.count(b"wave_leads\0") == 1
    content = sealed(content.replace(b"wave_leads\0", b"wave_nones\0"), len(b"ekgine sha256 "))
    with open(path, "wb") as file:
        file.write(content)
    with open(folder + "/store.json", "rb") as file:
        description = file.read()
    entries = {entry["name"]: entry for entry in json.loads(description)["records"]}
    seal = content[len(b"ekgine sha256 ") :][:64]
    description = description.replace(entries[EVALUATED]["sha256"].encode(), seal)
    own = json.loads(description)["sha256"].encode()
    with open(folder + "/store.json", "wb") as file:
        file.write(sealed(description, description.index(own)))
    return ekgine.Store(folder)


class Classifying(Case):
    def test_gives_the_bits_of_the_program(self):
        expected = evaluated().probabilities
        self.assertEqual(expected.shape, (N, 5))
        self.assertGreater(numpy.ptp(expected, axis=0).max(), 0.1)
        for unit in ("mV", "record", "features"):
            with self.subTest(unit):
                self.assert_same_bits(rhythm().classify(record(unit)), expected)
        self.assert_same_bits(rhythm().classify(record().features), expected)

    def test_gives_the_bits_of_the_program_with_one_thread(self):
        self.addCleanup(ekgine.set_threads, 0)
        ekgine.set_threads(1)
        self.assert_same_bits(rhythm().classify(record()),
                              evaluated("--threads", "1").probabilities)

    def test_tells_normal_and_ventricular_beats(self):
        found = rhythm().classify(record()).argmax(axis=1)
        for label in (0, 2):
            of_class = record().labels == label
            self.assertGreater((found[of_class] == label).mean(), 0.8, ekgine.classes[label])

    def test_labels_all_beats_of_short_recordings(self):
        features = record().features
        for count in (0, 1, 2, 31, 63, 64, 65, 96, 97):
            with self.subTest(count=count):
                found = rhythm().classify(features[:count])
                self.assertEqual((found.shape, found.dtype), ((count, 5), numpy.float32))
                numpy.testing.assert_allclose(found.sum(axis=1), 1, atol=1e-5)
        # 64 beats are one window: of 65 its first beat is in no other, and sees the same.
        numpy.testing.assert_allclose(rhythm().classify(features[:64])[0],
                                      rhythm().classify(features[:65])[0], atol=2e-6)
        self.assertGreater(numpy.abs(rhythm().classify(features[:1])[0]
                                     - rhythm().classify(features[:64])[0]).max(), 1e-4)

    def test_encodes_features(self):
        found = rhythm().encode(record().features[:70])
        self.assertEqual(found.shape, (70, 5 * rhythm().config["embed_dim"]))  # five networks
        self.assert_same_bits(rhythm().encode(record()), rhythm().encode(record("features")))
        self.assertEqual(rhythm().encode(record().features[:0]).shape[0], 0)

    def test_tells_what_it_takes(self):
        loaded = rhythm()
        self.assertEqual((loaded.architecture, loaded.unit, loaded.label_map),
                         ("Rhythm_Model", "features", "ec57"))
        self.assertEqual((loaded.beat_width, loaded.sequence_length, loaded.labels_every_beat),
                         (48, 64, True))
        self.assertEqual((model().beat_width, model().labels_every_beat), (187, False))
        self.assertEqual(repr(loaded),
                         "<ekgine.Model Rhythm_Model: sequences of 64 beats in features>")


class Arrays(Case):
    def refuses(self, kind, text, array):
        for call in (rhythm().classify, rhythm().encode):
            with self.subTest(text=text, call=call.__name__):
                self.assert_refused(kind, text, call, array)

    def test_of_other_shapes(self):
        for shape in ((), (48,), (5, 47), (5, 49), (48, 5), (5, 187), (0, 187), (1, 64, 48),
                      (5, 0)):
            self.refuses(ValueError, "beats: have the shape (" + ",".join(map(str, shape)) +
                         "), expected (n,48) of features", numpy.zeros(shape, numpy.float32))

    def test_of_other_types(self):
        features = record().features[:5]
        for array, found in ((features.astype(numpy.float64), "an array of float64"),
                             (features.astype(numpy.int32), "an array of int32"),
                             (features.tolist(), "a list"), (None, "a NoneType")):
            self.refuses(TypeError, f"beats: {found}", array)

    def test_that_are_scattered(self):
        features = record().features
        for array in (features[::2], numpy.asfortranarray(features[:10])):
            self.refuses(ValueError, "beats: the array is not contiguous", array)

    def test_with_values_that_are_not_finite(self):
        for value, text in ((numpy.nan, "nan"), (numpy.inf, "inf")):
            array = record().features[:5].copy()
            array[4, 47] = value
            self.refuses(ValueError, f"beats: beat 4, feature 47 is {text}, expected a finite",
                         array)

    def test_samples_and_features_are_told_apart(self):
        self.refuses(ValueError, "beats: have the shape (70,187), expected (n,48) of features",
                     beats(70))
        self.assert_refused(ValueError, "expected (n,187) or (n,3,187) of samples",
                            model().classify, record().features)
        for call in (model().classify, model().encode):
            self.assert_refused(ValueError, "amplitude is features, the model takes record", call,
                                record("features"))
        self.assert_refused(ValueError, "expected (n,187) of samples", ekgine.measure,
                            record().features, "record")


class Stores(Case):
    def test_give_features_as_views(self):
        for unit in ("mV", "deviation", "features"):
            with self.subTest(unit):
                found = record(unit)
                self.assertEqual(found.unit, unit)
                self.assert_view_of(found.features, "f4", (N, 48))
                self.assertEqual(found.features.ctypes.data, found.features.ctypes.data)
                self.assert_same_bits(found.features, record().features)
        self.assertTrue(numpy.isfinite(record().features).all())
        # Column 0 is the interval before the beat (data/beat_features.h). R is where the detector
        # puts it, beside the annotation.
        intervals = numpy.diff(record().r_samples) / 360
        error = 0.8 * numpy.exp(record().features[1:, 0]) - intervals
        self.assertLess(numpy.median(numpy.abs(error)), 0.01)

    def test_give_features_as_beats(self):
        self.assert_view_of(record("features").beats, "f4", (N, 48))
        found = record("features")
        self.assertTrue(numpy.shares_memory(found.beats, found.features))
        self.assertIn("beats in features", repr(ekgine.Store(ec57_store(), "features")))
        self.assert_refused(ValueError, "'features'", ekgine.measure, record().beats, "features")

    def test_give_waves(self):
        store = ekgine.Store(ec57_store())
        waves = store.read_waves(EVALUATED)
        self.assertEqual((waves.shape, waves.dtype), ((N, 2, 96), numpy.float32))
        self.assertTrue(waves.flags.writeable)
        ranges = numpy.median(numpy.ptp(waves, axis=2), axis=0)
        numpy.testing.assert_allclose(ranges, 1, atol=1e-5)  # in typical beats
        self.assert_refused(ValueError, "record 999 is not in the store", store.read_waves, "999")

    def test_without_features(self):
        with tempfile.TemporaryDirectory() as folder:
            store = without_features(folder + "/store")
            text = "has no features: its store is an older one (run preprocess again)"
            old = store.read(EVALUATED)
            self.assert_same_bits(old.beats, record().beats)
            self.assert_refused(ValueError, text, getattr, old, "features")
            self.assert_refused(ValueError, text, rhythm().classify, old)
            self.assert_refused(ValueError, text, rhythm().encode, old)
            self.assert_refused(ValueError, text,
                                ekgine.Store(folder + "/store", "features").read, EVALUATED)
            self.assert_refused(ValueError, "has no waves of its beats; run", store.read_waves,
                                EVALUATED)
            self.assertEqual(store.read(support.TRAINED_ON).features.shape[1], 48)
