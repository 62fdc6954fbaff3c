"""Shapes of the towers that videos and sounds go through, and how many vectors of a tower a clip becomes."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import torch
from torch import nn


class Towers:
    """What a model's config and its processor say of vectors."""

    def __init__(self, config: Any, joint: Any, pads_sounds: bool) -> None:
        """`pads_sounds`: whether every sound is made as long as the longest that the processor takes."""
        self._vision = getattr(config, "vision_config", None)
        self._audio = getattr(config, "audio_config", None)
        self._pads_sounds = pads_sounds
        self._extractor = getattr(joint, "feature_extractor", None)

    def shapes(self, config: Any, skeleton: nn.Module, modalities: Sequence[str]) -> dict[str, Any]:
        """Widths in values a vector of the towers, for `inspect`; None where the model has none."""
        video = self._vision_shape(config, skeleton) if "video" in modalities and self._vision is not None else None
        audio = self._audio_shape(skeleton) if "audio" in modalities and self._audio is not None else None
        return {"video": video, "audio": audio}

    def _vision_shape(self, config: Any, skeleton: nn.Module) -> dict[str, Any]:
        vision = self._vision
        patch = self._patch()
        # Earlier layers are kept as well where one of them is chosen by number.
        keeps = getattr(config, "vision_feature_layer", None) is not None
        pixels = 3 * int(_one(getattr(vision, "temporal_patch_size", 1))) * patch * patch
        return {
            **_widths(vision, skeleton),
            "input": pixels,
            # Resized, scaled, cut into patches, and these in one tensor.
            "prepared": 4 * pixels,
            "stem": 0,
            "local": None,
            "keptLayerCount": _layer_count(vision) + 1 if keeps else 0,
        }

    def _audio_shape(self, skeleton: nn.Module) -> dict[str, Any]:
        audio, frames = self._audio, self._frames()
        mel_count, hop, window = (
            int(getattr(self._extractor, name, None) or 0) for name in ("feature_size", "hop_length", "n_fft")
        )
        channels = getattr(audio, "subsampling_conv_channels", None)
        widths = _widths(audio, skeleton)
        # The first convolution's output is the widest: of Whisper's kind twice as many places, of the other, whose
        # convolutions halve both sides of the spectrogram, two of four frames by half of the bands by its channels.
        stem = 2 * widths["hidden"] if channels is None else int(channels[0]) * mel_count
        # Samples as they are read, float64 and float32; of Whisper's kind windows and spectra of all sounds at once.
        spectra = frames * 5 * window // 2 if self._pads_sounds else 0
        return {
            **widths,
            "input": mel_count * frames,
            "prepared": 4 * frames * hop + spectra,
            "stem": stem,
            "local": _local(audio),
            "keptLayerCount": 0,
        }

    def of_videos(self, inputs: Mapping[str, torch.Tensor], videos: Sequence[Any]) -> list[int]:
        """Vectors of each video of a processor's call."""
        grid = inputs.get("video_grid_thw")
        if grid is not None:
            return [int(count) for count in grid.prod(1).tolist()]
        pixels = inputs.get("pixel_values_videos", inputs.get("pixel_values"))
        if pixels is None:
            return [0 for _ in videos]
        if "video_position_ids" in inputs:
            per_frame = int(pixels.shape[-2])
        else:
            per_frame = (int(pixels.shape[-2]) // self._patch()) * (int(pixels.shape[-1]) // self._patch())
        return [len(video) * per_frame for video in videos]

    def of_sounds(self, inputs: Mapping[str, torch.Tensor], count: int) -> list[int]:
        """Vectors of each sound of a processor's call: those of its own frames, whatever it was padded to there."""
        mask = inputs.get("feature_attention_mask", inputs.get("input_features_mask"))
        if mask is None:
            return [0] * count
        frames = [mask.shape[-1]] * count if self._pads_sounds else mask.sum(-1).tolist()
        return [-(-int(found) // self._frames()) for found in frames]

    def _patch(self) -> int:
        return int(_one(self._vision.patch_size))

    def _frames(self) -> int:
        """Frames of a spectrogram that become one vector: two convolutions of stride two, or one."""
        return 2 if getattr(self._audio, "subsampling_conv_channels", None) is None else 4


def _one(size: Any) -> Any:
    return size[0] if isinstance(size, (list, tuple)) else size


def _layer_count(config: Any) -> int:
    return int(getattr(config, "depth", None) or getattr(config, "num_hidden_layers", 0))


def _widths(config: Any, skeleton: nn.Module) -> dict[str, Any]:
    hidden = int(getattr(config, "d_model", None) or config.hidden_size)
    inner = getattr(config, "encoder_ffn_dim", None) or getattr(config, "intermediate_size", None)
    return {"hidden": hidden, "inner": int(inner or 4 * hidden), "isGated": _is_gated(config, skeleton)}


def _local(config: Any) -> dict[str, int] | None:
    """Attention within chunks: each sees its own places and some before and behind."""
    chunk = getattr(config, "attention_chunk_size", None)
    if chunk is None:
        return None
    context = chunk + config.attention_context_left - 1 + config.attention_context_right
    return {"chunk": int(chunk), "context": int(context), "headCount": int(config.num_attention_heads)}


def _is_gated(config: Any, skeleton: nn.Module) -> bool:
    tower = next((module for module in skeleton.modules() if getattr(module, "config", None) is config), None)
    names = [] if tower is None else [name for name, _ in tower.named_modules()]
    return any("gate_proj" in name for name in names)
