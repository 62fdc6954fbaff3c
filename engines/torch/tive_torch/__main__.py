"""Answers frames on stdin by frames on stdout until stdin ends. Everything else that is printed goes to stderr."""

from __future__ import annotations

import os
import queue
import select
import sys
import threading
from typing import Any, BinaryIO

from . import environment

_READ_AHEAD = 2

Requests = queue.Queue[tuple[dict[str, Any], bytes]]


def main() -> None:
    # What a library prints must not stand between frames.
    output = os.fdopen(os.dup(1), "wb")
    os.dup2(2, 1)
    sys.stdout = sys.stderr
    environment.prepare()

    requests: Requests = queue.Queue(_READ_AHEAD)
    threading.Thread(target=_read, args=(sys.stdin.buffer, requests), daemon=True).start()
    environment.make_deterministic()
    from .serve import serve

    serve(requests, output)


def _read(stream: BinaryIO, requests: Requests) -> None:
    """Reads ahead; ends the process, also while it computes, where the parent is gone or sends no frames."""
    from .frames import FrameError, read_frame

    try:
        while (frame := read_frame(stream)) is not None:
            while not _put(requests, frame):
                if _hung_up(stream):
                    os._exit(0)
    except (FrameError, OSError) as error:
        print(error, file=sys.stderr, flush=True)
        os._exit(2)
    os._exit(0)


def _put(requests: Requests, frame: tuple[dict[str, Any], bytes]) -> bool:
    try:
        requests.put(frame, timeout=0.2)
    except queue.Full:
        return False
    return True


def _hung_up(stream: BinaryIO) -> bool:
    """Whether nobody holds the other end, seen without reading what still stands in the pipe."""
    poll = select.poll()
    poll.register(stream.fileno(), select.POLLHUP)
    return any(event & (select.POLLHUP | select.POLLERR) for _, event in poll.poll(0))


if __name__ == "__main__":
    main()
