"""Makes small tokenizers of the kinds that published models have, and the ids that Hugging Face's library gives for texts.

python -m venv v && v/bin/pip install tokenizers==0.23.3
v/bin/python test/golden/tokenizer_kinds.py
"""

import json
from pathlib import Path

from tokenizers import AddedToken, Regex, Tokenizer, decoders, models, normalizers, pre_tokenizers, processors, trainers

HERE = Path(__file__).parent / "tokenizers"
SPECIAL = ["<unk>", "<s>", "</s>", "<pad>", "<image>"]
QWEN = (
    r"(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+"
)
LLAMA_3 = QWEN.replace(r"\p{N}|", r"\p{N}{1,3}|", 1)
CORPUS = [
    "A chat between a curious user and an artificial intelligence assistant. The assistant gives helpful, detailed, "
    "and polite answers to the user's questions. USER: What is in the picture? ASSISTANT: There is a cat on the table.",
    "USER: How many cats are there in the picture?\nAnswer the question using a single word or phrase. ASSISTANT: Two",
    "The quick brown fox jumps over the lazy dog, and the dog does not care at all about the fox or the picture.",
    "What colour is the shirt of the man who is standing in the middle?\nA. red\nB. blue\nC. green\nAnswer with the letter.",
    "def f(x):\n    if x:\n        return x\n    return 0\ndef g(x):\n    if x:\n        return x\n    return 1\n",
    "Provide a short description for this region: [0.12, 0.34, 0.56, 0.78]. The region shows the left hand of a person.",
] * 4
TEXTS = [
    "",
    " ",
    "  ",
    "   \n  ",
    "a",
    " a",
    "a ",
    "\nWhat is it?",
    "What is in the picture?",
    "USER: What is in the picture? ASSISTANT: A cat.</s>USER: And here? ASSISTANT: Nothing at all.</s>",
    "A chat between a curious user and an artificial intelligence assistant. USER: ",
    " ASSISTANT:",
    " ASSISTANT: two  spaces and   three",
    "word</s> word",
    "word </s>word",
    "</s></s>",
    "</s> </s>",
    "<s>What<s> is</s>",
    "tab\tand\nnewline\r\nand\u00a0space",
    "lines\n\n\nof   text  \n with  white space \t ",
    "numbers 1 12 123 1234 12345, 0.5 and 1e-3",
    "punctuation: (a) [b] {c} -- d... e!? 'f' \"g\" it's I'll",
    "caf\u00e9 cafe\u0301 na\u00efve \u00df \u0130i",
    "\u65e5\u672c\u8a9e \u306e \u6587\u5b57 \u4e2d\u6587",
    "emoji \U0001f642 \U0001f469\u200d\U0001f469\u200d\U0001f467 \U0001f1eb\U0001f1f7",
    "\u0645\u0631\u062d\u0628\u0627 \u05e9\u05dc\u05d5\u05dd",
    "\u2581 a \u2581b\u2581c \u2581\u2581 d",
    "<0x0A> <0xFF> <unk>",
    "zero\u200bwidth \ufeffbom \u2028 line",
    "https://example.org/a/b?c=d&e=%20f#g",
    "def f(x):\n    return x ** 2  # square\n",
    "\u0e20\u0e32\u0e29\u0e32\u0e44\u0e17\u0e22 \u0939\u093f\u0928\u094d\u0926\u0940",
    "the in the of the in the",
]


def special(tokenizer):
    tokenizer.add_special_tokens([AddedToken(text, special=True, normalized=False) for text in SPECIAL])
    tokenizer.post_processor = processors.TemplateProcessing(single="<s> $A", special_tokens=[("<s>", 1)])
    return tokenizer


def sentence_piece(joins_words=False):
    """As SentencePiece's BPE with byte fallback: Llama 1 and 2, Vicuna, Mistral."""
    tokenizer = Tokenizer(models.BPE(unk_token="<unk>", byte_fallback=True, fuse_unk=True))
    tokenizer.pre_tokenizer = pre_tokenizers.Metaspace(split=not joins_words)
    tokens = SPECIAL[:3] + [f"<0x{byte:02X}>" for byte in range(256)] + SPECIAL[3:]
    trainer = trainers.BpeTrainer(vocab_size=520, special_tokens=tokens, show_progress=False)
    tokenizer.train_from_iterator(CORPUS, trainer)
    data = json.loads(tokenizer.to_str())
    data["added_tokens"] = []
    return data


def llama(joins_words=False):
    data = sentence_piece(joins_words)
    data["pre_tokenizer"] = None
    tokenizer = Tokenizer.from_str(json.dumps(data))
    tokenizer.normalizer = normalizers.Sequence([normalizers.Prepend("\u2581"), normalizers.Replace(" ", "\u2581")])
    tokenizer.decoder = decoders.Sequence(
        [decoders.Replace("\u2581", " "), decoders.ByteFallback(), decoders.Fuse(), decoders.Strip(" ", 1, 0)]
    )
    return special(tokenizer)


def metaspace(prepend_scheme):
    data = sentence_piece()
    data["pre_tokenizer"] = None
    tokenizer = Tokenizer.from_str(json.dumps(data))
    tokenizer.pre_tokenizer = pre_tokenizers.Metaspace(prepend_scheme=prepend_scheme, split=False)
    tokenizer.decoder = decoders.Metaspace(prepend_scheme=prepend_scheme, split=False)
    return special(tokenizer)


def byte_level(pattern, normalizer, ignore_merges):
    """As Qwen 2 and Llama 3."""
    tokenizer = Tokenizer(models.BPE(ignore_merges=ignore_merges))
    tokenizer.normalizer = normalizer
    tokenizer.pre_tokenizer = pre_tokenizers.Sequence(
        [
            pre_tokenizers.Split(Regex(pattern), "isolated"),
            pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=False),
        ]
    )
    tokenizer.decoder = decoders.ByteLevel()
    trainer = trainers.BpeTrainer(
        vocab_size=420,
        special_tokens=SPECIAL,
        initial_alphabet=pre_tokenizers.ByteLevel.alphabet(),
        show_progress=False,
    )
    tokenizer.train_from_iterator(CORPUS, trainer)
    return special(tokenizer)


KINDS = {
    "llama": llama(),
    "llama-joined": llama(joins_words=True),
    "metaspace-first": metaspace("first"),
    "metaspace-always": metaspace("always"),
    "qwen2": byte_level(QWEN, normalizers.NFC(), False),
    "llama3": byte_level(LLAMA_3, None, True),
}
for name, tokenizer in KINDS.items():
    folder = HERE / name
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "tokenizer.json").write_text(json.dumps(json.loads(tokenizer.to_str()), ensure_ascii=False) + "\n")
    config = {"bos_token": "<s>", "eos_token": "</s>", "unk_token": "<unk>", "pad_token": "<pad>"}
    (folder / "tokenizer_config.json").write_text(json.dumps(config, indent=2) + "\n")
    ids = [[text, tokenizer.encode(text, add_special_tokens=False).ids] for text in TEXTS]
    (folder / "ids.json").write_text(json.dumps(ids) + "\n")
    print(name, tokenizer.get_vocab_size(), sum(len(found) for _, found in ids))
