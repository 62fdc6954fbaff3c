"""Writes the same 26 small rows in every form that `tive` reads, each with a recipe beside it.

python -m venv v && v/bin/pip install pyarrow==26.0.1 pillow==13.0.0 && v/bin/python examples/forms/make_forms.py
"""

import io
import json
import shutil
import tarfile
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
from PIL import Image, ImageDraw

HERE = Path(__file__).parent
SHAPES = ["circle", "square", "triangle", "line"]
COLOURS = ["red", "green", "blue"]


def draw(shape, colour):
    image = Image.new("RGB", (48, 40), "white")
    pen = ImageDraw.Draw(image)
    if shape == "circle":
        pen.ellipse([12, 8, 36, 32], fill=colour)
    elif shape == "square":
        pen.rectangle([12, 8, 36, 32], fill=colour)
    elif shape == "triangle":
        pen.polygon([(24, 6), (38, 34), (10, 34)], fill=colour)
    else:
        pen.line([(6, 6), (42, 34)], fill=colour, width=4)
    data = io.BytesIO()
    image.save(data, "PNG", optimize=True)
    return data.getvalue()


PICTURES = {f"{colour}-{shape}.png": draw(shape, colour) for shape in SHAPES for colour in COLOURS}


def make_rows():
    """(task, picture or None, question, answer)"""
    for name in PICTURES:
        yield "name", name, "What is drawn here?", f"A {name[:-4].split('-')[1]}."
    for name in list(PICTURES)[::2]:
        colour, shape = name[:-4].split("-")
        yield "tell", name, "Tell me about the picture.", f"It is one {shape} and the colour of it is {colour}."
    for index in range(8):
        yield "sum", None, f"What is {index} and {index + 1}?", str(2 * index + 1)


ROWS = list(make_rows())


def llava(task, picture, question, answer, **keys):
    image = {} if picture is None else {"image": picture}
    asked = question if picture is None else f"<image>\n{question}"
    return keys | image | {"conversations": [{"from": "human", "value": asked}, {"from": "gpt", "value": answer}]}


def folder(name, dataset, model="tiny-llava"):
    path = HERE / name
    shutil.rmtree(path, ignore_errors=True)
    path.mkdir()
    (path / "recipe.yaml").write_text(
        f"""run: {{ name: {name} }}
model: {{ path: ../../../test/golden/{model}/model }}
dataset: {{ {dataset} }}
warmup: {{ fraction: 0.5, epochs: 2, batch_size: 4, learning_rate: 3.0e-3, lora_rank: 4, lora_alpha: 8 }}
gradients: {{ cutoff_len: 256, sketch: 64, token_budget: 512, shard_rows: 16 }}
allocation: {{ budget_fraction: 0.3 }}
"""
    )
    return path


def write_json(path, rows):
    path.write_text(json.dumps(rows, indent=1, ensure_ascii=False) + "\n")


def write_lines(path, rows):
    path.write_text("".join(json.dumps(row, ensure_ascii=False) + "\n" for row in rows))


(HERE / "images").mkdir(exist_ok=True)
for name, data in PICTURES.items():
    (HERE / "images" / name).write_bytes(data)

# LLaVA: one array; the label stands in the row.
path = folder("llava", "path: rows.json, image_folder: ../images")
write_json(path / "rows.json", [llava(*row, id=index, dataset=row[0]) for index, row in enumerate(ROWS)])

# JSON lines without labels: `task_rules` make them, here from the pictures' folders.
path = folder("jsonl", "path: rows.jsonl, image_folder: .., task_rules: prefix")
write_lines(
    path / "rows.jsonl",
    [llava(task, picture and f"images/{picture}", *text, id=f"row {index}") for index, (task, picture, *text) in enumerate(ROWS)],
)

# ShareGPT with LLaMA-Factory's description of its own names.
path = folder("sharegpt", "path: rows.json, image_folder: ../images, task_field: task")
write_json(
    path / "rows.json",
    [
        {
            "task": task,
            "dialogue": [
                {"who": "user", "says": ("<image>" if picture else "") + question},
                {"who": "model", "says": answer},
            ],
            "pictures": [picture] if picture else [],
        }
        for task, picture, question, answer in ROWS
    ],
)
write_json(
    path / "dataset_info.json",
    {
        "shapes": {
            "file_name": "rows.json",
            "formatting": "sharegpt",
            "columns": {"messages": "dialogue", "images": "pictures"},
            "tags": {"role_tag": "who", "content_tag": "says", "user_tag": "user", "assistant_tag": "model"},
        }
    },
)

# Messages: contents as a text, or as parts.
path = folder("messages", "path: rows.jsonl, image_folder: ../images, task_field: task")
write_lines(
    path / "rows.jsonl",
    [
        {
            "task": task,
            "messages": [{"role": "system", "content": "Answer in a few words."}]
            + [
                {
                    "role": "user",
                    "content": question
                    if picture is None
                    else [{"type": "image", "image": picture}, {"type": "text", "text": question}],
                },
                {"role": "assistant", "content": answer if index % 2 else [{"type": "text", "text": answer}]},
            ],
        }
        for index, (task, picture, question, answer) in enumerate(ROWS)
    ],
)

# Vision-Flan: the label is `task_name`, and `id` is not unique.
path = folder("vision-flan", "path: rows.json, image_folder: ../images, task_field: task_name")
write_json(path / "rows.json", [llava(*row, id=row[0], task_name=row[0]) for row in ROWS])

# Parquet as Hugging Face's datasets write it, pictures within; The Cauldron's form, one subset a file.
path = folder("parquet", "path: .")
PICTURE = pa.struct([("bytes", pa.binary()), ("path", pa.string())])
PAIR = pa.struct([("user", pa.string()), ("assistant", pa.string()), ("source", pa.string())])
for task in ["name", "tell", "sum"]:
    rows = [row for row in ROWS if row[0] == task]
    table = pa.table(
        {
            "images": pa.array(
                [[{"bytes": PICTURES[row[1]], "path": row[1]}] if row[1] else [] for row in rows], pa.list_(PICTURE)
            ),
            "texts": pa.array(
                [[{"user": row[2], "assistant": row[3], "source": task}] for row in rows], pa.list_(PAIR)
            ),
        }
    )
    pq.write_table(table, path / f"{task}.parquet", row_group_size=5)

# WebDataset: shards of pictures and `.json`.
path = folder("webdataset", "path: 'shapes-{000..002}.tar'")
for shard in range(3):
    with tarfile.open(path / f"shapes-{shard:03}.tar", "w", format=tarfile.USTAR_FORMAT) as archive:
        for index, row in list(enumerate(ROWS))[shard::3]:
            fields = llava(*row, dataset=row[0])
            fields.pop("image", None)
            members = [("json", json.dumps(fields).encode())] + ([("png", PICTURES[row[1]])] if row[1] else [])
            for ending, data in members:
                info = tarfile.TarInfo(f"{index:06}.{ending}")
                info.size = len(data)
                archive.addfile(info, io.BytesIO(data))

# Several sources: each file with a folder of pictures of its own.
path = folder("several", "path: [questions.json, talk/talk.jsonl], image_folder: [../images, talk/pictures]")
write_json(path / "questions.json", [llava(*row, id=i, dataset=row[0]) for i, row in enumerate(ROWS) if row[0] != "tell"])
(path / "talk" / "pictures").mkdir(parents=True)
for _, picture, *_ in [row for row in ROWS if row[0] == "tell"]:
    (path / "talk" / "pictures" / picture).write_bytes(PICTURES[picture])
write_lines(path / "talk" / "talk.jsonl", [llava(*row, id=i, dataset=row[0]) for i, row in enumerate(ROWS) if row[0] == "tell"])

# Several pictures in a row, or the frames of a video: a list, as many `<image>` as pictures.
path = folder("frames", "path: rows.jsonl, image_folder: ../images, max_images: 4, task_field: task")
frames = list(PICTURES)
write_lines(
    path / "rows.jsonl",
    [
        {
            "task": ["compare", "watch"][index % 2],
            "images": [frames[(index + step) % len(frames)] for step in range([2, 4][index % 2])],
            "conversations": [
                {"from": "human", "value": "<image>" * [2, 4][index % 2] + ["Are they equal?", "What comes last?"][index % 2]},
                {"from": "gpt", "value": ["No.", f"A {frames[(index + 3) % len(frames)][:-4].split('-')[1]}."][index % 2]},
            ],
        }
        for index in range(16)
    ],
)

# Rows without any label: their questions are clustered.
path = folder("no-labels", "path: rows.jsonl, image_folder: ../images, task_rules: cluster")
write_lines(path / "rows.jsonl", [llava(*row) for row in ROWS])

# Rules of one's own.
path = folder("own-rules", "path: rows.jsonl, image_folder: ../images, task_rules: [{ task: maths, image: null }, { task: talk, question: tell me }, { task: rest }]")
write_lines(path / "rows.jsonl", [llava(*row) for row in ROWS])

# Rows of text alone, for a model of text.
path = folder("text-only", "path: rows.jsonl, task_field: task", "llama-text")
write_lines(
    path / "rows.jsonl",
    [
        {
            "task": "sum",
            "messages": [
                {"role": "user", "content": f"What is {index} and {index % 5}?"},
                {"role": "assistant", "content": str(index + index % 5)},
            ],
        }
        for index in range(14)
    ]
    + [
        {
            "task": "spell",
            "messages": [
                {"role": "user", "content": f"Spell {word}."},
                {"role": "assistant", "content": "-".join(word)},
                {"role": "user", "content": "And backwards?"},
                {"role": "assistant", "content": "-".join(reversed(word))},
            ],
        }
        for word in ["red", "green", "blue", "circle", "square", "triangle", "line", "picture", "one", "two", "three", "four"]
    ],
)
