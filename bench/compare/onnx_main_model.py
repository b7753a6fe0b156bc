"""Main_Model as ekgine writes it to ONNX, by other programs: classifies a record; prints what it
measured. They train nothing.

Variants: "onnxruntime" with its graph optimisations, "openvino" on its CPU or GPU plugin, latency as
its hint: one request at a time, as the others."""

import os

import numpy as np

import workload as w


def onnxruntime_classifier(arguments, threads):
    import onnxruntime

    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = threads
    wanted = "CUDAExecutionProvider" if arguments.device == "cuda" else "CPUExecutionProvider"
    if wanted not in onnxruntime.get_available_providers():
        raise SystemExit(f"this ONNX Runtime has no {wanted}")
    session = onnxruntime.InferenceSession(arguments.model, options, providers=[wanted])
    name = session.get_inputs()[0].name
    return lambda sequences: session.run(None, {name: sequences})[0]


def openvino_classifier(arguments, threads):
    import openvino

    device = "GPU" if arguments.device == "cuda" else "CPU"
    settings = {"PERFORMANCE_HINT": "LATENCY", "INFERENCE_PRECISION_HINT": "f32"}
    if device == "CPU":
        settings["INFERENCE_NUM_THREADS"] = threads
    try:
        model = openvino.Core().compile_model(arguments.model, device, settings)
    except RuntimeError as error:
        raise SystemExit(f"OpenVINO: {str(error).strip().splitlines()[-1]}") from None
    return lambda sequences: model(sequences)[0]


def main():
    classifiers = {"onnxruntime": onnxruntime_classifier, "openvino": openvino_classifier}
    arguments = w.parse_arguments(__doc__, list(classifiers))
    if not arguments.model:
        raise SystemExit("ekgine's model as ONNX is missing: ekgine has to be among the contenders")
    threads = arguments.threads or len(os.sched_getaffinity(0))
    classify = classifiers[arguments.variant](arguments, threads)
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
