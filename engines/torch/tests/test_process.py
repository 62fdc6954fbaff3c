"""The process: frames in order, one way of computing, no stray prints, and an end with its parent."""

from __future__ import annotations

import io
import os
import struct
import subprocess
import sys
import unittest
from pathlib import Path
from typing import Any

from tive_torch.engine import Engine
from tive_torch.frames import FrameError, Head, Tensors, read_frame, tensors_of, write_frame

from .support import Rows, adapter_of, coordinates_of, dialogues, family_folder

PACKAGE = Path(__file__).resolve().parents[1]


class Child:
    """A process that answers, as the product starts it."""

    def __init__(self) -> None:
        environment = {**os.environ, "PYTHONPATH": str(PACKAGE), "OMP_NUM_THREADS": "1"}
        self.process = subprocess.Popen(
            [sys.executable, "-m", "tive_torch"],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            env=environment,
        )
        self._last = 0

    def send(self, call: str, tensors: Tensors | None = None, **others: Any) -> None:
        assert self.process.stdin is not None
        self._last += 1
        write_frame(self.process.stdin, {"id": self._last, "call": call, **others}, tensors)

    def receive(self) -> tuple[Head, bytes]:
        assert self.process.stdout is not None
        found = read_frame(self.process.stdout)
        assert found is not None
        return found

    def ask(self, call: str, tensors: Tensors | None = None, **others: Any) -> tuple[Head, bytes]:
        self.send(call, tensors, **others)
        return self.receive()

    def end(self) -> int:
        assert self.process.stdin is not None and self.process.stdout is not None
        self.process.stdin.close()
        code = self.process.wait(60)
        self.process.stdout.close()
        return code


class ProcessTest(unittest.TestCase):
    def test_fresh_processes_give_the_same_bytes_and_end_with_their_parent(self) -> None:
        engine = Engine()
        facts = engine.answer({"call": "inspect", "folder": family_folder("qwen3_vl")}, {})[0]
        rows = Rows(engine, dialogues(True))
        described, tensors = adapter_of(facts)
        coordinates, count = coordinates_of(tensors)
        opening = {
            "adapter": described,
            "coordinates": coordinates,
            "parameterCount": count,
            "cutoff": 4096,
            "projection": {"kind": "sparse", "sketch": 512, "seed": 0},
        }
        bodies = []
        for other_work_first in (False, True):
            child = Child()
            head, _ = child.ask("describe")
            self.assertEqual((head["id"], head["result"]["threads"], head["result"]["tf32"]), (1, 1, False))
            self.assertEqual(child.ask("gradients", handle=5, rows=[])[0]["error"]["kind"], "config")
            child.ask("load", folder=family_folder("qwen3_vl"), dtype="float32", recompute=False)
            if other_work_first:
                handle = child.ask("open_scoring", adapter=None, cutoff=4096)[0]["result"]["handle"]
                child.ask("score", rows.only(1)[1], handle=handle, rows=rows.only(1)[0])
            handle = child.ask("open_gradients", tensors, **opening)[0]["result"]["handle"]
            # Others are sent before the first one is answered; rows are read by the folder that is theirs.
            child.send("gradients", rows.tensors, handle=handle, rows=rows.described)
            child.send("memory")
            child.send("encode", rows.tensors, rows=rows.described, cutoff=4096)
            child.send("load", folder=family_folder("qwen2_5_vl"), dtype="float32")
            child.send("encode", rows.tensors, rows=rows.described, cutoff=4096)
            child.send("encode", rows.tensors, rows=rows.described, cutoff=4096, folder=family_folder("qwen3_vl"))
            child.send("encode", rows.tensors, rows=rows.described, cutoff=4096, folder=family_folder("qwen3_5"))
            (first, body), (second, _), (third, _), (_, _), (fifth, _), (sixth, _), (seventh, _) = (
                child.receive() for _ in range(7)
            )
            self.assertEqual(fifth["id"], first["id"] + 4)
            self.assertGreater(second["result"]["peakBytes"], 2**20)
            self.assertEqual(third["result"]["rows"][1]["imageTokens"], 10)
            self.assertEqual(fifth["result"]["rows"][1]["imageTokens"], 12)
            self.assertEqual(sixth["result"], third["result"])
            self.assertEqual(seventh["result"]["rows"][1]["imageTokens"], 10)
            bodies.append(body)
            self.assertEqual(child.end(), 0)
        self.assertEqual(bodies[0], bodies[1])
        self.assertEqual(set(tensors_of(bodies[0])), {"loss", "count", "norm", "el2n", "sketch"})

    def test_a_process_whose_parent_goes_while_requests_wait_ends(self) -> None:
        child = Child()
        for _ in range(6):
            child.send("describe")
        self.assertEqual(child.end(), 0)

    def test_bytes_that_are_no_frame_end_the_process(self) -> None:
        child = Child()
        assert child.process.stdin is not None and child.process.stdout is not None
        child.process.stdin.write(struct.pack("<I", 5) + b"{oh}!")
        child.process.stdin.flush()
        self.assertEqual(child.process.wait(60), 2)
        child.process.stdin.close()
        child.process.stdout.close()


class FrameTest(unittest.TestCase):
    def test_a_frame_is_read_as_it_was_written(self) -> None:
        import torch

        tensors = {
            "a": torch.arange(6, dtype=torch.float64).reshape(2, 3),
            "b": torch.tensor([1, 2], dtype=torch.uint8),
        }
        stream = io.BytesIO()
        write_frame(stream, {"id": 1, "text": "é", "norm": float("nan")}, tensors)
        write_frame(stream, {"id": 2})
        stream.seek(0)
        first, second = read_frame(stream), read_frame(stream)
        assert first is not None and second is not None
        self.assertEqual(first[0], {"id": 1, "text": "é", "norm": None})
        found = tensors_of(first[1])
        self.assertTrue(all(torch.equal(found[name], value) for name, value in tensors.items()))
        self.assertEqual((second[0], second[1], tensors_of(second[1])), ({"id": 2}, b"", {}))
        self.assertIsNone(read_frame(stream))

    def test_a_frame_that_is_cut_off_or_too_long_is_no_frame(self) -> None:
        for given in (
            b"\x01",
            struct.pack("<I", 2) + b"{}",
            struct.pack("<I", 2**27),
            struct.pack("<I", 2) + b"[]" + bytes(8),
        ):
            with self.assertRaises(FrameError):
                read_frame(io.BytesIO(given))


if __name__ == "__main__":
    unittest.main()
