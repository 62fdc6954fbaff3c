"""Answers by greedy decoding: the last answer of each row, given everything before it."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import torch

from .errors import config_error
from .folder import Model
from .rows import IGNORED_LABEL, Batch, is_by_token


@dataclass(frozen=True)
class Generated:
    """An answer as the model gives it."""

    ids: list[int]
    """The end last where it came."""
    text: str
    """Without special tokens."""
    ended: bool


@dataclass(frozen=True)
class _Prompts:
    inputs: dict[str, torch.Tensor]
    """`[example, token]` padded on the left, and pictures as they are."""
    ends: list[int]
    """`[example]` last token of the row's own answer."""


@torch.no_grad()
def generate(model: Model, batch: Batch, most_tokens: int, stops_at_end: bool) -> list[Generated]:
    """transformers' own generation with a cache, always the likeliest token, whatever the folder's settings of it."""
    from transformers import GenerationConfig

    if not hasattr(model.module, "generate"):
        raise config_error(f"model.path: {type(model.module).__name__} must generate text, got a class that does not")
    prompts = _prompts(model, batch)
    settings = GenerationConfig(
        do_sample=False,
        num_beams=1,
        max_new_tokens=most_tokens,
        use_cache=True,
        disable_compile=True,
        pad_token_id=model.processor.tokenizer.pad_token_id,
        eos_token_id=sorted(set(prompts.ends)) if stops_at_end else None,
    )
    with _plain(model, settings):
        found = model.module.generate(**model.moved(prompts.inputs), generation_config=settings)
    start = prompts.inputs["input_ids"].shape[1]
    ends = prompts.ends if stops_at_end else [None] * batch.example_count
    return [_answer(model, ids, end) for ids, end in zip(found[:, start:].tolist(), ends, strict=True)]


def _answer(model: Model, ids: list[int], end: int | None) -> Generated:
    ended = end is not None and end in ids
    kept = ids[: ids.index(end)] if end is not None and ended else ids
    text = model.processor.tokenizer.decode(kept, skip_special_tokens=True, clean_up_tokenization_spaces=False)
    return Generated(kept if end is None or not ended else [*kept, end], text, ended)


def _prompts(model: Model, batch: Batch) -> _Prompts:
    """Tokens before the last answer of each row, padded on the left: all answers begin in one column."""
    starts: list[int] = []
    ends: list[int] = []
    for labels in batch.labels.tolist():
        last = max(place for place, label in enumerate(labels) if label != IGNORED_LABEL)
        start = last
        while start > 0 and labels[start - 1] != IGNORED_LABEL:
            start -= 1
        starts.append(start)
        ends.append(labels[last])
    width = max(starts)
    inputs: dict[str, torch.Tensor] = {}
    for name, value in batch.inputs.items():
        if not is_by_token(name, value, batch.labels):
            inputs[name] = value
            continue
        padding = model.processor.tokenizer.pad_token_id if name == "input_ids" else 0
        shifted = value.new_full((len(starts), width), padding)
        for row, start in enumerate(starts):
            shifted[row, width - start :] = value[row, :start]
        inputs[name] = shifted
    return _Prompts(inputs, ends)


@contextmanager
def _plain(model: Model, settings: Any) -> Iterator[None]:
    """The folder's own penalties and bans do not count, and no layer is computed again, which has no cache."""
    module, kept = model.module, model.module.generation_config
    training = [part for part in module.modules() if part.training]
    model.forget()
    module.generation_config = settings
    for part in training:
        part.training = False
    try:
        yield
    finally:
        module.generation_config = kept
        for part in training:
            part.training = True
