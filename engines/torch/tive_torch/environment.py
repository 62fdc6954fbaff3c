"""The process's surroundings: what is set before any computation, and all that may change bits."""

from __future__ import annotations

import os
import platform
import sys
from typing import Any


def prepare() -> None:
    """Settings that must stand before torch and transformers are imported: no network, one way of summing."""
    os.environ["HF_HUB_OFFLINE"] = "1"
    os.environ["TRANSFORMERS_OFFLINE"] = "1"
    os.environ["HF_HUB_DISABLE_TELEMETRY"] = "1"
    os.environ["TOKENIZERS_PARALLELISM"] = "false"
    os.environ["HF_HUB_DISABLE_PROGRESS_BARS"] = "1"
    os.environ["TQDM_DISABLE"] = "1"
    os.environ["CUBLAS_WORKSPACE_CONFIG"] = ":4096:8"
    # Threads that start later count theirs by the environment.
    os.environ["OMP_NUM_THREADS"] = str(thread_count())
    os.environ["MKL_NUM_THREADS"] = str(thread_count())


def make_deterministic() -> None:
    """Fixed thread count and fixed order of sums: the same request has the same bytes in any process."""
    import torch

    torch.use_deterministic_algorithms(True)
    # Filling what is about to be written costs a pass and changes no result.
    torch.utils.deterministic.fill_uninitialized_memory = False  # type: ignore[attr-defined]
    torch.backends.cuda.matmul.allow_tf32 = False
    torch.backends.cudnn.allow_tf32 = False
    torch.backends.cudnn.benchmark = False
    # Its backward pass sums in no fixed order.
    torch.backends.cuda.enable_cudnn_sdp(False)
    torch.set_num_threads(thread_count())


def thread_count() -> int:
    """`TIVE_TORCH_THREADS`, else one: threads split sums, and so change bits."""
    threads = os.environ.get("TIVE_TORCH_THREADS", "")
    return int(threads) if threads.isdigit() and int(threads) > 0 else 1


def device_name() -> str:
    """`cuda` where torch has a device that it may use, else `cpu`."""
    import torch

    return "cuda" if torch.cuda.is_available() else "cpu"


def describe() -> dict[str, Any]:
    """Versions and devices: everything that may change bits."""
    import peft
    import torch
    import transformers

    cuda = device_name() == "cuda"
    properties = torch.cuda.get_device_properties(0) if cuda else None
    return {
        "torch": torch.__version__,
        "transformers": transformers.__version__,
        "peft": peft.__version__,
        "python": platform.python_version(),
        "device": "cuda" if cuda else "cpu",
        "deviceName": properties.name if properties else _processor_name(),
        "deviceMemoryBytes": properties.total_memory if properties else None,
        "instructionSet": torch.backends.cpu.get_cpu_capability(),
        "threads": torch.get_num_threads(),
        "bfloat16": bool(torch.cuda.is_bf16_supported()) if cuda else True,
        "tf32": bool(torch.backends.cuda.matmul.allow_tf32),
    }


def _processor_name() -> str:
    try:
        with open("/proc/cpuinfo", encoding="utf-8") as file:
            for line in file:
                if line.startswith("model name"):
                    return line.split(":", 1)[1].strip()
    except OSError:
        pass
    return platform.processor() or platform.machine()


def memory() -> dict[str, int]:
    """Bytes at the highest and now: of the device where there is one, else of this process."""
    import torch

    if device_name() == "cuda":
        return {"peakBytes": torch.cuda.max_memory_allocated(), "allocatedBytes": torch.cuda.memory_allocated()}
    if sys.platform.startswith("linux"):
        with open("/proc/self/status", encoding="utf-8") as file:
            fields = dict(line.split(":", 1) for line in file if ":" in line)
        return {"peakBytes": _kibibytes(fields["VmHWM"]), "allocatedBytes": _kibibytes(fields["VmRSS"])}
    import resource

    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * (1 if sys.platform == "darwin" else 1024)
    return {"peakBytes": peak, "allocatedBytes": peak}


def _kibibytes(text: str) -> int:
    return int(text.split()[0]) * 1024
