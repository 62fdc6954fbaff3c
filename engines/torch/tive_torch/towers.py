"""Shapes of the towers that pictures, videos and sounds go through, and how many vectors they become there."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import torch
from torch import nn

# Whose towers give the last layer's output alone where that is the one that is named; others keep those of all layers.
_LAST_ALONE = ("internvl", "qianfan_ocr")
# Names of a tower's width in configs, the first that is there.
_WIDTHS = ("d_model", "embed_dim", "hidden_size")


class Towers:
    """What a model's config and its processor say of vectors."""

    def __init__(self, config: Any, joint: Any, pads_sounds: bool) -> None:
        """`pads_sounds`: whether every sound is made as long as the longest that the processor takes."""
        self._config = config
        self._vision = getattr(config, "vision_config", None)
        self._audio = getattr(config, "audio_config", None)
        self._joint = joint
        self._pads_sounds = pads_sounds
        self._extractor = getattr(joint, "feature_extractor", None)

    def shapes(self, skeleton: nn.Module, modalities: Sequence[str]) -> dict[str, Any]:
        """Widths in values a vector of the towers, for `inspect`; None where the model has none, or none of patches."""
        seen = self._vision_shape(skeleton)
        audio = self._audio_shape(skeleton) if "audio" in modalities and self._audio is not None else None
        return {
            "image": seen and {**seen, **self._picture_inputs()} if "image" in modalities else None,
            "video": seen if "video" in modalities else None,
            "audio": audio,
        }

    def _vision_shape(self, skeleton: nn.Module) -> dict[str, Any] | None:
        widths = None if self._patch() is None else _widths(self._vision, skeleton)
        if widths is None:
            return None
        pixels = self._pixels()
        # Earlier layers are kept as well where one of them is chosen by number.
        layer = getattr(self._config, "vision_feature_layer", None)
        keeps = layer is not None and not (layer == -1 and self._config.model_type in _LAST_ALONE)
        return {
            **widths,
            "input": pixels,
            # Resized, scaled, cut into patches, and these in one tensor.
            "prepared": 4 * pixels,
            # LLaVA's projector is given every vector, those of other kinds are given several as one.
            "stem": int(self._config.get_text_config(decoder=True).hidden_size) if keeps else 0,
            "local": None,
            "keptLayerCount": _layer_count(self._vision) - 1 if keeps else 0,
        }

    def _picture_inputs(self) -> dict[str, int]:
        """What pictures take outside of their tower."""
        pixels, values = self._pixels(), 3 * int(_one(self._vision.patch_size)) ** 2
        names = getattr(getattr(self._joint, "image_processor", None), "model_input_names", ())
        if "pixel_attention_mask" not in names:
            # Those of the next rows; of the rows behind these each picture's and these in one tensor; and five times a
            # byte a value: in three requests, as pictures, and as arrays.
            return {"prepared": 3 * pixels + 5 * values // 4}
        # The mask has 8 bytes a pixel, and the tower is given copies of both without the tiles that only pad.
        return {"input": 2 * 5 * pixels // 3, "prepared": 4 * 5 * pixels // 3}

    def _audio_shape(self, skeleton: nn.Module) -> dict[str, Any] | None:
        audio, frames = self._audio, self._frames()
        mel_count, hop, window = (
            int(getattr(self._extractor, name, None) or 0) for name in ("feature_size", "hop_length", "n_fft")
        )
        channels = getattr(audio, "subsampling_conv_channels", None)
        widths = _widths(audio, skeleton)
        if widths is None:
            return None
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

    def of_pictures(
        self,
        inputs: Mapping[str, torch.Tensor],
        counts: Sequence[int],
        tokens: Sequence[int],
        videos: Sequence[int],
    ) -> list[int]:
        """Vectors of all pictures of each row of a processor's call, tiles that only pad others left out.

        Of each row: how many pictures it has, their tokens, and the vectors of its videos, whose tokens are among these
        where a processor makes frames as it makes pictures.
        """
        pixels = inputs.get("pixel_values")
        if pixels is None or self._patch() is None or sum(counts) == 0:
            return [0] * len(counts)
        total, has_sizes = pixels.numel() // self._pixels(), "image_sizes" in inputs
        if pixels.dim() == 5 and pixels.shape[0] == (sum(counts) if has_sizes else len(counts)):
            # A tile without a value is there so that all pictures have as many, or all rows.
            tiles = (inputs.get("pixel_attention_mask", pixels) != 0).flatten(2).any(2).sum(1).tolist()
            each = total // (pixels.shape[0] * pixels.shape[1])
            found = [each * count for count in (_by_row(tiles, counts) if has_sizes else tiles)]
        elif "image_position_ids" in inputs:
            # All pictures are padded to as many patches, whatever their tokens are.
            found = [total * count // sum(counts) for count in counts]
        else:
            found = [total * count // max(1, sum(tokens)) for count in tokens]
        return found if "pixel_values_videos" in inputs else [max(0, a - b) for a, b in zip(found, videos, strict=True)]

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
            patch = self._patch()
            per_frame = 0 if patch is None else (int(pixels.shape[-2]) // patch) * (int(pixels.shape[-1]) // patch)
        return [len(video) * per_frame for video in videos]

    def of_sounds(self, inputs: Mapping[str, torch.Tensor], count: int) -> list[int]:
        """Vectors of each sound of a processor's call: those of its own frames, whatever it was padded to there."""
        mask = inputs.get("feature_attention_mask", inputs.get("input_features_mask"))
        if mask is None:
            return [0] * count
        frames = [mask.shape[-1]] * count if self._pads_sounds else mask.sum(-1).tolist()
        return [-(-int(found) // self._frames()) for found in frames]

    def _patch(self) -> int | None:
        """Side of a patch; None without a tower of patches."""
        patch = _one(getattr(self._vision, "patch_size", None))
        return None if patch is None else int(patch)

    def _pixels(self) -> int:
        """Values of the pixels that become one vector; for a tower of patches."""
        vision = self._vision
        return 3 * int(_one(getattr(vision, "temporal_patch_size", 1))) * int(_one(vision.patch_size)) ** 2

    def _frames(self) -> int:
        """Frames of a spectrogram that become one vector: two convolutions of stride two, or one."""
        return 2 if getattr(self._audio, "subsampling_conv_channels", None) is None else 4


def _one(size: Any) -> Any:
    return size[0] if isinstance(size, (list, tuple)) else size


def _layer_count(config: Any) -> int:
    return int(getattr(config, "depth", None) or getattr(config, "num_hidden_layers", 0))


def _by_row(values: Sequence[int], counts: Sequence[int]) -> list[int]:
    """Sums of values of rows that have so many each."""
    left = iter(values)
    return [sum(next(left) for _ in range(count)) for count in counts]


def _widths(config: Any, skeleton: nn.Module) -> dict[str, Any] | None:
    # Qwen2-VL's `hidden_size` is that of what its tower gives.
    hidden = next((int(found) for name in _WIDTHS if (found := getattr(config, name, None))), None)
    if hidden is None:
        return None
    inner = getattr(config, "encoder_ffn_dim", None) or getattr(config, "intermediate_size", None)
    return {"hidden": hidden, "inner": int(inner or 4 * hidden), "innerTableCount": _inner_table_count(config, skeleton)}


def _local(config: Any) -> dict[str, int] | None:
    """Attention within chunks: each sees its own places and some before and behind."""
    chunk = getattr(config, "attention_chunk_size", None)
    if chunk is None:
        return None
    context = chunk + config.attention_context_left - 1 + config.attention_context_right
    return {"chunk": int(chunk), "context": int(context), "headCount": int(config.num_attention_heads)}


def _inner_table_count(config: Any, skeleton: nn.Module) -> int:
    """Tables of the MLP's inner width that are there at once: more with a gate, or an activation that is made in steps."""
    tower = next((module for module in skeleton.modules() if getattr(module, "config", None) is config), None)
    names = [] if tower is None else [name for name, _ in tower.named_modules()]
    in_steps = getattr(config, "hidden_act", None) == "quick_gelu"
    return 3 if in_steps or any("gate_proj" in name for name in names) else 2
