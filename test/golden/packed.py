"""Makes packed/: small Parquet files as Hugging Face's datasets write them, and a WebDataset shard.

python -m venv v && v/bin/pip install pyarrow==26.0.1 pillow==13.0.0 && v/bin/python test/golden/packed.py
"""

import io
import json
import tarfile
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
from PIL import Image

HERE = Path(__file__).parent


def small(file):
    data = io.BytesIO()
    Image.open(file).convert("RGB").resize((20, 16)).save(data, "PNG")
    return file.name, data.getvalue()


PICTURES = [small(file) for file in sorted((HERE / "tiny-llava" / "images").glob("*.png"))]
OUT = HERE / "packed"
OUT.mkdir(exist_ok=True)

PICTURE = pa.struct([("bytes", pa.binary()), ("path", pa.string())])


def picture(index):
    name, data = PICTURES[index % len(PICTURES)]
    return {"bytes": data, "path": name}


# The Cauldron: pictures and texts, one source a row; rows in groups of three.
pair = pa.struct([("user", pa.string()), ("assistant", pa.string()), ("source", pa.string())])
cauldron = pa.table(
    {
        "images": pa.array([[picture(i)] if i != 4 else [picture(0), picture(1)] for i in range(7)], pa.list_(PICTURE)),
        "texts": pa.array(
            [
                [
                    {"user": f"Question: What is picture {i}?", "assistant": f"Answer {i}.", "source": "VQAv2"},
                    {"user": "And what else?", "assistant": "Nothing.", "source": "VQAv2"},
                ][: 1 + i % 2]
                for i in range(7)
            ],
            pa.list_(pair),
        ),
    }
)
pq.write_table(cauldron, OUT / "cauldron.parquet", row_group_size=3, compression="snappy")

# LLaVA rows with an embedded picture, or none.
turn = pa.struct([("from", pa.string()), ("value", pa.string())])
llava = pa.table(
    {
        "id": pa.array([1, 2, 2**60, 4], pa.int64()),
        "dataset": pa.array(["name", "name", "sum", "tell"]),
        "image": pa.array([picture(0), picture(1), None, picture(2)], PICTURE),
        "conversations": pa.array(
            [
                [{"from": "human", "value": "<image>\nÄ?"}, {"from": "gpt", "value": "Ü."}],
                [{"from": "human", "value": "What?\n<image>"}, {"from": "gpt", "value": "A."}],
                [{"from": "human", "value": "1 + 1?"}, {"from": "gpt", "value": "2."}],
                [{"from": "human", "value": "<image>\nTell."}, {"from": "gpt", "value": "It."}],
            ],
            pa.list_(turn),
        ),
    }
)
for codec in ["none", "snappy", "gzip", "brotli", "zstd", "lz4"]:
    pq.write_table(llava, OUT / f"llava-{codec}.parquet", compression=codec)

# One row group whose page says that it unpacks to far more than it holds.
zeros = pa.table({"text": pa.array(["0" * 2**24] * 4)})
pq.write_table(zeros, OUT / "dense.parquet", compression="zstd", use_dictionary=False)


def member(archive, name, data):
    info = tarfile.TarInfo(name)
    info.size = len(data)
    archive.addfile(info, io.BytesIO(data))


with tarfile.open(OUT / "shard-00000.tar", "w") as archive:
    for i in range(3):
        row = {"conversations": [{"from": "human", "value": f"<image>\nWhat is {i}?"}, {"from": "gpt", "value": f"{i}."}]}
        member(archive, f"part/00000{i}.png", PICTURES[i][1])
        member(archive, f"part/00000{i}.json", json.dumps(row | {"dataset": "name"}).encode())
    for name in ["a.0.png", "a.1.png"]:
        member(archive, name, PICTURES[0][1])
    row = {"messages": [{"role": "user", "content": "<image><image>Which?"}, {"role": "assistant", "content": "Both."}]}
    member(archive, "a.json", json.dumps(row).encode())
    member(archive, "b.txt", b"no row")
