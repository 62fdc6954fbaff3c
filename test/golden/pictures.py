"""Makes small pictures in every kind of colour that Pillow reads, and their pixels as Pillow's convert("RGB") has them.

python -m venv v && v/bin/pip install pillow==13.0.0 numpy
v/bin/python test/golden/pictures.py
"""

import base64
import json
import shutil
import struct
import zlib
from pathlib import Path

import numpy as np
from PIL import Image

OUT = Path(__file__).parent / "pictures"
HEIGHT, WIDTH = 20, 24


def chunk(kind, data):
    return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))


def png16(name, levels, colour_type):
    """Pillow writes no PNG of 16 bits but grey."""
    rows = b"".join(b"\0" + row.astype(">u2").tobytes() for row in levels)
    header = struct.pack(">IIBBBBB", WIDTH, HEIGHT, 16, colour_type, 0, 0, 0)
    body = chunk(b"IHDR", header) + chunk(b"IDAT", zlib.compress(rows)) + chunk(b"IEND", b"")
    (OUT / name).write_bytes(b"\x89PNG\r\n\x1a\n" + body)


def main():
    shutil.rmtree(OUT, ignore_errors=True)
    OUT.mkdir()
    random = np.random.default_rng(0)
    ramp = np.linspace(0, 255, HEIGHT * WIDTH * 3).reshape(HEIGHT, WIDTH, 3)
    rgb = (ramp + random.integers(0, 60, ramp.shape)).clip(0, 255).astype(np.uint8)
    picture = Image.fromarray(rgb)
    clear = picture.convert("RGBA")
    clear.putalpha(Image.fromarray(rgb[..., 0]))
    levels = random.integers(0, 65536, (HEIGHT, WIDTH, 4))
    dim = levels[..., 0] // 200
    for sampling in ["4:4:4", "4:2:2", "4:2:0"]:
        picture.save(OUT / f"{sampling.replace(':', '')}.avif", quality=80, subsampling=sampling)
    picture.convert("L").save(OUT / "grey.avif", quality=80)
    clear.save(OUT / "clear.avif", quality=80, subsampling="4:4:4")
    png16("rgb16.png", levels[..., :3], 2)
    png16("clear16.png", levels, 6)
    png16("grey-clear16.png", levels[..., :2], 4)
    png16("grey16.png", dim, 0)
    Image.fromarray(dim.astype(np.uint16)).save(OUT / "grey16.tif")
    Image.fromarray(dim.astype(np.int32)).save(OUT / "grey32.tif")
    Image.fromarray(dim.astype(np.float32)).save(OUT / "float.tif")
    for form in ["png", "tif"]:
        picture.convert("1").save(OUT / f"bit.{form}")
    for form in ["png", "gif", "tif"]:
        picture.convert("P").save(OUT / f"palette.{form}")
    picture.convert("CMYK").save(OUT / "cmyk.jpg", quality=90)
    picture.convert("CMYK").save(OUT / "cmyk.tif")
    picture.convert("YCbCr").save(OUT / "ycc.tif", compression="jpeg")
    picture.save(OUT / "progressive.jpg", progressive=True, quality=60, subsampling=2)
    picture.convert("L").save(OUT / "grey.jpg")
    picture.convert("LA").save(OUT / "grey-clear.png")
    picture.save(OUT / "lossy.webp", quality=70)
    clear.save(OUT / "clear.webp", quality=70)
    picture.save(OUT / "lzw.tif", compression="tiff_lzw")
    clear.save(OUT / "clear.tif")
    pixels = {}
    for file in sorted(OUT.iterdir()):
        pixels[file.name] = base64.b64encode(np.asarray(Image.open(file).convert("RGB")).tobytes()).decode()
    expected = {"width": WIDTH, "height": HEIGHT, "pixels": pixels}
    (OUT / "expected.json").write_text(json.dumps(expected, indent=1) + "\n")


main()
