"""What the tests share: folders of tiny models, dialogues as rows, adapters, and a plain peft model to compare with."""

from __future__ import annotations

import atexit
import contextlib
import io
import os
import shutil
import sys
import tempfile
from collections.abc import Mapping
from functools import cache
from pathlib import Path
from typing import Any

from tive_torch import environment

environment.prepare()
environment.make_deterministic()

import numpy as np  # noqa: E402
import torch  # noqa: E402
from PIL import Image  # noqa: E402

from tive_torch.engine import Engine  # noqa: E402
from tive_torch.frames import Tensors  # noqa: E402

GOLDEN = Path(__file__).resolve().parents[3] / "test" / "golden"
END_TEXTS = ("<|im_end|>", "</s>", "<end_of_turn>", "<turn|>", "<end_of_utterance>")
RANK, SCALE = 4, 1.5

Turn = tuple[str, int, str]
"""A question, its pictures, and the answer."""


@cache
def family_folder(family: str) -> str:
    """A tiny folder of a family, made once a process; `TIVE_TORCH_FAMILIES` names a folder that keeps them."""
    kept = os.environ.get("TIVE_TORCH_FAMILIES")
    root = Path(kept) if kept else _temporary()
    if not (root / family / "config.json").is_file():
        sys.path.insert(0, str(GOLDEN))
        import torch_families

        with contextlib.redirect_stderr(io.StringIO()):
            torch_families.make(root, {family: torch_families.FAMILIES[family]})
    return str(root / family)


@cache
def _temporary() -> Path:
    folder = tempfile.mkdtemp(prefix="tive-torch-")
    atexit.register(shutil.rmtree, folder, ignore_errors=True)
    return Path(folder)


def all_families() -> list[str]:
    sys.path.insert(0, str(GOLDEN))
    import torch_families

    return list(torch_families.FAMILIES)


def picture(seed: int, height: int, width: int) -> np.ndarray[Any, Any]:
    return np.random.default_rng(seed).integers(0, 256, (height, width, 3), dtype=np.uint8)


class Rows:
    """Rows of a request, with their pictures by name."""

    def __init__(self, engine: Engine, dialogues: list[list[Turn]]) -> None:
        self.described: list[dict[str, Any]] = []
        self.tensors: Tensors = {}
        self.texts: list[str] = []
        self.images: list[list[Image.Image]] = []
        self.answers: list[list[str]] = []
        self._folder: Any = engine._folder
        for number, turns in enumerate(dialogues):
            self._add(number, turns)

    def only(self, number: int) -> tuple[list[dict[str, Any]], Tensors]:
        prefix = f"row.{number}."
        pictures = {
            f"row.0.{name.removeprefix(prefix)}": value
            for name, value in self.tensors.items()
            if name.startswith(prefix)
        }
        return [self.described[number]], pictures

    def _add(self, number: int, turns: list[Turn]) -> None:
        text = rendered(self._folder, turns)
        pieces, learned, start = [], [], 0
        for count, (_, _, answer) in enumerate(turns):
            # An answer begins where the template asks for it, or, where that is another text, where it is written.
            asked = rendered(self._folder, turns[: count + 1], asks=True)
            end = text.index(answer, start) + len(answer)
            place = len(asked) if text.startswith(asked) else end - len(answer)
            end += next(len(mark) for mark in END_TEXTS if text.startswith(mark, end))
            pieces += [{"text": text[start:place], "supervised": False}, {"text": text[place:end], "supervised": True}]
            learned.append(text[place:end])
            start = end
        pieces.append({"text": text[start:], "supervised": False})
        arrays = [
            picture(97 * number + index, 40 + 30 * index + 9 * number, 90 - 20 * index)
            for index in range(sum(t[1] for t in turns))
        ]
        for index, array in enumerate(arrays):
            self.tensors[f"row.{number}.picture.{index}"] = torch.from_numpy(array)
        self.described.append({"pieces": pieces, "pictures": len(arrays)})
        self.texts.append(text)
        self.images.append([Image.fromarray(array) for array in arrays])
        self.answers.append(learned)


def rendered(folder: Any, turns: list[Turn], asks: bool = False) -> str:
    """The dialogue as the folder's chat template writes it; up to the last answer where it asks for that."""
    messages: list[dict[str, Any]] = []
    parts = folder.processor.takes_pictures()
    for question, pictures, answer in turns:
        content = [{"type": "image"} for _ in range(pictures)] + [{"type": "text", "text": question}]
        messages.append({"role": "user", "content": content if parts else question})
        messages.append({"role": "assistant", "content": [{"type": "text", "text": answer}] if parts else answer})
    text: str = folder.processor.tokenizer.apply_chat_template(
        messages[:-1] if asks else messages,
        tokenize=False,
        add_generation_prompt=asks,
        chat_template=folder.processor.chat_template,
    )
    return text


def dialogues(with_pictures: bool) -> list[list[Turn]]:
    """Rows of different length: one picture, two of different size, none, and a later turn."""
    one, two = (1, 2) if with_pictures else (0, 0)
    return [
        [("What is on the plate?", one, "A cup of coffee.")],
        [("Which colour is it?", two, "It is red and blue.")],
        [("How many people are there?", 0, "Two.")],
        [("Is it hot?", one, "Yes, it looks hot."), ("Describe the sky in one sentence.", 0, "An old blue sky.")],
    ]


def adapter_of(facts: Mapping[str, Any], seed: int = 0) -> tuple[dict[str, Any], Tensors]:
    """A random adapter on all layers; B is not zero, so that A has a gradient."""
    generator = torch.Generator().manual_seed(seed)
    tensors: Tensors = {}
    for layer in facts["layers"]:
        tensors[f"{layer['path']}.lora_A"] = torch.randn(RANK, layer["in"], generator=generator) * 0.2
        tensors[f"{layer['path']}.lora_B"] = torch.randn(layer["out"], RANK, generator=generator) * 0.05
    scales = {layer["path"]: SCALE for layer in facts["layers"]}
    return {"parameters": [{"name": name} for name in tensors], "scales": scales}, tensors


def coordinates_of(tensors: Tensors) -> tuple[list[dict[str, Any]], int]:
    start, coordinates = 0, []
    for name, value in tensors.items():
        coordinates.append({"name": name, "start": start})
        start += value.numel()
    return coordinates, start


def _see_one_at_a_time(model: Any) -> None:
    """For a tower that takes pictures of one size in a call."""
    see, side = model.get_image_features, model.config.patch_size

    def each(pixels: torch.Tensor, sizes: torch.Tensor, **options: Any) -> Any:
        start, features = 0, []
        for height, width in sizes.tolist():
            end = start + height * width * side
            found = see(pixels[..., start:end], torch.tensor([[height, width]]), **options)
            features.append(found.pooler_output[0])
            start = end
        found.pooler_output = features
        return found

    model.get_image_features = each


class Peer:
    """A plain peft model of the same folder and adapter, one example at a time by autograd."""

    def __init__(self, engine: Engine, tensors: Tensors) -> None:
        from peft import LoraConfig, get_peft_model

        folder: Any = engine._folder
        self._processor = folder.processor
        model = folder.model_class.from_pretrained(
            folder.path, dtype=torch.float32, attn_implementation="sdpa", local_files_only=True
        )
        if type(model).__name__.startswith("MiniCPMV4_6"):
            _see_one_at_a_time(model.model)
        paths = list(dict.fromkeys(name.rsplit(".lora_", 1)[0] for name in tensors))
        config = LoraConfig(r=RANK, lora_alpha=RANK * SCALE, target_modules=paths, lora_dropout=0.0)
        self.model: Any = get_peft_model(model.eval(), config).eval()
        named = dict(self.model.named_parameters())
        self.parameters = {name: named[f"base_model.model.{name}.default.weight"] for name in tensors}
        for name, value in tensors.items():
            self.parameters[name].data.copy_(value)

    def logits(self, text: str, images: list[Image.Image], cutoff: int = 10_000) -> torch.Tensor:
        """[token, vocabulary] of one row, float32."""
        inputs = self._processor([text], [images])
        shape = inputs["input_ids"].shape
        inputs = {name: value[:, :cutoff] if value.shape == shape else value for name, value in inputs.items()}
        found: torch.Tensor = self.model(**inputs, use_cache=False).logits[0].float()
        return found

    @torch.no_grad()
    def greedy(self, text: str, images: list[Image.Image], start: int, count: int) -> list[int]:
        """So many tokens behind the first `start` ones of a row, each by a pass over all that is before it.

        A picture's token, which a random model may give, ends them: a pass would want its picture.
        """
        whole = self._processor([text], [images])
        shape = whole["input_ids"].shape
        inputs = {name: value[:, :start] if value.shape == shape else value for name, value in whole.items()}
        found: list[int] = []
        for _ in range(count):
            found.append(int(self.model(**inputs, use_cache=False).logits[0, -1].argmax()))
            if found[-1] in self._processor.image_ids:
                break
            more = {"input_ids": found[-1], "attention_mask": 1}
            inputs = {
                name: torch.cat([value, value.new_full((1, 1), more.get(name, 0))], 1)
                if whole[name].shape == shape
                else value
                for name, value in inputs.items()
            }
        return found

    def losses(self, text: str, images: list[Image.Image], labels: torch.Tensor) -> torch.Tensor:
        """[answer] cross-entropies."""
        targets = labels[1:].long()
        kept = targets != -100
        return torch.nn.functional.cross_entropy(
            self.logits(text, images, len(labels))[:-1][kept], targets[kept], reduction="none"
        )

    def gradient(self) -> torch.Tensor:
        """The whole gradient vector, and it is dropped."""
        parts = [torch.zeros_like(p) if p.grad is None else p.grad for p in self.parameters.values()]
        vector = torch.cat([part.reshape(-1) for part in parts]).clone()
        self.model.zero_grad()
        return vector
