"""The last layer's feed-forward part at the answers alone, on every family."""

from __future__ import annotations

import unittest
from types import SimpleNamespace
from typing import Any
from unittest.mock import patch

import torch
from torch import nn

from tive_torch.engine import Engine
from tive_torch.frames import Tensors
from tive_torch.last_layer import LastFeedForward, ReadPlaces

from .support import Rows, adapter_of, all_families, dialogues, family_folder
from .test_engine import open_gradients


class LastLayerTest(unittest.TestCase):
    def test_gradients_of_attention_are_those_of_whole_layers(self) -> None:
        for family in all_families():
            with self.subTest(family):
                engine, rows = loaded(family)
                _, seen, found = gradients(engine, rows, "attn")
                with patch.object(LastFeedForward, "_is_adapted", return_value=True):
                    tokens, whole, wanted = gradients(engine, rows, "attn")
                self.assertEqual(whole, tokens)
                self.assertEqual(seen, int(found["count"].sum()))
                for name, value in wanted.items():
                    torch.testing.assert_close(found[name], value, rtol=1e-5, atol=1e-6, msg=f"{family} {name}")

    def test_a_part_with_an_adapter_of_its_own_is_given_all_tokens(self) -> None:
        engine, rows = loaded("llava")
        tokens, seen, _ = gradients(engine, rows, "mlp")
        self.assertEqual(seen, tokens)
        # One that is no longer active changes nothing.
        self.assertLess(gradients(engine, rows, "attn")[1], tokens)

    def test_layers_that_are_computed_again_give_the_same_bits(self) -> None:
        _, _, wanted = gradients(*loaded("llava"), "attn")
        _, _, found = gradients(*loaded("llava", recompute=True), "attn")
        for name, value in wanted.items():
            self.assertTrue(torch.equal(found[name], value), name)

    def test_parts_of_experts_and_shared_ones_stay_whole(self) -> None:
        linear = nn.Linear(4, 4)
        experts = nn.Module()
        experts.list = nn.ModuleList([nn.Linear(4, 4)])
        weights = nn.Module()
        weights.own = nn.Parameter(torch.zeros(2, 4, 4))
        for parts in ([linear, linear], [nn.Linear(4, 4), experts], [nn.Linear(4, 4), weights]):
            self.assertIsNone(LastFeedForward.of(decoder_of(parts)))
        self.assertIsNone(LastFeedForward.of(nn.Linear(4, 4)))

    def test_what_is_not_read_is_zero_and_other_shapes_are_whole(self) -> None:
        part = nn.Linear(3, 3)
        last = LastFeedForward.of(decoder_of([nn.Linear(3, 3), part]))
        assert last is not None
        x = torch.randn(2, 2, 3)
        whole = part(x)
        last.read = ReadPlaces.of(torch.tensor([[False, True], [True, False]]), torch.device("cpu"))
        found = part(x).detach()
        torch.testing.assert_close(found[[0, 1], [1, 0]], whole.detach()[[0, 1], [1, 0]], rtol=1e-6, atol=1e-7)
        self.assertEqual(float(found[[0, 1], [0, 1]].abs().sum()), 0)
        self.assertTrue(torch.equal(part(x[:1]), whole[:1]))


def decoder_of(parts: list[nn.Module]) -> nn.Module:
    decoder: Any = nn.Module()
    decoder.layers = nn.ModuleList()
    for part in parts:
        layer = nn.Module()
        layer.mlp = part
        decoder.layers.append(layer)
    return decoder  # type: ignore[no-any-return]


def loaded(family: str, recompute: bool = False) -> tuple[Engine, Rows]:
    engine = Engine()
    request = {"call": "load", "folder": family_folder(family), "dtype": "float32", "recompute": recompute}
    facts = engine.answer(request, {})[0]
    engine.facts = facts  # type: ignore[attr-defined]
    return engine, Rows(engine, dialogues("image" in facts["modalities"]))


def gradients(engine: Engine, rows: Rows, kind: str) -> tuple[int, int, Tensors]:
    """Tokens of the batch, those that the first matrix of the last part was given, and the gradients."""
    model: Any = engine._model
    layers = [layer for layer in engine.facts["layers"] if kind in layer["path"]]  # type: ignore[attr-defined]
    handle = open_gradients(engine, adapter_of({"layers": layers}))
    part = SimpleNamespace(tokens=0)

    def count(_: nn.Module, arguments: tuple[torch.Tensor, ...]) -> None:
        part.tokens = arguments[0].numel() // arguments[0].shape[-1]

    last = list(model.module.get_decoder().layers)[-1].mlp
    hook = next(last.children()).register_forward_pre_hook(count)
    request = {"call": "gradients", "handle": handle, "rows": rows.described}
    prepared = engine.prepare(request, rows.tensors)
    found = engine.answer(request, rows.tensors, prepared)[1]
    hook.remove()
    engine.answer({"call": "close", "handle": handle}, {})
    return prepared.batches[0].labels.numel(), part.tokens, found


if __name__ == "__main__":
    unittest.main()
