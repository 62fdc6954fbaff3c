"""Makes model folders of the kinds of torch_families.py whose towers need more memory than their decoders.

    python torch_wide_families.py OUT [FAMILY...]
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

from torch_families import gemma3, gemma4, idefics3, internvl, llava, llava_onevision, qwen2_5_vl, qwen2_audio, run

QWEN: dict[str, Any] = {"num_heads": 8, "hidden_size": 512, "intermediate_size": 1376}
# Widths as CLIP and SigLIP have them, 256 patches a tile.
SQUARE: dict[str, Any] = {
    "wider": {"hidden_size": 512, "intermediate_size": 2048, "num_hidden_layers": 2, "num_attention_heads": 8},
    "size": 224,
}
EARS = {
    "hidden_size": 1024,
    "num_hidden_layers": 1,
    "num_attention_heads": 8,
    "output_proj_dims": 48,
    "subsampling_conv_channels": [16, 8],
}
EYES = {
    "hidden_size": 512,
    "intermediate_size": 2048,
    "num_attention_heads": 8,
    "num_key_value_heads": 8,
    "head_dim": 64,
}

WIDE: dict[str, Callable[[Path], None]] = {
    "qwen2_5_vl_wide": partial(qwen2_5_vl, wider={**QWEN, "depth": 1, "fullatt_block_indexes": [0]}),
    "qwen2_5_vl_windows": partial(qwen2_5_vl, wider={**QWEN, "depth": 2, "fullatt_block_indexes": [1]}),
    "llava_wide": partial(llava, **SQUARE),
    "llava_onevision_wide": partial(llava_onevision, **SQUARE),
    "internvl_wide": partial(internvl, **SQUARE),
    "gemma3_wide": partial(gemma3, **SQUARE),
    "gemma4_wide": partial(gemma4, wider=EYES),
    "idefics3_wide": partial(idefics3, **SQUARE),
    "qwen2_audio_wide": partial(
        qwen2_audio,
        wider={"d_model": 512, "encoder_layers": 1, "encoder_attention_heads": 8, "encoder_ffn_dim": 2048},
    ),
    "gemma4_audio_wide": partial(gemma4, audio=EARS),
}

if __name__ == "__main__":
    run(WIDE)
