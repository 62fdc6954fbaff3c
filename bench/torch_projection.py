"""Bench of the torch engine's gradients: what sketches cost beside the backward pass, and a plain loop beside both.

    PYTHONPATH=engines/torch python bench/torch_projection.py [--decoder] [--layers 24] [--dtype float32]

The model is the 0.88 B LLaVA, random: SigLIP's tower of 26 layers of 1152, a decoder of Qwen2, 24 layers of 1024, LoRA 128
on its seven matrices. The row has 745 tokens, 729 of them the picture's; with --decoder there is neither tower nor
picture, and 60 tokens are an answer. The sketch is of 134,217,728 coordinates (a 7 B model's adapter: 256 matrices of
128 × 4096) to 8192. Numbers are seconds of processor time of one row, the best of the repeats; memory is the most that
lay in the process while the engine, or the loop, worked.
"""

from __future__ import annotations

import argparse
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from tive_torch import environment

environment.prepare()
environment.make_deterministic()

import torch  # noqa: E402
from transformers import (  # noqa: E402
    LlavaConfig,
    LlavaForConditionalGeneration,
    Qwen2Config,
    Qwen2ForCausalLM,
    SiglipVisionConfig,
)

from tive_torch.adapter import Adapter  # noqa: E402
from tive_torch.folder import Model  # noqa: E402
from tive_torch.gradients import GradientReader  # noqa: E402
from tive_torch.projection import Segment, make_projector  # noqa: E402
from tive_torch.rows import Batch  # noqa: E402

SKETCH, RANK = 8192, 128
TARGETS = ("q_proj", "k_proj", "v_proj", "o_proj", "gate_proj", "up_proj", "down_proj")
SIDE, PICTURE_TOKENS, IMAGE_ID = 384, 729, 4
# Of a row with a picture, and of one without.
ANSWER_TOKENS, DECODER_ANSWER_TOKENS = 8, 60


def decoder_config(layers: int, vocabulary: int) -> Qwen2Config:
    return Qwen2Config(
        vocab_size=vocabulary,
        hidden_size=1024,
        intermediate_size=2816,
        num_hidden_layers=layers,
        num_attention_heads=16,
        num_key_value_heads=16,
        use_cache=False,
        tie_word_embeddings=True,
    )


def whole_config(layers: int) -> LlavaConfig:
    tower = SiglipVisionConfig(
        hidden_size=1152,
        intermediate_size=4304,
        num_hidden_layers=26,
        num_attention_heads=16,
        image_size=SIDE,
        patch_size=14,
        vision_use_head=False,
    )
    return LlavaConfig(
        vision_config=tower,
        text_config=decoder_config(layers, 151_936),
        image_token_index=IMAGE_ID,
        vision_feature_layer=-1,
        vision_feature_select_strategy="full",
        tie_word_embeddings=True,
    )


class RandomModel(Model):
    """Random weights where a folder's model stands."""

    def __init__(self, layers: int, dtype: torch.dtype, decoder_alone: bool) -> None:
        self.dtype, self.device = dtype, torch.device(environment.device_name())
        made: Any = Qwen2ForCausalLM if decoder_alone else LlavaForConditionalGeneration
        config = decoder_config(layers, 32_000) if decoder_alone else whole_config(layers)
        with self.device:
            module = made._from_config(config, dtype=dtype, attn_implementation="sdpa")
        self.take(module, recompute=False)


def adapter_of(model: RandomModel) -> Adapter:
    tensors: dict[str, torch.Tensor] = {}
    decoder = model.module.get_decoder()
    path = next(name for name, module in model.module.named_modules() if module is decoder)
    for name, module in model.module.named_modules():
        if name.startswith(f"{path}.") and name.rsplit(".", 1)[-1] in TARGETS:
            tensors[f"{name}.lora_A"] = torch.randn(RANK, module.in_features) * 0.02
            tensors[f"{name}.lora_B"] = torch.randn(module.out_features, RANK) * 0.02
    scales = {name.removesuffix(".lora_A"): 2.0 for name in tensors if name.endswith("_A")}
    return Adapter(model, {"parameters": [{"name": name} for name in tensors], "scales": scales}, tensors)


def reader_of(adapter: Adapter, kind: str) -> GradientReader:
    start, coordinates = 0, []
    for name in adapter.names:
        coordinates.append({"name": name, "start": start})
        start += adapter.modules[name].weight.numel()
    projection = {"kind": kind, "sketch": SKETCH, "seed": 0}
    return GradientReader(
        adapter, {"cutoff": 10**6, "coordinates": coordinates, "parameterCount": start, "projection": projection}
    )


def batch_of(tokens: int, decoder_alone: bool) -> Batch:
    """One row: its picture, a question, the answer."""
    ids = torch.randint(5, 30000, (1, tokens))
    answer = DECODER_ANSWER_TOKENS if decoder_alone else ANSWER_TOKENS
    labels = torch.full_like(ids, -100)
    labels[:, -answer:] = ids[:, -answer:]
    inputs = {"input_ids": ids, "attention_mask": torch.ones_like(ids)}
    if not decoder_alone:
        ids[:, 1 : 1 + PICTURE_TOKENS] = IMAGE_ID
        inputs["pixel_values"] = torch.rand(1, 3, SIDE, SIDE) * 2 - 1
    return Batch(inputs, labels)


def plain_loop(model: RandomModel, adapter: Adapter, batch: Batch) -> tuple[float, float]:
    """Forward and backward pass of plain autograd, as the released code runs them row by row, and the norm."""
    model.forget()
    adapter.activate({})
    weights = [module.weight.requires_grad_(True) for module in adapter.modules.values()]
    inputs = model.moved(batch.inputs)
    start = clock()
    loss = model.module(**inputs, labels=batch.labels.to(model.device)).loss
    between = clock()
    loss.backward()
    torch.cat([weight.grad.reshape(-1) for weight in weights if weight.grad is not None]).float().norm().item()
    end = clock()
    for weight in weights:
        weight.grad = None
    return between - start, end - between


def clock() -> float:
    if torch.cuda.is_available():
        torch.cuda.synchronize()
        return time.perf_counter()
    return time.process_time()


def timed(run: Callable[[], Any]) -> float:
    start = clock()
    run()
    return clock() - start


def most_bytes(run: Callable[[], Any]) -> int:
    """The most memory while something runs: of the device, or of this process where Linux counts anew."""
    if torch.cuda.is_available():
        torch.cuda.reset_peak_memory_stats()
    elif sys.platform.startswith("linux"):
        Path("/proc/self/clear_refs").write_text("5")
    run()
    return environment.memory()["peakBytes"]


def sketch_seconds(repeats: int) -> float:
    """Of the projection of one row's 134,217,728 coordinates."""
    segments = [Segment(index * RANK * 4096, RANK * 4096) for index in range(256)]
    device = torch.device(environment.device_name())
    start = clock()
    projector = make_projector("sparse", SKETCH, 0, segments, 2**27, device)
    print(f"table of {2**27:,} coordinates: {clock() - start:.2f} s, once")
    values = torch.randn(1, RANK * 4096, device=device)
    return min(timed(lambda: [projector.project(s, values) for s in segments]) for _ in range(repeats))


def sketcher_seconds(reader: GradientReader, arguments: argparse.Namespace) -> float:
    """Of norms and sketch of one row by all factors, gradients included where they are formed."""
    dtype, device = getattr(torch, arguments.dtype), reader.adapter.model.device
    shapes = {name: tuple(reader.adapter.modules[name].weight.shape) for name in reader.segments}
    made = {
        shape: (
            torch.randn(arguments.tokens, shape[1], device=device, dtype=dtype),
            torch.randn(arguments.tokens, shape[0], device=device, dtype=dtype),
        )
        for shape in set(shapes.values())
    }
    return min(
        timed(lambda: [reader.sketcher.read(name, *made[shape], 1) for name, shape in shapes.items()])
        for _ in range(arguments.repeats)
    )


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--layers", type=int, default=24)
    parser.add_argument("--tokens", type=int, default=745)
    parser.add_argument("--decoder", action="store_true", help="the decoder alone, without tower and picture")
    parser.add_argument("--dtype", choices=("float32", "bfloat16"), default="float32")
    parser.add_argument("--repeats", type=int, default=3)
    arguments = parser.parse_args()
    torch.manual_seed(0)
    model = RandomModel(arguments.layers, getattr(torch, arguments.dtype), arguments.decoder)
    adapter, batch = adapter_of(model), batch_of(arguments.tokens, arguments.decoder)
    reader = reader_of(adapter, "sparse")
    count = sum(segment.count for segment in reader.segments.values())
    engine: list[float] = []
    engine_bytes = most_bytes(
        lambda: engine.extend(timed(lambda: reader.read(batch)) for _ in range(arguments.repeats))
    )
    print(
        f"engine, {arguments.dtype}, {arguments.tokens} tokens, sketch of {count:,} coordinates included: "
        f"{min(engine):.2f} s; {engine_bytes / 1e9:.1f} GB at most",
        flush=True,
    )
    plain: list[tuple[float, float]] = []
    plain_bytes = most_bytes(lambda: plain.extend(plain_loop(model, adapter, batch) for _ in range(arguments.repeats)))
    forward, backward = (min(run[part] for run in plain) for part in (0, 1))
    print(
        f"plain loop: forward {forward:.2f} s, backward and norm {backward:.2f} s; {plain_bytes / 1e9:.1f} GB at most; "
        f"the engine {min(engine) / (forward + backward):.2f} of it",
        flush=True,
    )
    kinds = {kind: sketcher_seconds(reader_of(adapter, kind), arguments) for kind in ("sparse", "kron")}
    for kind, seconds in kinds.items():
        print(
            f"{kind}: norms and sketch of {count:,} coordinates {seconds:.2f} s, {seconds / backward:.1%} of that backward pass"
        )
    sketch = sketch_seconds(arguments.repeats)
    print(f"sketch of {2**27:,} coordinates: {sketch:.3f} s, {sketch / backward:.1%} of it")


if __name__ == "__main__":
    main()
