"""`python -m stand_ins TORCH/lib`: writes what torch's libraries need and nobody has. Prints each name."""

from __future__ import annotations

import ctypes
import sys
from pathlib import Path

from .read_elf import Library, Symbol, read_library
from .write_elf import MACHINES, library_bytes

# What Python loads when it imports torch; what is opened later, on a GPU, may fail.
_FIRST = ("libtorch_global_deps.so", "libtorch_python.so")
# Those of the program itself.
_PYTHON = ("Py", "_Py")
# Read by Python when it starts: with stand-ins a GPU is of no use, also where a driver shows one.
_HIDE_GPUS = 'import os; os.environ["CUDA_VISIBLE_DEVICES"] = "-1"\n'


def main(folder: Path) -> None:
    loaded, missing = _reachable(folder)
    if not missing:
        return
    offered = {name for library in loaded for name in library.defined}
    wanted = {symbol for library in loaded for symbol in library.undefined}
    # Versions bear the name of the library, or of a part of it.
    free = [s for s in wanted if s.version is None and s.name not in offered and not s.name.startswith(_PYTHON)]
    machine = loaded[0].machine
    if machine not in MACHINES:
        raise SystemExit(f"stand_ins: the machine must be x86-64 or aarch64, got ELF's number {machine}")
    for index, name in enumerate(sorted(missing)):
        stem = name.split(".")[0].removesuffix("_host")
        own = [s for s in wanted if s.version is not None and s.version.lower() in (name.lower(), stem[3:].lower())]
        symbols = sorted([*own, *(free if index == 0 else [])], key=lambda symbol: symbol.name)
        (folder / name).write_bytes(library_bytes(name, symbols, machine))
        print(name, len(symbols))
    (folder.parent.parent / "stand_ins.pth").write_text(_HIDE_GPUS)


def _reachable(folder: Path) -> tuple[list[Library], set[str]]:
    """Torch's libraries that an import loads, and the names of those that it would look for in vain."""
    loaded: dict[str, Library] = {}
    missing: set[str] = set()
    names = [name for name in _FIRST if (folder / name).exists()]
    while names:
        name = names.pop()
        if name in loaded or name in missing:
            continue
        if (folder / name).exists():
            loaded[name] = read_library(folder / name)
            names.extend(loaded[name].needed)
        elif not _is_found(folder, name):
            missing.add(name)
    return list(loaded.values()), missing


def _is_found(folder: Path, name: str) -> bool:
    """Whether the loader has it: beside torch's, in a package of NVIDIA's, or in the system."""
    if any(folder.parent.parent.glob(f"nvidia/*/lib/{name}")):
        return True
    try:
        ctypes.CDLL(name)
    except OSError:
        return False
    return True


main(Path(sys.argv[1]))
