"""Videos and sounds of rows: what a request says of them, as their processor takes them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
import torch

from .errors import Refusal, data_error
from .film import Frames, read_film
from .processor import Processor
from .sound import Samples, read_sound

Kind = Literal["video", "audio"]


@dataclass(frozen=True)
class Clip:
    """A video, `[frame, height, width, 3]` uint8, or a sound, `[sample]` at the processor's rate."""

    kind: Kind
    content: Frames | Samples


def read_clip(
    processor: Processor, described: Mapping[str, Any], name: str, tensors: Mapping[str, torch.Tensor]
) -> Clip:
    """`{ kind, shape? }` with a tensor: frames `[frame, height, width, 3]`, or a file's bytes `[byte]`, uint8.

    Of frames that only tokens are made of, the shape is enough.
    @raises Refusal for a file that cannot be used.
    """
    kind: Kind = described["kind"]
    if kind not in ("video", "audio"):
        raise data_error(f"{name}: kind must be video or audio, got {kind!r}")
    if kind not in processor.modalities:
        more = "; videos need torchvision beside torch" if kind == "video" else ""
        raise Refusal("media_unsupported", f"{kind} must be something that the model takes, got one without it{more}")
    if "shape" in described:
        frames, height, width = (int(size) for size in described["shape"])
        return Clip("video", np.zeros((frames, height, width, 3), np.uint8))
    tensor = tensors.get(name)
    if tensor is None or tensor.dtype != torch.uint8 or tensor.dim() not in (1, 4):
        got = "none" if tensor is None else f"{tensor.dtype} {list(tensor.shape)}"
        raise data_error(f"{name}: must be uint8 [byte] or [frame, height, width, 3], got {got}")
    if tensor.dim() == 4:
        return Clip("video", tensor.numpy())
    file = tensor.numpy().tobytes()
    if kind == "video":
        return Clip("video", read_film(file, processor.frame_rate, processor.most_frames))
    samples = read_sound(file, processor.sound_rate)
    if processor.most_samples is not None and len(samples) > processor.most_samples:
        most, got = (count / processor.sound_rate for count in (processor.most_samples, len(samples)))
        raise Refusal("media_too_long", f"audio must have at most {most:g} s, got {got:.1f} s; cut it")
    return Clip("audio", samples)
