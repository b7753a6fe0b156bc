"""Main_Model in Keras on TensorFlow: trains some steps, then classifies a record; prints what it
measured.

Variants: "as-installed" leaves everything its default; "tuned" sets the number of threads and is
started by the runner with an allocator that keeps memory. Neither compiles the step with XLA,
which on a CPU is not the default, and slower."""

import os

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")
os.environ["KERAS_BACKEND"] = "tensorflow"

import keras
import numpy as np
import tensorflow as tf
from keras import layers, ops

import workload as w


class Scalogram(layers.Layer):
    """Beats (N, 187) → normalised moduli (N, 32, 187, 1)."""

    def __init__(self, matrix, mean, std):
        super().__init__(name="normalisation")
        constant = {"trainable": False, "initializer": "zeros"}
        self.matrix = self.add_weight(shape=matrix.shape, **constant)
        self.mean = self.add_weight(shape=mean.shape, **constant)
        self.std = self.add_weight(shape=std.shape, **constant)
        self.set_weights([matrix, mean, std])

    def call(self, beats):
        moduli = ops.abs(ops.matmul(beats, self.matrix))
        moduli = ops.reshape(moduli, (-1, w.SCALES, w.BEAT_SAMPLES))
        return ops.expand_dims((moduli - self.mean) / self.std, -1)


class AddPosition(layers.Layer):
    def build(self, shape):
        self.table = self.add_weight(shape=shape[1:], initializer="uniform", name="table")

    def call(self, x):
        return x + self.table


def batch_norm(name):
    return layers.BatchNormalization(
        momentum=w.BATCH_NORM_MOMENTUM, epsilon=w.NORM_EPSILON, name=name
    )


def layer_norm(name):
    return layers.LayerNormalization(epsilon=w.NORM_EPSILON, name=name)


def feature_extractor(x):
    for i, channels in enumerate((32, 64, w.WIDTH), 1):
        x = layers.Conv2D(
            channels, 3, padding="same", use_bias=False, name=f"features.conv{i}"
        )(x)
        x = layers.ReLU()(batch_norm(f"features.norm{i}")(x))
        x = layers.MaxPooling2D(2)(x) if i < 3 else layers.GlobalAveragePooling2D()(x)
    return x


def feed_forward(x, name):
    x = layer_norm(f"{name}.norm")(x)
    x = layers.Dense(w.FF_WIDTH, activation="swish", name=f"{name}.dense1")(x)
    x = layers.Dropout(w.DROPOUT)(x)
    return layers.Dropout(w.DROPOUT)(layers.Dense(w.WIDTH, name=f"{name}.dense2")(x))


def self_attention(x, name):
    x = layer_norm(f"{name}.norm")(x)
    query = AddPosition(name=f"{name}.position")(x)
    attention = layers.MultiHeadAttention(
        w.HEADS, key_dim=w.WIDTH, dropout=w.DROPOUT, name=f"{name}.heads"
    )
    return layers.Dropout(w.DROPOUT)(attention(query=query, value=x, key=x))


def conv_module(x, name):
    x = layer_norm(f"{name}.norm")(x)
    x = keras.activations.glu(layers.Dense(2 * w.WIDTH, name=f"{name}.pointwise1")(x))
    x = layers.DepthwiseConv1D(w.KERNEL_SIZE, padding="same", name=f"{name}.depthwise")(x)
    x = layers.Activation("swish")(batch_norm(f"{name}.batch_norm")(x))
    return layers.Dropout(w.DROPOUT)(layers.Dense(w.WIDTH, name=f"{name}.pointwise2")(x))


def conformer_block(x, name):
    x = x + 0.5 * feed_forward(x, f"{name}.ffn1")
    x = x + self_attention(x, f"{name}.attention")
    x = x + conv_module(x, f"{name}.conv")
    x = x + 0.5 * feed_forward(x, f"{name}.ffn2")
    return layer_norm(f"{name}.norm")(x)


def build(matrix, mean, std):
    """encode: (N, 187) → (N, D); classify: (B, 3, D) → logits (B, 5); model: both."""
    beats = keras.Input((w.BEAT_SAMPLES,))
    encode = keras.Model(beats, feature_extractor(Scalogram(matrix, mean, std)(beats)))
    features = keras.Input((w.SEQUENCE_LENGTH, w.WIDTH))
    x = layers.GlobalAveragePooling1D()(conformer_block(features, "encoder.0"))
    classify = keras.Model(features, layers.Dense(w.CLASSES, name="classifier")(x))
    sequences = keras.Input((w.SEQUENCE_LENGTH, w.BEAT_SAMPLES))
    encoded = encode(ops.reshape(sequences, (-1, w.BEAT_SAMPLES)))
    logits = classify(ops.reshape(encoded, (-1, w.SEQUENCE_LENGTH, w.WIDTH)))
    return keras.Model(sequences, logits), encode, classify


def load(models, matrix, weights):
    """ekgine's weights: layers bear its names, arrays have Keras' shapes."""
    suffixes = {
        layers.Conv2D: ["weight"],
        layers.Dense: ["weight", "bias"],
        layers.DepthwiseConv1D: ["weight", "bias"],
        layers.LayerNormalization: ["weight", "bias"],
        layers.BatchNormalization: ["weight", "bias", "running_mean", "running_variance"],
    }
    for layer in (layer for model in models for layer in model.layers):
        name = layer.name
        if isinstance(layer, Scalogram):
            layer.set_weights([matrix, weights[f"{name}.mean"], weights[f"{name}.std"]])
        elif isinstance(layer, AddPosition):
            layer.set_weights([weights[name]])
        elif isinstance(layer, layers.MultiHeadAttention):
            prefix = name.removesuffix(".heads")
            projections = ("query", "key", "value", "output")
            parts = [f"{p}.{s}" for p in projections for s in ("weight", "bias")]
            layer.set_weights([weights[f"{prefix}.{part}"] for part in parts])
        elif type(layer) in suffixes:
            values = [weights[f"{name}.{suffix}"] for suffix in suffixes[type(layer)]]
            shapes = [variable.shape for variable in layer.weights]
            layer.set_weights([v.reshape(s) for v, s in zip(values, shapes, strict=True)])


class EnoughMeasured(Exception):
    """Ends fit() at once: stop_training would wait for the end of the epoch."""


class Stopwatch(keras.callbacks.Callback):
    def __init__(self, clock):
        super().__init__()
        self.clock = clock

    def on_train_batch_end(self, batch, logs=None):
        if self.clock.step_done():
            raise EnoughMeasured


def main():
    arguments = w.parse_arguments(__doc__, ["as-installed", "tuned"])
    if arguments.device == "cuda":
        raise SystemExit("tensorflow-cpu has no CUDA")
    if arguments.precision != "f32":
        raise SystemExit("written for f32")
    tuned = arguments.variant == "tuned"
    threads = arguments.threads or (len(os.sched_getaffinity(0)) if tuned else 0)
    tf.config.threading.set_intra_op_parallelism_threads(threads)
    if arguments.threads:
        tf.config.threading.set_inter_op_parallelism_threads(1)
    keras.utils.set_random_seed(42)

    beats, _ = w.read_beats(arguments.data, arguments.record)
    sequences, labels = w.read_sequences(arguments.data, arguments.record)
    matrix = w.wavelet_matrix()
    model, encode, classify = build(matrix, *w.normalisation(beats, matrix))
    w.check_parameters(sum(int(np.prod(v.shape)) for v in model.trainable_variables))
    model.compile(
        optimizer=keras.optimizers.AdamW(
            learning_rate=w.LEARNING_RATE, weight_decay=w.WEIGHT_DECAY, epsilon=w.ADAM_EPSILON
        ),
        loss=keras.losses.SparseCategoricalCrossentropy(from_logits=True),
    )
    batches = (
        tf.data.Dataset.from_tensor_slices((sequences, labels))
        .shuffle(len(sequences))
        .repeat()
        .batch(w.BATCH_SIZE, drop_remainder=True)
        .prefetch(1)
    )
    clock = w.TrainingClock(arguments)
    try:
        steps = arguments.warm_up + arguments.steps
        model.fit(
            batches,
            steps_per_epoch=steps,
            shuffle=False,
            verbose=0,
            callbacks=[Stopwatch(clock)],
        )
    except EnoughMeasured:
        pass
    results = clock.results()

    if arguments.weights:
        load([encode, classify], matrix, w.read_weights(arguments.weights))

    def predict(beats):
        features = encode.predict(beats, batch_size=w.ENCODE_CHUNK, verbose=0)
        windows = np.lib.stride_tricks.sliding_window_view(features, w.SEQUENCE_LENGTH, axis=0)
        logits = classify.predict(
            windows.transpose(0, 2, 1), batch_size=w.CLASSIFY_CHUNK, verbose=0
        )
        return ops.convert_to_numpy(ops.softmax(logits))

    results |= w.measure_inference(arguments, predict, beats)
    results["version"] = f"{w.version_of('tensorflow-cpu')}, {w.version_of('keras')}"
    results["threads"] = tf.config.threading.get_intra_op_parallelism_threads()
    w.report(results)


main()
