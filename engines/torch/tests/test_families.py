"""Each family's ids, gradients, training and scores, against a plain peft model one example at a time."""

from __future__ import annotations

import unittest
from typing import Any, ClassVar

import torch

from tive_torch.engine import Engine
from tive_torch.frames import Tensors

from .support import Peer, Rows, adapter_of, all_families, coordinates_of, dialogues, family_folder

CUTOFF = 4096
GENERATED = 6
OPTIMIZER = {"beta1": 0.9, "beta2": 0.99, "epsilon": 1e-8, "weightDecay": 0.01, "maxGradientNorm": 1.0}


def relative(found: torch.Tensor, wanted: torch.Tensor) -> float:
    return float((found.double() - wanted.double()).norm() / wanted.double().norm())


class FamilyCase(unittest.TestCase):
    """One family: loaded once, with rows, an adapter and a peer."""

    family: ClassVar[str]
    engine: ClassVar[Engine]
    facts: ClassVar[dict[str, Any]]
    rows: ClassVar[Rows]
    adapter: ClassVar[tuple[dict[str, Any], Tensors]]
    encoded: ClassVar[tuple[dict[str, Any], Tensors]]
    peer: ClassVar[Peer]

    @classmethod
    def setUpClass(cls) -> None:
        cls.engine = Engine()
        cls.facts = cls._load(recompute=False)
        cls.rows = Rows(cls.engine, dialogues("image" in cls.facts["modalities"]))
        cls.adapter = adapter_of(cls.facts)
        cls.encoded = cls.engine.answer(
            {"call": "encode", "rows": cls.rows.described, "cutoff": CUTOFF}, cls.rows.tensors
        )
        cls.peer = Peer(cls.engine, cls.adapter[1])

    @classmethod
    def _load(cls, recompute: bool) -> dict[str, Any]:
        request = {"call": "load", "folder": family_folder(cls.family), "dtype": "float32", "recompute": recompute}
        return cls.engine.answer(request, {})[0]

    def labels(self, number: int) -> torch.Tensor:
        return self.encoded[1][f"row.{number}.labels"]

    def open_gradients(self, kind: str = "none", sketch: int = 0) -> int:
        described, tensors = self.adapter
        coordinates, count = coordinates_of(tensors)
        request = {
            "call": "open_gradients",
            "adapter": described,
            "coordinates": coordinates,
            "parameterCount": count,
            "cutoff": CUTOFF,
            "projection": {"kind": kind, "sketch": sketch or count, "seed": 3},
        }
        return int(self.engine.answer(request, tensors)[0]["handle"])

    def call(self, name: str, handle: int, **others: Any) -> tuple[dict[str, Any], Tensors]:
        return self.engine.answer({"call": name, "handle": handle, **others}, self.rows.tensors)

    def open_training(self, tensors: Tensors, step: int = 0) -> int:
        request = {
            "call": "open_training",
            "adapter": self.adapter[0],
            "optimizer": OPTIMIZER,
            "step": step,
            "cutoff": CUTOFF,
        }
        return int(self.engine.answer(request, tensors)[0]["handle"])

    def train(self, handle: int, first: int, last: int) -> list[tuple[float, float]]:
        """Steps [first, last): two micro-batches each, at a falling rate. Loss and norm of each."""
        found = []
        for step in range(first, last):
            loss = 0.0
            for number in ((step + 0) % 4, (step + 1) % 4):
                rows, pictures = self.rows.only(number)
                request = {"call": "add_micro_batch", "handle": handle, "rows": rows, "weight": self.weight(step)}
                loss += self.engine.answer(request, pictures)[0]["loss"]
            updated = self.engine.answer({"call": "update", "handle": handle, "learningRate": self.rate(step)}, {})[0]
            found.append((loss, updated["norm"]))
        return found

    def weight(self, step: int) -> float:
        return 1 / sum(int((self.labels(number % 4)[1:] != -100).sum()) for number in (step, step + 1))

    @staticmethod
    def rate(step: int) -> float:
        return 0.01 * (1 - step / 10)


class FamilyTests:
    """The claims, for every family."""

    def test_labels_are_exactly_the_answers_and_their_ends(self: Any) -> None:
        tokenizer = self.engine._folder.processor.tokenizer
        for number, answers in enumerate(self.rows.answers):
            ids, labels = self.encoded[1][f"row.{number}.ids"], self.labels(number)
            supervised = labels != -100
            self.assertTrue(torch.equal(labels[supervised], ids[supervised]))
            whole = tokenizer.decode(labels[supervised].tolist(), skip_special_tokens=False)
            self.assertEqual(whole.replace(" ", ""), "".join(answers).replace(" ", ""))
            result = self.encoded[0]["rows"][number]
            self.assertEqual(result["tokens"], len(ids))
            self.assertEqual(result["supervisedTokens"], int(supervised[1:].sum()))
            self.assertEqual(result["imageTokens"] > 0, len(self.rows.images[number]) > 0)

    def test_gradients_of_a_batch_are_those_of_single_examples(self: Any) -> None:
        handle = self.open_gradients()
        _, found = self.call("gradients", handle, rows=self.rows.described)
        self.call("close", handle)
        for number, text in enumerate(self.rows.texts):
            losses = self.peer.losses(text, self.rows.images[number], self.labels(number))
            losses.mean().backward()
            gradient = self.peer.gradient()
            self.assertLess(relative(found["sketch"][number], gradient), 1e-5)
            self.assertAlmostEqual(
                float(found["norm"][number]), float(gradient.double().norm()), delta=1e-5 * float(gradient.norm())
            )
            self.assertAlmostEqual(float(found["loss"][number]), float(losses.detach().mean()), delta=1e-5)
            self.assertEqual(int(found["count"][number]), len(losses))
            self.assertAlmostEqual(float(found["el2n"][number]), self.el2n(number), delta=1e-5)

    def el2n(self: Any, number: int) -> float:
        labels = self.labels(number).long()
        with torch.no_grad():
            logits = self.peer.logits(self.rows.texts[number], self.rows.images[number])[:-1]
        kept = labels[1:] != -100
        errors = logits[kept].softmax(1) - torch.nn.functional.one_hot(labels[1:][kept], logits.shape[1])
        return float(errors.norm(dim=1).mean())

    def test_five_steps_are_those_of_torchs_adamw(self: Any) -> None:
        handle = self.open_training(self.adapter[1])
        found = self.train(handle, 0, 5)
        _, state = self.call("state", handle)
        self.call("close", handle)
        parameters = list(self.peer.parameters.values())
        kept = [parameter.data.clone() for parameter in parameters]
        optimizer = torch.optim.AdamW(parameters, lr=1, betas=(0.9, 0.99), eps=1e-8, weight_decay=0.01)
        for step in range(5):
            numbers = (step % 4, (step + 1) % 4)
            losses = [self.peer.losses(self.rows.texts[n], self.rows.images[n], self.labels(n)).sum() for n in numbers]
            loss = sum(losses) * self.weight(step)
            loss.backward()
            norm = torch.nn.utils.clip_grad_norm_(parameters, 1.0)
            optimizer.param_groups[0]["lr"] = self.rate(step)
            optimizer.step()
            optimizer.zero_grad()
            # As below: what has moved by its rounding moves later steps.
            tolerance = 1e-4 if step == 0 else 5e-4
            self.assertAlmostEqual(found[step][0], float(loss.detach()), delta=tolerance)
            self.assertAlmostEqual(found[step][1], float(norm), delta=tolerance * float(norm))
        moved = torch.cat([(p.data - k).reshape(-1) for p, k in zip(parameters, kept, strict=True)])
        mine = torch.cat([(state[name] - k).reshape(-1) for name, k in zip(self.peer.parameters, kept, strict=True)])
        for parameter, value in zip(parameters, kept, strict=True):
            parameter.data.copy_(value)
        # Adam divides by the gradient's own size, so that entries near zero move by their rounding.
        self.assertLess(relative(mine, moved), 2e-3)

    def test_training_goes_on_from_its_state_bit_by_bit(self: Any) -> None:
        whole = self.open_training(self.adapter[1])
        self.train(whole, 0, 2)
        step, state = self.call("state", whole)
        self.assertEqual(step["step"], 2)
        state = {name: value.clone() for name, value in state.items()}
        self.train(whole, 2, 4)
        resumed = self.open_training(state, step=2)
        self.train(resumed, 2, 4)
        (_, first), (_, second) = self.call("state", whole), self.call("state", resumed)
        self.call("close", whole)
        self.call("close", resumed)
        self.assertEqual(first.keys(), second.keys())
        self.assertTrue(all(torch.equal(first[name], second[name]) for name in first))
        self.assertFalse(
            torch.equal(
                first[self.adapter[0]["parameters"][0]["name"]], state[self.adapter[0]["parameters"][0]["name"]]
            )
        )

    def test_scores_are_those_of_the_plain_model_with_and_without_the_adapter(self: Any) -> None:
        for described in (self.adapter[0], None):
            request = {"call": "open_scoring", "adapter": described, "cutoff": CUTOFF}
            handle = self.engine.answer(request, self.adapter[1])[0]["handle"]
            _, found = self.call("score", handle, rows=self.rows.described)
            self.call("close", handle)
            for number, text in enumerate(self.rows.texts):
                with torch.no_grad():
                    if described is None:
                        with self.peer.model.disable_adapter():
                            losses = self.peer.losses(text, self.rows.images[number], self.labels(number))
                    else:
                        losses = self.peer.losses(text, self.rows.images[number], self.labels(number))
                self.assertAlmostEqual(float(found["loss"][number]), float(losses.mean()), delta=1e-5)
                self.assertEqual(int(found["correct"][number]), 0)

    def test_generated_answers_are_those_of_a_pass_over_everything_for_each_token(self: Any) -> None:
        for described in (self.adapter[0], None):
            request = {"call": "open_scoring", "adapter": described, "cutoff": CUTOFF}
            handle = self.engine.answer(request, self.adapter[1])[0]["handle"]
            found, ids = self.call(
                "generate", handle, rows=self.rows.described, mostTokens=GENERATED, stopsAtEnd=False
            )
            _, scored = self.call("score", handle, rows=self.rows.described)
            self.call("close", handle)
            self.assertEqual([row["ended"] for row in found["rows"]], [False] * len(self.rows.texts))
            for number, answers in enumerate(self.rows.answers):
                start, end = self.last_answer(number)
                self.assertEqual(int(scored["last"][number]), end - start)
                text = self.rows.texts[number]
                given = text[: text.rindex(answers[-1]) + len(answers[-1])], self.rows.images[number], start, GENERATED
                if described is None:
                    with self.peer.model.disable_adapter():
                        wanted = self.peer.greedy(*given)
                else:
                    wanted = self.peer.greedy(*given)
                self.assertEqual(ids[f"row.{number}.ids"].tolist()[: len(wanted)], wanted)

    def last_answer(self: Any, number: int) -> tuple[int, int]:
        places = (self.labels(number) != -100).nonzero().reshape(-1).tolist()
        gaps = [place for before, place in zip(places, places[1:], strict=False) if place > before + 1]
        return (gaps or places[:1])[-1], places[-1] + 1

    def test_recomputed_layers_give_the_same_bits_whatever_came_before(self: Any) -> None:
        handle = self.open_gradients("sparse", 256)
        _, kept = self.call("gradients", handle, rows=self.rows.described)
        _, again = self.call("gradients", handle, rows=self.rows.described)
        self._load(recompute=True)
        handle = self.open_gradients("sparse", 256)
        _, found = self.call("gradients", handle, rows=self.rows.described)
        self._load(recompute=False)
        for name in kept:
            self.assertTrue(torch.equal(kept[name], again[name]), name)
            self.assertTrue(torch.equal(kept[name], found[name]), name)


def load_tests(loader: unittest.TestLoader, _tests: Any, _pattern: Any) -> unittest.TestSuite:
    suite = unittest.TestSuite()
    for family in all_families():
        case = type(f"{family}", (FamilyTests, FamilyCase), {"family": family, "__module__": __name__})
        suite.addTests(loader.loadTestsFromTestCase(case))
    return suite


if __name__ == "__main__":
    unittest.main()
