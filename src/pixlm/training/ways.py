"""Ways to pretrain: what each family of models reads, learns and is scored by."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from typing import Any

import torch
from transformers import PretrainedConfig, PreTrainedModel

from pixlm import hub
from pixlm.data.cells import learn_cells
from pixlm.data.encoders import InputEncoder
from pixlm.data.masking import RandomMasking, SpanMasking
from pixlm.data.pairs import PairedText
from pixlm.data.pretraining.corpus import Source
from pixlm.data.pretraining.documents import Found, Reading
from pixlm.data.pretraining.rows import Corpus
from pixlm.data.pretraining.shards import is_prerendered
from pixlm.data.tokenizer_files import has_tokenizer
from pixlm.data.tokenizer_training import corpus_lines
from pixlm.errors import UsageError
from pixlm.models import PixelGPTConfig, PixelHead
from pixlm.models.heads import CAUSAL, Head, head_class
from pixlm.models.pixelgpt.heads import Cell
from pixlm.tasks.evaluation import evaluate
from pixlm.tasks.objective import Objective
from pixlm.tasks.objectives import CausalUnits, InEachModality, MaskedPatches, Modality
from pixlm.tasks.objectives.causal import sides_of
from pixlm.training.config import CausalConfig, MaskConfig, PretrainConfig
from pixlm.training.plan import Split

_VOCABULARY_CHARACTERS = 100_000_000
"""Characters of the train split that a run learns a tokenizer from, if it is given none."""


class Way(ABC):
    """How models of one family are pretrained; made before anything is read or written.

    encoder: what text becomes; model_config: of the model to train.
    """

    encoder: InputEncoder
    model_config: PretrainedConfig

    def __init__(self, config: PretrainConfig):
        self.config = config

    @abstractmethod
    def learn(self, corpus: Mapping[str, Corpus]) -> Objective:
        """The objective, with what it has to know of the corpus."""

    def load_model(self) -> PreTrainedModel:
        """The model to train."""
        kind = head_class(self.model_config.model_type, Head.PRETRAINING)
        return hub.load_model(self.config.model, kind, config=self.model_config)

    def held_out(self, corpus: Corpus) -> Split:
        """What the model is evaluated on."""
        return Split(corpus, corpus.lengths)

    def scores(
        self, model: PreTrainedModel, objective: Objective, corpus: Corpus, batch_size: int
    ) -> dict[str, dict[str, float]]:
        """Scores of a split by their kind; "" for all of it."""
        return {"": evaluate(model, objective, *self.held_out(corpus), batch_size=batch_size).scores}


class Masked(Way):
    """PIXEL: removed patches are reconstructed."""

    def __init__(self, config: PretrainConfig, masking: SpanMasking | RandomMasking):
        super().__init__(config)
        if config.causal != CausalConfig():
            raise UsageError(f"--causal settings are for causal models; {config.model} is a masked one")
        if config.render.mode is not None:
            raise UsageError(f"--render.mode is for PixelGPT; {config.model} takes --render.rgb")
        self.masking = masking
        self.model_config = hub.load_config(config.model, mask_ratio=config.mask.ratio)
        head_class(self.model_config.model_type, Head.PRETRAINING)
        self.encoder = hub.load_encoder(config.model, **config.render.overrides())

    def learn(self, corpus: Mapping[str, Corpus]) -> Objective:
        return MaskedPatches(self.encoder, self.masking, self.config.seed)


class Causal(Way):
    """PixelGPT and TextGPT: the next patch, the next token, or both."""

    def __init__(self, config: PretrainConfig, sources: Sequence[Source]):
        super().__init__(config)
        given = config.causal
        if config.mask != MaskConfig():
            raise UsageError(f"--mask settings are for masked models; {config.model} is a causal one")
        if config.pictures.steps is not None:
            raise UsageError(f"--pictures.steps shows reconstructions; {config.model} removes nothing")
        stored = hub.load_config(config.model)
        self.shares = _shares(given.modalities, stored)
        sides = _sides(self.shares)
        _check_of_use(given, stored, sides)
        # Without pairs a model is not one of pairs, though it reads both.
        together = bool({Modality.IMAGE_TEXT, Modality.TEXT_IMAGE} & set(self.shares))
        modality = sides if together or sides != "pair" else str(Modality.PIXEL)
        paths = [path for source in sources for path in source.files.get("train", ())]
        if sides != "pixel" and any(is_prerendered(path) for path in paths[:1]):
            raise UsageError(f"{paths[0]}: strips that are drawn already hold no tokens; give text instead")
        texts = None
        if self._is_preset() and given.tokenizer is None:
            reading = Reading(column=config.data.column, on_error="skip", limit=config.data.limit)
            texts = corpus_lines(paths, reading, Found(), characters=_VOCABULARY_CHARACTERS)
        mode = config.render.mode
        if isinstance(stored, PixelGPTConfig) and mode is None and stored.render_mode is None:
            # What a binary head draws is black or white, and so has to be what it learns to read.
            head = given.pixel_head or stored.pixel_head
            mode = "binary" if head == PixelHead.BINARY and sides != "text" else None
        self.encoder = hub.load_encoder(
            config.model,
            texts=texts,
            tokenizer=given.tokenizer,
            mode=mode,
            modality=sides,
            **config.render.overrides(),
        )
        if isinstance(self.encoder, PairedText):
            self.encoder.together = together
        overrides: dict[str, Any] = {}
        if isinstance(stored, PixelGPTConfig):
            overrides = {"modality": modality}
            if not self._is_preset() and given.pixel_head not in (None, stored.pixel_head) and sides != "text":
                print(
                    f"{config.model} has a head for {stored.pixel_head}: the new one, {given.pixel_head}, starts fresh"
                )
            chosen = {"pixel_head": given.pixel_head, "norm_pix_loss": given.norm_pix_loss}
            overrides |= {name: value for name, value in chosen.items() if value is not None}
            if mode is not None:
                overrides |= {
                    "render_mode": mode,
                    "num_channels": 3 if mode == "rgb" else 1,
                }
            if overrides.get("pixel_head", stored.pixel_head) == PixelHead.CELL:
                overrides["num_cells"] = stored.num_cells or given.cells  # at most; see learn()
            elif stored.num_cells:
                overrides["num_cells"] = 0
        tokens = sides_of(self.encoder)[1]
        if tokens is not None:
            overrides["vocab_size"] = self._vocabulary(stored, len(tokens.tokenizer))
            overrides |= {"bos_token_id": tokens.tokenizer.bos_token_id, "eos_token_id": tokens.tokenizer.eos_token_id}
        self.model_config = hub.load_config(config.model, **overrides)
        self.cells: torch.Tensor | None = None

    def _vocabulary(self, stored: PretrainedConfig, size: int) -> int:
        source = hub.resolve(self.config.model, weights=False)
        if isinstance(source, PretrainedConfig):
            return size
        if self.config.causal.tokenizer is not None and has_tokenizer(source):
            raise UsageError(
                f"{self.config.model} has a tokenizer, and its weights belong to that; leave --causal.tokenizer out"
            )
        return int(stored.vocab_size)

    def learn(self, corpus: Mapping[str, Corpus]) -> Objective:
        head = None
        config = self.model_config
        if isinstance(config, PixelGPTConfig) and config.pixel_head == PixelHead.CELL:
            stored = hub.load_config(self.config.model)
            if isinstance(stored, PixelGPTConfig) and stored.num_cells and not self._is_preset():
                self.cells = hub.load_model(self.config.model, config=self.model_config).cells
            else:
                patches = sides_of(self.encoder)[0]
                assert patches is not None
                found = learn_cells(patches, corpus["train"], self.config.causal.cells, config.num_channels)
                self.cells = torch.from_numpy(found.copy())
                config.num_cells = len(found)
            head = Cell(config, self.cells)
        return CausalUnits(
            self.encoder, self.shares, self.config.seed, collation=self.config.causal.collation, cell_head=head
        )

    def _is_preset(self) -> bool:
        return isinstance(hub.resolve(self.config.model, weights=False), PretrainedConfig)

    def load_model(self) -> PreTrainedModel:
        model: Any = super().load_model()
        if self.cells is not None:
            model.cells.copy_(self.cells)
        if isinstance(self.model_config, PixelGPTConfig):
            # What no modality of the run uses is left as it is.
            if set(self.shares) == {Modality.PIXEL}:
                model.model.embed_tokens.requires_grad_(False)
                model.lm_token_head.requires_grad_(False)
            if set(self.shares) == {Modality.TEXT}:
                model.model.embed_patches.requires_grad_(False)
                model.lm_pixel_head.requires_grad_(False)
        return model

    def held_out(self, corpus: Corpus) -> Split:
        return _in_each(corpus, list(self.shares))

    def scores(
        self, model: PreTrainedModel, objective: Objective, corpus: Corpus, batch_size: int
    ) -> dict[str, dict[str, float]]:
        found = super().scores(model, objective, corpus, batch_size)
        for kind in self.shares if len(self.shares) > 1 else ():
            found[str(kind)] = evaluate(model, objective, *_in_each(corpus, [kind]), batch_size=batch_size).scores
        return found


def _in_each(corpus: Corpus, kinds: list[Modality]) -> Split:
    return Split(InEachModality(corpus, kinds), corpus.lengths.repeat(len(kinds)))


def _shares(given: Mapping[str, float], config: PretrainedConfig) -> dict[Modality, float]:
    default = {"pixel": 1.0} if isinstance(config, PixelGPTConfig) else {"text": 1.0}
    wanted = dict(given) or default
    known = [str(kind) for kind in Modality]
    for name, share in wanted.items():
        if name not in known or not 0 <= share < float("inf"):
            raise UsageError(f"--causal.modalities {name} {share}: give shares of 0 or more of {', '.join(known)}")
    shares = {Modality(name): float(share) for name, share in sorted(wanted.items()) if share > 0}
    if not shares:
        raise UsageError("--causal.modalities: one of the shares has to be above 0")
    if not isinstance(config, PixelGPTConfig) and set(shares) != {Modality.TEXT}:
        raise UsageError(f"--causal.modalities {', '.join(shares)}: a {config.model_type} model reads text alone")
    return shares


def _check_of_use(given: CausalConfig, config: PretrainedConfig, sides: str) -> None:
    """UsageError for settings that would change nothing."""
    if sides == "pixel" and given.tokenizer is not None:
        raise UsageError("--causal.tokenizer: --causal.modalities pixel reads no tokens; leave one of both out")
    if sides == "text":
        for name, value in (("pixel-head", given.pixel_head), ("norm-pix-loss", given.norm_pix_loss)):
            if value is not None:
                raise UsageError(f"--causal.{name}: no patch is predicted where {config.model_type} reads text alone")


def _sides(shares: Mapping[Modality, float]) -> str:
    """What an encoder has to know for these."""
    return str(next(iter(shares))) if set(shares) in ({Modality.PIXEL}, {Modality.TEXT}) else "pair"


def way_of(config: PretrainConfig, sources: Sequence[Source], masking: SpanMasking | RandomMasking) -> Way:
    """The way of the model's family; UsageError for a family that is not pretrained here."""
    if hub.load_config(config.model).model_type in CAUSAL:
        return Causal(config, sources)
    return Masked(config, masking)
