"""Handles, cutoffs, dtypes and refusals, on the tiny LLaVA."""

from __future__ import annotations

import json
import shutil
import tempfile
import unittest
from pathlib import Path
from typing import Any, ClassVar

import torch

from tive_torch.engine import Engine
from tive_torch.errors import EngineError, described
from tive_torch.frames import Tensors
from tive_torch.rows import Batch
from tive_torch.scoring import Scorer

from .support import RANK, Rows, adapter_of, coordinates_of, dialogues, family_folder

OPTIMIZER = {"beta1": 0.9, "beta2": 0.999, "epsilon": 1e-8, "weightDecay": 0, "maxGradientNorm": 1.0}


def load(engine: Engine, dtype: str = "float32", recompute: bool = False) -> dict[str, Any]:
    return engine.answer(
        {"call": "load", "folder": family_folder("llava"), "dtype": dtype, "recompute": recompute}, {}
    )[0]


def open_gradients(engine: Engine, adapter: tuple[dict[str, Any], Tensors], **others: Any) -> int:
    described_adapter, tensors = adapter
    coordinates, count = coordinates_of(tensors)
    request = {
        "call": "open_gradients",
        "adapter": described_adapter,
        "coordinates": coordinates,
        "parameterCount": count,
        "cutoff": 4096,
        "projection": {"kind": "none", "sketch": count, "seed": 0},
        **others,
    }
    return int(engine.answer(request, tensors)[0]["handle"])


class EngineTest(unittest.TestCase):
    engine: ClassVar[Engine]
    facts: ClassVar[dict[str, Any]]
    rows: ClassVar[Rows]

    @classmethod
    def setUpClass(cls) -> None:
        cls.engine = Engine()
        cls.facts = load(cls.engine)
        cls.rows = Rows(cls.engine, dialogues(True))

    def gradients(self, handle: int) -> Tensors:
        return self.engine.answer(
            {"call": "gradients", "handle": handle, "rows": self.rows.described}, self.rows.tensors
        )[1]

    def encode(self, cutoff: int, rows: Any = None, tensors: Any = None) -> list[dict[str, Any]]:
        request = {"call": "encode", "rows": rows or self.rows.described, "cutoff": cutoff}
        found: list[dict[str, Any]] = self.engine.answer(request, self.rows.tensors if tensors is None else tensors)[0][
            "rows"
        ]
        return found

    def refused(self, kind: str, message: str, request: dict[str, Any], tensors: Tensors | None = None) -> None:
        with self.assertRaisesRegex(EngineError, message) as caught:
            self.engine.answer(request, tensors or {})
        self.assertEqual(caught.exception.kind, kind)

    def test_handles_that_are_open_together_do_not_touch_one_another(self) -> None:
        first, second = adapter_of(self.facts, 1), adapter_of(self.facts, 2)
        alone = open_gradients(self.engine, first)
        wanted = self.gradients(alone)
        other = open_gradients(self.engine, second)
        different = self.gradients(other)
        found = self.gradients(alone)
        self.engine.answer({"call": "close", "handle": alone}, {})
        self.assertTrue(torch.equal(self.gradients(other)["sketch"], different["sketch"]))
        self.engine.answer({"call": "close", "handle": other}, {})
        self.assertTrue(torch.equal(found["sketch"], wanted["sketch"]))
        self.assertFalse(torch.equal(different["sketch"], wanted["sketch"]))

    def test_closing_leaves_no_adapter_behind(self) -> None:
        handle = open_gradients(self.engine, adapter_of(self.facts))
        self.engine.answer({"call": "close", "handle": handle}, {})
        assert self.engine._model is not None
        self.assertFalse([name for name, _ in self.engine._model.module.named_parameters() if "lora" in name])
        with self.assertRaisesRegex(EngineError, "must be a GradientReader that is open, got none"):
            self.gradients(handle)

    def test_a_generated_answer_ends_with_the_token_that_ends_the_rows_own(self) -> None:
        scorer, batch = self.opened_scoring()
        for answer, labels in zip(scorer.generate(batch, 5, False), batch.labels, strict=True):
            wanted = answer.ids[: answer.ids.index(answer.ids[2]) + 1]
            # A row's labels are read for the number of its end alone.
            labels[(labels != -100).nonzero()[-1]] = wanted[-1]
            found = scorer.generate(batch, 5, True)
            cut = next(one for one in found if one.ids == wanted)
            self.assertTrue(cut.ended)
            text = scorer.model.processor.tokenizer.decode(wanted[:-1], skip_special_tokens=True)
            self.assertEqual(cut.text, text)
        self.assertEqual([one.ended for one in scorer.generate(batch, 1, False)], [False] * batch.example_count)

    def test_generation_reads_no_settings_of_the_folder_and_recomputes_no_layer(self) -> None:
        scorer, batch = self.opened_scoring()
        wanted = scorer.generate(batch, 5, False)
        kept = scorer.model.module.generation_config.repetition_penalty
        scorer.model.module.generation_config.repetition_penalty = 9.0
        found = scorer.generate(batch, 5, False)
        self.assertEqual(scorer.model.module.generation_config.repetition_penalty, 9.0)
        scorer.model.module.generation_config.repetition_penalty = kept
        load(self.engine, recompute=True)
        again, _ = self.opened_scoring()
        self.assertEqual(found, wanted)
        self.assertEqual(again.generate(batch, 5, False), wanted)
        self.assertTrue(any(part.training for part in again.model.module.modules()))
        load(self.engine)

    def opened_scoring(self) -> tuple[Scorer, Batch]:
        request = {"call": "open_scoring", "adapter": None, "cutoff": 4096}
        handle = self.engine.answer(request, {})[0]["handle"]
        rows = {"call": "generate", "handle": handle, "rows": self.rows.described}
        (batch,) = self.engine.prepare(rows, self.rows.tensors).batches
        scorer = self.engine._handles[handle]
        assert isinstance(scorer, Scorer)
        return scorer, batch

    def test_only_parameters_with_coordinates_count(self) -> None:
        adapter = adapter_of(self.facts)
        whole = open_gradients(self.engine, adapter)
        coordinates, count = coordinates_of(adapter[1])
        kept = [c for c in coordinates if "q_proj" in c["name"]]
        part = open_gradients(self.engine, adapter, coordinates=kept)
        a, b = self.gradients(whole), self.gradients(part)
        mask = torch.zeros(count, dtype=torch.bool)
        for coordinate in kept:
            mask[coordinate["start"] : coordinate["start"] + adapter[1][coordinate["name"]].numel()] = True
        self.assertTrue(torch.equal(b["sketch"][:, mask], a["sketch"][:, mask]))
        self.assertEqual(float(b["sketch"][:, ~mask].abs().max()), 0)
        wanted = a["sketch"][:, mask].double().norm(dim=1)
        self.assertLess(float((b["norm"] - wanted).abs().max()), 1e-6)
        for handle in (whole, part):
            self.engine.answer({"call": "close", "handle": handle}, {})

    def test_ranks_and_scales_may_differ_by_path(self) -> None:
        described_adapter, tensors = adapter_of(self.facts)
        path = self.facts["layers"][3]["path"]
        tensors[f"{path}.lora_A"] = torch.cat([tensors[f"{path}.lora_A"], torch.ones(2, self.facts["layers"][3]["in"])])
        tensors[f"{path}.lora_B"] = torch.cat(
            [tensors[f"{path}.lora_B"], torch.zeros(self.facts["layers"][3]["out"], 2)], 1
        )
        wider = open_gradients(self.engine, (described_adapter, tensors))
        plain = open_gradients(self.engine, adapter_of(self.facts))
        self.assertTrue(torch.allclose(self.gradients(wider)["loss"], self.gradients(plain)["loss"], atol=1e-6))
        doubled = {**described_adapter, "scales": {**described_adapter["scales"], path: 7.0}}
        scaled = open_gradients(self.engine, (doubled, adapter_of(self.facts)[1]))
        self.assertFalse(torch.allclose(self.gradients(scaled)["loss"], self.gradients(plain)["loss"], atol=1e-6))
        for handle in (wider, plain, scaled):
            self.engine.answer({"call": "close", "handle": handle}, {})

    def test_bfloat16_stays_near_float32_and_keeps_float32_values(self) -> None:
        adapter = adapter_of(self.facts)
        wanted = self.gradients(open_gradients(self.engine, adapter))
        facts = load(self.engine, "bfloat16")
        self.assertEqual(facts["dtype"], "bfloat16")
        found = self.gradients(open_gradients(self.engine, adapter))
        cosine = torch.nn.functional.cosine_similarity(found["sketch"], wanted["sketch"])
        self.assertGreater(float(cosine.min()), 0.99)
        self.assertLess(float((found["loss"] - wanted["loss"]).abs().max()), 0.05)
        request = {"call": "open_training", "adapter": adapter[0], "optimizer": OPTIMIZER, "step": 0, "cutoff": 4096}
        handle = self.engine.answer(request, adapter[1])[0]["handle"]
        state = self.engine.answer({"call": "state", "handle": handle}, {})[1]
        self.assertTrue(all(torch.equal(state[name], value) for name, value in adapter[1].items()))
        self.engine.answer(
            {"call": "add_micro_batch", "handle": handle, "rows": self.rows.described, "weight": 0.1}, self.rows.tensors
        )
        self.engine.answer({"call": "update", "handle": handle, "learningRate": 1e-5}, {})
        state = self.engine.answer({"call": "state", "handle": handle}, {})[1]
        name = adapter[0]["parameters"][0]["name"]
        # Smaller than bfloat16's step: only float32 values can move so little.
        self.assertLess(float((state[name] - adapter[1][name]).abs().max()), 1.1e-5)
        self.assertGreater(float((state[name] - adapter[1][name]).abs().max()), 0.5e-5)
        load(self.engine)

    def test_recomputation_runs_the_decoders_layers_twice(self) -> None:
        for recompute, wanted in ((False, 1), (True, 2)):
            load(self.engine, recompute=recompute)
            assert self.engine._model is not None
            calls: list[int] = []
            layer = self.engine._model.module.get_decoder().layers[0].mlp
            layer.register_forward_pre_hook(lambda *_, into=calls: into.append(1))
            self.gradients(open_gradients(self.engine, adapter_of(self.facts)))
            self.assertEqual(len(calls), wanted)
        load(self.engine)

    def test_a_step_whose_norm_is_not_finite_changes_nothing(self) -> None:
        adapter = adapter_of(self.facts)
        request = {"call": "open_training", "adapter": adapter[0], "optimizer": OPTIMIZER, "step": 0, "cutoff": 4096}
        handle = self.engine.answer(request, adapter[1])[0]["handle"]
        row = {"call": "add_micro_batch", "handle": handle, "rows": self.rows.described}
        self.engine.answer({**row, "weight": float("inf")}, self.rows.tensors)
        updated = self.engine.answer({"call": "update", "handle": handle, "learningRate": 0.1}, {})[0]
        self.assertEqual(updated["step"], 0)
        state = self.engine.answer({"call": "state", "handle": handle}, {})[1]
        self.assertTrue(all(torch.equal(state[name], value) for name, value in adapter[1].items()))
        self.engine.answer({**row, "weight": 0.1}, self.rows.tensors)
        dropped = self.engine.answer({"call": "drop", "handle": handle}, {})[0]
        self.assertEqual(self.engine.answer({"call": "drop", "handle": handle}, {})[0]["norm"], 0)
        self.engine.answer({**row, "weight": 0.1}, self.rows.tensors)
        self.assertEqual(
            self.engine.answer({"call": "update", "handle": handle, "learningRate": 0.1}, {})[0],
            {"norm": dropped["norm"], "step": 1},
        )
        self.engine.answer({"call": "close", "handle": handle}, {})

    def test_cutoffs_cut_answers_but_no_pictures(self) -> None:
        whole = self.encode(4096)[0]
        cut = self.encode(whole["tokens"] - 2)[0]
        self.assertEqual((cut["tokens"], cut["truncated"]), (whole["tokens"] - 2, True))
        self.assertEqual(cut["supervisedTokens"], whole["supervisedTokens"] - 2)
        self.assertEqual(self.encode(whole["tokens"] - whole["supervisedTokens"])[0]["reason"], "no_supervised_tokens")
        self.assertEqual(self.encode(10)[0]["reason"], "image_cut_off")

    def test_gradients_see_what_the_cutoff_leaves(self) -> None:
        whole = self.encode(4096)
        cutoff = whole[0]["tokens"] - 2
        handle = open_gradients(self.engine, adapter_of(self.facts), cutoff=cutoff)
        rows, tensors = self.rows.only(0)
        found = self.engine.answer({"call": "gradients", "handle": handle, "rows": rows}, tensors)[1]
        self.engine.answer({"call": "close", "handle": handle}, {})
        self.assertEqual(int(found["count"][0]), whole[0]["supervisedTokens"] - 2)

    def test_a_requests_own_cutoff_goes_before_its_handles(self) -> None:
        whole = self.encode(4096)[0]
        handle = open_gradients(self.engine, adapter_of(self.facts))
        rows, tensors = self.rows.only(0)
        request = {"call": "gradients", "handle": handle, "rows": rows, "cutoff": whole["tokens"] - 1}
        found = self.engine.answer(request, tensors)[1]
        self.engine.answer({"call": "close", "handle": handle}, {})
        self.assertEqual(int(found["count"][0]), whole["supervisedTokens"] - 1)

    def test_sizes_of_pictures_make_the_same_ids_as_the_pictures(self) -> None:
        sizes = [
            {**row, "pictures": 0, "sizes": [[image.height, image.width] for image in images]}
            for row, images in zip(self.rows.described, self.rows.images, strict=True)
        ]
        self.assertEqual(self.encode(4096, sizes, {}), self.encode(4096))

    def test_rows_that_cannot_be_read_are_set_aside_beside_others(self) -> None:
        good, tensors = self.rows.only(0)
        fewer = {**good[0], "pictures": 0}
        text = good[0]["pieces"][0]["text"]
        broken = {
            "pieces": [{"text": text[:-3], "supervised": False}, {"text": text[-3:], "supervised": True}],
            "pictures": 1,
        }
        thin = torch.zeros((1, 900, 3), dtype=torch.uint8)
        body = {
            "row.0.picture.0": tensors["row.0.picture.0"],
            "row.2.picture.0": tensors["row.0.picture.0"],
            "row.3.picture.0": thin,
        }
        found = self.encode(4096, [good[0], fewer, broken, good[0]], body)
        self.assertEqual(found[0]["truncated"], False)
        self.assertEqual(found[1]["reason"], "image_count_mismatch")
        self.assertEqual(found[2]["reason"], "tokenization_mismatch")
        self.assertIn("tokens", found[3])

    def test_a_row_that_its_processor_refuses_is_set_aside_with_its_words(self) -> None:
        engine = Engine()
        engine.answer({"call": "inspect", "folder": family_folder("qwen2_5_vl")}, {})
        rows = Rows(engine, [dialogues(True)[0]])
        body = {"row.0.picture.0": torch.zeros((2, 900, 3), dtype=torch.uint8)}
        found = engine.answer({"call": "encode", "rows": rows.described, "cutoff": 4096}, body)[0]["rows"][0]
        self.assertEqual(found["reason"], "processor_refused")
        self.assertIn("aspect ratio", found["detail"])

    def test_what_cannot_be_done_is_refused_by_kind(self) -> None:
        described_adapter, tensors = adapter_of(self.facts)
        request = {"call": "open_scoring", "adapter": described_adapter, "cutoff": 4096}
        name = described_adapter["parameters"][0]["name"]
        self.refused("config", "call: must be one of", {"call": "guess"})
        self.refused("config", "must have 'adapter'", {"call": "open_training"})
        self.refused("data", f"{name}: must be float32", request, {**tensors, name: tensors[name].double()})
        self.refused("config", r"must have matrices \[rank, 64\]", request, {**tensors, name: torch.zeros(RANK, 63)})
        unknown = {"parameters": [{"name": "no.such.lora_A"}, {"name": "no.such.lora_B"}], "scales": {"no.such": 1}}
        made = {"no.such.lora_A": torch.zeros(1, 1), "no.such.lora_B": torch.zeros(1, 1)}
        self.refused("config", "no.such must be a module", {**request, "adapter": unknown}, made)
        half = {**described_adapter, "parameters": described_adapter["parameters"][1:]}
        self.refused("config", "one lora_A and one lora_B", {**request, "adapter": half}, tensors)
        self.refused(
            "config", "must name every path", {**request, "adapter": {**described_adapter, "scales": {}}}, tensors
        )
        self.assertEqual(described(MemoryError())["kind"], "memory")
        self.assertEqual(described(RuntimeError("DefaultCPUAllocator: can't allocate memory"))["kind"], "memory")
        self.assertEqual(described(ValueError("x"))["kind"], "internal")


class FolderTest(unittest.TestCase):
    def setUp(self) -> None:
        self.folder = Path(tempfile.mkdtemp(prefix="tive-torch-"))
        self.addCleanup(shutil.rmtree, self.folder)
        shutil.copytree(family_folder("llava"), self.folder, dirs_exist_ok=True)

    def refused(self, message: str, call: str = "inspect") -> None:
        with self.assertRaisesRegex(EngineError, message) as caught:
            Engine().answer({"call": call, "folder": str(self.folder), "dtype": "float32"}, {})
        self.assertEqual(caught.exception.kind, "config")

    def change_config(self, **fields: Any) -> None:
        path = self.folder / "config.json"
        path.write_text(json.dumps({**json.loads(path.read_text()), **fields}))

    def test_what_is_known_without_weights_says_what_a_run_needs(self) -> None:
        facts = Engine().answer({"call": "inspect", "folder": str(self.folder)}, {})[0]
        self.assertEqual(facts["architecture"], "LlavaForConditionalGeneration")
        self.assertEqual(facts["decoderPath"], "model.language_model")
        self.assertEqual(facts["modalities"], ["image"])
        self.assertEqual(facts["imageToken"], "<image>")
        self.assertEqual((facts["layerCount"], facts["hiddenSize"], facts["maxPositions"]), (2, 64, 4096))
        self.assertEqual(
            facts["layers"][0],
            {"path": "model.language_model.layers.0.self_attn.q_proj", "target": "q_proj", "out": 64, "in": 64},
        )
        self.assertEqual(len(facts["layers"]), 14)
        self.assertIn("<image>", facts["specialTexts"])
        self.assertEqual((facts["eosToken"], facts["namedTokens"]["bos_token"]), ("</s>", "<s>"))
        self.assertLess(facts["tokenizerLargestId"], facts["vocabularySize"])
        self.assertIn("ASSISTANT", facts["chatTemplate"])

    def test_folders_of_other_kinds_are_refused(self) -> None:
        self.change_config(auto_map={"AutoModel": "modeling.Model"})
        self.refused("must need no code of its own")
        self.change_config(auto_map=None)

    def test_quantised_weights_are_refused(self) -> None:
        self.change_config(quantization_config={"quant_method": "gptq"})
        self.refused("must not be quantised, got gptq")

    def test_a_folder_without_safetensors_is_refused(self) -> None:
        (self.folder / "model.safetensors").unlink()
        self.refused("must hold weights as")

    def test_a_folder_without_config_or_with_an_unknown_one_is_refused(self) -> None:
        self.change_config(model_type="nothing_known")
        self.refused("transformers must know")
        (self.folder / "config.json").unlink()
        self.refused("must hold config.json")

    def test_a_model_without_text_is_refused(self) -> None:
        self.change_config(model_type="clip_vision_model")
        self.refused("must be a model that answers in text")

    def test_missing_weights_are_refused(self) -> None:
        from safetensors.torch import load_file, save_file

        weights = load_file(self.folder / "model.safetensors")
        name = next(name for name in weights if "q_proj" in name and "language" in name)
        save_file(
            {key: value for key, value in weights.items() if key != name},
            self.folder / "model.safetensors",
            {"format": "pt"},
        )
        self.refused("must hold every parameter, got none for .*q_proj", "load")


if __name__ == "__main__":
    unittest.main()
