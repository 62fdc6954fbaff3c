"""Makes a small golden set for every architecture: a model folder, an adapter, three rows, and what torch, transformers and
peft compute for them. Weights are random.

python -m venv v && v/bin/pip install torch==2.13.0 transformers==5.17.0 peft==0.21.2 pillow==13.0.0
v/bin/python test/golden/architectures.py
"""

import json
import shutil
from pathlib import Path

import numpy as np
import torch
from peft import LoraConfig, get_peft_model
from PIL import Image
from safetensors.torch import load_file, save_file
from transformers import (
    AutoTokenizer,
    CLIPVisionConfig,
    Idefics3Config,
    Idefics3ForConditionalGeneration,
    LlamaConfig,
    LlamaForCausalLM,
    LlavaConfig,
    LlavaForConditionalGeneration,
    Qwen2Config,
    Qwen2ForCausalLM,
    SiglipVisionConfig,
    SmolVLMConfig,
    SmolVLMForConditionalGeneration,
)
from transformers.models.clip.image_processing_pil_clip import CLIPImageProcessorPil
from transformers.models.idefics3.image_processing_pil_idefics3 import Idefics3ImageProcessorPil
from transformers.models.siglip.image_processing_pil_siglip import SiglipImageProcessorPil

HERE = Path(__file__).parent
TINY = HERE / "tiny-llava"
SYSTEM = (
    "A chat between a curious user and an artificial intelligence assistant. "
    "The assistant gives helpful, detailed, and polite answers to the user's questions."
)
SMOLVLM_TEMPLATE = (
    "<|im_start|>{% for message in messages %}{{ message['role'] | capitalize }}"
    "{% if message['content'][0]['type'] == 'image' %}{{ ':' }}{% else %}{{ ': ' }}{% endif %}"
    "{% for line in message['content'] %}{% if line['type'] == 'text' %}{{ line['text'] }}"
    "{% elif line['type'] == 'image' %}{{ '<image>' }}{% endif %}{% endfor %}<end_of_utterance>\n{% endfor %}"
    "{% if add_generation_prompt %}{{ 'Assistant:' }}{% endif %}"
)
CHATML_TEMPLATE = (
    "{% for message in messages %}{% if loop.first and message['role'] != 'system' %}"
    "{{ '<|im_start|>system\nYou are a helpful assistant.<|im_end|>\n' }}{% endif %}"
    "{{ '<|im_start|>' + message['role'] + '\n' + message['content'] + '<|im_end|>' + '\n' }}{% endfor %}"
    "{% if add_generation_prompt %}{{ '<|im_start|>assistant\n' }}{% endif %}"
)
ROWS = [
    {"id": "one", "image": "cat.png", "turns": ["<image>\nWhat animal is shown?", "A cat."]},
    {
        "id": "two",
        "image": "coffee.png",
        "turns": ["<image>\nWhat drink is this?", "Coffee.", "Is it hot?", "It looks hot, and dark."],
    },
    {"id": "text", "turns": ["Write the first three even numbers.", "2, 4, 6"]},
]
TEXT_ROWS = [
    {"id": "text", "turns": ["Write the first three even numbers.", "2, 4, 6"]},
    {"id": "talk", "turns": ["What is the capital of France?", "The capital of France is Paris.", "And of Italy?", "Rome."]},
]
DECODER = dict(hidden_size=32, intermediate_size=48, num_hidden_layers=2, num_attention_heads=4, max_position_embeddings=512)
TOWER = dict(hidden_size=24, intermediate_size=40, num_hidden_layers=2, num_attention_heads=2)


def tokenizer(extra=(), template=None):
    loaded = AutoTokenizer.from_pretrained(TINY / "model")
    if extra:
        loaded.add_special_tokens({"additional_special_tokens": ["<image>", *extra]})
    loaded.chat_template = template
    return loaded


def enlarge(model, seed):
    """Larger than the default initialisation, so that no gradient is near zero."""
    torch.manual_seed(seed)
    with torch.no_grad():
        for name, weight in model.named_parameters():
            if weight.dim() > 1:
                weight.normal_(0, 0.12)
            elif "bias" in name:
                weight.normal_(0, 0.05)
            else:
                weight.copy_(1 + 0.1 * torch.randn_like(weight))
    return model.eval()


def llava(vision, text, **settings):
    return LlavaForConditionalGeneration(LlavaConfig(vision_config=vision, text_config=text, image_token_index=4, **settings))


def write(row, tok, image_text):
    """Text and the spans of its answers."""
    text, spans = "", []
    if tok.chat_template is None:
        text = SYSTEM + " "
        for place, value in enumerate(row["turns"]):
            if place % 2 == 0:
                text += "USER: " + value + " ASSISTANT:"
            else:
                spans.append((len(text), len(text) + len(value) + len(" </s>")))
                text += " " + value + "</s>"
        # The tokenizer puts the first token in front by itself.
        added = True
    else:
        parts = "['type']" in tok.chat_template
        messages = []
        for place, value in enumerate(row["turns"]):
            role = ["user", "assistant"][place % 2]
            content = value
            if parts:
                pieces = value.split("<image>")
                content = [{"type": "text", "text": pieces[0]}] if pieces[0] else []
                for piece in pieces[1:]:
                    content += [{"type": "image"}] + ([{"type": "text", "text": piece}] if piece else [])
            if role == "assistant":
                start = len(tok.apply_chat_template(messages, tokenize=False, add_generation_prompt=True))
            messages.append({"role": role, "content": content})
            if role == "assistant":
                # An answer ends with its end token: the line break behind it is not learned.
                spans.append((start, len(tok.apply_chat_template(messages, tokenize=False).rstrip("\n"))))
        text = tok.apply_chat_template(messages, tokenize=False)
        added = True
    # Pictures become as many tokens as vectors, as the processors of transformers do it.
    shift, place = [], text.find("<image>")
    while place >= 0:
        shift.append(place)
        place = text.find("<image>", place + 1)
    grown = len(image_text) - len("<image>")
    spans = [tuple(at + grown * sum(where < at for where in shift) for at in span) for span in spans]
    return text.replace("<image>", image_text), spans, added


def encode(row, tok, image_text):
    text, spans, added = write(row, tok, image_text)
    found = tok(text, add_special_tokens=added, return_offsets_mapping=True)
    labels = [
        token if end > start and any(first <= start and end <= last for first, last in spans) else -100
        for token, (start, end) in zip(found["input_ids"], found["offset_mapping"])
    ]
    return torch.tensor([found["input_ids"]]), torch.tensor([labels])


def make(name, model, tok, rows, image_text="", processor=None, five_dimensional=False, dtype=torch.float32, lora=None, layout=None):
    out = HERE / name
    shutil.rmtree(out, ignore_errors=True)
    (out / "model").mkdir(parents=True)
    model = enlarge(model, 7).to(dtype)
    model.save_pretrained(out / "model", max_shard_size="60KB")
    # Read again: what a float16 or bfloat16 model keeps besides its weights is not rounded in the reference.
    model = type(model).from_pretrained(out / "model", dtype=torch.float32).eval()
    tok.save_pretrained(out / "model")
    if processor is not None:
        processor.save_pretrained(out / "model")
    if layout is not None:
        layout(out / "model")
    lora = {"r": 2, "lora_alpha": 4, **(lora or {})}
    config = LoraConfig(
        **lora, lora_dropout=0.0, bias="none", target_modules=r".*layers\.\d+\.self_attn\.(q_proj|k_proj|v_proj|o_proj)"
        if processor is None
        else r".*(language_model|text_model).*\.(q_proj|k_proj|v_proj|o_proj)",
    )
    tuned = get_peft_model(model, config)
    torch.manual_seed(11)
    with torch.no_grad():
        for key, weight in tuned.named_parameters():
            if "lora_B" in key:
                weight.normal_(0, 0.1)
    tuned.save_pretrained(out / "adapter")
    written = json.loads((out / "adapter" / "adapter_config.json").read_text())
    (out / "adapter" / "adapter_config.json").write_text(
        json.dumps({**written, "base_model_name_or_path": None}, indent=2, sort_keys=True) + "\n"
    )
    (out / "adapter" / "README.md").unlink(missing_ok=True)
    names = [key for key, _ in tuned.named_parameters() if "lora" in key]
    tensors, examples = {}, []
    for row in rows:
        ids, labels = encode(row, tok, image_text)
        extra = {}
        if "image" in row:
            picture = Image.open(TINY / "images" / row["image"]).convert("RGB")
            pixels = torch.tensor(np.array(processor(picture, return_tensors="np")["pixel_values"]))
            extra["pixel_values"] = pixels.reshape(1, 1, *pixels.shape[-3:]) if five_dimensional else pixels.reshape(1, *pixels.shape[-3:])
            if row["id"] == "one":
                tensors["one.pixel_values"] = pixels.reshape(*pixels.shape[-3:]).float().contiguous()
        tuned.zero_grad()
        result = tuned(input_ids=ids, attention_mask=torch.ones_like(ids), labels=labels, **extra)
        result.loss.backward()
        gradients = {key: weight.grad for key, weight in tuned.named_parameters() if "lora" in key}
        tensors[f"{row['id']}.input_ids"] = ids[0].to(torch.int32)
        tensors[f"{row['id']}.labels"] = labels[0].to(torch.int32)
        tensors[f"{row['id']}.gradient"] = torch.cat([gradients[key].reshape(-1) for key in names])
        examples.append({"id": row["id"], "loss": float(result.loss.detach()), "image": row.get("image"), "turns": row["turns"]})
    save_file(tensors, out / "expected.safetensors")
    (out / "expected.json").write_text(json.dumps({"parameter_order": names, "examples": examples}, indent=1) + "\n")
    print(name, [round(row["loss"], 4) for row in examples], sum(file.stat().st_size for file in out.rglob("*") if file.is_file()))


def as_transformers_4(folder):
    """Keys of weights and settings as transformers 4 wrote them."""
    index = json.loads((folder / "model.safetensors.index.json").read_text())
    rename = lambda key: key.replace("vision_tower.", "vision_tower.vision_model.") if key.startswith("vision_tower.") and ".vision_model." not in key else key
    for file in sorted(set(index["weight_map"].values())):
        save_file({rename(key): value for key, value in load_file(folder / file).items()}, folder / file, {"format": "pt"})
    index["weight_map"] = {rename(key): file for key, file in index["weight_map"].items()}
    (folder / "model.safetensors.index.json").write_text(json.dumps(index, indent=1))
    config = json.loads((folder / "config.json").read_text())
    for part in [config, config["text_config"], config["vision_config"]]:
        if "dtype" in part:
            part["torch_dtype"] = part.pop("dtype")
    rope = config["text_config"].pop("rope_parameters")
    config["text_config"] |= {"rope_theta": rope["rope_theta"], "rope_scaling": None}
    (folder / "config.json").write_text(json.dumps(config, indent=1))


common = dict(bos_token_id=1, eos_token_id=2, pad_token_id=3)
plain = tokenizer()
make(
    "siglip-qwen2",
    llava(
        SiglipVisionConfig(**TOWER, image_size=28, patch_size=7, vision_use_head=False),
        Qwen2Config(**DECODER, **common, vocab_size=len(plain), num_key_value_heads=2, tie_word_embeddings=True),
        vision_feature_layer=-1,
        vision_feature_select_strategy="full",
        image_seq_length=16,
        tie_word_embeddings=True,
    ),
    plain,
    ROWS,
    "<image>" * 16,
    SiglipImageProcessorPil(size={"height": 28, "width": 28}),
    dtype=torch.bfloat16,
)
make(
    "clip-full",
    llava(
        CLIPVisionConfig(**TOWER, image_size=28, patch_size=7, projection_dim=16),
        LlamaConfig(**DECODER, **common, vocab_size=len(plain), num_key_value_heads=1, attention_bias=True, mlp_bias=True),
        vision_feature_layer=-2,
        vision_feature_select_strategy="full",
        image_seq_length=17,
    ),
    plain,
    ROWS,
    "<image>" * 17,
    CLIPImageProcessorPil(size={"shortest_edge": 28}, crop_size={"height": 28, "width": 28}),
    dtype=torch.float16,
    lora={"use_rslora": True, "rank_pattern": {"v_proj": 3}, "alpha_pattern": {r"layers\.1\.self_attn\.q_proj": 6}},
    layout=as_transformers_4,
)
FRAME = ["<fake_token_around_image>", "<global-img>", "<end_of_utterance>", "<|im_start|>"]
chatty = tokenizer(FRAME, SMOLVLM_TEMPLATE)
picture_text = "<fake_token_around_image><global-img>" + "<image>" * 9 + "<fake_token_around_image>"
idefics = dict(image_token_id=4, scale_factor=2)
square = dict(size={"longest_edge": 96}, max_image_size={"longest_edge": 48}, do_image_splitting=False)
for name, config, model, tied in [
    ("idefics3", Idefics3Config, Idefics3ForConditionalGeneration, False),
    ("smolvlm", SmolVLMConfig, SmolVLMForConditionalGeneration, True),
]:
    make(
        name,
        model(
            config(
                vision_config=dict(**TOWER, image_size=48, patch_size=8),
                text_config=LlamaConfig(
                    **DECODER, **common, vocab_size=len(chatty), num_key_value_heads=4 if tied else 2, tie_word_embeddings=tied
                ),
                tie_word_embeddings=tied,
                **idefics,
            )
        ),
        chatty,
        ROWS,
        picture_text,
        Idefics3ImageProcessorPil(**square),
        five_dimensional=True,
    )
make(
    "llama-text",
    LlamaForCausalLM(
        LlamaConfig(**DECODER, **common, vocab_size=len(plain), num_key_value_heads=2, head_dim=16, rope_theta=500000.0)
    ),
    plain,
    TEXT_ROWS,
)
chatml = tokenizer(["<|im_start|>", "<|im_end|>"], CHATML_TEMPLATE)
make(
    "qwen2-text",
    Qwen2ForCausalLM(
        Qwen2Config(**DECODER, **common, vocab_size=len(chatml), num_key_value_heads=1, tie_word_embeddings=True)
    ),
    chatml,
    TEXT_ROWS,
)
