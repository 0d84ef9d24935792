"""What runs with models that read pages do besides: new models from parts, vocabularies, resolutions, answers."""

from __future__ import annotations

import copy
from pathlib import Path
from typing import Any

from transformers import PretrainedConfig, PreTrainedModel

from pixlm import hub
from pixlm.data.encoders import InputEncoder
from pixlm.data.pages.encoders import PageEncoder
from pixlm.errors import UsageError
from pixlm.models import PRESETS
from pixlm.models.document import DocumentModel, is_document_type, take_part, text_config, with_parts
from pixlm.tasks.objective import Objective
from pixlm.tasks.objectives.sequence_to_sequence import PageVisits, Resolutions
from pixlm.training.config import PageConfig, RunConfig


def settle_config(config: RunConfig, model_config: PretrainedConfig) -> None:
    """Give the configuration of a new model that reads pages the shapes of the pretrained parts it is made of.

    Raises:
        UsageError: parts for a model that reads no pages, or for one that is trained already.
    """
    page = config.page
    given = [name for name in ("tokenizer", "vision", "text") if getattr(page, name) is not None]
    if not is_document_type(model_config.model_type):
        used = [*given, *page.overrides(), *(["resolutions"] if page.resolutions else [])]
        if used:
            flag = used[0].replace("_", "-")
            raise UsageError(f"--page.{flag} is for models that read pages, and {config.model} reads none")
        return
    if config.train.sharding != "none":
        raise UsageError(
            f"--train.sharding {config.train.sharding} does not go with models that write: processes would be waiting "
            "for each other's answers; leave it out"
        )
    if given and config.model not in PRESETS:
        raise UsageError(f"--page.{given[0]} is for new models (presets), and {config.model} is trained already")
    lowest = {"max_patches": 1, "max_target_length": 2, "max_prompt_length": 1, "dpi": 1}
    for name, least in lowest.items():
        value = getattr(page, name)
        if value is not None and value < least:
            raise UsageError(f"--page.{name.replace('_', '-')} {value}: must be {least} or more")
    if page.size is not None and min(page.size) < 1:
        raise UsageError(f"--page.size {page.size[0]} {page.size[1]}: must be 1 or more")
    if any(not 0 < scale <= 2 for scale in page.resolutions):
        raise UsageError(f"--page.resolutions {page.resolutions}: scales must be above 0 and at most 2")
    with_parts(model_config, *(None if name is None else _folder(name) for name in (page.vision, page.text)))


def _folder(name: str) -> Path:
    found = hub.resolve(name)
    if not isinstance(found, Path):
        raise UsageError(f"{name} is no checkpoint; give the folder or hub id of a pretrained model")
    return found


def fit_config(config: RunConfig, model_config: PretrainedConfig, encoder: InputEncoder) -> None:
    """Check that a model and its page encoder fit each other; a new model is made to fit.

    Raises:
        UsageError: they do not.
    """
    if not isinstance(encoder, PageEncoder):
        encoder.check_model(model_config, config.model)
        return
    text = text_config(model_config)
    if config.model in PRESETS and config.page.text is None:
        # Rows for the tokens that there are, and positions for the longest target.
        text.vocab_size = len(encoder.tokenizer)
        if getattr(text, "max_position_embeddings", None) is not None:
            text.max_position_embeddings = max(text.max_position_embeddings, encoder.settings.max_target_length)
    least = smallest_side(model_config)
    scales = config.page.resolutions or (1.0,)
    if encoder.kind != "pix2struct" and min(encoder.settings.size) * min(scales) < least:
        raise UsageError(
            f"a canvas of {min(encoder.settings.size) * min(scales):g} pixels is too small for {config.model}, whose "
            f"layers need {least}; use a larger --page.size (or --page.resolutions)"
        )
    rows = getattr(getattr(model_config, "vision_config", None), "seq_len", None)
    most = round(encoder.settings.max_patches * max(scales))
    if encoder.kind == "pix2struct" and rows is not None and most >= rows:
        raise UsageError(f"--page.max-patches {most}: {config.model} has tables for rows and columns up to {rows - 1}")
    # A checkpoint's vocabulary grows by the tokens of the task.
    grown = copy.deepcopy(model_config)
    text_config(grown).vocab_size = max(text_config(grown).vocab_size, len(encoder.tokenizer))
    encoder.check_model(grown, config.model)


def ready(model: PreTrainedModel, encoder: InputEncoder, page: PageConfig) -> list[str]:
    """Give a loaded model its pretrained parts and rows for all tokens; lines to tell the user."""
    notes = []
    if isinstance(model, DocumentModel):
        for which, name in (("vision", page.vision), ("text", page.text)):
            if name is not None:
                fresh = take_part(model, which, _folder(name))
                notes.append(
                    f"{which} part from {name}"
                    + (f"; {len(fresh)} parameters start fresh: {fresh[0]}" if fresh else "")
                )
    hub.fit_encoder(model, encoder)
    return notes


def patch_multiple(model_config: Any) -> int:
    """What the sides of a canvas are multiples of."""
    vision = getattr(model_config, "vision_config", None) or getattr(model_config, "encoder", None)
    patch = getattr(vision, "patch_size", 1)
    return int(patch if isinstance(patch, int) else patch[0])


def smallest_side(model_config: Any) -> int:
    """Pixels that a canvas must have in height and width: Swin's last stage needs a whole window."""
    vision = getattr(model_config, "vision_config", None) or getattr(model_config, "encoder", None)
    window, depths = getattr(vision, "window_size", None), getattr(vision, "depths", None)
    patch = patch_multiple(model_config)
    return patch if window is None or depths is None else patch * 2 ** (len(depths) - 1) * int(window)


def equip(
    objective: Objective, *, seed: int, page: PageConfig | None = None, steps: int = 0, model_config: Any = None
) -> Objective:
    """An objective on pages with what a run says about it; others as they are."""
    if isinstance(objective, PageVisits):
        objective.seed = seed
        if page is not None and page.resolutions:
            objective.resolutions = Resolutions(page.resolutions, steps, patch_multiple(model_config))
    return objective
