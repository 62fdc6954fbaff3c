"""A model's own processor: found in its folder, and called for a batch of texts and pictures."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from functools import partial
from itertools import product
from pathlib import Path
from typing import Any

import numpy as np
import torch
from PIL.Image import Image

from .errors import EngineError, config_error, data_error, first_line
from .spelled import spelled
from .towers import Towers

_NO_NETWORK = {"local_files_only": True, "trust_remote_code": False}


class Processor:
    """The processor of a vision-language model, or the tokenizer alone of a model of text.

    Its image processor is the one that computes with Pillow and numpy where there are two, so that a picture has the
    same numbers whether torchvision is installed or not.
    """

    def __init__(self, folder: Path, config: Any, takes_more_than_text: bool) -> None:
        # A text model's tokenizer may name the processor of its larger brothers.
        self._joint = _load_joint(folder, config) if takes_more_than_text else None
        tokenizer = self._joint.tokenizer if self._joint is not None else _load_tokenizer(folder)
        if not getattr(tokenizer, "is_fast", False):
            raise config_error(
                f"model.path: {folder} must hold tokenizer.json, got {type(tokenizer).__name__} without offsets; "
                "save the tokenizer with transformers' save_pretrained"
            )
        self.tokenizer: Any = tokenizer
        if tokenizer.pad_token is None:
            tokenizer.pad_token = tokenizer.eos_token
        joint = self._joint
        self.chat_template: str | None = _template(joint) or _template(tokenizer)
        self.modalities: list[str] = _modalities(config, joint)
        self.image_token: str | None = getattr(joint, "image_token", None)
        self.video_token: str | None = getattr(joint, "video_token", None) if "video" in self.modalities else None
        self.audio_token: str | None = getattr(joint, "audio_token", None) if "audio" in self.modalities else None
        self.image_ids: frozenset[int] = _media_ids(config, joint)
        self.picture_id: int | None = _media_id(config, joint, "image")
        self._frames_are_pictures = _is_smolvlm(joint)
        video, sound = getattr(joint, "video_processor", None), getattr(joint, "feature_extractor", None)
        # Qwen's rate, where a processor names none.
        self.frame_rate = float(getattr(video, "fps", None) or 2)
        self.most_frames: int | None = getattr(video, "num_frames", None) or getattr(video, "max_frames", None)
        self.sound_rate = int(getattr(sound, "sampling_rate", None) or 16_000)
        self.most_samples: int | None = getattr(sound, "n_samples", None)
        self.towers = Towers(config, joint, pads_sounds=self.most_samples is not None)

    def placeholder_id(self, kind: str) -> int | None:
        """Id of the token that stands once for a picture, a video or a sound before it is expanded."""
        stand_in = self.image_token if self._frames_are_pictures else self.video_token
        token = {"image": self.image_token, "video": stand_in, "audio": self.audio_token}[kind]
        return None if token is None else int(self.tokenizer.convert_tokens_to_ids(token))

    def takes_pictures(self) -> bool:
        return "image" in self.modalities

    def starts_with_bos(self, text: str) -> bool:
        bos = self.tokenizer.bos_token
        return bos is not None and bos != "" and text.startswith(bos)

    def offsets(self, texts: list[str]) -> list[tuple[list[int], list[tuple[int, int]]]]:
        """Ids of texts whose pictures stand as placeholders, and the characters [start, end) of each."""
        found = self.tokenizer(
            [self._with_tokens(text) for text in texts],
            add_special_tokens=not self.starts_with_bos(texts[0]),
            return_offsets_mapping=True,
            return_attention_mask=False,
        )
        return list(zip(found["input_ids"], found["offset_mapping"], strict=True))

    def _with_tokens(self, text: str) -> str:
        """A text whose placeholders are tokens: SmolVLM's of a video is none, and is as long as that of a picture."""
        if not self._frames_are_pictures or self.image_token is None or self.video_token is None:
            return text
        return text.replace(self.video_token, self.image_token)

    def __call__(
        self,
        texts: list[str],
        pictures: list[list[Image]],
        videos: Sequence[Any] = (),
        sounds: Sequence[Any] = (),
    ) -> dict[str, torch.Tensor]:
        """One call for a batch, padded on the right: the model's inputs, `[example, token]` and what texts stand for.

        Videos `[frame, height, width, 3]` and sounds `[sample]` come in the order of their placeholders in all texts.

        Raises whatever the processor raises.
        """
        with_bos = [self.starts_with_bos(text) for text in texts]
        if any(with_bos) != all(with_bos):
            raise data_error("rows: all texts of a call must begin with the bos text, or none; got both")
        options: dict[str, Any] = {
            "padding": True,
            "padding_side": "right",
            "return_tensors": "pt",
            "add_special_tokens": not with_bos[0],
        }
        if self._joint is None:
            found = self.tokenizer(texts, **options)
        else:
            given: dict[str, Any] = {"images": pictures} if any(pictures) else {}
            if videos:
                # Frames are those that are wanted; some processors write their times into the text.
                films = [torch.from_numpy(video) for video in videos]
                given["videos"] = self._by_text(texts, films, any(pictures)) if self._frames_are_pictures else films
                given["video_metadata"] = [self._metadata(len(video)) for video in videos]
                given["do_sample_frames"] = False
            if sounds:
                given["audio"] = list(sounds)
                given["sampling_rate"] = self.sound_rate
            found = self._joint(text=texts, **given, **options)
        return {name: value for name, value in found.items() if isinstance(value, torch.Tensor)}

    def _by_text(self, texts: list[str], films: list[torch.Tensor], has_pictures: bool) -> list[list[torch.Tensor]]:
        """Videos of each text. Their frames take the place of pictures, and all are written as many as the most."""
        if has_pictures:
            raise data_error("rows: the model must be given pictures or videos in one call, got both")
        counts = {len(film) for film in films}
        if len(counts) > 1:
            raise data_error(f"rows: videos of one call must have as many frames, got {sorted(counts)}")
        left = iter(films)
        return [[next(left) for _ in range(text.count(self.video_token or ""))] for text in texts]

    def _metadata(self, count: int) -> dict[str, Any]:
        return {
            "total_num_frames": count,
            "fps": self.frame_rate,
            "duration": count / self.frame_rate,
            "frames_indices": list(range(count)),
        }


def _load_tokenizer(folder: Path) -> Any:
    from transformers import AutoTokenizer

    try:
        return AutoTokenizer.from_pretrained(folder, **_NO_NETWORK)
    except Exception as error:
        raise config_error(f"model.path: {folder} must hold a tokenizer, got: {first_line(error)}") from error


def _load_joint(folder: Path, config: Any) -> Any | None:
    """The processor where the model takes more than text."""
    try:
        processor_class = _processor_class(folder, config)
        if processor_class is None:
            return None
        _spare_optional_packages()
        joint = _without_missing_parts(processor_class).from_pretrained(folder, **_NO_NETWORK)
        if not (folder / "processor_config.json").is_file():
            _count_as_the_model(joint, config)
        pictures: Any = getattr(joint, "image_processor", None)
        if hasattr(pictures, "resize"):
            pictures.resize = partial(_resized, pictures.resize)
        return joint
    except Exception as error:
        raise _refused(folder, error) from error


def _processor_class(folder: Path, config: Any) -> Any | None:
    import transformers
    from transformers.models.auto.processing_auto import PROCESSOR_MAPPING

    for file in ("processor_config.json", "preprocessor_config.json", "tokenizer_config.json"):
        path = folder / file
        if not path.is_file():
            continue
        name = json.loads(path.read_text(encoding="utf-8")).get("processor_class")
        found = getattr(transformers, name, None) if isinstance(name, str) else None
        if found is not None:
            return found
    return PROCESSOR_MAPPING.get(type(config), None)


def _refused(folder: Path, error: Exception) -> EngineError:
    if "torchvision" in str(error).lower():
        return config_error(
            f"model.path: the processor of {folder} needs torchvision, got none; install it beside torch"
        )
    return config_error(f"model.path: {folder} must hold its processor's files, got: {first_line(error)}")


def _without_missing_parts(processor_class: Any) -> Any:
    """The processor's class, whose image processor computes with Pillow, and which has no part for video where
    torchvision, which such parts need, is not installed."""
    from transformers import AutoFeatureExtractor
    from transformers.utils.import_utils import is_torchvision_available

    class Adapted(processor_class):  # type: ignore[misc]
        @classmethod
        def _get_arguments_from_pretrained(cls, folder: Any, processor_dict: Any = None, **kwargs: Any) -> list[Any]:
            parts: list[Any] = []
            for part in cls.get_attributes():
                if part == "tokenizer":
                    parts.append(_load_tokenizer(Path(folder)))
                elif part == "image_processor":
                    parts.append(_image_processor(folder))
                elif part == "feature_extractor":
                    parts.append(_or_none(AutoFeatureExtractor, folder))
                elif part == "video_processor" and is_torchvision_available():
                    from transformers import AutoVideoProcessor

                    parts.append(_or_none(AutoVideoProcessor, folder))
                else:
                    parts.append(None)
            return parts

        def check_argument_for_proper_class(self, argument_name: str, argument: Any) -> Any:
            if argument is None:
                return None
            return super().check_argument_for_proper_class(argument_name, argument)

    Adapted.__name__ = processor_class.__name__
    Adapted.__qualname__ = processor_class.__qualname__
    return Adapted


def _image_processor(folder: Any) -> Any:
    # By its module: the package's own name for it asks for torchvision.
    from transformers.models.auto import image_processing_auto

    auto_class: Any = image_processing_auto.AutoImageProcessor
    return auto_class.from_pretrained(folder, backend="pil", **_NO_NETWORK)


def _resized(resize: Callable[..., Any], image: Any, size: Any, *others: Any, **named: Any) -> Any:
    """What Pillow gives, which copies a picture that has the size already; its copies here cost more than all else."""
    wanted = getattr(size, "height", None), getattr(size, "width", None)
    return image if image.dtype == np.uint8 and image.shape[1:] == wanted else resize(image, size, *others, **named)


def _count_as_the_model(joint: Any, config: Any) -> None:
    """LLaVA's processor counts a picture's tokens by fields that older folders have in the model's config alone."""
    strategy = getattr(config, "vision_feature_select_strategy", None)
    if strategy is not None and getattr(joint, "patch_size", 0) is None:
        vision = config.vision_config
        joint.patch_size = vision.patch_size
        joint.vision_feature_select_strategy = strategy
        # CLIP's tower puts a token of its own before those of the patches.
        joint.num_additional_image_tokens = 1 if vision.model_type.startswith("clip") else 0


def _or_none(auto_class: Any, folder: Any) -> Any | None:
    """A part of the processor that a folder may lack."""
    try:
        return auto_class.from_pretrained(folder, **_NO_NETWORK)
    except (OSError, ValueError, ImportError):
        return None


def _spare_optional_packages() -> None:
    """SmolVLM's processor refuses to be made without num2words, with which it writes how many frames a video has."""
    from transformers.models.smolvlm import processing_smolvlm as module

    # Whether that is installed must not change tokens.
    processing_smolvlm: Any = module
    processing_smolvlm.num2words = spelled


def _is_smolvlm(joint: Any) -> bool:
    from transformers.models.smolvlm.processing_smolvlm import SmolVLMProcessor

    return isinstance(joint, SmolVLMProcessor)


def _template(holder: Any) -> str | None:
    template = getattr(holder, "chat_template", None)
    if isinstance(template, dict):
        template = template.get("default")
    return template if isinstance(template, str) else None


def _modalities(config: Any, joint: Any) -> list[str]:
    parts = {"image": "image_processor", "video": "video_processor", "audio": "feature_extractor"}
    found = [modality for modality, part in parts.items() if getattr(joint, part, None) is not None]
    # A processor may take what a smaller model of its family has no tower for.
    return [modality for modality in found if modality != "audio" or getattr(config, "audio_config", True) is not None]


def _media_ids(config: Any, joint: Any) -> frozenset[int]:
    """Ids of the tokens that stand for vectors of pictures, videos and sounds."""
    found = (_media_id(config, joint, kind) for kind in ("image", "video", "audio"))
    return frozenset(one for one in found if one is not None)


def _media_id(config: Any, joint: Any, kind: str) -> int | None:
    for holder, ending in product((config, joint), ("id", "index")):
        found = getattr(holder, f"{kind}_token_{ending}", None)
        if isinstance(found, int):
            return found
    return None
