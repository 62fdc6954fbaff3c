"""A model's folder: what is known of it without weights, and the model with them."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from torch import nn

from .errors import config_error, first_line, is_out_of_memory
from .last_layer import LastFeedForward, ReadPlaces
from .processor import Processor
from .sizes import see_sizes_apart

_NO_NETWORK = {"local_files_only": True, "trust_remote_code": False}


@dataclass(frozen=True)
class Folder:
    """A folder that was looked into."""

    path: Path
    config: Any
    model_class: Any
    processor: Processor
    facts: dict[str, Any]
    """The answer of `inspect`."""


def open_folder(path: str) -> Folder:
    """Reads config and processor, and makes the model without memory for its weights.

    @raises EngineError of kind config where the folder is not one that this engine takes.
    """
    folder = Path(path)
    _check_files(folder)
    config, model_class, takes_more_than_text = _read_config(folder)
    processor = Processor(folder, config, takes_more_than_text)
    try:
        with torch.device("meta"):
            skeleton = model_class._from_config(config, attn_implementation="eager")
    except Exception as error:
        raise config_error(
            f"model.path: {folder}/config.json must make a {model_class.__name__}, got: {first_line(error)}"
        ) from error
    return Folder(folder, config, model_class, processor, _facts(config, skeleton, processor))


def _check_files(folder: Path) -> None:
    path = folder / "config.json"
    if not path.is_file():
        raise config_error(f"model.path: {folder} must hold config.json, got none; name a transformers model's folder")
    try:
        found = json.loads(path.read_text(encoding="utf-8"))
    except ValueError as error:
        raise config_error(f"model.path: {path} must be JSON, got: {first_line(error)}") from error
    if "auto_map" in found:
        raise config_error(
            f"model.path: {path} must need no code of its own, got auto_map; take the one converted to transformers"
        )
    if found.get("quantization_config") is not None:
        method = found["quantization_config"].get("quant_method", "unknown")
        raise config_error(
            f"model.path: weights must not be quantised, got {method}; take the folder they were made from"
        )
    if not any(folder.glob("*.safetensors")):
        raise config_error(f"model.path: {folder} must hold weights as *.safetensors, got none; convert them")


def _read_config(folder: Path) -> tuple[Any, Any, bool]:
    """The config, the model's class, and whether it is one for more than text."""
    from transformers import AutoConfig
    from transformers.models.auto.modeling_auto import (
        MODEL_FOR_CAUSAL_LM_MAPPING,
        MODEL_FOR_IMAGE_TEXT_TO_TEXT_MAPPING,
        MODEL_FOR_MULTIMODAL_LM_MAPPING,
    )

    try:
        config = AutoConfig.from_pretrained(folder, **_NO_NETWORK)
    except Exception as error:
        raise config_error(
            f"model.path: transformers must know {folder}/config.json, got: {first_line(error)}"
        ) from error
    # The last one is for those with ears; it names the others too.
    for mapping in (
        MODEL_FOR_IMAGE_TEXT_TO_TEXT_MAPPING,
        MODEL_FOR_CAUSAL_LM_MAPPING,
        MODEL_FOR_MULTIMODAL_LM_MAPPING,
    ):
        found = mapping.get(type(config), None)
        if found is not None:
            model_class = found[0] if isinstance(found, tuple) else found
            return config, model_class, mapping is not MODEL_FOR_CAUSAL_LM_MAPPING
    raise config_error(
        f"model.path: must be a model that answers in text, got {config.model_type}; name another folder"
    )


def _facts(config: Any, skeleton: nn.Module, processor: Processor) -> dict[str, Any]:
    decoder_path, decoder = _decoder(skeleton)
    text = config.get_text_config(decoder=True)
    tokenizer = processor.tokenizer
    return {
        "modelType": config.model_type,
        "architecture": type(skeleton).__name__,
        "decoderPath": decoder_path,
        "layers": [
            {
                "path": _joined(decoder_path, name),
                "target": name.rsplit(".", 1)[-1],
                "out": m.out_features,
                "in": m.in_features,
            }
            for name, m in decoder.named_modules()
            if isinstance(m, nn.Linear)
        ],
        "layerCount": text.num_hidden_layers,
        "hiddenSize": text.hidden_size,
        "vocabularySize": text.vocab_size,
        "maxPositions": getattr(text, "max_position_embeddings", None),
        "parameterCount": sum(parameter.numel() for parameter in skeleton.parameters()),
        "modalities": processor.modalities,
        "towers": processor.towers.shapes(skeleton, processor.modalities),
        "chatTemplate": processor.chat_template,
        "imageToken": processor.image_token,
        "videoToken": processor.video_token,
        "audioToken": processor.audio_token,
        "specialTexts": sorted({str(token) for token in tokenizer.added_tokens_decoder.values()}),
        "eosToken": tokenizer.eos_token,
        "namedTokens": {name: value for name, value in tokenizer.special_tokens_map.items() if isinstance(value, str)},
        "tokenizerLargestId": max(tokenizer.get_vocab().values()),
    }


def _joined(path: str, name: str) -> str:
    return f"{path}.{name}" if path else name


def _decoder(model: Any) -> tuple[str, nn.Module]:
    """The text decoder and its path in the model."""
    decoder = model.get_decoder()
    for name, module in model.named_modules():
        if module is decoder:
            return name, module
    raise config_error(f"model.path: {type(model).__name__} must have a text decoder, got none")


class Model:
    """A loaded model: frozen, without dropout, in one dtype on one device."""

    def __init__(self, folder: Folder, dtype: torch.dtype, recompute: bool, device: torch.device) -> None:
        self.folder = folder
        self.dtype = dtype
        self.device = device
        self.take(_read_weights(folder, dtype).to(device), recompute)

    def take(self, module: nn.Module, recompute: bool) -> None:
        """Makes a module that lies on the device the model's."""
        self.module: Any = module.requires_grad_(False).eval()
        _without_dropout(module)
        see_sizes_apart(module)
        for config in {id(m.config): m.config for m in self.module.modules() if hasattr(m, "config")}.values():
            if hasattr(config, "use_cache"):
                config.use_cache = False
        if recompute:
            _recompute(self.module)
        self.lora_layers: list[Any] = []
        """Linear layers that an adapter was put on, this one or an earlier."""
        self._last = LastFeedForward.of(_decoder(self.module)[1])
        self._positioned: list[Any] = [part for part in self.module.modules() if hasattr(part, "rope_deltas")]

    @property
    def processor(self) -> Processor:
        return self.folder.processor

    def forward(self, inputs: dict[str, torch.Tensor], read: ReadPlaces) -> Any:
        """The model's outputs for a batch's inputs, whatever was computed before; right at the tokens that are read."""
        self.forget()
        if self._last is not None:
            # Until the next batch: layers that are computed again in the backward pass want it too.
            self._last.read = read
        return self.module(**self.moved(inputs), use_cache=False, return_dict=True)

    def forget(self) -> None:
        """What is left of the last batch: tokens that are read, offsets of positions that Qwen's models keep."""
        if self._last is not None:
            self._last.read = None
        for part in self._positioned:
            part.rope_deltas = None

    def moved(self, inputs: dict[str, torch.Tensor]) -> dict[str, torch.Tensor]:
        """A batch's inputs where the model lies."""
        return {name: self._moved(value) for name, value in inputs.items()}

    def _moved(self, value: torch.Tensor) -> torch.Tensor:
        dtype = self.dtype if value.is_floating_point() else value.dtype
        return value.to(device=self.device, dtype=dtype, non_blocking=True)


def _read_weights(folder: Folder, dtype: torch.dtype) -> nn.Module:
    def read(attention: str) -> Any:
        return folder.model_class.from_pretrained(
            folder.path,
            config=folder.config,
            dtype=dtype,
            attn_implementation=attention,
            use_safetensors=True,
            output_loading_info=True,
            **_NO_NETWORK,
        )

    try:
        try:
            model, loaded = read("sdpa")
        except ValueError as error:
            if "scaled_dot_product_attention" not in str(error):
                raise
            model, loaded = read("eager")
    except (OSError, ValueError, RuntimeError) as error:
        if is_out_of_memory(error):
            raise
        raise config_error(f"model.path: weights of {folder.path} must load, got: {first_line(error)}") from error
    missing = sorted(loaded["missing_keys"])
    if missing:
        raise config_error(
            f"model.path: weights of {folder.path} must hold every parameter, got none for {missing[0]} and "
            f"{len(missing) - 1} others; take a folder saved with save_pretrained"
        )
    return model  # type: ignore[no-any-return]


def _without_dropout(model: nn.Module) -> None:
    """Dropout of zero, in modules and in the attributes that layers hand to functions."""
    for module in model.modules():
        if isinstance(module, nn.Dropout):
            module.p = 0.0
        for name, value in vars(module).items():
            if "dropout" in name and isinstance(value, float):
                setattr(module, name, 0.0)


def _recompute(model: Any) -> None:
    """The decoder's layers keep their inputs alone and are computed again in the backward pass.

    Layers recompute in training mode only; theirs is set without that of the modules in them, which stay as they are.
    """
    from transformers.modeling_layers import GradientCheckpointingLayer

    try:
        model.gradient_checkpointing_enable(gradient_checkpointing_kwargs={"use_reentrant": False})
    except ValueError as error:
        raise config_error(
            f"recompute: {type(model).__name__} must be able to compute layers again, got: {first_line(error)}"
        ) from error
    _, decoder = _decoder(model)
    for module in decoder.modules():
        if isinstance(module, GradientCheckpointingLayer):
            module.training = True
