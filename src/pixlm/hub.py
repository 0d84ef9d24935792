"""Finding, loading and saving a model together with its renderer.

A model is named by a folder, by the name of an architecture to start from scratch (:mod:`pixlm.models.presets`), by the
name of a model that comes with pixlm (:mod:`pixlm.pretrained`: ``pixlm-tiny``), or by a hub id such as
``Team-PIXEL/pixel-base``, in this order. The network is used only for a hub id that is not on this
machine yet. Checkpoints of the original PIXEL and PIXEL-M4 code load as they are; nothing in a checkpoint is executed.

Importing this module makes transformers' Auto classes know ``model_type: pixel`` and ``ernie-pixel`` (PixelGPT).
"""

from __future__ import annotations

import contextlib
import difflib
import re
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import torch
from transformers import (
    AutoConfig,
    AutoModel,
    AutoModelForCausalLM,
    AutoModelForPreTraining,
    AutoModelForQuestionAnswering,
    AutoModelForSequenceClassification,
    AutoModelForTokenClassification,
    AutoProcessor,
    PretrainedConfig,
    PreTrainedModel,
    PreTrainedTokenizerFast,
)
from transformers.utils import logging as transformers_logging

from pixlm.data.encoders import InputEncoder, RenderedText, Text
from pixlm.data.pages.encoders import PAGE_FILE, PageEncoder
from pixlm.data.pages.for_model import PREPROCESSOR_FILE, make_page_encoder, page_tokenizer, stored_page_encoder
from pixlm.data.pairs import PairedText
from pixlm.data.tokenizer_files import TOKENIZER_FILES, has_tokenizer, load_tokenizer
from pixlm.data.tokens import TokenizedText
from pixlm.data.vocabulary import LLAMA_LIKE, train_tokenizer
from pixlm.errors import UsageError
from pixlm.models import (
    PRESETS,
    PixelConfig,
    PixelEncoder,
    PixelForDependencyParsing,
    PixelForPreTraining,
    PixelForQuestionAnswering,
    PixelForSequenceClassification,
    PixelForTokenClassification,
    PixelGPTConfig,
    PixelGPTForCausalLM,
    PixelGPTForSequenceClassification,
    PixelGPTModel,
    PixelModel,
    preset,
)
from pixlm.models.document import (
    KINDS,
    DocumentModel,
    document_config,
    is_document_type,
    load_document_checkpoint,
    page_fields,
    text_config,
)
from pixlm.models.heads import Head, head_class, saved_class
from pixlm.models.pixel.checkpoint import load_checkpoint
from pixlm.models.pixelgpt.checkpoint import load_pixelgpt
from pixlm.models.token_checkpoint import is_text_model, load_token_checkpoint, token_config
from pixlm.models.upstream import UPSTREAM_CLASSES
from pixlm.models.weights import WEIGHT_FILES, read_json, write_model
from pixlm.pretrained import shipped_models

if TYPE_CHECKING:
    from pixlm.rendering import TextRenderer

CONFIG_FILE = "config.json"
CLASSES: dict[str, type[PreTrainedModel]] = {
    "PixelModel": PixelModel,
    "PixelEncoder": PixelEncoder,
    "PixelForPreTraining": PixelForPreTraining,
    "PixelForTokenClassification": PixelForTokenClassification,
    "PixelForSequenceClassification": PixelForSequenceClassification,
    "PixelForQuestionAnswering": PixelForQuestionAnswering,
    "PixelForDependencyParsing": PixelForDependencyParsing,
    **UPSTREAM_CLASSES,
}
"""What ``architectures`` in a config may say, in our words and in those of the original code."""

# The original scripts take "vit_mae" wherever they take "pixel".
_MODEL_TYPES = ("pixel", "vit_mae")
_HUB_ID = re.compile(r"[A-Za-z0-9][\w.-]*/[A-Za-z0-9][\w.-]*")
_RENDERER_FILES = ("text_renderer_config.json", "*.ttf", "*.otf", "*.ttc")
_SIZES = {
    **dict.fromkeys(("hidden_size", "intermediate_size", "num_attention_heads"), (1, 1_000_000)),
    **dict.fromkeys(("num_hidden_layers", "decoder_num_hidden_layers"), (0, 1_000)),
}
"""Of a PIXEL configuration: what is beyond would crash, or take hours to build before the weights are looked at."""
_PAGE_FILES = (PAGE_FILE, PREPROCESSOR_FILE)

Model = TypeVar("Model", bound=PreTrainedModel)


def resolve(name: str | Path, *, revision: str | None = None, weights: bool = True) -> Path | PretrainedConfig:
    """What a name stands for: the folder of a checkpoint, or the configuration of a preset.

    Args:
        name: an existing folder, else the name of a preset or of a model that comes with pixlm, else a hub id
            ``owner/name``.
        revision: branch, tag or commit of a hub id. None takes what is on this machine already, else ``main``.
        weights: False asks for the configuration and the renderer only, which spares a download.

    Raises:
        UsageError: nothing goes by that name; the message suggests close ones.
    """
    folder = Path(name).expanduser()
    if folder.is_dir():
        return folder
    if folder.exists():
        raise UsageError(f"{name} is a file; give the folder of the model")
    if str(name) in PRESETS:
        return preset(str(name))
    if str(name) in shipped_models():
        return shipped_models()[str(name)]
    # A path whose parent exists is a mistyped path, not a question for the hub.
    if _HUB_ID.fullmatch(str(name)) and not folder.parent.exists():
        return _snapshot(str(name), revision, weights)
    raise UsageError(f"no folder and no preset is called {name}{_hint(folder)}")


def load_config(name: str | Path, *, revision: str | None = None, **overrides: Any) -> PretrainedConfig:
    """The configuration of a model, with fields replaced by ``overrides`` (``num_labels=17``, ``mask_ratio=0.4`` ...).

    Raises:
        UsageError: there is no such model, or its configuration is that of neither a PIXEL model nor a text encoder of
            transformers; names the file.
    """
    source = resolve(name, revision=revision)
    if isinstance(source, PretrainedConfig):
        return preset(str(name), **overrides)
    return _read_config(source, overrides)


def class_of(config: PretrainedConfig) -> type[PreTrainedModel]:
    """The model class that a configuration was saved with; a PIXEL configuration without one is for pre-training.

    Of a text encoder whose head no task uses it is the class without a head.

    Raises:
        UsageError: a class that pixlm does not have.
    """
    if is_document_type(config.model_type):
        heads = [head_class(config.model_type, head) for head in (Head.SEQUENCE_TO_SEQUENCE, Head.PAGE_CLASSIFICATION)]
        return next((each for each in heads if each.__name__ in (config.architectures or [])), heads[0])
    if not isinstance(config, PixelConfig):
        return saved_class(config)
    names = config.architectures or ["PixelForPreTraining"]
    for name in names:
        if name in CLASSES:
            return CLASSES[name]
    raise UsageError(f"the model is a {names[0]}, which pixlm cannot load; it knows {', '.join(sorted(CLASSES))}")


def default_device() -> torch.device:
    """Where models run unless told otherwise: a GPU if there is one."""
    return torch.device("cuda" if torch.cuda.is_available() else "cpu")


def labels_of(config: PretrainedConfig) -> list[str]:
    """The label of each output of a classifier."""
    names = {int(number): str(name) for number, name in (config.id2label or {}).items()}
    return [names[number] for number in range(len(names))]


def load_model(
    name: str | Path,
    model_class: type[Model] | None = None,
    *,
    config: PretrainedConfig | None = None,
    revision: str | None = None,
    attn_implementation: str | None = None,
) -> Model:
    """A model in float32 on the CPU, in evaluation mode; a preset gives one with fresh weights.

    Any checkpoint of the family loads into any head: the new head starts fresh, what it does not use is left aside.

    Args:
        model_class: default the class that the checkpoint was saved with.
        config: default the stored one. Another number of labels starts a fresh classifier; another ``image_size`` cuts
            or lengthens the position tables (see :func:`pixlm.models.resize_positions`).
        attn_implementation: "eager", "sdpa", or another that transformers offers on this machine.

    Raises:
        UsageError: there is no such model; a file is missing, damaged, or not made of tensors; the weights do not fit
            the configuration. Names the file or the parameter.
    """
    source = resolve(name, revision=revision)
    stored = source if isinstance(source, PretrainedConfig) else _read_config(source, {})
    config = config if config is not None else stored
    chosen: type[Any] = model_class if model_class is not None else class_of(config)
    if attn_implementation is not None:
        config._attn_implementation = attn_implementation
    if isinstance(source, PretrainedConfig):
        return chosen(config).eval()
    if isinstance(stored, PixelConfig):
        same_head = chosen in (CLASSES.get(each) for each in stored.architectures or [])
    else:
        same_head = chosen is class_of(stored)
    new_head = not same_head or config.num_labels != stored.num_labels
    if isinstance(config, PixelGPTConfig) and isinstance(stored, PixelGPTConfig):
        new_head = new_head or (config.pixel_head, config.num_cells) != (stored.pixel_head, stored.num_cells)
    load: Any = load_token_checkpoint
    if isinstance(config, PixelConfig | PixelGPTConfig):
        load = load_checkpoint if isinstance(config, PixelConfig) else load_pixelgpt
    elif is_document_type(config.model_type):
        load = load_document_checkpoint
    with _quiet_transformers():
        model = load(source, chosen, config, new_head=new_head)
    model.config._name_or_path = str(name)
    return model.eval()


def load_renderer(name: str | Path, *, revision: str | None = None, **overrides: Any) -> TextRenderer:
    """The renderer that belongs to a model; for a preset a new one, as long as the model's position table.

    Args:
        overrides: parameters of :class:`pixlm.TextRenderer`.

    Raises:
        UsageError: there is no such model, or it has no renderer.
    """
    from pixlm.rendering import TextRenderer

    source = resolve(name, revision=revision, weights=False)
    if isinstance(source, PretrainedConfig):
        if not isinstance(source, PixelConfig | PixelGPTConfig):
            raise UsageError(f"{name} reads tokens and has no renderer")
        sizes = {"max_seq_length": source.num_patches, "pixels_per_patch": source.patch_size}
        return TextRenderer(**{**sizes, **overrides})
    return TextRenderer.from_pretrained(str(source), **overrides)


def has_renderer(name: str | Path, *, revision: str | None = None) -> bool:
    """Whether a renderer was saved with a model."""
    source = resolve(name, revision=revision, weights=False)
    return isinstance(source, Path) and (source / _RENDERER_FILES[0]).is_file()


def load_encoder(
    name: str | Path,
    *,
    texts: Iterable[Text] | None = None,
    revision: str | None = None,
    modality: str | None = None,
    mode: str | None = None,
    tokenizer: str | Path | None = None,
    pages: Mapping[str, Any] | None = None,
    **overrides: Any,
) -> InputEncoder:
    """What turns text into the model's input; chosen by its ``model_type``.

    Args:
        texts: those that the model will be trained on. A text encoder that starts from scratch learns its vocabulary
            from them; others do not look at them.
        modality: what a PixelGPT model reads text as: "pixel", "text" or "pair"; default what it was trained with.
        mode: "rgb", "grey" or "binary" strips; default what it was trained with.
        tokenizer: the folder of one, instead of the model's own.
        pages: of models that read pages: fields of :class:`~pixlm.data.pages.encoders.PageSettings`, in place of those
            that are stored or usual.
        overrides: parameters of :class:`pixlm.TextRenderer`. Models that read tokens know ``max_seq_length``, their
            longest sequence, and have no use for the others, which are about drawing.

    Raises:
        UsageError: there is no such model, or what it reads text with is missing.
    """
    source = resolve(name, revision=revision, weights=False)
    if isinstance(source, PretrainedConfig) and is_document_type(source.model_type):
        text = text_config(source)
        fields = {**page_fields(str(name)), **(pages or {})}
        learnt = page_tokenizer(str(name), text, tokenizer, texts)
        return make_page_encoder(KINDS[source.model_type], learnt, text, fields, overrides)
    if isinstance(source, Path) and (found := _document_config(source)) is not None:
        return stored_page_encoder(source, KINDS[found.model_type], text_config(found), pages or {}, overrides)
    config = source if isinstance(source, PretrainedConfig) else _encoder_config(source)
    if isinstance(config, PixelGPTConfig):
        modality, mode = modality or config.modality or "pixel", mode or config.render_mode
    elif modality not in (None, "pixel" if config is None or isinstance(config, PixelConfig) else "text"):
        raise UsageError(f"--modality {modality}: {name} knows one way to read text; leave it out")
    else:
        modality = "pixel" if config is None or isinstance(config, PixelConfig) else "text"
    if mode is not None and modality != "text":
        overrides["rgb"] = mode == "rgb"
    if modality == "pair":
        assert isinstance(config, PixelGPTConfig)
        overrides["max_seq_length"] = overrides.get("max_seq_length") or config.num_patches // 2
    patches = None
    if modality != "text":
        packs = not isinstance(config, PixelGPTConfig)
        renderer = _renderer_of(name, config, revision, overrides)
        patches = RenderedText(renderer, packs=packs, binary=mode == "binary")
        if modality == "pixel":
            return patches
    assert config is not None
    cut = TokenizedText(_tokenizer_of(name, source, config, texts, tokenizer), config, overrides.get("max_seq_length"))
    return cut if patches is None else PairedText(patches, cut)


def _renderer_of(
    name: str | Path, config: PretrainedConfig | None, revision: str | None, overrides: dict[str, Any]
) -> TextRenderer:
    """The renderer of a model; one of PixelGPT's published folders may hold none, and is then told how to draw."""
    from pixlm.rendering import TextRenderer

    source = resolve(name, revision=revision, weights=False)
    if not isinstance(config, PixelGPTConfig) or not isinstance(source, Path) or has_renderer(name, revision=revision):
        return load_renderer(name, revision=revision, **overrides)
    if "strategy" not in overrides:
        raise UsageError(
            f"{source} holds no renderer ({_RENDERER_FILES[0]}); say how its strips are drawn, with --render.strategy "
            "continuous, or put the model's own renderer there"
        )
    sizes = {"max_seq_length": config.num_patches, "pixels_per_patch": config.patch_size}
    return TextRenderer(**{**sizes, **overrides})


def _tokenizer_of(
    name: str | Path,
    source: Path | PretrainedConfig,
    config: PretrainedConfig,
    texts: Iterable[Text] | None,
    given: str | Path | None,
) -> PreTrainedTokenizerFast:
    """The tokenizer given, the model's own, or one learnt from texts."""
    if given is not None:
        folder = Path(given).expanduser()
        if not folder.is_dir():
            raise UsageError(f"{given}: no such folder; make one with pixlm data tokenizer")
        return load_tokenizer(folder, config)
    if isinstance(source, Path):
        if config.model_type in LLAMA_LIKE and not has_tokenizer(source):
            raise UsageError(
                f"{source} holds no tokenizer (tokenizer.json); name the folder of one with --tokenizer (pixlm "
                "pretrain: --causal.tokenizer), or put the model's own there"
            )
        return load_tokenizer(source, config)
    if texts is None:
        raise UsageError(f"{name} learns its tokens from the texts of a training run; give the folder of such a run")
    return train_tokenizer(source.model_type, texts, config.vocab_size)


def save(folder: str | Path, model: PreTrainedModel, encoder: InputEncoder | TextRenderer | None = None) -> None:
    """Write a model (safetensors only) and its encoder or renderer, so that one folder is all that loading needs."""
    folder = Path(folder)
    folder.mkdir(parents=True, exist_ok=True)
    with _quiet_transformers():
        write_model(model, folder)
    if encoder is not None:
        encoder.save_pretrained(folder)


def _hint(folder: Path) -> str:
    """Close names: folders next to it, the same folder next to its parent, presets."""
    candidates = list(PRESETS)
    with contextlib.suppress(OSError):
        if folder.parent.is_dir():
            candidates += [str(folder.parent / each.name) for each in folder.parent.iterdir() if each.is_dir()]
        else:
            uncles = folder.parent.parent.iterdir()
            candidates += [str(each / folder.name) for each in uncles if (each / folder.name).is_dir()]
    close = difflib.get_close_matches(str(folder), candidates, n=3, cutoff=0.8)
    return f"; did you mean {' or '.join(close)}?" if close else f"; presets are {', '.join(PRESETS)}"


def _read_config(folder: Path, overrides: dict[str, Any]) -> PretrainedConfig:
    path = folder / CONFIG_FILE
    if not path.is_file():
        inside = sorted(str(each.parent) for each in folder.glob(f"*/{CONFIG_FILE}"))
        hint = f"; did you mean {' or '.join(inside[:3])}?" if inside else ""
        raise UsageError(f"{folder} holds no model: {CONFIG_FILE} is missing{hint}")
    fields = read_json(path)
    model_type = fields.pop("model_type", None)
    # The type of the weights is a matter of who trains or runs the model, not of who saved it.
    fields = {key: value for key, value in fields.items() if key not in ("torch_dtype", "dtype")}
    if "num_labels" in overrides or "id2label" in overrides:
        fields = {key: value for key, value in fields.items() if key not in ("num_labels", "id2label", "label2id")}
    fields |= overrides
    if is_document_type(model_type):
        try:
            return document_config({**fields, "model_type": model_type})
        except UsageError as error:
            raise UsageError(f"{path}: {error}") from error
    if model_type not in _MODEL_TYPES:
        if model_type != PixelGPTConfig.model_type and (
            not isinstance(model_type, str) or not is_text_model(model_type)
        ):
            raise UsageError(
                f"{path} describes a model of type {model_type!r}; pixlm reads pixel, vit_mae and ernie-pixel, and the "
                "text encoders of transformers, such as bert, roberta and xlm-roberta"
            )
        try:
            return token_config(model_type, fields)
        except UsageError as error:
            raise UsageError(f"{path}: {error}") from error
    for name, (least, most) in _SIZES.items():
        value = fields.get(name, most)
        if type(value) is not int or not least <= value <= most:
            raise UsageError(f"{path}: {name} must be a whole number from {least} to {most:,}, not {value!r:.80}")
    try:
        return PixelConfig(**fields)
    except UsageError as error:
        raise UsageError(f"{path}: {error}") from error
    except (TypeError, ValueError, AttributeError, KeyError, ArithmeticError) as error:
        raise UsageError(f"{path} is not the configuration of a PIXEL model: {error}") from error


def _document_config(folder: Path) -> PretrainedConfig | None:
    """The configuration of the document model in a folder; None where there is none, or that of another model."""
    path = folder / CONFIG_FILE
    if not path.is_file() or not is_document_type(read_json(path).get("model_type")):
        return None
    return _read_config(folder, {})


def fit_encoder(model: PreTrainedModel, encoder: InputEncoder) -> None:
    """Make a model that is new to its encoder fit it: rows in its vocabulary for the tokens of its task."""
    if isinstance(model, DocumentModel) and isinstance(encoder, PageEncoder):
        model.fit_vocabulary(encoder.tokenizer)


def _text_config(folder: Path) -> PretrainedConfig | None:
    """The configuration of the text encoder in a folder; None where there is none, or that of another model."""
    path = folder / CONFIG_FILE
    if not path.is_file() or not is_text_model(str(read_json(path).get("model_type"))):
        return None
    config = _read_config(folder, {})
    return None if isinstance(config, PixelConfig) else config


def _encoder_config(folder: Path) -> PretrainedConfig | None:
    """The configuration of a model that may read tokens; None for others."""
    path = folder / CONFIG_FILE
    if path.is_file() and read_json(path).get("model_type") == PixelGPTConfig.model_type:
        return _read_config(folder, {})
    return _text_config(folder)


def _snapshot(repository: str, revision: str | None, weights: bool) -> Path:
    """The folder of a hub repository: from the cache if it is complete there, else downloaded."""
    from huggingface_hub import HfApi, snapshot_download
    from huggingface_hub.errors import GatedRepoError, RepositoryNotFoundError, RevisionNotFoundError

    with contextlib.suppress(Exception):  # whatever is wrong with the cache, the hub can be asked
        cached = Path(snapshot_download(repository, revision=revision, local_files_only=True))
        complete = (cached / CONFIG_FILE).is_file() and (
            not weights or any((cached / file).is_file() for file in WEIGHT_FILES)
        )
        # Other libraries may have fetched a text encoder without its tokenizer.
        if complete and (_text_config(cached) is None or has_tokenizer(cached)):
            return cached
    try:
        # Asked first: it fails at once where the download would try again and again.
        info = HfApi().model_info(repository, revision=revision, timeout=10)
        wanted = [CONFIG_FILE, *_RENDERER_FILES, *TOKENIZER_FILES, *_PAGE_FILES]
        if weights:
            there = {each.rfilename for each in info.siblings or []}
            found = next((file for file in WEIGHT_FILES if file in there), WEIGHT_FILES[0])
            wanted += ["model*.safetensors*" if "safetensors" in found else "pytorch_model*"]
        return Path(snapshot_download(repository, revision=revision, allow_patterns=wanted))
    except GatedRepoError as error:
        raise UsageError(f"{repository} asks for its licence to be accepted: log in on its page on the hub") from error
    except RevisionNotFoundError as error:
        raise UsageError(f"{repository} has no revision {revision!r}") from error
    except RepositoryNotFoundError as error:
        hint = _hint(Path(repository))
        raise UsageError(f"{repository} is neither a folder here nor a model on the hub{hint}") from error
    except Exception as error:  # the network fails in more ways than one can list
        reason = str(error).strip().split("\n")[0] or type(error).__name__
        hint = _hint(Path(repository))
        raise UsageError(f"{repository} is not on this machine, and the hub did not answer ({reason}){hint}") from error


@contextlib.contextmanager
def _quiet_transformers() -> Iterator[None]:
    """No progress bars and no table of what was loaded: our checks say what is wrong."""
    verbosity, bars = transformers_logging.get_verbosity(), transformers_logging.is_progress_bar_enabled()
    transformers_logging.set_verbosity_error()
    transformers_logging.disable_progress_bar()
    try:
        yield
    finally:
        transformers_logging.set_verbosity(verbosity)
        if bars:
            transformers_logging.enable_progress_bar()


class _RendererForAuto:
    """What ``AutoProcessor`` loads for a PIXEL model: its renderer."""

    @classmethod
    def from_pretrained(cls, name: str, *, revision: str | None = None, **options: Any) -> TextRenderer:
        own = {"_from_auto", "trust_remote_code", "config"}  # AutoProcessor's, not the renderer's
        return load_renderer(name, revision=revision, **{key: options[key] for key in options.keys() - own})


AutoConfig.register("pixel", PixelConfig, exist_ok=True)
AutoConfig.register("ernie-pixel", PixelGPTConfig, exist_ok=True)
AutoModel.register(PixelGPTConfig, PixelGPTModel, exist_ok=True)
AutoModelForCausalLM.register(PixelGPTConfig, PixelGPTForCausalLM, exist_ok=True)
AutoModelForSequenceClassification.register(PixelGPTConfig, PixelGPTForSequenceClassification, exist_ok=True)
AutoProcessor.register(PixelGPTConfig, _RendererForAuto, exist_ok=True)
AutoModel.register(PixelConfig, PixelEncoder, exist_ok=True)
AutoModelForPreTraining.register(PixelConfig, PixelForPreTraining, exist_ok=True)
AutoModelForTokenClassification.register(PixelConfig, PixelForTokenClassification, exist_ok=True)
AutoModelForSequenceClassification.register(PixelConfig, PixelForSequenceClassification, exist_ok=True)
AutoModelForQuestionAnswering.register(PixelConfig, PixelForQuestionAnswering, exist_ok=True)
AutoProcessor.register(PixelConfig, _RendererForAuto, exist_ok=True)
