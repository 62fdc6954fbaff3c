"""Towers of videos and sounds: their shapes, and how many vectors a clip becomes, against what towers are given."""

from __future__ import annotations

import unittest
from typing import Any

import torch

from tive_torch.engine import Engine
from tive_torch.frames import Tensors

from .support import adapter_of, family_folder
from .test_clips import ASKED, EARS, film, row, tone

QWEN = {"hidden": 32, "inner": 48, "input": 3 * 2 * 14 * 14, "stem": 0, "local": None, "keptLayerCount": 0}
SHAPES = {
    "qwen2_5_vl": {**QWEN, "isGated": True},
    "qwen3_vl": {**QWEN, "isGated": False, "input": 3 * 2 * 16 * 16},
    "llava_onevision": {**QWEN, "isGated": False, "input": 3 * 14 * 14, "keptLayerCount": 3},
    "smolvlm": {**QWEN, "isGated": False, "input": 3 * 14 * 14},
    "qwen2_audio": {**QWEN, "isGated": False, "input": 2 * 16, "stem": 2 * 32},
    "gemma4_audio": {
        **QWEN,
        "isGated": False,
        "inner": 4 * 32,
        "input": 4 * 16,
        "stem": 16 * 16,
        "local": {"chunk": 12, "context": 24, "headCount": 2},
    },
}


class TowerTest(unittest.TestCase):
    def test_shapes_are_those_of_the_config(self) -> None:
        for family, wanted in SHAPES.items():
            facts = Engine().answer({"call": "inspect", "folder": family_folder(family)}, {})[0]
            found = facts["towers"]["audio" if family in EARS else "video"]
            self.assertGreater(found.pop("prepared"), found["input"])
            self.assertEqual(found, wanted, family)

    def test_a_model_of_text_has_none(self) -> None:
        facts = Engine().answer({"call": "inspect", "folder": family_folder("qwen3")}, {})[0]
        self.assertEqual(facts["towers"], {"video": None, "audio": None})

    def test_rows_without_clips_say_nothing_of_vectors(self) -> None:
        request = {"call": "encode", "folder": family_folder("qwen2_5_vl"), "rows": [row("Is it hot?")], "cutoff": 4096}
        self.assertNotIn("vectors", Engine().answer(request, {})[0]["rows"][0])

    def test_a_clip_has_the_vectors_that_its_tower_is_given(self) -> None:
        for family in ASKED:
            with self.subTest(family):
                engine, clip = Engine(), tone(0.9) if family in EARS else film(4)
                facts = engine.answer({"call": "load", "folder": family_folder(family), "dtype": "float32"}, {})[0]
                kind = "audio" if family in EARS else "video"
                rows, tensors = [row(ASKED[family], kind)], {"row.0.clip.0": clip}
                encoded = engine.answer({"call": "encode", "rows": rows, "cutoff": 4096}, tensors)[0]["rows"][0]
                vectors = encoded["vectors"]
                given = self.given(engine, facts, rows, tensors)
                found = vectors["videos"] if kind == "video" else sum(vectors["sounds"])
                # InternVL's tower puts a token of its own before those of each frame.
                self.assertEqual(found, given - (4 if family == "internvl" else 0))

    def given(self, engine: Engine, facts: dict[str, Any], rows: list[dict[str, Any]], tensors: Tensors) -> int:
        """Vectors that go into the first layer of a tower."""
        counts: list[int] = []
        model: Any = engine._model
        decoder = facts["decoderPath"]

        def count(_: Any, inputs: tuple[torch.Tensor, ...], named: dict[str, Any]) -> None:
            hidden = inputs[0] if inputs else named["hidden_states"]
            counts.append(hidden.numel() // hidden.shape[-1])

        for name, module in model.module.named_modules():
            if not name.startswith(decoder) and name.endswith(("blocks.0", "layers.0", "layer.0")):
                module.register_forward_pre_hook(count, with_kwargs=True)
        described, matrices = adapter_of(facts)
        request = {"call": "open_scoring", "adapter": described, "cutoff": 4096}
        handle = engine.answer(request, matrices)[0]["handle"]
        engine.answer({"call": "score", "handle": handle, "rows": rows}, tensors)
        self.assertEqual(len(counts), 1)
        return counts[0]


if __name__ == "__main__":
    unittest.main()
