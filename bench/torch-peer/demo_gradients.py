"""The script to beat on the demo: batched torch with captured LoRA operands (as bergson and Opacus do), pictures encoded
once, rows sorted by length, a count-sketch of 512.

    python bench/torch-peer/demo_gradients.py examples/demo --rows 1000 --threads 1 --batch 64

Prints one line of JSON: rows, and seconds of wall and processor time of reading, pictures and gradients.
"""

from __future__ import annotations

import argparse
import json
import time
from pathlib import Path
from typing import Any

import numpy as np
import torch
import torch.nn.functional as F
from PIL import Image
from safetensors.torch import load_file
from small_llava import IMAGE_ID, IMAGE_TOKENS, Linear, SmallLlava, state_of
from tokenizers import Tokenizer

IGNORED, PADDING, BEGIN, END = -100, 3, 1, 2
RANK, ALPHA, SKETCH, SIDE, PICTURES_AT_ONCE = 16, 32, 512, 56, 256


class Clock:
    """Seconds of wall and processor time of a stage."""

    def __enter__(self) -> Clock:
        self._start = time.time(), time.process_time()
        return self

    def __exit__(self, *_: object) -> None:
        self.wall, self.processor = time.time() - self._start[0], time.process_time() - self._start[1]


def load_model(folder: Path) -> SmallLlava:
    config = json.loads((folder / "config.json").read_text(encoding="utf-8"))
    text = config["text_config"]
    model = SmallLlava(
        text["vocab_size"],
        text["hidden_size"],
        text["num_hidden_layers"],
        text["num_attention_heads"],
        text["intermediate_size"],
        config["vision_config"]["intermediate_size"],
    )
    model.load_state_dict(state_of(load_file(folder / "model.safetensors"), text["num_hidden_layers"]))
    return model.eval().requires_grad_(False)


def read_rows(data: Path, limit: int) -> list[dict[str, Any]]:
    """Rows with their pictures; those that are damaged are left out."""
    rows = []
    for row in json.loads((data / "train.json").read_text(encoding="utf-8"))[:limit]:
        turns = row.get("conversations", [])
        good = len(turns) > 0 and len(turns) % 2 == 0 and all(turn.get("value") for turn in turns)
        if not good or any(turn.get("from") != ("human", "gpt")[place % 2] for place, turn in enumerate(turns)):
            continue
        try:
            picture = np.asarray(Image.open(data / "images" / row["image"]).convert("RGB"))
        except (OSError, KeyError):
            continue
        texts = [turn["value"].replace("<image>", "").strip() for turn in turns]
        rows.append({"picture": picture, "turns": list(zip(texts[0::2], texts[1::2], strict=True))})
    return rows


def encode(tokenizer: Tokenizer, row: dict[str, Any]) -> tuple[list[int], list[int]]:
    ids, labels = [BEGIN], [IGNORED]
    for place, (question, answer) in enumerate(row["turns"]):
        before = "USER: "
        if place == 0:
            ids += tokenizer.encode(before).ids + [IMAGE_ID] * IMAGE_TOKENS
            before = "\n"
        ids += tokenizer.encode(f"{before}{question} ASSISTANT:").ids
        labels += [IGNORED] * (len(ids) - len(labels))
        learned = [*tokenizer.encode(f" {answer}").ids, END]
        ids, labels = ids + learned, labels + learned
    return ids, labels


def padded(sequences: list[list[int]], padding: int) -> torch.Tensor:
    length = max(len(sequence) for sequence in sequences)
    return torch.tensor([sequence + [padding] * (length - len(sequence)) for sequence in sequences])


def gradients(
    model: SmallLlava, adapted: list[Linear], rows: list[tuple[list[int], list[int]]], vectors: torch.Tensor, size: int
) -> tuple[torch.Tensor, torch.Tensor]:
    """Norm `[example]` and sketch `[example, 512]` of the gradient of each row's mean loss."""
    assert adapted[0].a is not None
    parameters = sum(linear.a.numel() + linear.b.numel() for linear in adapted if linear.a is not None)
    generator = torch.Generator().manual_seed(0)
    bucket = torch.randint(0, SKETCH, (parameters,), generator=generator)
    sign = (torch.randint(0, 2, (parameters,), generator=generator) * 2 - 1).float()
    norms, sketches = torch.zeros(len(rows)), torch.zeros(len(rows), SKETCH)
    lengths = np.array([len(ids) for ids, _ in rows])
    Linear.capture = True
    for batch in np.array_split(np.argsort(lengths, kind="stable"), max(1, len(rows) // size)):
        ids, labels = padded([rows[row][0] for row in batch], PADDING), padded([rows[row][1] for row in batch], IGNORED)
        targets = labels[:, 1:]
        learned = targets != IGNORED
        logits = model.head(model.hidden(ids, vectors[batch])[:, :-1][learned])
        losses, example = F.cross_entropy(logits, targets[learned], reduction="none"), learned.nonzero()[:, 0]
        (losses / torch.bincount(example)[example]).sum().backward()  # type: ignore[no-untyped-call]
        start, squares, sketch = 0, torch.zeros(len(batch)), torch.zeros(len(batch), SKETCH)
        for linear in adapted:
            for gradient in linear.per_example():
                flat = gradient.reshape(len(batch), -1)
                squares += flat.square().sum(1)
                end = start + flat.shape[1]
                sketch.index_add_(1, bucket[start:end], flat * sign[start:end])
                start = end
            linear.a.grad = linear.b.grad = None  # type: ignore[union-attr]
        norms[batch], sketches[batch] = squares.sqrt(), sketch
    Linear.capture = False
    return norms, sketches


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("demo", type=Path)
    parser.add_argument("--rows", type=int, default=1000)
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--batch", type=int, default=64)
    arguments = parser.parse_args()
    torch.set_num_threads(arguments.threads)
    model = load_model(arguments.demo / "model")
    tokenizer = Tokenizer.from_file(str(arguments.demo / "model/tokenizer.json"))
    generator = torch.Generator().manual_seed(0)
    adapted = [getattr(layer, name) for layer in model.decoder for name in ("q", "k", "v", "o")]
    for linear in adapted:
        linear.add_lora(RANK, ALPHA, generator)
    with (reading := Clock()):
        rows = read_rows(arguments.demo / "data", arguments.rows)
        encoded = [encode(tokenizer, row) for row in rows]
    with (seeing := Clock()), torch.no_grad():
        pictures = torch.from_numpy(np.stack([row["picture"] for row in rows]))
        vectors = torch.cat([model.see(part) for part in torch.split(pictures, PICTURES_AT_ONCE)])
    with (differentiating := Clock()):
        norms, _ = gradients(model, adapted, encoded, vectors, arguments.batch)
    stages = {"reading": reading, "pictures": seeing, "gradients": differentiating}
    seconds = {name: {"wall": clock.wall, "processor": clock.processor} for name, clock in stages.items()}
    print(json.dumps({"rows": len(rows), "meanNorm": float(norms.mean()), **seconds}))


if __name__ == "__main__":
    main()
