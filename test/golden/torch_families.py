"""Makes tiny random model folders of the families that people tune, each with tokenizer, processor and chat template.

    python torch_families.py OUT [FAMILY...]

Writes OUT/FAMILY/{config.json, model.safetensors, tokenizer.json, tokenizer_config.json, chat_template.jinja,
processor_config.json, preprocessor_config.json, ...}. The same bytes from the same versions of torch and transformers.
Needs torch, transformers, tokenizers and safetensors. Nothing is downloaded.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import torch
import torch_family_text as text
import transformers as tr
from torch_family_files import chat_tokenizer, decoder, fast, ids, processor_files, write

SIZE = 56
PATCH = 14
VISION = {"hidden_size": 32, "intermediate_size": 48, "num_hidden_layers": 2, "num_attention_heads": 2}
CHAT_TOKENS = ["<|endoftext|>", "<|im_start|>", "<|im_end|>"]
QWEN_TOKENS = [*CHAT_TOKENS, "<|vision_start|>", "<|vision_end|>", "<|vision_pad|>", "<|image_pad|>", "<|video_pad|>"]


def llama_tokenizer() -> Any:
    return fast(
        text.spaces_as_words(["<image>"], "<s>"),
        bos_token="<s>",
        eos_token="</s>",
        unk_token="<unk>",
        pad_token="<pad>",
    )


def llava(out: Path, wider: dict[str, Any] | None = None, size: int = SIZE) -> None:
    tokenizer = llama_tokenizer()
    config = tr.LlavaConfig(
        vision_config=tr.CLIPVisionConfig(**{**VISION, **(wider or {})}, image_size=size, patch_size=PATCH),
        text_config=tr.LlamaConfig(**decoder(tokenizer)),
        image_token_index=tokenizer.convert_tokens_to_ids("<image>"),
        vision_feature_layer=-2,
        image_seq_length=(size // PATCH) ** 2,
    )
    files = processor_files(
        "LlavaProcessor",
        "CLIPImageProcessor",
        {"size": {"shortest_edge": size}, "crop_size": {"height": size, "width": size}, "do_center_crop": True},
        patch_size=PATCH,
        num_additional_image_tokens=1,
        vision_feature_select_strategy="default",
        image_token="<image>",
    )
    write(out, tr.LlavaForConditionalGeneration(config), tokenizer, text.LLAVA, files)


def llava_next(out: Path) -> None:
    tokenizer = llama_tokenizer()
    pinpoints = [[SIZE, 2 * SIZE], [2 * SIZE, SIZE], [2 * SIZE, 2 * SIZE]]
    config = tr.LlavaNextConfig(
        vision_config=tr.CLIPVisionConfig(**VISION, image_size=SIZE, patch_size=PATCH),
        text_config=tr.LlamaConfig(**decoder(tokenizer)),
        image_grid_pinpoints=pinpoints,
        image_token_index=tokenizer.convert_tokens_to_ids("<image>"),
        vision_feature_layer=-2,
        image_seq_length=16,
    )
    square = {"height": SIZE, "width": SIZE}
    files = processor_files(
        "LlavaNextProcessor",
        "LlavaNextImageProcessor",
        {
            "size": {"shortest_edge": SIZE},
            "crop_size": square,
            "do_center_crop": True,
            "do_pad": True,
            "image_grid_pinpoints": pinpoints,
        },
        patch_size=PATCH,
        num_additional_image_tokens=1,
        vision_feature_select_strategy="default",
        image_token="<image>",
    )
    write(out, tr.LlavaNextForConditionalGeneration(config), tokenizer, text.LLAVA, files)


def llava_onevision(out: Path, wider: dict[str, Any] | None = None, size: int = SIZE) -> None:
    tokenizer = chat_tokenizer([*CHAT_TOKENS, "<image>", "<video>"])
    pinpoints = [[size, size], [size, 2 * size], [2 * size, size], [2 * size, 2 * size]]
    config = tr.LlavaOnevisionConfig(
        vision_config=tr.SiglipVisionConfig(
            **{**VISION, **(wider or {})}, image_size=size, patch_size=PATCH, vision_use_head=False
        ),
        text_config=tr.Qwen2Config(**decoder(tokenizer)),
        image_grid_pinpoints=pinpoints,
        vision_feature_layer=-1,
        image_token_index=tokenizer.convert_tokens_to_ids("<image>"),
        video_token_index=tokenizer.convert_tokens_to_ids("<video>"),
        vision_feature_select_strategy="full",
        vision_aspect_ratio="anyres_max_9",
        tie_word_embeddings=False,
    )
    files = processor_files(
        "LlavaOnevisionProcessor",
        "LlavaOnevisionImageProcessor",
        {"size": {"height": size, "width": size}, "image_grid_pinpoints": pinpoints, "do_pad": True},
        "LlavaOnevisionVideoProcessor",
        {"size": {"height": size, "width": size}},
        num_image_tokens=(size // PATCH) ** 2,
        vision_feature_select_strategy="full",
        vision_aspect_ratio="anyres_max_9",
        image_token="<image>",
        video_token="<video>",
    )
    write(out, tr.LlavaOnevisionForConditionalGeneration(config), tokenizer, text.LLAVA_ONEVISION, files)


def qwen_files(processor: str, patch: int, video: str) -> dict[str, dict[str, Any]]:
    side = 2 * patch
    fields = {
        "patch_size": patch,
        "temporal_patch_size": 2,
        "merge_size": 2,
        "size": {"shortest_edge": 4 * side * side, "longest_edge": 16 * side * side},
    }
    return processor_files(processor, "Qwen2VLImageProcessor", fields, video, fields)


def qwen_ids(tokenizer: Any) -> dict[str, int]:
    return ids(
        tokenizer,
        image_token_id="<|image_pad|>",
        video_token_id="<|video_pad|>",
        vision_start_token_id="<|vision_start|>",
        vision_end_token_id="<|vision_end|>",
    )


def qwen_vision(patch: int) -> dict[str, Any]:
    return {
        "depth": 2,
        "hidden_size": 32,
        "intermediate_size": 48,
        "num_heads": 2,
        "out_hidden_size": 64,
        "patch_size": patch,
        "spatial_merge_size": 2,
        "temporal_patch_size": 2,
    }


def qwen2_5_vl(out: Path, wider: dict[str, Any] | None = None) -> None:
    tokenizer = chat_tokenizer(QWEN_TOKENS)
    rope = {"rope_type": "default", "mrope_section": [2, 3, 3], "rope_theta": 1e6}
    vision = {**qwen_vision(PATCH), "window_size": 56, "fullatt_block_indexes": [1], **(wider or {})}
    config = tr.Qwen2_5_VLConfig(
        text_config=decoder(tokenizer, rope_parameters=rope),
        vision_config=vision,
        tie_word_embeddings=False,
        **qwen_ids(tokenizer),
    )
    write(
        out,
        tr.Qwen2_5_VLForConditionalGeneration(config),
        tokenizer,
        text.QWEN2_5_VL,
        qwen_files("Qwen2_5_VLProcessor", PATCH, "Qwen2VLVideoProcessor"),
    )


def qwen3_vl(out: Path) -> None:
    tokenizer = chat_tokenizer(QWEN_TOKENS, ["<think>", "</think>"])
    rope = {"rope_type": "default", "mrope_section": [4, 2, 2], "mrope_interleaved": True, "rope_theta": 5e6}
    vision = {**qwen_vision(16), "num_position_embeddings": 64, "deepstack_visual_indexes": [0]}
    config = tr.Qwen3VLConfig(
        text_config=decoder(tokenizer, head_dim=16, rope_parameters=rope),
        vision_config=vision,
        tie_word_embeddings=False,
        **qwen_ids(tokenizer),
    )
    write(
        out,
        tr.Qwen3VLForConditionalGeneration(config),
        tokenizer,
        text.QWEN3_VL,
        qwen_files("Qwen3VLProcessor", 16, "Qwen3VLVideoProcessor"),
    )


def qwen3_5_decoder(tokenizer: Any) -> dict[str, Any]:
    rope = {
        "rope_type": "default",
        "mrope_section": [2, 1, 1],
        "mrope_interleaved": True,
        "rope_theta": 1e7,
        "partial_rotary_factor": 0.5,
    }
    linear = {
        "linear_key_head_dim": 8,
        "linear_value_head_dim": 8,
        "linear_num_key_heads": 2,
        "linear_num_value_heads": 4,
    }
    return decoder(
        tokenizer, head_dim=16, rope_parameters=rope, layer_types=["linear_attention", "full_attention"], **linear
    )


def qwen3_5(out: Path) -> None:
    tokenizer = chat_tokenizer(QWEN_TOKENS, ["<think>", "</think>"])
    vision = {**qwen_vision(16), "num_position_embeddings": 64}
    fields = qwen3_5_decoder(tokenizer)
    config = tr.Qwen3_5Config(text_config=fields, vision_config=vision, **qwen_ids(tokenizer))
    write(
        out,
        tr.Qwen3_5ForConditionalGeneration(config),
        tokenizer,
        text.QWEN3_5,
        qwen_files("Qwen3VLProcessor", 16, "Qwen3VLVideoProcessor"),
    )


def gemma3(out: Path, wider: dict[str, Any] | None = None, size: int = SIZE) -> None:
    image = {"image_token": "<image_soft_token>", "boi_token": "<start_of_image>", "eoi_token": "<end_of_image>"}
    tokens = text.spaces_as_words([*image.values(), "<start_of_turn>", "<end_of_turn>"], "<bos>")
    tokenizer = fast(
        tokens, bos_token="<bos>", eos_token="<eos>", unk_token="<unk>", pad_token="<pad>", extra_special_tokens=image
    )
    fields = decoder(
        tokenizer,
        head_dim=16,
        sliding_window=32,
        layer_types=["sliding_attention", "full_attention"],
        query_pre_attn_scalar=16,
    )
    config = tr.Gemma3Config(
        text_config=fields,
        vision_config={**VISION, **(wider or {}), "image_size": size, "patch_size": PATCH, "vision_use_head": False},
        mm_tokens_per_image=4,
        image_token_index=tokenizer.image_token_id,
        boi_token_index=tokenizer.boi_token_id,
        eoi_token_index=tokenizer.eoi_token_id,
    )
    files = processor_files(
        "Gemma3Processor",
        "Gemma3ImageProcessor",
        {"size": {"height": size, "width": size}, "image_seq_length": 4},
        image_seq_length=4,
    )
    write(out, tr.Gemma3ForConditionalGeneration(config), tokenizer, text.GEMMA3, files)


def gemma4(out: Path, audio: dict[str, Any] | None = None, wider: dict[str, Any] | None = None) -> None:
    image = {
        "image_token": "<|image|>",
        "boi_token": "<|image>",
        "eoi_token": "<image|>",
        "audio_token": "<|audio|>",
        "boa_token": "<|audio>",
        "eoa_token": "<audio|>",
    }
    tokens = text.spaces_as_words([*image.values(), "<|video|>", "<|turn>", "<turn|>"], "<bos>")
    tokenizer = fast(
        tokens, bos_token="<bos>", eos_token="<eos>", unk_token="<unk>", pad_token="<pad>", extra_special_tokens=image
    )
    fields = decoder(
        tokenizer,
        head_dim=16,
        global_head_dim=16,
        sliding_window=64,
        layer_types=["sliding_attention", "full_attention"],
        hidden_size_per_layer_input=8,
        vocab_size_per_layer_input=len(tokenizer),
        final_logit_softcapping=30.0,
    )
    vision = {
        "hidden_size": 32,
        "intermediate_size": 48,
        "num_hidden_layers": 1,
        "num_attention_heads": 2,
        "num_key_value_heads": 2,
        "head_dim": 16,
        "patch_size": 16,
        "pooling_kernel_size": 3,
        "position_embedding_size": 64,
        **(wider or {}),
    }
    config = tr.Gemma4Config(
        text_config=fields,
        vision_config=vision,
        audio_config=audio,
        image_token_id=tokenizer.image_token_id,
        boi_token_id=tokenizer.boi_token_id,
        eoi_token_id=tokenizer.eoi_token_id,
        **ids(
            tokenizer,
            video_token_id="<|video|>",
            audio_token_id="<|audio|>",
            boa_token_id="<|audio>",
            eoa_token_index="<audio|>",
        ),
    )
    ears = {} if audio is None else {"feature_extractor_type": "Gemma4AudioFeatureExtractor", "feature_size": 16}
    files = processor_files(
        "Gemma4Processor",
        "Gemma4ImageProcessor",
        {"patch_size": 16, "pooling_kernel_size": 3, "max_soft_tokens": 70, "do_normalize": False, **ears},
        "Gemma4VideoProcessor",
        image_seq_length=70,
    )
    write(out, tr.Gemma4ForConditionalGeneration(config), tokenizer, text.GEMMA4, files)


def gemma4_audio(out: Path) -> None:
    """With ears: pictures, videos and sounds in one row."""
    layers = {"hidden_size": 32, "num_hidden_layers": 1, "num_attention_heads": 2, "output_proj_dims": 48}
    gemma4(out, {**layers, "subsampling_conv_channels": [16, 8]})


def internvl(out: Path, wider: dict[str, Any] | None = None, size: int = SIZE) -> None:
    image = {
        "start_image_token": "<img>",
        "end_image_token": "</img>",
        "context_image_token": "<IMG_CONTEXT>",
        "video_token": "<video>",
    }
    tokenizer = chat_tokenizer([*CHAT_TOKENS, *image.values()], extra_special_tokens=image)
    config = tr.InternVLConfig(
        vision_config={**VISION, **(wider or {}), "image_size": [size, size], "patch_size": [PATCH, PATCH]},
        text_config=tr.Qwen2Config(**decoder(tokenizer)),
        image_token_id=tokenizer.convert_tokens_to_ids("<IMG_CONTEXT>"),
        image_seq_length=(size // PATCH // 2) ** 2,
        downsample_ratio=0.5,
        tie_word_embeddings=False,
    )
    fields = {"size": {"height": size, "width": size}, "crop_to_patches": True, "min_patches": 1, "max_patches": 4}
    files = processor_files(
        "InternVLProcessor",
        "GotOcr2ImageProcessor",
        fields,
        "InternVLVideoProcessor",
        {"size": fields["size"]},
        image_seq_length=(size // PATCH // 2) ** 2,
    )
    write(out, tr.InternVLForConditionalGeneration(config), tokenizer, text.INTERNVL, files)


def minicpmv4_6(out: Path) -> None:
    """Slices of a picture beside the whole, each merged twice on its way."""
    named = {
        "image_token": "<|image_pad|>",
        "video_token": "<|video_pad|>",
        "image_start_token": "<image>",
        "image_end_token": "</image>",
        "slice_start_token": "<slice>",
        "slice_end_token": "</slice>",
        "image_id_start_token": "<image_id>",
        "image_id_end_token": "</image_id>",
    }
    tokenizer = chat_tokenizer([*CHAT_TOKENS, *named.values()], ["<think>", "</think>"], extra_special_tokens=named)
    patch = PATCH // 2
    config = tr.MiniCPMV4_6Config(
        text_config={"model_type": "qwen3_5_text", **qwen3_5_decoder(tokenizer)},
        vision_config={**VISION, "image_size": SIZE, "patch_size": patch},
        insert_layer_id=0,
        image_size=SIZE,
        **ids(tokenizer, image_token_id="<|image_pad|>", video_token_id="<|video_pad|>"),
    )
    fields = {"patch_size": patch, "scale_resolution": SIZE, "max_slice_nums": 4}
    files = processor_files(
        "MiniCPMV4_6Processor", "MiniCPMV4_6ImageProcessor", fields, "MiniCPMV4_6VideoProcessor", fields
    )
    write(out, tr.MiniCPMV4_6ForConditionalGeneration(config), tokenizer, text.MINICPM_V, files)


def idefics_folder(
    out: Path,
    start: str,
    others: list[str],
    config_class: Any,
    model_class: Any,
    processor: str,
    image: str,
    video: str | None,
    wider: dict[str, Any] | None = None,
    size: int = SIZE,
) -> None:
    tiles = [f"<row_{row}_col_{column}>" for row in range(1, 7) for column in range(1, 7)]
    special = [start, *others, "<fake_token_around_image>", "<image>", "<end_of_utterance>", "<global-img>"]
    bos = start if start == "<|begin_of_text|>" else None
    tokens = text.byte_level(special, tiles, bos)
    tokenizer = fast(tokens, bos_token=start, eos_token="<end_of_utterance>", pad_token="<|endoftext|>")
    config = config_class(
        text_config=tr.LlamaConfig(**decoder(tokenizer)),
        vision_config={**VISION, **(wider or {}), "image_size": size, "patch_size": PATCH},
        scale_factor=2,
        image_token_id=tokenizer.convert_tokens_to_ids("<image>"),
        pad_token_id=tokenizer.pad_token_id,
        tie_word_embeddings=False,
    )
    fields = {
        "size": {"longest_edge": 2 * size},
        "max_image_size": {"longest_edge": size},
        "do_image_splitting": True,
        "do_pad": True,
        "resample": 1,
    }
    frames = {**fields, "video_sampling": {"fps": 1, "max_frames": 8, "video_size": {"longest_edge": size}}}
    files = processor_files(processor, image, fields, video, frames, image_seq_len=(size // PATCH // 2) ** 2)
    write(out, model_class(config), tokenizer, text.idefics(start), files)


def idefics3(out: Path, wider: dict[str, Any] | None = None, size: int = SIZE) -> None:
    idefics_folder(
        out,
        "<|begin_of_text|>",
        ["<|endoftext|>"],
        tr.Idefics3Config,
        tr.Idefics3ForConditionalGeneration,
        "Idefics3Processor",
        "Idefics3ImageProcessor",
        None,
        wider,
        size,
    )


def smolvlm(out: Path) -> None:
    idefics_folder(
        out,
        "<|im_start|>",
        ["<|endoftext|>", "<|im_end|>"],
        tr.SmolVLMConfig,
        tr.SmolVLMForConditionalGeneration,
        "SmolVLMProcessor",
        "SmolVLMImageProcessor",
        "SmolVLMVideoProcessor",
    )


def qwen2_audio(out: Path, wider: dict[str, Any] | None = None) -> None:
    tokenizer = chat_tokenizer([*CHAT_TOKENS, "<|AUDIO|>", "<|audio_bos|>", "<|audio_eos|>"])
    audio = {"d_model": 32, "encoder_layers": 2, "encoder_attention_heads": 2, "encoder_ffn_dim": 48, **(wider or {})}
    config = tr.Qwen2AudioConfig(
        audio_config={**audio, "num_mel_bins": 16, "max_source_positions": 100},
        text_config={"model_type": "qwen2", **decoder(tokenizer)},
        audio_token_index=tokenizer.convert_tokens_to_ids("<|AUDIO|>"),
    )
    # Two seconds at most.
    extractor = {"feature_size": 16, "chunk_length": 2, "sampling_rate": 16000, "hop_length": 160, "n_fft": 400}
    files = {
        "preprocessor_config.json": {
            "processor_class": "Qwen2AudioProcessor",
            "feature_extractor_type": "WhisperFeatureExtractor",
            **extractor,
        }
    }
    write(out, tr.Qwen2AudioForConditionalGeneration(config), tokenizer, text.QWEN2_AUDIO, files)


def qwen3(out: Path) -> None:
    tokenizer = chat_tokenizer(CHAT_TOKENS, ["<think>", "</think>"])
    write(
        out,
        tr.Qwen3ForCausalLM(tr.Qwen3Config(**decoder(tokenizer, head_dim=16), tie_word_embeddings=True)),
        tokenizer,
        text.QWEN3,
        {},
    )


FAMILIES: dict[str, Callable[[Path], None]] = {
    "llava": llava,
    "llava_next": llava_next,
    "llava_onevision": llava_onevision,
    "qwen2_5_vl": qwen2_5_vl,
    "qwen3_vl": qwen3_vl,
    "qwen3_5": qwen3_5,
    "gemma3": gemma3,
    "gemma4": gemma4,
    "gemma4_audio": gemma4_audio,
    "internvl": internvl,
    "minicpmv4_6": minicpmv4_6,
    "idefics3": idefics3,
    "smolvlm": smolvlm,
    "qwen2_audio": qwen2_audio,
    "qwen3": qwen3,
}


def make(out: Path, families: Mapping[str, Callable[[Path], None]]) -> None:
    for family, write_folder in families.items():
        torch.manual_seed(0)
        folder = out / family
        folder.mkdir(parents=True, exist_ok=True)
        write_folder(folder)


def run(known: Mapping[str, Callable[[Path], None]]) -> None:
    """The command: makes the named families, all where none is named."""
    folder, *named = sys.argv[1:] or [""]
    if folder == "" or any(name not in known for name in named):
        sys.exit(f"usage: {Path(sys.argv[0]).name} OUT [{' '.join(known)}]")
    make(Path(folder), {name: known[name] for name in named or known})


if __name__ == "__main__":
    run(FAMILIES)
