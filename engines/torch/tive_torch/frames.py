"""Frames over pipes: a JSON head and a body of tensors, each behind its length.

`u32 LE length of head | head (UTF-8 JSON) | u64 LE length of body | body (safetensors, or empty)`
"""

from __future__ import annotations

import json
import math
import struct
from typing import Any, BinaryIO

import torch
from safetensors.torch import load, save

LARGEST_HEAD_BYTES = 64 * 2**20

Head = dict[str, Any]
Tensors = dict[str, torch.Tensor]


class FrameError(Exception):
    """Bytes that are no frame: nothing that follows can be trusted."""


def read_frame(stream: BinaryIO) -> tuple[Head, bytes] | None:
    """The next frame, its body still as bytes; None at the end of the stream."""
    start = stream.read(4)
    if len(start) == 0:
        return None
    (head_bytes,) = struct.unpack("<I", _whole(start, 4))
    if head_bytes > LARGEST_HEAD_BYTES:
        raise FrameError(f"frame: a head must have at most {LARGEST_HEAD_BYTES} bytes, got {head_bytes}")
    try:
        head = json.loads(_whole(stream.read(head_bytes), head_bytes))
    except ValueError as error:
        raise FrameError(f"frame: a head must be JSON, got: {error}") from error
    if not isinstance(head, dict):
        raise FrameError(f"frame: a head must be an object, got {type(head).__name__}")
    (body_bytes,) = struct.unpack("<Q", _whole(stream.read(8), 8))
    return head, _whole(stream.read(body_bytes), body_bytes)


def _whole(got: bytes, length: int) -> bytes:
    if len(got) < length:
        raise FrameError(f"frame: {length} bytes must follow, got {len(got)} and the end of the stream")
    return got


def write_frame(stream: BinaryIO, head: Head, tensors: Tensors | None = None) -> None:
    """Writes one frame and flushes. Tensors may lie on any device."""
    text = json.dumps(_finite(head), ensure_ascii=False, allow_nan=False).encode()
    body = save({name: tensor.detach().cpu().contiguous() for name, tensor in tensors.items()}) if tensors else b""
    stream.write(struct.pack("<I", len(text)) + text + struct.pack("<Q", len(body)))
    stream.write(body)
    stream.flush()


def _finite(value: Any) -> Any:
    """JSON has no words for numbers that are not finite: null stands for them."""
    if isinstance(value, float):
        return value if math.isfinite(value) else None
    if isinstance(value, dict):
        return {key: _finite(item) for key, item in value.items()}
    return [_finite(item) for item in value] if isinstance(value, list) else value


def tensors_of(body: bytes) -> Tensors:
    """Tensors of a body by name, on the host; none of an empty body."""
    return load(body) if body else {}
