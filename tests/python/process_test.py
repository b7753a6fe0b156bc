"""The module in a process with others: signals, threads, forks, the end."""

import ast
import ctypes
import hashlib
import multiprocessing
import os
import pathlib
import re
import signal
import subprocess
import threading
import time

import ekgine
import numpy
import support
from support import Case, beats, evaluated, model, record, workspace


class Stop(Exception):
    pass


def stop(number, frame):
    raise Stop


class Signals(Case):
    def setUp(self):
        # Some minutes of work.
        self.many = numpy.tile(record().beats, (40, 1))

    def interrupted(self, kind, call, array):
        start = time.monotonic()
        with self.assertRaises(kind):
            call(array)
        self.assertLess(time.monotonic() - start, 20)
        # And it is none the worse for it.
        self.assert_same_bits(model().classify(record()), evaluated().probabilities)

    def test_ctrl_c_ends_a_call(self):
        # A shell starts what it does not wait for with Ctrl-C ignored, and Python leaves it so.
        before = signal.signal(signal.SIGINT, signal.default_int_handler)
        self.addCleanup(signal.signal, signal.SIGINT, before)
        timer = threading.Timer(0.3, os.kill, (os.getpid(), signal.SIGINT))
        timer.start()
        self.addCleanup(timer.join)
        self.interrupted(KeyboardInterrupt, model().classify, self.many)

    def test_handlers_run_within_a_call(self):
        before = signal.signal(signal.SIGALRM, stop)
        self.addCleanup(signal.signal, signal.SIGALRM, before)
        signal.setitimer(signal.ITIMER_REAL, 0.3)
        self.interrupted(Stop, model().encode, self.many)

    def test_handlers_may_call_the_model(self):
        expected, found, inside = model().classify(beats(70)), [], [True]

        def classify(number, frame):
            if inside[0]:
                found.append(model().classify(beats(70)))

        before = signal.signal(signal.SIGALRM, classify)
        self.addCleanup(signal.signal, signal.SIGALRM, before)
        signal.setitimer(signal.ITIMER_REAL, 0.02)
        whole = model().classify(record())
        inside[0] = False
        self.assertEqual(len(found), 1)
        self.assert_same_bits(found[0], expected)
        self.assert_same_bits(whole, evaluated().probabilities)


class Threads(Case):
    def tearDown(self):
        ekgine.set_threads(0)

    def test_others_run_meanwhile(self):
        turns, done = [0], threading.Event()

        def count():
            while not done.is_set():
                turns[0] += 1
                time.sleep(0.001)

        thread = threading.Thread(target=count)
        thread.start()
        try:
            before = turns[0]
            model().classify(record())
            self.assertGreater(turns[0] - before, 10)
        finally:
            done.set()
            thread.join()

    def test_share_a_model(self):
        found = {}

        def classify(i):
            found[i] = model().classify(beats(200 + i))

        threads = [threading.Thread(target=classify, args=(i,)) for i in range(6)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        for i in range(6):
            self.assert_same_bits(found[i], model().classify(beats(200 + i)))

    def test_compute_side_by_side(self):
        models = [ekgine.load(support.weights()) for _ in range(2)]
        together = threading.Barrier(2)
        found = {}

        def classify(i):
            together.wait()
            found[i] = models[i].classify(record())

        threads = [threading.Thread(target=classify, args=(i,)) for i in range(2)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        for i in range(2):
            self.assert_same_bits(found[i], evaluated().probabilities)

    def test_are_as_many_as_asked_for_in_every_thread(self):
        ekgine.set_threads(3)
        started = []

        def look():
            model().encode(beats(64))
            started.append(len(os.listdir("/proc/self/task")))

        ekgine.set_threads(1)
        thread = threading.Thread(target=look)
        thread.start()
        thread.join()
        ekgine.set_threads(4)
        thread = threading.Thread(target=look)
        thread.start()
        thread.join()
        self.assertGreaterEqual(started[1] - started[0], 3)

    def test_of_other_code_with_openmp_are_left_alone(self):
        most = ctypes.CDLL("libgomp.so.1").omp_get_max_threads
        before = most()
        ekgine.set_threads(before + 1)
        model().encode(beats(64))
        self.assertEqual(most(), before)

    def test_refuse(self):
        self.assertEqual(ekgine.threads(), len(os.sched_getaffinity(0)))
        for number in (-1, 1025):
            self.assert_refused(ValueError, f"threads: {number}, expected 0 to 1024",
                                ekgine.set_threads, number)
        for number in (1.5, "2", None, 2**40):
            with self.assertRaises(TypeError):
                ekgine.set_threads(number)


def in_a_fork(pipe):
    try:
        model().encode(beats(64))
        pipe.send("it computes")
    except RuntimeError as error:
        pipe.send(str(error))
    ekgine.set_threads(1)
    pipe.send(model().encode(beats(64)).tobytes())
    pipe.close()


class Forks(Case):
    def tearDown(self):
        ekgine.set_threads(0)

    def test_are_told_that_they_lack_threads(self):
        ekgine.set_threads(1)
        expected = model().encode(beats(64)).tobytes()
        ekgine.set_threads(2)
        model().encode(beats(64))  # starts them
        here, there = multiprocessing.Pipe()
        child = multiprocessing.get_context("fork").Process(target=in_a_fork, args=(there,))
        child.start()
        try:
            self.assertTrue(here.poll(60), "the child hangs")
            self.assertIn("this process was forked", here.recv())
            self.assertTrue(here.poll(60), "the child hangs with one thread")
            self.assertEqual(here.recv(), expected)
        finally:
            child.kill()
            child.join()


class Module(Case):
    def test_ends_in_silence(self):
        self.run_python(
            "import ekgine\n"
            "model = ekgine.load('run/model.safetensors')\n"
            "record = ekgine.Store('store', model.unit).read('213')\n"
            "beats, features = record.beats[:40], model.encode(record.beats[:40])\n"
            "try:\n"
            "    model.classify(None)\n"
            "except TypeError as caught:\n"
            "    error = caught\n")

    def test_ends_while_daemon_threads_compute(self):
        for call in ("classify_recording(numpy.tile(samples, (1, 20)), 360)",
                     "classify(numpy.zeros((1_000_000, 48), numpy.float32))"):
            with self.subTest(call):
                self.run_python(
                    "import ekgine, numpy, sys, threading, time\n"
                    "model = ekgine.load('mitdb-ds1.safetensors')\n"
                    "samples = numpy.load('ecg.npy')\n"
                    f"thread = threading.Thread(target=lambda: model.{call}, daemon=True)\n"
                    "thread.start()\n"
                    "time.sleep(0.2)\n"
                    # Something that takes its time at the end, with others allowed to run.
                    "class Slow:\n"
                    "    def __del__(self, sleep=time.sleep): sleep(0.3)\n"
                    "sys.modules['slow'] = Slow()\n"
                    "assert thread.is_alive()\n")

    def test_takes_the_instructions_that_the_program_takes(self):
        print_bits = ("import ekgine, hashlib\n"
                      "model = ekgine.load('run/model.safetensors')\n"
                      "found = model.classify(ekgine.Store('store', model.unit).read('213'))\n"
                      "print(hashlib.sha256(found.tobytes()).hexdigest())\n")
        found = self.run_python(print_bits, EKGINE_INSTRUCTIONS="baseline").strip()
        best = hashlib.sha256(evaluated().probabilities.tobytes()).hexdigest()
        self.assertNotEqual(found, best)
        expected = support.evaluate(workspace() / "baseline",
                                    EKGINE_INSTRUCTIONS="baseline").probabilities
        self.assertEqual(found, hashlib.sha256(expected.tobytes()).hexdigest())
        refused = self.run_python(
            "import ekgine\n"
            "try:\n"
            "    ekgine.load('run/model.safetensors')\n"
            "except ValueError as error:\n"
            "    print(error)\n", EKGINE_INSTRUCTIONS="mmx")
        self.assertEqual(refused, "EKGINE_INSTRUCTIONS='mmx' is none of baseline, avx2, avx512\n")

    def test_shows_other_modules_nothing(self):
        names = subprocess.run(["nm", "-D", "--defined-only", ekgine._ekgine.__file__], check=True,
                               capture_output=True, text=True).stdout.splitlines()
        self.assertEqual([name.split()[-1] for name in names], ["PyInit__ekgine"])

    def test_has_the_programs_version(self):
        text = (support.ROOT / "CMakeLists.txt").read_text()
        version = re.search(r"project\(ekgine VERSION ([0-9.]+)", text).group(1)
        self.assertEqual(ekgine.__version__, version)
        self.assertEqual(ekgine.classes, ("N", "S", "V", "F", "Q"))

    def test_is_typed(self):
        package = pathlib.Path(ekgine.__file__).parent
        self.assertTrue((package / "py.typed").is_file())
        stub = ast.parse((package / "_ekgine.pyi").read_text())
        names = {getattr(node, "name", None) for node in stub.body}
        names |= {node.target.id for node in stub.body if isinstance(node, ast.AnnAssign)}
        self.assertEqual(set(ekgine.__all__) - {"__version__"} - names, set())
        self.assertIn("version", names)
        for name in ekgine.__all__:
            if callable(getattr(ekgine, name)):
                self.assertTrue(getattr(ekgine, name).__doc__, f"{name} has no docstring")


class Documentation(Case):
    def test_example_runs_as_it_stands(self):
        text = (support.ROOT / "docs/python.md").read_text()
        examples = re.findall(r"^```python\n(.*?)^```", text, flags=re.M | re.S)
        self.assertEqual(len(examples), 2)
        printed = self.run_python("\n".join(examples))
        self.assertRegex(printed, r"^( \d\.\d{3} s  [NS]  \d\.\d\d\n){3}0\.\d+ of 3248 right\n$")
