"""Losses and gradients are those of the golden sets that torch, transformers and peft made."""

from __future__ import annotations

import json
import math
import re
import unittest
from typing import Any

import torch
from safetensors.torch import load_file

from tive_torch.engine import Engine
from tive_torch.frames import Tensors
from tive_torch.gradients import GradientReader
from tive_torch.rows import Batch

from .support import GOLDEN

SETS = ("tiny-llava", "clip-full", "siglip-qwen2", "idefics3", "smolvlm", "llama-text", "qwen2-text")
_PREFIX = "base_model.model."


def adapter_of(folder: str) -> tuple[dict[str, Any], Tensors]:
    """The set's adapter, as a request has it."""
    config = json.loads((GOLDEN / folder / "adapter" / "adapter_config.json").read_text())
    saved = load_file(GOLDEN / folder / "adapter" / "adapter_model.safetensors")
    tensors = {name.removeprefix(_PREFIX).removesuffix(".weight"): value for name, value in saved.items()}
    scales = {}
    for name, value in tensors.items():
        if name.endswith(".lora_A"):
            path, rank = name.removesuffix(".lora_A"), value.shape[0]
            patterns = [alpha for key, alpha in config["alpha_pattern"].items() if re.search(rf"(^|\.)({key})$", path)]
            alpha = patterns[0] if patterns else config["lora_alpha"]
            scales[path] = alpha / (math.sqrt(rank) if config["use_rslora"] else rank)
    return {"parameters": [{"name": name} for name in tensors], "scales": scales}, tensors


def coordinates_of(expected: dict[str, Any], tensors: Tensors) -> tuple[list[dict[str, Any]], int]:
    start, coordinates = 0, []
    for name in expected["parameter_order"]:
        short = name.removeprefix(_PREFIX).removesuffix(".default.weight")
        coordinates.append({"name": short, "start": start})
        start += tensors[short].numel()
    return coordinates, start


def batch_of(example: dict[str, Any], wanted: Tensors, tiled: bool) -> Batch | None:
    """The example's ids and pixels as the set has them; None where it keeps no pixels of its picture."""
    key = example["id"]
    ids, labels = wanted[f"{key}.input_ids"].long(), wanted[f"{key}.labels"].long()
    inputs = {"input_ids": ids.unsqueeze(0), "attention_mask": torch.ones_like(ids).unsqueeze(0)}
    pixels = wanted.get(f"{key}.pixel_values")
    if pixels is not None:
        inputs["pixel_values"] = pixels.unsqueeze(0).unsqueeze(0) if tiled else pixels.unsqueeze(0)
    elif example.get("image") is not None or (key.startswith("ex-") and key != "ex-011"):
        return None
    return Batch(inputs, labels.unsqueeze(0))


class GoldenTest(unittest.TestCase):
    def test_losses_and_gradients_are_those_of_the_golden_sets(self) -> None:
        for folder in SETS:
            with self.subTest(folder):
                self.assertGreaterEqual(self.compared(folder), 1)

    def compared(self, folder: str) -> int:
        """How many examples of a set were compared."""
        expected = json.loads((GOLDEN / folder / "expected.json").read_text())
        wanted = load_file(GOLDEN / folder / "expected.safetensors")
        engine = Engine()
        model_folder = str(GOLDEN / folder / "model")
        engine.answer({"call": "load", "folder": model_folder, "dtype": "float32", "recompute": False}, {})
        described, tensors = adapter_of(folder)
        coordinates, count = coordinates_of(expected, tensors)
        projection = {"kind": "none", "sketch": count, "seed": 0}
        request = {
            "call": "open_gradients", "adapter": described, "coordinates": coordinates, "parameterCount": count,
            "cutoff": 4096, "projection": projection,
        }  # fmt: skip
        reader = engine._handles[engine.answer(request, tensors)[0]["handle"]]
        assert isinstance(reader, GradientReader)
        compared = 0
        for example in expected["examples"]:
            batch = batch_of(example, wanted, tiled=folder in ("idefics3", "smolvlm"))
            if batch is None:
                continue
            found = reader.read(batch)
            key = example["id"]
            gradient = wanted.get(f"{key}.gradient", wanted.get(f"{key}.self_attn_lora_grad"))
            assert gradient is not None
            difference = float((found["sketch"][0] - gradient).norm() / gradient.norm())
            self.assertLess(difference, 1e-4, f"{folder} {key}")
            self.assertAlmostEqual(float(found["loss"][0]), example["loss"], delta=2e-5)
            if "el2n" in example:
                self.assertAlmostEqual(float(found["el2n"][0]), example["el2n"], delta=1e-5)
            compared += 1
        return compared


if __name__ == "__main__":
    unittest.main()
