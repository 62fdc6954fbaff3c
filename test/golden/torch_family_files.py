"""Files of the tiny model folders that torch_families.py makes: weights, tokenizer, processor."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import torch
import torch_family_text as text
import transformers as tr

IMAGE_MEAN, IMAGE_STD = [0.48145466, 0.4578275, 0.40821073], [0.26862954, 0.26130258, 0.27577711]
PIXELS = {
    "image_mean": IMAGE_MEAN,
    "image_std": IMAGE_STD,
    "do_resize": True,
    "do_rescale": True,
    "do_normalize": True,
    "do_convert_rgb": True,
    "rescale_factor": 1 / 255,
    "resample": 3,
}


def decoder(tokenizer: Any, **others: Any) -> dict[str, Any]:
    """Fields of a decoder's config."""
    return {
        "vocab_size": len(tokenizer),
        "hidden_size": 64,
        "intermediate_size": 96,
        "num_hidden_layers": 2,
        "num_attention_heads": 4,
        "num_key_value_heads": 2,
        "max_position_embeddings": 4096,
        "bos_token_id": tokenizer.bos_token_id,
        "eos_token_id": tokenizer.eos_token_id,
        "pad_token_id": tokenizer.pad_token_id,
        **others,
    }


def fast(tokenizer: Any, **named: Any) -> Any:
    return tr.PreTrainedTokenizerFast(
        tokenizer_object=tokenizer, padding_side="right", clean_up_tokenization_spaces=False, **named
    )


def chat_tokenizer(special: list[str], added: list[str] | None = None, **named: Any) -> Any:
    return fast(text.byte_level(special, added or [], None), eos_token="<|im_end|>", pad_token="<|endoftext|>", **named)


def ids(tokenizer: Any, **tokens: str) -> dict[str, int]:
    return {name: tokenizer.convert_tokens_to_ids(token) for name, token in tokens.items()}


def write(out: Path, model: Any, tokenizer: Any, template: str, files: dict[str, dict[str, Any]]) -> None:
    """Weights larger than the usual initial ones, so that no gradient is near zero, and the processor's files."""
    with torch.no_grad():
        for name, parameter in model.named_parameters():
            if parameter.dim() > 1:
                parameter.mul_(3.0)
            elif name.endswith("bias"):
                parameter.normal_(0, 0.02)
    model.save_pretrained(out)
    tokenizer.chat_template = template
    tokenizer.save_pretrained(out)
    for name, content in files.items():
        (out / name).write_text(json.dumps(content, indent=2) + "\n", encoding="utf-8")


def processor_files(
    processor: str,
    image: str,
    image_fields: dict[str, Any],
    video: str | None = None,
    video_fields: dict[str, Any] | None = None,
    **fields: Any,
) -> dict[str, dict[str, Any]]:
    files = {
        "processor_config.json": {"processor_class": processor, **fields},
        "preprocessor_config.json": {
            "processor_class": processor,
            "image_processor_type": image,
            **PIXELS,
            **image_fields,
        },
    }
    if video is not None:
        files["video_preprocessor_config.json"] = {
            "processor_class": processor,
            "video_processor_type": video,
            **PIXELS,
            **(video_fields or {}),
        }
    return files
