"""Requests in order to answers in order, with the rows of the next request prepared while one computes."""

from __future__ import annotations

import queue
import sys
import threading
import traceback
from dataclasses import dataclass
from typing import BinaryIO

import torch

from . import environment
from .engine import PREPARED_CALLS, Arguments, Engine, Prepared
from .errors import described
from .frames import Head, Tensors, tensors_of, write_frame

Requests = queue.Queue[tuple[Head, bytes]]


@dataclass
class Ready:
    """A request with its tensors, and what was prepared of it or went wrong there."""

    head: Head
    tensors: Tensors
    opens_folder: bool = False
    prepared: Prepared | None = None
    error: Exception | None = None


def serve(requests: Requests, output: BinaryIO) -> None:
    """Answers without end. One thread prepares rows, this one computes, and opens folders while the other waits."""
    engine = Engine()
    ready: queue.Queue[Ready] = queue.Queue(1)
    settled = threading.Event()
    settled.set()
    threading.Thread(target=_prepare, args=(engine, requests, ready, settled), daemon=True).start()
    while True:
        request = ready.get()
        _answer(engine, request, output)
        if request.opens_folder:
            settled.set()


def _prepare(engine: Engine, requests: Requests, ready: queue.Queue[Ready], settled: threading.Event) -> None:
    torch.set_num_threads(environment.thread_count())
    while True:
        head, body = requests.get()
        # Behind a call that opens a folder everything waits until it is there.
        settled.wait()
        request = Ready(Arguments.of(head), {}, engine.opens_folder(head))
        try:
            request.tensors = tensors_of(body)
            if head.get("call") in PREPARED_CALLS and not request.opens_folder:
                request.prepared = engine.prepare(request.head, request.tensors)
        except Exception as error:
            request.error = error
        if request.opens_folder:
            settled.clear()
        ready.put(request)


def _answer(engine: Engine, request: Ready, output: BinaryIO) -> None:
    number = request.head.get("id")
    try:
        if request.error is not None:
            raise request.error
        result, tensors = engine.answer(request.head, request.tensors, request.prepared)
    except Exception as error:
        traceback.print_exc(file=sys.stderr)
        write_frame(output, {"id": number, "error": described(error)})
    else:
        write_frame(output, {"id": number, "result": result}, tensors)
