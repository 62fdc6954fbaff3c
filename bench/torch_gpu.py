"""Bench of the torch engine at the size that people tune: a 7 B LLaVA's decoder, random, in bfloat16 on a CUDA device.

    PYTHONPATH=engines/torch python bench/torch_gpu.py [--rows 32] [--batch 4] [--tokens 745] [--recompute]
    PYTHONPATH=engines/torch python bench/torch_gpu.py --tiny                # the same on any processor, in seconds

IT HAS NOT RUN ON A GPU YET: no machine with one was there. On the CPU, with --tiny, it runs.

Shapes: Llama of 32 layers of 4096, LoRA 128 on q, k, v and o (134,217,728 parameters), a count-sketch of 8192, rows of
745 tokens of which 60 are answers. Pictures have no part: their vectors need no backward pass. Beside the engine, in the
same run, the plain loop of the released code: batch 1, forward, backward, the gradient flattened, projected.
Prints rows a second, peak memory of the device, and whether the same request gave the same bytes twice.
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Callable
from typing import Any

from tive_torch import environment

environment.prepare()
environment.make_deterministic()

import torch  # noqa: E402
from transformers import LlamaConfig, LlamaForCausalLM  # noqa: E402

from tive_torch.adapter import Adapter  # noqa: E402
from tive_torch.folder import Model  # noqa: E402
from tive_torch.gradients import GradientReader  # noqa: E402
from tive_torch.rows import Batch  # noqa: E402

TARGETS = ("q_proj", "k_proj", "v_proj", "o_proj")
ANSWER_TOKENS = 60
SIZES = {
    "large": {"hidden": 4096, "layers": 32, "heads": 32, "inner": 11008, "rank": 128, "sketch": 8192, "tokens": 745},
    "tiny": {"hidden": 64, "layers": 2, "heads": 4, "inner": 96, "rank": 8, "sketch": 256, "tokens": 80},
}


class RandomModel(Model):
    """A decoder of random weights where a folder's model stands, made on its device."""

    def __init__(self, size: dict[str, int], dtype: torch.dtype, recompute: bool) -> None:
        config = LlamaConfig(
            vocab_size=32064,
            hidden_size=size["hidden"],
            intermediate_size=size["inner"],
            num_hidden_layers=size["layers"],
            num_attention_heads=size["heads"],
            num_key_value_heads=size["heads"],
            use_cache=False,
        )
        self.dtype, self.device = dtype, torch.device(environment.device_name())
        with self.device:
            made: Any = LlamaForCausalLM
            self.take(made._from_config(config, dtype=dtype, attn_implementation="sdpa"), recompute)


def adapter_of(model: RandomModel, rank: int) -> Adapter:
    generator = torch.Generator().manual_seed(0)
    tensors: dict[str, torch.Tensor] = {}
    for name, module in model.module.named_modules():
        if name.rsplit(".", 1)[-1] in TARGETS:
            tensors[f"{name}.lora_A"] = torch.randn(rank, module.in_features, generator=generator) * 0.02
            tensors[f"{name}.lora_B"] = torch.randn(module.out_features, rank, generator=generator) * 0.02
    scales = {name.removesuffix(".lora_A"): 2.0 for name in tensors if name.endswith("_A")}
    return Adapter(model, {"parameters": [{"name": name} for name in tensors], "scales": scales}, tensors)


def reader_of(adapter: Adapter, sketch: int) -> GradientReader:
    start, coordinates = 0, []
    for name in adapter.names:
        coordinates.append({"name": name, "start": start})
        start += adapter.modules[name].weight.numel()
    projection = {"kind": "sparse", "sketch": sketch, "seed": 0}
    return GradientReader(
        adapter, {"cutoff": 10**6, "coordinates": coordinates, "parameterCount": start, "projection": projection}
    )


def batches_of(rows: int, batch: int, tokens: int) -> list[Batch]:
    ids = torch.randint(5, 32000, (rows, tokens), generator=torch.Generator().manual_seed(1))
    labels = torch.full_like(ids, -100)
    labels[:, -ANSWER_TOKENS:] = ids[:, -ANSWER_TOKENS:]
    return [
        Batch({"input_ids": part, "attention_mask": torch.ones_like(part)}, of_part)
        for part, of_part in zip(torch.split(ids, batch), torch.split(labels, batch), strict=True)
    ]


def plain_loop(model: RandomModel, adapter: Adapter, sketch: int) -> Callable[[list[Batch]], None]:
    """Row by row: forward, backward, flatten, project by buckets and signs drawn once, norm."""
    count = sum(module.weight.numel() for module in adapter.modules.values())
    buckets = torch.randint(0, sketch, (count,), device=model.device)
    signs = (2 * torch.randint(0, 2, (count,), device=model.device) - 1).to(torch.int8)

    def run(batches: list[Batch]) -> None:
        model.forget()
        adapter.activate({})
        weights = [module.weight.requires_grad_(True) for module in adapter.modules.values()]
        for batch in batches:
            inputs = {name: value.to(model.device) for name, value in batch.inputs.items()}
            model.module(**inputs, labels=batch.labels.to(model.device)).loss.backward()
            flat = torch.cat([weight.grad.reshape(-1) for weight in weights if weight.grad is not None]).float()
            projected = torch.zeros(sketch, device=model.device)
            # Atomic on a device, as in the released code; forbidden elsewhere in the engine.
            torch.use_deterministic_algorithms(False)
            projected.index_add_(0, buckets, flat * signs)
            torch.use_deterministic_algorithms(True)
            float(flat.norm()), projected.cpu()
            for weight in weights:
                weight.grad = None

    return run


def measured(run: Callable[[], Any], rows: int) -> tuple[str, Any]:
    """Rows a second, peak memory; what it gave. The first run, which warms up, does not count."""
    run()
    if torch.cuda.is_available():
        torch.cuda.reset_peak_memory_stats()
        torch.cuda.synchronize()
    start = time.perf_counter()
    found = run()
    if torch.cuda.is_available():
        torch.cuda.synchronize()
    seconds = time.perf_counter() - start
    peak = environment.memory()["peakBytes"] / 1e9
    return f"{rows / seconds:.2f} rows a second, {peak:.1f} GB at most", (found, rows / seconds)


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--tiny", action="store_true", help="a model of two small layers")
    parser.add_argument("--rows", type=int, default=32)
    parser.add_argument("--batch", type=int, default=4)
    parser.add_argument("--tokens", type=int)
    parser.add_argument("--dtype", choices=("float32", "bfloat16"), default="bfloat16")
    parser.add_argument("--recompute", action="store_true", help="layers computed again in the backward pass")
    arguments = parser.parse_args()
    if not (arguments.tiny or torch.cuda.is_available()):
        parser.error("a CUDA device must be there, got none; give --tiny")
    torch.manual_seed(0)
    size = SIZES["tiny" if arguments.tiny else "large"]
    tokens = arguments.tokens or size["tokens"]
    model = RandomModel(size, getattr(torch, arguments.dtype), arguments.recompute)
    adapter = adapter_of(model, size["rank"])
    coordinates = sum(module.weight.numel() for module in adapter.modules.values())
    device = environment.describe()["deviceName"]
    print(f"{device}, {arguments.dtype}, {coordinates:,} coordinates to {size['sketch']}, rows of {tokens} tokens")
    loop, single = plain_loop(model, adapter, size["sketch"]), batches_of(arguments.rows, 1, tokens)
    text, (_, loop_rate) = measured(lambda: loop(single), arguments.rows)
    print(f"plain loop, batch 1: {text}")
    reader, batches = reader_of(adapter, size["sketch"]), batches_of(arguments.rows, arguments.batch, tokens)
    text, (first, rate) = measured(lambda: [reader.read(batch) for batch in batches], arguments.rows)
    print(f"engine, batch {arguments.batch}: {text}, {rate / loop_rate:.2f} of the loop's rows")
    again = [reader.read(batch) for batch in batches]
    same = all(torch.equal(one[name], two[name]) for one, two in zip(first, again, strict=True) for name in one)
    print(f"the same bytes twice: {'yes' if same else 'NO'}")
    raise SystemExit(0 if same else 1)


if __name__ == "__main__":
    main()
