"""Video files to frames, where a decoder is installed beside torch."""

from __future__ import annotations

import io
from collections.abc import Callable
from typing import Any

import numpy as np

from .errors import Refusal, first_line

Frames = np.ndarray[Any, np.dtype[np.uint8]]
"""`[frame, height, width, 3]` RGB."""


def read_film(file: bytes, rate: float, most: int | None) -> Frames:
    """Frames of a file at a rate (frames a second, the file's own where that is lower), `most` of them at most.

    @raises Refusal for a file that cannot be read, or where no decoder is installed.
    """
    decode = _decoder()
    if decode is None:
        raise Refusal(
            "media_unsupported",
            "video must be a list of frames where no decoder is there, got a file; "
            "install av (or torchcodec) in the engine's Python, or give frames as a list of pictures",
        )

    def places(metadata: Any, **_: Any) -> Any:
        return np.array(sampled(int(metadata.total_num_frames), float(metadata.fps or 0), rate, most))

    try:
        frames, _ = decode(io.BytesIO(file), places)
        return np.ascontiguousarray(np.asarray(frames), dtype=np.uint8)
    except Refusal:
        raise
    except Exception as error:
        raise Refusal("media_corrupt", f"video must be readable, got: {first_line(error)}") from error


def sampled(count: int, own_rate: float, rate: float, most: int | None) -> list[int]:
    """Places of the frames that are taken of `count`: evenly, the first one always."""
    if count < 1 or own_rate <= 0:
        raise Refusal("media_corrupt", f"video must have frames and a rate, got {count} at {own_rate:g} a second")
    wanted = max(1, min(count, int(count / own_rate * rate)))
    wanted = wanted if most is None else min(wanted, most)
    return [place * count // wanted for place in range(wanted)]


def _decoder() -> Callable[..., tuple[Any, Any]] | None:
    from transformers import video_utils
    from transformers.utils.import_utils import is_av_available, is_torchcodec_available

    if is_av_available():
        return video_utils.read_video_pyav
    if is_torchcodec_available():
        return _channels_last
    return None


def _channels_last(file: Any, places: Callable[..., Any]) -> tuple[Any, Any]:
    from transformers import video_utils

    frames, metadata = video_utils.read_video_torchcodec(file, places)
    if frames.shape[-1] != 3:
        frames = frames.permute(0, 2, 3, 1)
    return frames.cpu().numpy(), metadata
