"""Sounds: what WAV files hold, and the same sound at another rate."""

from __future__ import annotations

import io
import struct
import unittest
import wave

import numpy as np

from tive_torch.errors import Refusal
from tive_torch.sound import read_sound, resampled

VALUES = np.array([0.0, 0.5, -0.5, 0.25, -1.0, 0.75])


def pcm(width: int, values: np.ndarray = VALUES, channels: int = 1, rate: int = 8000) -> bytes:
    """A file as Python's own module writes it."""
    scaled = np.round(values * (1 << (8 * width - 1))).astype(np.int64).clip(None, (1 << (8 * width - 1)) - 1)
    if width == 1:
        scaled = scaled + 128
    data = b"".join(int(value).to_bytes(width, "little", signed=width > 1) for value in scaled)
    file = io.BytesIO()
    with wave.open(file, "wb") as writer:
        writer.setnchannels(channels)
        writer.setsampwidth(width)
        writer.setframerate(rate)
        writer.writeframes(data)
    return file.getvalue()


def riff(kind: int, bits: int, data: bytes, more: bytes = b"", rate: int = 8000) -> bytes:
    head = struct.pack("<HHIIHH", kind, 1, rate, rate * bits // 8, bits // 8, bits) + more
    chunks = b"fmt " + struct.pack("<I", len(head)) + head + b"LIST" + struct.pack("<I", 3) + b"abc\0"
    chunks += b"data" + struct.pack("<I", len(data)) + data
    return b"RIFF" + struct.pack("<I", 4 + len(chunks)) + b"WAVE" + chunks


def reason(file: bytes) -> tuple[str, str]:
    try:
        read_sound(file, 8000)
    except Refusal as refusal:
        return refusal.reason, refusal.detail
    return "", ""


class WavTest(unittest.TestCase):
    def test_integers_of_every_width_are_shares_of_the_largest(self) -> None:
        for width in (1, 2, 3, 4):
            self.assertLess(np.abs(read_sound(pcm(width), 8000) - VALUES).max(), 1e-12 if width > 1 else 1e-2)

    def test_floats_are_read_as_they_are_among_other_chunks(self) -> None:
        for bits, kind in ((32, "<f4"), (64, "<f8")):
            found = read_sound(riff(3, bits, VALUES.astype(kind).tobytes()), 8000)
            self.assertTrue(np.array_equal(found, VALUES.astype(np.float32)))

    def test_an_extensible_file_says_its_format_behind(self) -> None:
        more = struct.pack("<HHIH", 22, 16, 4, 1) + b"\0" * 14
        found = read_sound(riff(0xFFFE, 16, (VALUES * 16384).astype("<i2").tobytes(), more), 8000)
        self.assertTrue(np.allclose(found, VALUES / 2))

    def test_channels_are_averaged(self) -> None:
        found = read_sound(pcm(2, np.array([0.5, -0.5, 0.25, 0.75]), channels=2), 8000)
        self.assertTrue(np.allclose(found, [0, 0.5], atol=1e-4))

    def test_bad_files_are_refused_with_a_reason(self) -> None:
        whole = pcm(2)
        self.assertEqual(reason(whole[:-2]), ("media_corrupt", "audio must be complete, got 10 of 12 bytes"))
        self.assertEqual(reason(whole[:30])[0], "media_corrupt")
        self.assertEqual(reason(pcm(2, np.zeros(0)))[1], "audio must have samples, got none")
        self.assertEqual(reason(riff(3, 32, np.array([np.nan], "<f4").tobytes()))[0], "media_corrupt")
        self.assertEqual(reason(riff(17, 4, b"abcd"))[0], "media_unsupported")
        self.assertEqual(reason(riff(1, 16, b"abcd", rate=0))[0], "media_corrupt")

    def test_another_format_says_what_to_install(self) -> None:
        try:
            import soundfile  # noqa: F401
        except ImportError:
            found, detail = reason(b"ID3\x03 and so on")
            self.assertEqual(found, "media_unsupported")
            self.assertIn("install soundfile in the engine's Python", detail)
        else:
            self.assertEqual(reason(b"ID3\x03 and so on")[0], "media_corrupt")


class ResampleTest(unittest.TestCase):
    def test_a_tone_stays_the_same_tone(self) -> None:
        for rate, wanted in ((44100, 16000), (8000, 16000), (48000, 16000), (22050, 16000), (16000, 11025)):
            tone = np.sin(2 * np.pi * 440 * np.arange(rate) / rate)
            found = resampled(tone, rate, wanted)
            self.assertEqual(len(found), wanted)
            same = np.sin(2 * np.pi * 440 * np.arange(wanted) / wanted)
            inside = slice(wanted // 10, -wanted // 10)
            self.assertLess(np.abs(found - same)[inside].max(), 2e-3, f"{rate} to {wanted}")

    def test_what_the_lower_rate_cannot_hold_goes(self) -> None:
        tone = np.sin(2 * np.pi * 15000 * np.arange(48000) / 48000)
        self.assertLess(np.abs(resampled(tone, 48000, 16000))[1600:-1600].max(), 1e-2)

    def test_it_is_the_sum_that_it_says(self) -> None:
        samples = np.random.default_rng(0).normal(size=50)
        found = resampled(samples, 3, 2)
        self.assertEqual(len(found), 34)
        for m in range(34):
            distance = (m * 1.5 - np.arange(50)) * (2 / 3)
            window = np.where(np.abs(distance) < 16, np.cos(np.pi * distance / 32) ** 2, 0)
            wanted = float((samples * np.sinc(distance) * window).sum() * 2 / 3)
            self.assertAlmostEqual(float(found[m]), wanted, delta=1e-6)

    def test_the_same_rate_changes_nothing(self) -> None:
        self.assertTrue(np.array_equal(resampled(VALUES, 16000, 16000), VALUES.astype(np.float32)))


if __name__ == "__main__":
    unittest.main()
