"""Main_Model in PyTorch: trains some steps, then classifies a record; prints what it measured.

Variants: "as-installed" is the model as one writes it first; "tuned" keeps images channels last,
sets the number of threads, updates by the fused AdamW, and is started by the runner with an
allocator that keeps memory; on a GPU it lets cuDNN try its algorithms and waits for no step."""

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
            dropout_p=w.DROPOUT if self.training else 0.0,
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


def main():
    arguments = w.parse_arguments(__doc__, ["as-installed", "tuned"])
    tuned = arguments.variant == "tuned"
    if arguments.device == "cuda" and not torch.cuda.is_available():
        raise SystemExit("PyTorch finds no CUDA device")
    if arguments.threads or tuned:
        torch.set_num_threads(arguments.threads or len(os.sched_getaffinity(0)))
    torch.manual_seed(42)
    device = torch.device(arguments.device)
    torch.backends.cudnn.allow_tf32 = arguments.precision == "tf32"
    torch.backends.cuda.matmul.allow_tf32 = arguments.precision == "tf32"
    torch.backends.cudnn.benchmark = tuned
    half = torch.autocast(arguments.device, torch.bfloat16, enabled=arguments.precision == "bf16")

    beats, _ = w.read_beats(arguments.data, arguments.record)
    sequences, labels = w.read_sequences(arguments.data, arguments.record)
    matrix = w.wavelet_matrix()
    model = MainModel(Scalogram(matrix, *w.normalisation(beats, matrix))).to(device)
    w.check_parameters(sum(p.numel() for p in model.parameters()))
    if tuned:
        model = model.to(memory_format=torch.channels_last)
    optimiser = torch.optim.AdamW(
        model.parameters(),
        lr=w.LEARNING_RATE,
        eps=w.ADAM_EPSILON,
        weight_decay=w.WEIGHT_DECAY,
        fused=tuned,
    )
    sequences, labels = torch.from_numpy(sequences).to(device), torch.from_numpy(labels).to(device)

    on_gpu = arguments.device == "cuda"
    clock = w.TrainingClock(arguments, torch.cuda.synchronize if on_gpu else lambda: None)
    model.train()
    done = False
    while not done:
        for batch in torch.randperm(len(sequences)).split(w.BATCH_SIZE):
            if len(batch) < w.BATCH_SIZE:
                break
            batch = batch.to(device)
            with half:
                loss = F.cross_entropy(model(sequences[batch]), labels[batch])
            optimiser.zero_grad()
            loss.backward()
            optimiser.step()
            if not (tuned and on_gpu):
                loss.item()  # for a line of progress; waits for the device
            done = clock.step_done()
            if done:
                break
    results = clock.results()

    model.eval()
    # Inference is float's, as ekgine's is.
    torch.backends.cudnn.allow_tf32 = torch.backends.cuda.matmul.allow_tf32 = False
    if arguments.weights:
        model.load(w.read_weights(arguments.weights))

    @torch.inference_mode()
    def predict(beats):
        chunks = torch.from_numpy(beats).to(device).split(w.ENCODE_CHUNK)
        features = torch.cat([model.encode(chunk) for chunk in chunks])
        windows = features.unfold(0, w.SEQUENCE_LENGTH, 1).transpose(1, 2)
        logits = torch.cat([model.classify(chunk) for chunk in windows.split(w.CLASSIFY_CHUNK)])
        return logits.softmax(dim=1).cpu().numpy()

    results |= w.measure_inference(arguments, predict, beats)
    results["version"] = w.version_of("torch")
    results["threads"] = torch.get_num_threads()
    w.report(results)


main()
