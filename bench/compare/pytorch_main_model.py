"""Main_Model in PyTorch: trains some steps, then classifies a record; prints what it measured. With
--losses it repeats ekgine's steps instead.

Variants: "as-installed" is the model as one writes it first; "tuned" keeps images channels last,
sets the number of threads, updates by the fused AdamW, and is started by the runner with an
allocator that keeps memory; on a GPU it lets cuDNN try its algorithms and waits for no step.
"graph" is that as one CUDA graph a step, "compiled" has torch.compile(mode="max-autotune") make its
kernels, on a GPU replayed as a graph, too: the whole step is."""

import json
import os

import numpy as np
import torch
import torch.nn.functional as F
from torch import nn

import workload as w


def batch_norm(make, channels):
    return make(channels, eps=w.NORM_EPSILON, momentum=1 - w.BATCH_NORM_MOMENTUM)


def layer_norm():
    return nn.LayerNorm(w.WIDTH, eps=w.NORM_EPSILON)


class Scalogram(nn.Module):
    """Beats (N, 187) → normalised moduli (N, 1, 32, 187)."""

    def __init__(self, matrix, mean, std):
        super().__init__()
        self.register_buffer("matrix", torch.from_numpy(matrix))
        self.register_buffer("mean", torch.from_numpy(mean))
        self.register_buffer("std", torch.from_numpy(std))

    def forward(self, beats):
        moduli = (beats @ self.matrix).abs().view(-1, 1, w.SCALES, w.BEAT_SAMPLES)
        return (moduli - self.mean) / self.std


class FeatureExtractor(nn.Module):
    def __init__(self):
        super().__init__()
        self.conv1 = nn.Conv2d(1, 32, 3, padding=1, bias=False)
        self.norm1 = batch_norm(nn.BatchNorm2d, 32)
        self.conv2 = nn.Conv2d(32, 64, 3, padding=1, bias=False)
        self.norm2 = batch_norm(nn.BatchNorm2d, 64)
        self.conv3 = nn.Conv2d(64, w.WIDTH, 3, padding=1, bias=False)
        self.norm3 = batch_norm(nn.BatchNorm2d, w.WIDTH)

    def forward(self, x):
        x = F.max_pool2d(F.relu(self.norm1(self.conv1(x))), 2)
        x = F.max_pool2d(F.relu(self.norm2(self.conv2(x))), 2)
        return F.relu(self.norm3(self.conv3(x))).mean(dim=(2, 3))


class FeedForward(nn.Module):
    def __init__(self):
        super().__init__()
        self.norm = layer_norm()
        self.dense1 = nn.Linear(w.WIDTH, w.FF_WIDTH)
        self.dense2 = nn.Linear(w.FF_WIDTH, w.WIDTH)
        self.dropout = nn.Dropout(w.DROPOUT)

    def forward(self, x):
        hidden = self.dropout(F.silu(self.dense1(self.norm(x))))
        return self.dropout(self.dense2(hidden))


class SelfAttention(nn.Module):
    """Each head is as wide as the model, which nn.MultiheadAttention does not offer."""

    def __init__(self):
        super().__init__()
        inner = w.HEADS * w.WIDTH
        self.norm = layer_norm()
        self.position = nn.Parameter(torch.empty(w.SEQUENCE_LENGTH, w.WIDTH).uniform_(-0.05, 0.05))
        self.query = nn.Linear(w.WIDTH, inner)
        self.key = nn.Linear(w.WIDTH, inner)
        self.value = nn.Linear(w.WIDTH, inner)
        self.output = nn.Linear(inner, w.WIDTH)
        self.dropout = nn.Dropout(w.DROPOUT)

    def forward(self, x):
        x = self.norm(x)

        def heads(y):  # (N, T, H·D) → (N, H, T, D)
            return y.unflatten(-1, (w.HEADS, w.WIDTH)).transpose(1, 2)

        y = F.scaled_dot_product_attention(
            heads(self.query(x + self.position)),
            heads(self.key(x)),
            heads(self.value(x)),
            dropout_p=self.dropout.p if self.training else 0.0,
        )
        return self.dropout(self.output(y.transpose(1, 2).flatten(2)))


class ConvModule(nn.Module):
    def __init__(self):
        super().__init__()
        self.norm = layer_norm()
        self.pointwise1 = nn.Linear(w.WIDTH, 2 * w.WIDTH)
        self.depthwise = nn.Conv1d(
            w.WIDTH, w.WIDTH, w.KERNEL_SIZE, padding=w.KERNEL_SIZE // 2, groups=w.WIDTH
        )
        self.batch_norm = batch_norm(nn.BatchNorm1d, w.WIDTH)
        self.pointwise2 = nn.Linear(w.WIDTH, w.WIDTH)
        self.dropout = nn.Dropout(w.DROPOUT)

    def forward(self, x):
        x = F.glu(self.pointwise1(self.norm(x)), dim=-1)
        x = F.silu(self.batch_norm(self.depthwise(x.transpose(1, 2)))).transpose(1, 2)
        return self.dropout(self.pointwise2(x))


class ConformerBlock(nn.Module):
    def __init__(self):
        super().__init__()
        self.ffn1 = FeedForward()
        self.attention = SelfAttention()
        self.conv = ConvModule()
        self.ffn2 = FeedForward()
        self.norm = layer_norm()

    def forward(self, x):
        x = x + 0.5 * self.ffn1(x)
        x = x + self.attention(x)
        x = x + self.conv(x)
        x = x + 0.5 * self.ffn2(x)
        return self.norm(x)


class MainModel(nn.Module):
    def __init__(self, scalogram):
        super().__init__()
        self.scalogram = scalogram
        self.features = FeatureExtractor()
        self.encoder = nn.ModuleList([ConformerBlock()])
        self.classifier = nn.Linear(w.WIDTH, w.CLASSES)

    def encode(self, beats):  # (N, 187) → (N, D)
        return self.features(self.scalogram(beats))

    def classify(self, features):  # (B, 3, D) → (B, 5)
        for block in self.encoder:
            features = block(features)
        return self.classifier(features.mean(dim=1))

    def forward(self, sequences):  # (B, 3, 187) → (B, 5)
        features = self.encode(sequences.flatten(0, 1))
        return self.classify(features.unflatten(0, (-1, w.SEQUENCE_LENGTH)))

    def classify_stretches(self, beats):  # (S, n, 187), consecutive ones → (S·(n − 2), 5)
        features = self.encode(beats.flatten(0, 1)).unflatten(0, beats.shape[:2])
        windows = features.unfold(1, w.SEQUENCE_LENGTH, 1)  # (S, n − 2, D, 3)
        return self.classify(windows.flatten(0, 1).transpose(1, 2))

    def without_dropout(self):
        for module in self.modules():
            if isinstance(module, nn.Dropout):
                module.p = 0.0
        return self

    def load(self, weights):
        """ekgine's weights: modules bear its names, matrices are (in, out) there."""
        state = self.state_dict()
        for name, value in weights.items():
            target = (
                name.replace("normalisation.", "scalogram.")
                .replace("running_variance", "running_var")
            )
            if name.startswith("features.conv"):
                value = value.transpose(3, 2, 0, 1)
            elif name.endswith(("query.weight", "key.weight", "value.weight")):
                value = value.reshape(w.WIDTH, -1).T
            elif name.endswith("attention.output.weight"):
                value = value.reshape(-1, w.WIDTH).T
            elif name.endswith("depthwise.weight"):
                value = value.T[:, None]
            elif value.ndim == 2 and name.endswith(".weight"):
                value = value.T
            shape = state[target].shape
            state[target].copy_(torch.from_numpy(np.ascontiguousarray(value)).reshape(shape))


class Step:
    """A training step of `logits_of(inputs)`, in one of the ways that the variants name. Inputs and
    labels have the same shapes in every step."""

    GRAPH_WARM_UP = 3  # steps before a capture, which allocates nothing afterwards

    def __init__(self, arguments, model, logits_of):
        self.on_gpu = arguments.device == "cuda"
        self.waits = not (self.on_gpu and arguments.variant != "as-installed")
        self.captures = self.on_gpu and arguments.variant in ("graph", "compiled")
        self.graph, self.steps = None, 0
        self.half = dict(
            device_type=arguments.device,
            dtype=torch.bfloat16,
            enabled=arguments.precision == "bf16",
            cache_enabled=not self.captures,
        )

        def loss_of(inputs, labels):
            with torch.autocast(**self.half):
                return F.cross_entropy(logits_of(inputs), labels)

        self.loss_of = loss_of
        if arguments.variant == "compiled":
            mode = "max-autotune-no-cudagraphs" if self.captures else "max-autotune"
            self.loss_of = torch.compile(loss_of, mode=mode, dynamic=False)
        self.optimiser = torch.optim.AdamW(
            model.parameters(),
            lr=w.LEARNING_RATE,
            eps=w.ADAM_EPSILON,
            weight_decay=w.WEIGHT_DECAY,
            fused=arguments.variant != "as-installed",
            capturable=self.captures,
        )

    def run(self, inputs, labels):
        loss = self.loss_of(inputs, labels)
        self.optimiser.zero_grad()
        loss.backward()
        self.optimiser.step()
        return loss.detach()

    def __call__(self, inputs, labels):
        """The loss, on the device."""
        self.steps += 1
        if not self.captures:
            loss = self.run(inputs, labels)
            if self.waits:
                loss.item()  # for a line of progress; waits for the device
            return loss
        if self.graph is None and self.steps <= self.GRAPH_WARM_UP:
            stream = torch.cuda.Stream()
            stream.wait_stream(torch.cuda.current_stream())
            with torch.cuda.stream(stream):
                loss = self.run(inputs, labels)
            torch.cuda.current_stream().wait_stream(stream)
            return loss
        if self.graph is None:
            self.inputs, self.labels = inputs.clone(), labels.clone()
            self.optimiser.zero_grad()  # the graph's gradients lie in its own memory
            self.graph = torch.cuda.CUDAGraph()
            with torch.cuda.graph(self.graph):
                self.loss = self.run(self.inputs, self.labels)
        else:
            self.inputs.copy_(inputs)
            self.labels.copy_(labels)
        self.graph.replay()
        return self.loss


def batches(arguments, beats, labels, device):
    """Inputs and labels of one step after another, on the device. The inputs are sequences
    (128, 3, 187), or with --shared the beats of eight stretches (8, 18, 187)."""
    random = np.random.default_rng(42)
    if not arguments.shared:
        sequences = beats.unfold(0, w.SEQUENCE_LENGTH, 1).transpose(1, 2).contiguous()
        of_sequences = labels[w.SEQUENCE_LENGTH - 1 :]
        while True:
            for batch in torch.from_numpy(random.permutation(len(sequences))).split(w.BATCH_SIZE):
                if len(batch) == w.BATCH_SIZE:
                    batch = batch.to(device)
                    yield sequences[batch], of_sequences[batch]
    while True:
        numbers = torch.from_numpy(w.stretches(len(beats), random)).to(device)
        yield beats[numbers], labels[numbers[:, w.SEQUENCE_LENGTH - 1 :]].flatten()


def check_losses(arguments, make_model, beats, labels):
    """Steps of all sequences, which share their beats, from ekgine's weights."""
    model = make_model(w.read_weights(arguments.initial)).without_dropout().train()
    step = Step(arguments, model, model.classify_stretches)
    with open(arguments.losses) as file:
        steps = len(json.load(file))
    of_sequences = labels[w.SEQUENCE_LENGTH - 1 :]
    losses = [step(beats[None], of_sequences).clone() for _ in range(steps)]
    return w.check_losses(arguments, [float(loss) for loss in losses])


def main():
    variants = ["as-installed", "tuned", "graph", "compiled"]
    arguments = w.parse_arguments(__doc__, variants)
    tuned = arguments.variant != "as-installed"
    on_gpu = arguments.device == "cuda"
    if on_gpu and not torch.cuda.is_available():
        raise SystemExit("PyTorch finds no CUDA device")
    if arguments.variant == "graph" and not on_gpu:
        raise SystemExit("there are no CUDA graphs on the CPU")
    if arguments.threads or tuned:
        torch.set_num_threads(arguments.threads or len(os.sched_getaffinity(0)))
    torch.manual_seed(42)
    device = torch.device(arguments.device)
    torch.backends.cudnn.allow_tf32 = arguments.precision == "tf32"
    torch.backends.cuda.matmul.allow_tf32 = arguments.precision == "tf32"
    torch.backends.cudnn.benchmark = tuned

    raw, raw_labels = w.read_beats(arguments.data, arguments.record)
    matrix = w.wavelet_matrix()
    scalogram = Scalogram(matrix, *w.normalisation(raw, matrix))
    beats = torch.from_numpy(raw).to(device)
    labels = torch.from_numpy(raw_labels).to(device)

    def make_model(weights=None):
        model = MainModel(scalogram)
        if weights is not None:
            model.load(weights)
        model = model.to(device)
        return model.to(memory_format=torch.channels_last) if tuned else model

    if arguments.losses:  # and nothing else: what it takes is in no figure
        return w.report(check_losses(arguments, make_model, beats, labels))
    model = make_model()
    w.check_parameters(sum(p.numel() for p in model.parameters()))
    step = Step(arguments, model, model.classify_stretches if arguments.shared else model)
    clock = w.TrainingClock(arguments, torch.cuda.synchronize if on_gpu else lambda: None)
    model.train()
    for inputs, of_inputs in batches(arguments, beats, labels, device):
        step(inputs, of_inputs)
        if clock.step_done():
            break
    results = clock.results()

    model.eval()
    # Inference is float's, as ekgine's is.
    torch.backends.cudnn.allow_tf32 = torch.backends.cuda.matmul.allow_tf32 = False
    if arguments.weights:
        model.load(w.read_weights(arguments.weights))
    encode, classify = model.encode, model.classify
    if arguments.variant == "compiled":  # whose graphs reuse what they return
        encode, classify = (
            lambda x, f=torch.compile(f, mode="max-autotune"): f(x).clone()
            for f in (encode, classify)
        )

    @torch.inference_mode()
    def predict(raw):
        chunks = torch.from_numpy(raw).to(device).split(w.ENCODE_CHUNK)
        features = torch.cat([encode(chunk) for chunk in chunks])
        windows = features.unfold(0, w.SEQUENCE_LENGTH, 1).transpose(1, 2)
        logits = torch.cat([classify(chunk) for chunk in windows.split(w.CLASSIFY_CHUNK)])
        return logits.softmax(dim=1).cpu().numpy()

    results |= w.measure_inference(arguments, predict, raw)
    results["version"] = w.version_of("torch")
    results["threads"] = torch.get_num_threads()
    w.report(results)


main()
