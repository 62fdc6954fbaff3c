"""Rows with videos and sounds: tokens, gradients as of one example at a time, and reasons."""

from __future__ import annotations

import unittest
from typing import Any, ClassVar

import numpy as np
import torch
from PIL import Image

from tive_torch.engine import Engine
from tive_torch.errors import Refusal
from tive_torch.film import sampled
from tive_torch.frames import Tensors
from tive_torch.sound import read_sound
from tive_torch.spelled import spelled

from .support import Peer, adapter_of, coordinates_of, family_folder, picture
from .test_sound import pcm

ASKED = {
    "qwen2_audio": "<|im_start|>user\nAudio 1: <|audio_bos|><|AUDIO|><|audio_eos|>\nWhat is it?<|im_end|>\n",
    "qwen3_5": "<|im_start|>user\n<|vision_start|><|video_pad|><|vision_end|>What is it?<|im_end|>\n",
    "qwen3_vl": "<|im_start|>user\n<|vision_start|><|video_pad|><|vision_end|>What is it?<|im_end|>\n",
    "qwen2_5_vl": "<|im_start|>user\n<|vision_start|><|video_pad|><|vision_end|>What is it?<|im_end|>\n",
    "llava_onevision": "<|im_start|>user <video>\nWhat is it?<|im_end|>",
    "internvl": "<|im_start|>user\n<video>\nWhat is it?<|im_end|>\n",
    "gemma4_audio": "<bos><|turn>user\n<|audio|>What is it?<turn|>\n",
    "smolvlm": "<|im_start|>User: <video>What is it?<end_of_utterance>\n",
}
PLAIN = "<|im_start|>user\nIs it hot?<|im_end|>\n"
ANSWER = "Yes, it is.<|im_end|>"


def tone(seconds: float) -> torch.Tensor:
    values = np.sin(2 * np.pi * 440 * np.arange(int(16000 * seconds)) / 16000) / 4
    return torch.frombuffer(bytearray(pcm(2, values, rate=16000)), dtype=torch.uint8)


def film(frames: int) -> torch.Tensor:
    noise = np.random.default_rng(frames).integers(0, 256, (frames, 60, 80, 3), dtype=np.uint8)
    return torch.from_numpy(noise)


EARS = ("qwen2_audio", "gemma4_audio")
GEMMA = "<bos><|turn>user\n"


def row(asked: str, kinds: str | list[str] = (), pictures: int = 0) -> dict[str, Any]:
    question = {"text": f"{asked}<|im_start|>assistant\n", "supervised": False}
    clips = [{"kind": kind} for kind in ([kinds] if isinstance(kinds, str) else kinds)]
    return {"pieces": [question, {"text": ANSWER, "supervised": True}], "pictures": pictures, "clips": clips}


class ClipCase(unittest.TestCase):
    family: ClassVar[str]
    kind: ClassVar[str]
    engine: ClassVar[Engine]
    rows: ClassVar[list[dict[str, Any]]]
    tensors: ClassVar[Tensors]

    @classmethod
    def setUpClass(cls) -> None:
        cls.engine = Engine()
        request = {"call": "load", "folder": family_folder(cls.family), "dtype": "float32"}
        cls.facts = cls.engine.answer(request, {})[0]
        cls.make()

    @classmethod
    def make(cls) -> None:
        cls.kind = "audio" if cls.family in EARS else "video"
        contents = [tone(0.4), tone(0.9)] if cls.kind == "audio" else [film(4), film(7)]
        cls.tensors = {f"row.{number}.clip.0": content for number, content in enumerate(contents)}
        asked = row(ASKED[cls.family], cls.kind)
        cls.rows = [asked, asked, row(cls.plain())]

    @classmethod
    def plain(cls) -> str:
        return f"{GEMMA}Is it hot?<turn|>\n" if cls.family == "gemma4_audio" else PLAIN


class GradientTests:
    def test_gradients_of_a_batch_are_those_of_single_examples(self: Any) -> None:
        described, tensors = adapter_of(self.facts)
        coordinates, count = coordinates_of(tensors)
        request = {
            "call": "open_gradients",
            "adapter": described,
            "coordinates": coordinates,
            "parameterCount": count,
            "cutoff": 4096,
            "projection": {"kind": "none", "sketch": count, "seed": 0},
        }
        handle = self.engine.answer(request, tensors)[0]["handle"]
        found = self.engine.answer({"call": "gradients", "handle": handle, "rows": self.rows}, self.tensors)[1]
        self.engine.answer({"call": "close", "handle": handle}, {})
        peer, processor = Peer(self.engine, tensors), self.engine._folder.processor
        encoded = self.engine.answer({"call": "encode", "rows": self.rows, "cutoff": 4096}, self.tensors)[1]
        for number, described_row in enumerate(self.rows):
            text = "".join(piece["text"] for piece in described_row["pieces"])
            inputs = processor([text], *self.media(number))
            labels = encoded[f"row.{number}.labels"][1:].long()
            logits = peer.model(**inputs, use_cache=False).logits[0, :-1].float()
            torch.nn.functional.cross_entropy(logits[labels != -100], labels[labels != -100]).backward()
            gradient = peer.gradient()
            self.assertLess(float((found["sketch"][number] - gradient).norm() / gradient.norm()), 1e-5)
            self.assertAlmostEqual(float(found["norm"][number] / gradient.double().norm()), 1, delta=1e-5)

    def media(self: Any, number: int) -> tuple[list[list[Image.Image]], list[Any], list[Any]]:
        """Pictures, videos and sounds of a row, as a processor takes them."""
        prefix = f"row.{number}."
        pictures = [
            Image.fromarray(self.tensors[f"{prefix}picture.{place}"].numpy())
            for place in range(self.rows[number]["pictures"])
        ]
        found: dict[str, list[Any]] = {"video": [], "audio": []}
        for place, clip in enumerate(self.rows[number]["clips"]):
            given = self.tensors[f"{prefix}clip.{place}"].numpy()
            sound = clip["kind"] == "audio"
            found[clip["kind"]].append(read_sound(given.tobytes(), 16000) if sound else given)
        return [pictures], found["video"], found["audio"]


class ClipTests(GradientTests):
    def test_tokens_hold_the_clip_and_labels_the_answer(self: Any) -> None:
        found, tensors = self.engine.answer({"call": "encode", "rows": self.rows, "cutoff": 4096}, self.tensors)
        self.assertEqual([result["imageTokens"] > 0 for result in found["rows"]], [True, True, False])
        self.assertNotEqual(found["rows"][0]["tokens"], found["rows"][1]["tokens"])
        tokenizer = self.engine._folder.processor.tokenizer
        for number in range(3):
            labels = tensors[f"row.{number}.labels"]
            answer = tokenizer.decode(tokenizer.encode(ANSWER, add_special_tokens=False))
            self.assertEqual(tokenizer.decode(labels[labels != -100].tolist()), answer)

    def test_a_clip_without_a_place_is_set_aside(self: Any) -> None:
        rows = [row(self.plain(), self.kind), row(ASKED[self.family])]
        found = self.engine.answer({"call": "encode", "rows": rows, "cutoff": 4096}, self.tensors)[0]["rows"]
        self.assertEqual([result.get("reason") for result in found], ["media_count_mismatch"] * 2)


class TogetherTest(GradientTests, ClipCase):
    """Pictures, a video and a sound in one row, and in rows of one call."""

    family = "gemma4_audio"

    @classmethod
    def make(cls) -> None:
        cls.rows = [
            row(f"{GEMMA}<|image|>Whose is <|audio|>?<turn|>\n", "audio", pictures=1),
            row(f"{GEMMA}<|audio|>Is it <|image|> or <|video|>?<turn|>\n", ["video", "audio"], pictures=1),
            row(f"{GEMMA}What is <|image|>?<turn|>\n", pictures=1),
        ]
        cls.tensors = {f"row.{number}.picture.0": torch.from_numpy(picture(number, 60, 80)) for number in range(3)}
        cls.tensors |= {"row.0.clip.0": tone(0.4), "row.1.clip.0": film(4), "row.1.clip.1": tone(0.7)}

    def test_every_one_of_them_has_tokens(self) -> None:
        found = self.engine.answer({"call": "encode", "rows": self.rows, "cutoff": 4096}, self.tensors)[0]["rows"]
        counts = [result["imageTokens"] for result in found]
        self.assertGreater(counts[1], counts[0])
        self.assertGreater(counts[0], counts[2])


class ReasonTest(unittest.TestCase):
    def encode(self, family: str, clip: dict[str, Any], tensor: torch.Tensor) -> dict[str, Any]:
        request = {"call": "encode", "folder": family_folder(family), "cutoff": 4096}
        request["rows"] = [{**row(ASKED.get(family, PLAIN)), "clips": [clip]}]
        found: dict[str, Any] = Engine().answer(request, {"row.0.clip.0": tensor})[0]["rows"][0]
        return found

    def test_a_long_sound_is_set_aside(self) -> None:
        found = self.encode("qwen2_audio", {"kind": "audio"}, tone(2.5))
        detail = "audio must have at most 2 s, got 2.5 s; cut it"
        self.assertEqual(found, {"reason": "media_too_long", "detail": detail})

    def test_a_model_without_ears_sets_sounds_aside(self) -> None:
        found = self.encode("qwen3", {"kind": "audio"}, tone(0.1))
        self.assertEqual(found["reason"], "media_unsupported")

    def test_a_video_file_needs_a_decoder_or_can_be_decoded(self) -> None:
        found = self.encode("qwen3_5", {"kind": "video"}, torch.zeros(64, dtype=torch.uint8))
        try:
            import av  # type: ignore[import-not-found]  # noqa: F401
        except ImportError:
            self.assertEqual(found["reason"], "media_unsupported")
            self.assertIn("install av", found["detail"])
        else:
            self.assertEqual(found["reason"], "media_corrupt")

    def test_of_frames_to_encode_the_shape_is_enough(self) -> None:
        whole = self.encode("qwen3_5", {"kind": "video"}, film(4))
        shaped = self.encode("qwen3_5", {"kind": "video", "shape": [4, 60, 80]}, torch.zeros(0, dtype=torch.uint8))
        self.assertEqual(whole, shaped)

    def test_smolvlm_takes_pictures_or_videos(self) -> None:
        both = row("<|im_start|>User:<image>Is it in <video>?<end_of_utterance>\n", "video", pictures=1)
        alone = row(ASKED["smolvlm"], "video")
        request = {"call": "encode", "folder": family_folder("smolvlm"), "rows": [both, alone], "cutoff": 4096}
        tensors = {"row.0.picture.0": torch.from_numpy(picture(0, 60, 80)), "row.0.clip.0": film(4)}
        found = Engine().answer(request, {**tensors, "row.1.clip.0": film(4)})[0]["rows"]
        self.assertEqual([result.get("reason") for result in found], ["processor_refused", None])
        self.assertIn("pictures or videos in one call, got both", found[0]["detail"])

    def test_a_count_of_frames_is_spelled(self) -> None:
        wanted = {0: "zero", 13: "thirteen", 40: "forty", 64: "sixty-four", 100: "one hundred"}
        wanted |= {115: "one hundred and fifteen", 1001: "one thousand and one", 2100: "two thousand, one hundred"}
        self.assertEqual({number: spelled(number) for number in wanted}, wanted)

    def test_frames_are_taken_evenly_at_the_rate(self) -> None:
        self.assertEqual(sampled(300, 30, 2, None), [15 * place for place in range(20)])
        self.assertEqual(sampled(300, 30, 2, 4), [0, 75, 150, 225])
        self.assertEqual(sampled(3, 1, 2, None), [0, 1, 2])
        self.assertEqual(sampled(2, 30, 2, None), [0])
        with self.assertRaises(Refusal):
            sampled(0, 30, 2, None)


def load_tests(loader: unittest.TestLoader, _tests: Any, _pattern: Any) -> unittest.TestSuite:
    suite = unittest.TestSuite([loader.loadTestsFromTestCase(case) for case in (ReasonTest, TogetherTest)])
    for family in ASKED:
        case = type(family, (ClipTests, ClipCase), {"family": family, "__module__": __name__})
        suite.addTests(loader.loadTestsFromTestCase(case))
    return suite


if __name__ == "__main__":
    unittest.main()
