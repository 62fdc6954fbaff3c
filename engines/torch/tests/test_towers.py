"""Towers of pictures and clips: their shapes, and how many vectors rows become, against what towers are given."""

from __future__ import annotations

import unittest
from typing import Any

import torch

from tive_torch.engine import Engine
from tive_torch.frames import Tensors

from .support import Rows, adapter_of, dialogues, family_folder
from .test_clips import ASKED, EARS, film, row, tone

QWEN = {"hidden": 32, "inner": 48, "input": 3 * 2 * 14 * 14, "stem": 0, "local": None, "keptLayerCount": 0}
SQUARE = {**QWEN, "innerTableCount": 2, "input": 3 * 14 * 14}
SHAPES = {
    "qwen2_5_vl": {**QWEN, "innerTableCount": 3},
    "qwen3_vl": {**QWEN, "innerTableCount": 2, "input": 3 * 2 * 16 * 16},
    "llava_onevision": {**SQUARE, "keptLayerCount": 1, "stem": 64},
    "internvl": SQUARE,
    "smolvlm": SQUARE,
    "qwen2_audio": {**QWEN, "innerTableCount": 2, "input": 2 * 16, "stem": 2 * 32},
    "gemma4_audio": {
        **QWEN,
        "innerTableCount": 2,
        "inner": 4 * 32,
        "input": 4 * 16,
        "stem": 16 * 16,
        "local": {"chunk": 12, "context": 24, "headCount": 2},
    },
}
# Values of a patch's pixels, once as they are given and once in all that is made before: with a mask of pixels more.
PATCH = {"input": 3 * 14 * 14, "prepared": 3 * 3 * 14 * 14 + 5 * 3 * 14 * 14 // 4}
MASKED = {"input": 10 * 14 * 14, "prepared": 20 * 14 * 14}
PICTURES = {
    # CLIP's activation is made in steps.
    "llava": {**SQUARE, **PATCH, "keptLayerCount": 1, "stem": 64, "innerTableCount": 3},
    "llava_onevision": {**SQUARE, **PATCH, "keptLayerCount": 1, "stem": 64},
    "qwen2_5_vl": {**QWEN, "innerTableCount": 3, "prepared": 3 * 3 * 2 * 14 * 14 + 5 * 3 * 14 * 14 // 4},
    "qwen3_vl": {**SHAPES["qwen3_vl"], "prepared": 3 * 3 * 2 * 16 * 16 + 5 * 3 * 16 * 16 // 4},
    "qwen3_5": {**SHAPES["qwen3_vl"], "prepared": 3 * 3 * 2 * 16 * 16 + 5 * 3 * 16 * 16 // 4},
    "gemma3": {**SQUARE, **PATCH},
    "gemma4": {**QWEN, "innerTableCount": 3, "input": 3 * 16 * 16, "prepared": 3 * 3 * 16 * 16 + 5 * 3 * 16 * 16 // 4},
    "internvl": {**SQUARE, **PATCH},
    "idefics3": {**SQUARE, **MASKED},
    "smolvlm": {**SQUARE, **MASKED},
}
# Vectors of a tile of whose tower one is no patch's: CLIP's and InternVL's put a token of their own before them.
WITH_OWN = {"llava": 16, "internvl": 16}


class TowerTest(unittest.TestCase):
    def test_shapes_are_those_of_the_config(self) -> None:
        for family, wanted in SHAPES.items():
            facts = Engine().answer({"call": "inspect", "folder": family_folder(family)}, {})[0]
            found = facts["towers"]["audio" if family in EARS else "video"]
            self.assertGreater(found.pop("prepared"), found["input"])
            self.assertEqual(found, wanted, family)

    def test_a_model_of_text_has_none(self) -> None:
        facts = Engine().answer({"call": "inspect", "folder": family_folder("qwen3")}, {})[0]
        self.assertEqual(facts["towers"], {"image": None, "video": None, "audio": None})

    def test_shapes_of_pictures_are_those_of_the_config(self) -> None:
        for family, wanted in PICTURES.items():
            facts = Engine().answer({"call": "inspect", "folder": family_folder(family)}, {})[0]
            self.assertEqual(facts["towers"]["image"], wanted, family)

    def test_rows_without_pictures_and_clips_say_nothing_of_vectors(self) -> None:
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
                self.assertEqual(vectors["pictures"], 0)

    def test_rows_have_the_vectors_that_their_pictures_tower_is_given(self) -> None:
        for family in PICTURES:
            with self.subTest(family):
                engine = Engine()
                facts = engine.answer({"call": "load", "folder": family_folder(family), "dtype": "float32"}, {})[0]
                rows = Rows(engine, dialogues(True))
                request = {"call": "encode", "rows": rows.described, "cutoff": 4096}
                encoded = engine.answer(request, rows.tensors)[0]["rows"]
                found = [row.get("vectors", {"pictures": 0})["pictures"] for row in encoded]
                given = [self.given(engine, facts, *rows.only(number)) for number in range(len(encoded))]
                own = WITH_OWN.get(family)
                self.assertEqual(found, [count if own is None else count * own // (own + 1) for count in given])
                self.assertEqual([count > 0 for count in found], [True, True, False, True])

    def test_pictures_and_frames_that_a_tower_is_given_together_are_told_apart(self) -> None:
        engine, folder = Engine(), family_folder("internvl")
        tensors = {"row.0.clip.0": film(4), "row.0.picture.0": torch.zeros(56, 56, 3, dtype=torch.uint8)}
        asked = row("<|im_start|>user\n<IMG_CONTEXT>\n<video>\nWhat is it?<|im_end|>\n", "video", pictures=1)
        request = {"call": "encode", "folder": folder, "rows": [asked], "cutoff": 4096}
        vectors = engine.answer(request, tensors)[0]["rows"][0]["vectors"]
        self.assertEqual(vectors, {"pictures": 16, "videos": 4 * 16, "sounds": []})

    def given(self, engine: Engine, facts: dict[str, Any], rows: list[dict[str, Any]], tensors: Tensors) -> int:
        """Vectors that go into the first layer of a tower, which is asked once at most."""
        counts: list[int] = []
        model: Any = engine._model
        decoder = facts["decoderPath"]

        def count(_: Any, inputs: tuple[torch.Tensor, ...], named: dict[str, Any]) -> None:
            hidden = inputs[0] if inputs else named["hidden_states"]
            counts.append(hidden.numel() // hidden.shape[-1])

        first = [
            module
            for name, module in model.module.named_modules()
            if not name.startswith(decoder) and name.endswith(("blocks.0", "layers.0", "layer.0"))
        ]
        hooks = [module.register_forward_pre_hook(count, with_kwargs=True) for module in first]
        described, matrices = adapter_of(facts)
        request = {"call": "open_scoring", "adapter": described, "cutoff": 4096}
        handle = engine.answer(request, matrices)[0]["handle"]
        engine.answer({"call": "score", "handle": handle, "rows": rows}, tensors)
        for hook in hooks:
            hook.remove()
        self.assertLessEqual(len(counts), 1)
        return sum(counts)


if __name__ == "__main__":
    unittest.main()
