"""Recordings in memory: their beats found and labelled, as by `ekgine classify`."""

import csv
import gc
import json
import os
import signal
import threading
import time

import ekgine
import numpy
import support
from support import EVALUATED, Case, leads, model, rhythm


def classified(recording, name, *options):
    """The rows of the table, and the result, that `ekgine classify` writes of a recording."""
    output = support.workspace() / f"classified-{name}"
    support.program("classify", recording, "--output", output, *options)
    stem = os.path.splitext(os.path.basename(recording))[0]
    with open(output / f"{stem}.ekg.csv", newline="") as table:
        rows = list(csv.DictReader(table))
    return rows, json.loads((output / f"{stem}.ekg.json").read_text())


def table_of(samples, name):
    """A table of samples for the program, to the bit."""
    path = support.workspace() / name
    rows = numpy.atleast_2d(samples).T
    path.write_text("\n".join(",".join(f"{x:.9g}" for x in row) for row in rows) + "\n")
    return path


class Recordings(Case):
    def assert_as_the_program(self, found, program):
        rows, result = program
        self.assertEqual(found.r_samples.tolist(), [int(row["sample"]) for row in rows])
        self.assertEqual([ekgine.classes[label] for label in found.labels],
                         [row["label"] for row in rows])
        self.assertEqual([[f"{p:.4f}" for p in beat] for beat in found.probabilities],
                         [[row[name] for name in ekgine.classes] for row in rows])
        self.assertEqual((len(found), found.left_out), (result["beats"], result["left_out"]))
        self.assertEqual(found.unreadable.tolist(), result["unreadable"])

    def test_are_labelled_as_by_the_program(self):
        found = rhythm().classify_recording(leads(), 360)
        self.assert_as_the_program(found, classified(support.ROOT / "data/samples" / EVALUATED,
                                                     "rhythm"))
        self.assertEqual(sorted(set(found.labels)), [0, 1, 2, 3])
        self.assertTrue((found.probabilities.argmax(axis=1) == found.labels).all())

    def test_are_labelled_by_models_of_samples(self):
        found = model().classify_recording(leads(), 360)
        program = classified(support.ROOT / "data/samples" / EVALUATED, "samples", "--weights",
                             support.weights(), "--label-map", "reference")
        self.assert_as_the_program(found, program)
        # Which read no second lead.
        alone = model().classify_recording(leads()[0], 360)
        self.assert_same_bits(alone.probabilities.copy(), found.probabilities.copy())

    def test_of_one_lead(self):
        short = leads()[:1, :20_000]
        found = rhythm().classify_recording(short, 360)
        self.assert_as_the_program(found, classified(table_of(short, "one.csv"), "one", "--rate",
                                                     "360"))
        for same in (short[0], numpy.concatenate([short, numpy.full_like(short, numpy.nan)])):
            again = rhythm().classify_recording(same, 360)
            self.assert_same_bits(again.probabilities.copy(), found.probabilities.copy())
        two = rhythm().classify_recording(leads()[:, :20_000].copy(), 360)
        self.assertFalse(numpy.array_equal(two.probabilities, found.probabilities))

    def test_of_another_rate_with_gaps(self):
        rough = leads()[:, :20_000].copy()
        rough[0, 5_000:6_000] = numpy.nan  # 4 s: not read
        rough[0, 9_000:9_030] = numpy.nan  # bridged
        rough[1, 12_000:14_000] = numpy.nan
        for name, classifier, options in (
                ("rhythm", rhythm(), ()),
                ("samples", model(), ("--weights", support.weights(), "--label-map", "reference"))):
            with self.subTest(name):
                found = classifier.classify_recording(rough, 250)
                self.assert_as_the_program(found, classified(
                    table_of(rough, f"gaps-{name}.csv"), f"gaps-{name}", "--rate", "250", *options))
                self.assertEqual(found.unreadable.tolist(), [[5_000, 6_000]])
        self.assertGreater(len(found), 50)

    def test_give_the_same_bits_with_any_number_of_threads(self):
        self.addCleanup(ekgine.set_threads, 0)
        found = []
        for threads in (1, 2, 3):
            ekgine.set_threads(threads)
            found.append(rhythm().classify_recording(leads(), 360))
            self.assert_same_bits(found[-1].probabilities.copy(), found[0].probabilities.copy())
            numpy.testing.assert_array_equal(found[-1].r_samples, found[0].r_samples)

    def test_gives_views_that_keep_the_recording(self):
        found = rhythm().classify_recording(leads()[:, :20_000].copy(), 360)
        n = len(found)
        self.assertEqual(repr(found), f"<ekgine.Classification: {n} beats>")
        self.assert_view_of(found.r_samples, "i8", (n,))
        self.assert_view_of(found.labels, "i4", (n,))
        self.assert_view_of(found.probabilities, "f4", (n, 5))
        self.assertEqual((found.unreadable.shape, found.unreadable.dtype), ((0, 2), numpy.int64))
        view, expected = found.probabilities[3:], found.probabilities[3:].copy()
        del found
        gc.collect()
        filler = [numpy.full((n, 8), 7, numpy.float32) for _ in range(8)]
        self.assert_same_bits(view.copy(), expected)
        del filler

    def test_leaves_the_samples_alone(self):
        samples = leads()[:, :20_000].copy()
        samples[0, 700:800] = numpy.nan
        kept = samples.copy()
        samples.setflags(write=False)
        rhythm().classify_recording(samples, 360)
        self.assert_same_bits(samples, kept)


class Refusals(Case):
    def refuses(self, kind, text, samples, rate=360.0):
        for classifier in (model(), rhythm()):
            self.assert_refused(kind, text, classifier.classify_recording, samples, rate)

    def test_of_other_types(self):
        short = leads()[:, :1000].copy()
        for samples, found in ((short.astype(numpy.float64), "an array of float64"),
                               (short.astype(numpy.int16), "an array of int16"),
                               (short[0].tolist(), "a list"), (None, "a NoneType"),
                               ("samples", "a str")):
            self.refuses(TypeError, f"samples: {found}, expected a NumPy array of float32: "
                         "numpy.ascontiguousarray(samples, dtype=numpy.float32)", samples)

    def test_of_other_shapes(self):
        for shape in ((), (0,), (2, 0), (0, 2), (3, 1000), (1000, 2), (1, 2, 1000)):
            self.refuses(ValueError, "samples: have the shape (" + ",".join(map(str, shape)) +
                         "), expected (n), (1,n) or (2,n)", numpy.zeros(shape, numpy.float32))
        for scattered in (leads()[:, ::2], leads()[:, :1000], leads()[0, ::-1]):
            self.refuses(ValueError, "samples: the array is not contiguous", scattered)

    def test_of_infinite_samples(self):
        for value, text in ((numpy.inf, "inf"), (-numpy.inf, "-inf")):
            samples = leads()[:, :1000].copy()
            samples[1, 7] = value
            self.refuses(ValueError, f"samples: lead 1, sample 7 is {text}, expected mV", samples)

    def test_of_other_rates(self):
        for rate, text in ((99.9, "99.9"), (0, "0"), (-360, "-360"), (10_001, "10001"),
                           (numpy.nan, "nan"), (numpy.inf, "inf")):
            self.refuses(ValueError, f"rate: the sampling frequency is {text} Hz, expected 100 to",
                         leads()[0], rate)
        for rate in (None, "360", 1j):
            with self.assertRaises(TypeError):
                model().classify_recording(leads()[0], rate)
        with self.assertRaises(TypeError):
            model().classify_recording(leads()[0])

    def test_of_recordings_without_beats(self):
        for samples in (numpy.zeros(1, numpy.float32), numpy.zeros(10, numpy.float32),
                        numpy.zeros((2, 20_000), numpy.float32),
                        numpy.full(20_000, numpy.nan, numpy.float32)):
            self.refuses(ValueError, "no beats were found", samples)


class Interruptions(Case):
    def test_ctrl_c_ends_a_call(self):
        before = signal.signal(signal.SIGINT, signal.default_int_handler)
        self.addCleanup(signal.signal, signal.SIGINT, before)
        samples = numpy.tile(leads(), (1, 20))  # ten hours
        for classifier in (model(), rhythm()):
            with self.subTest(classifier.architecture):
                timer = threading.Timer(0.3, os.kill, (os.getpid(), signal.SIGINT))
                start = time.monotonic()
                timer.start()
                with self.assertRaises(KeyboardInterrupt):
                    classifier.classify_recording(samples, 360)
                timer.join()
                self.assertLess(time.monotonic() - start, 20)
        # And they are none the worse for it.
        self.assertGreater(len(rhythm().classify_recording(leads(), 360)), 3000)

    def test_handlers_may_call_the_model(self):
        short = leads()[:, :20_000].copy()
        expected, found = rhythm().classify_recording(short, 360), []

        def classify(number, frame):
            found.append(rhythm().classify_recording(short, 360))

        before = signal.signal(signal.SIGALRM, classify)
        self.addCleanup(signal.signal, signal.SIGALRM, before)
        signal.setitimer(signal.ITIMER_REAL, 0.05)
        whole = rhythm().classify_recording(leads(), 360)
        self.assertEqual(len(found), 1)
        self.assert_same_bits(found[0].probabilities.copy(), expected.probabilities.copy())
        self.assertGreater(len(whole), 3000)
