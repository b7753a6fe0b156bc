"""Main_Model as ekgine writes it to ONNX, by other programs on the CPU: classifies a record; prints
what it measured. They train nothing.

Variants: "onnxruntime" with its graph optimisations, "openvino" with latency as its hint: one request
at a time, as the others."""

import os

import numpy as np

import workload as w


def onnxruntime_classifier(model, threads):
    import onnxruntime

    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = threads
    session = onnxruntime.InferenceSession(model, options, providers=["CPUExecutionProvider"])
    name = session.get_inputs()[0].name
    return lambda sequences: session.run(None, {name: sequences})[0]


def openvino_classifier(model, threads):
    import openvino

    settings = {
        "PERFORMANCE_HINT": "LATENCY",
        "INFERENCE_PRECISION_HINT": "f32",
        "INFERENCE_NUM_THREADS": threads,
    }
    compiled = openvino.Core().compile_model(model, "CPU", settings)
    return lambda sequences: compiled(sequences)[0]


def main():
    classifiers = {"onnxruntime": onnxruntime_classifier, "openvino": openvino_classifier}
    arguments = w.parse_arguments(__doc__, list(classifiers))
    if not arguments.model:
        raise SystemExit("ekgine's model as ONNX is missing: ekgine has to be among the contenders")
    threads = arguments.threads or len(os.sched_getaffinity(0))
    classify = classifiers[arguments.variant](arguments.model, threads)
    beats, _ = w.read_beats(arguments.data, arguments.record)

    def predict(beats):
        # The graph has raw beats in and probabilities out, so each is encoded three times.
        windows = np.lib.stride_tricks.sliding_window_view(beats, w.SEQUENCE_LENGTH, axis=0)
        sequences = np.ascontiguousarray(windows.transpose(0, 2, 1))
        parts = range(0, len(sequences), w.BATCH_SIZE)
        return np.concatenate([classify(sequences[i : i + w.BATCH_SIZE]) for i in parts])

    results = w.measure_inference(arguments, predict, beats)
    results["peak_rss_mb"] = w.peak_rss_mb()
    results["version"] = w.version_of(arguments.variant)
    results["threads"] = threads
    w.report(results)


main()
