"""Sounds: WAV files to samples, and samples at another rate."""

from __future__ import annotations

import io
import math
import struct
from typing import Any

import numpy as np

from .errors import Refusal

Samples = np.ndarray[Any, np.dtype[np.float32]]
"""One channel in [-1, 1]."""

_PCM, _FLOAT, _EXTENSIBLE = 1, 3, 0xFFFE
# Zero crossings of the filter on either side.
_CROSSINGS = 16


def read_sound(file: bytes, rate: int) -> Samples:
    """Samples of a file at a rate, its channels averaged.

    @raises Refusal for a file that cannot be read.
    """
    samples, own_rate = _read_wav(file) if file[:4] == b"RIFF" and file[8:12] == b"WAVE" else _read_other(file)
    if samples.size == 0:
        raise Refusal("media_corrupt", "audio must have samples, got none")
    if not np.isfinite(samples).all():
        raise Refusal("media_corrupt", "audio must be finite numbers, got others")
    return resampled(samples.mean(axis=1), own_rate, rate)


def _read_other(file: bytes) -> tuple[np.ndarray[Any, Any], int]:
    try:
        import soundfile  # type: ignore[import-not-found]
    except ImportError:
        raise Refusal(
            "media_unsupported",
            f"audio must be WAV, got a file that begins with {file[:4]!r}; "
            "install soundfile in the engine's Python, or convert the files",
        ) from None
    try:
        samples, rate = soundfile.read(io.BytesIO(file), dtype="float32", always_2d=True)
    except Exception as error:
        raise Refusal("media_corrupt", f"audio must be readable, got: {error}") from error
    return samples, int(rate)


def _read_wav(file: bytes) -> tuple[np.ndarray[Any, Any], int]:
    """`[sample, channel]` float64 and the rate: PCM of 8, 16, 24 and 32 bits, float of 32 and 64."""
    kind, channels, rate, bits = 0, 0, 0, 0
    place = 12
    while place + 8 <= len(file):
        name, size = struct.unpack_from("<4sI", file, place)
        place += 8
        if name == b"fmt " and size >= 16 and place + size <= len(file):
            kind, channels, rate, _, _, bits = struct.unpack_from("<HHIIHH", file, place)
            if kind == _EXTENSIBLE and size >= 26:
                (kind,) = struct.unpack_from("<H", file, place + 24)
        elif name == b"data":
            return _samples(file[place : place + size], size, kind, channels, bits), _checked(rate)
        # Chunks begin at even places.
        place += size + size % 2
    raise Refusal("media_corrupt", "audio must have data, got a WAV file without")


def _checked(rate: int) -> int:
    if 1000 <= rate <= 1_000_000:
        return rate
    raise Refusal("media_corrupt", f"audio must have a rate of 1,000 to 1,000,000 samples a second, got {rate}")


def _samples(data: bytes, size: int, kind: int, channels: int, bits: int) -> np.ndarray[Any, Any]:
    width = bits // 8
    known = (kind == _PCM and bits in (8, 16, 24, 32)) or (kind == _FLOAT and bits in (32, 64))
    if not known or channels < 1:
        raise Refusal(
            "media_unsupported",
            f"audio must be PCM of 8 to 32 bits or float, got format {kind} of {bits} bits in {channels} channels",
        )
    # Programs that write to a pipe do not know the size beforehand.
    if len(data) < size < 0xFFFFFFFF - 64:
        raise Refusal("media_corrupt", f"audio must be complete, got {len(data)} of {size} bytes")
    data = data[: len(data) - len(data) % (width * channels)]
    return _numbers(data, kind, bits).reshape(-1, channels)


def _numbers(data: bytes, kind: int, bits: int) -> np.ndarray[Any, Any]:
    if kind == _FLOAT:
        return np.frombuffer(data, "<f4" if bits == 32 else "<f8").astype(np.float64)
    if bits == 8:
        # Without a sign, as no other width.
        return (np.frombuffer(data, np.uint8).astype(np.float64) - 128) / 128
    if bits == 24:
        parts = np.frombuffer(data, np.uint8).reshape(-1, 3).astype(np.int32)
        value = parts[:, 0] | parts[:, 1] << 8 | parts[:, 2] << 16
        return ((value ^ 0x800000) - 0x800000) / float(1 << 23)
    return np.frombuffer(data, "<i2" if bits == 16 else "<i4") / float(1 << (bits - 1))


def resampled(samples: np.ndarray[Any, Any], rate: int, wanted: int) -> Samples:
    """⌈n · wanted / rate⌉ samples of the same sound, by a Hann-windowed sinc of 16 zero crossings.

    out[m] = Σ_k x[k] h(m · rate / wanted - k), float64 sums in order of k. Outside of the sound there is silence.
    """
    if rate == wanted:
        return samples.astype(np.float32)
    common = math.gcd(rate, wanted)
    up, down = wanted // common, rate // common
    # Of the Nyquist frequency of the samples.
    cut = min(1.0, up / down)
    reach = math.ceil(_CROSSINGS / cut)
    count = math.ceil(len(samples) * up / down)
    padded = np.concatenate([np.zeros(reach), samples, np.zeros(reach + down)])
    windows = np.lib.stride_tricks.sliding_window_view(padded, 2 * reach + 1)
    out = np.zeros(count)
    offsets = np.arange(-reach, reach + 1)
    for phase in range(min(up, count)):
        first, rest = divmod(phase * down, up)
        distance = (rest / up - offsets) * cut
        window = np.where(np.abs(distance) < _CROSSINGS, np.cos(np.pi * distance / (2 * _CROSSINGS)) ** 2, 0)
        taken = windows[first::down][: len(out[phase::up])]
        out[phase::up] = np.einsum("pk,k->p", taken, np.sinc(distance) * window * cut)
    return out.astype(np.float32)
