"""What a run is made of: typed dataclasses, read from YAML, overridden by dotted flags, written back as run.yaml.

The first line of a field's docstring is its help on the command line.
"""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass, field
from pathlib import Path
from typing import Annotated, Any, Literal, TypeVar

import tyro
import yaml

from pixlm.errors import UsageError
from pixlm.settings import from_dict
from pixlm.tasks.base import TaskOptions

Config = TypeVar("Config")
_LONGEST_FILE = 10_000_000
"""Bytes of a file of settings."""


@dataclass
class DataConfig:
    """Where the data is."""

    path: Annotated[str | None, tyro.conf.arg(name="data", prefix_name=False)] = None
    """Folder with the splits under their native names, or one file to train on."""
    train: str | None = None
    """File of the train split."""
    dev: str | None = None
    """File of the dev split."""
    test: str | None = None
    """File of the test split."""
    on_error: Literal["raise", "skip"] = "raise"
    """What to do with a bad sentence or row: stop with its line, or leave it out and count it."""
    cache: bool | None = None
    """Keep encoded examples on disk, in $PIXLM_CACHE or ~/.cache/pixlm; not given: for qa only."""
    interval: int | None = None
    """Samples of tar shards that count as one epoch; not given: all of them."""
    replacement: bool = False
    """Draw tar shards with replacement."""
    allow_commands: bool = False
    """Run the shell commands that lists of shards name (pipe:)."""


@dataclass
class TextConfig(DataConfig):
    """Where the text is: .txt, .jsonl, .parquet, .wet (also .gz, .zst), datasets folders, hub:NAME streams."""

    sources: dict[str, str] = field(default_factory=dict)
    """Several sources by name, such as en my/en hi my/hi; not given: folders of a folder are sources."""
    weights: dict[str, float] = field(default_factory=dict)
    """How the shares of the sources are to each other, such as en 2 hi 1."""
    temperature: float = 1.0
    """Without weights shares go by size ** (1 / temperature): 1 proportional, higher more alike."""
    heldout: float = 0.0
    """Share of the documents of a source without dev files that become its dev split."""
    max_heldout: int | None = None
    """Blocks of a source in its dev and test split at most."""
    clean: Literal["spaces", "m4"] = "spaces"
    """Text cleaning: m4 also takes out unassigned and private characters and those that no font has."""
    column: str = "text"
    """Column or key that holds the text."""
    documents: Literal["blank-lines", "lines"] = "blank-lines"
    """What ends a document in text files."""
    deduplicate: bool = False
    """Leave out documents that were met before, or are in a dev or test split."""
    limit: int | None = None
    """Documents to take of each hub: stream."""
    min_patches: int = 0
    """Leave out blocks of text of fewer patches (PIXEL: 22)."""
    workers: int | None = None
    """Processes that pack text the first time; not given: as many as train.workers."""


@dataclass
class RenderConfig:
    """How text is drawn. What is not given comes from the model, or is the renderer's default."""

    strategy: str | None = None
    """How text becomes patches, for example continuous."""
    max_seq_length: int | None = None
    """Patches per sequence."""
    font: str | None = None
    """Font file."""
    fallback_fonts: tuple[str, ...] | None = None
    """Font files for characters that the font lacks, in order."""
    rgb: bool | None = None
    """Three colour channels instead of grey."""
    mode: Literal["rgb", "grey", "binary"] | None = None
    """Of PixelGPT's strips: colour, grey, or black and white (up to 127, and above); a grey or binary model reads one
    channel."""
    compat: str | None = None
    """Whose renderer to reproduce: pixel, pixel-m4 or pixelgpt."""

    def overrides(self) -> dict[str, Any]:
        """The given settings as keywords of TextRenderer."""
        given = {name: value for name, value in dataclasses.asdict(self).items() if value is not None}
        given.pop("mode", None)  # the encoder's
        if "font" in given:
            given["font_file"] = given.pop("font")
        return given


@dataclass
class PageConfig:
    """Models that read pages: what a page becomes, and what a new model is made of. Not given: the model's."""

    size: tuple[int, int] | None = None
    """Height and width of the canvas in pixels (Donut, PaLI)."""
    max_patches: int | None = None
    """Patches of a page at most (Pix2Struct)."""
    fit: Literal["stretch", "donut", "ratio"] | None = None
    """How a page comes to the canvas: stretched; Donut's way; or with its aspect kept on white."""
    align_long_axis: bool | None = None
    """Turn pages whose long axis is not the canvas's."""
    max_target_length: int | None = None
    """Tokens of the decoder at most, the prompt and the closing token among them."""
    max_prompt_length: int | None = None
    """Tokens of the prompt at most (PaLI)."""
    dpi: int | None = None
    """At which pages of PDFs are drawn."""
    resolutions: tuple[float, ...] = ()
    """Scales of the canvas in equal parts of the run, such as 0.5 1; Pix2Struct: of the number of patches."""
    tokenizer: str | None = None
    """Folder with the tokenizer of a new model; not given: byte pairs learnt from the train split."""
    vision: str | None = None
    """Folder or hub id of a pretrained image encoder for a new model."""
    text: str | None = None
    """Folder or hub id of a pretrained decoder (Donut) or encoder-decoder (PaLI) for a new model."""

    def overrides(self) -> dict[str, Any]:
        """The given settings as fields of the page encoder's."""
        names = ("size", "max_patches", "fit", "align_long_axis", "max_target_length", "max_prompt_length", "dpi")
        return {name: value for name in names if (value := getattr(self, name)) is not None}


@dataclass
class MaskConfig:
    """Which patches are removed in pretraining."""

    ratio: float = 0.25
    """Share of the patches that is removed."""
    spans: bool = True
    """Remove runs of patches; otherwise single patches."""
    max_span: int = 6
    """Longest run."""
    span_weights: tuple[float, ...] | None = None
    """Cumulative weights of the lengths 1, 2, ...; not given: PIXEL's for runs of up to 6, else all alike."""
    spacing: int | None = None
    """Free patches on both sides of a run; not given: as many as the run is long."""
    flavour: Literal["pixel", "pixel-m4"] = "pixel-m4"
    """Whose way of drawing spans: pixel keeps one inside the text, pixel-m4 starts each there."""


@dataclass
class CausalConfig:
    """What a model learns that predicts the next unit (PixelGPT, TextGPT)."""

    modalities: dict[str, float] = field(default_factory=dict)
    """How the shares are to each other of pixel, text, image-text (the strip, then its tokens) and text-image; not
    given: pixel 1 for PixelGPT, text 1 for TextGPT."""
    collation: Literal["grouped", "mixed"] = "grouped"
    """grouped: rows of one modality go through the model together; mixed: all do, with placeholders."""
    tokenizer: str | None = None
    """Folder of a tokenizer (see pixlm data tokenizer); not given: the model's, or one learnt from the train split."""
    pixel_head: Literal["regression", "binary", "cell"] | None = None
    """What is predicted of a patch: its pixels, whether each is white, or which known patch it is; not given: the
    model's."""
    norm_pix_loss: bool | None = None
    """Whether a regression head predicts normalised patches, which cannot be drawn with their true contrast."""
    cells: int = 4096
    """Known patches of a cell head at most: the most frequent ones of the train split."""


@dataclass
class TrainConfig:
    """Optimisation, checkpoints and evaluation."""

    learning_rate: float = 5e-5
    """Highest learning rate."""
    min_learning_rate: float = 0.0
    """Learning rate at the end."""
    warmup: float = 0.1
    """Steps of linear warm-up: a share of all steps below 1, a number of steps from 1 on."""
    schedule: Literal["linear", "cosine", "constant", "legacy-cosine", "legacy-tanh", "legacy-poly"] = "linear"
    """How the learning rate falls after the warm-up; legacy: pixparse's, which jumps where the warm-up ends."""
    batch_size: int = 32
    """Examples per optimizer step, over all processes and accumulation steps."""
    micro_batch_size: int | None = None
    """Examples per forward pass and process; smaller ones are accumulated. Not given: all at once."""
    packing: Literal["auto", "on", "off"] = "auto"
    """Fine-tuning: whether short texts share a row; auto: where it saves a tenth of the patches."""
    epochs: float = 10.0
    """Passes over the train split, when max-steps is not given."""
    max_steps: int | None = None
    """Optimizer steps."""
    weight_decay: float = 0.0
    """Weight decay of everything but biases and layer norms."""
    layer_decay: float | None = None
    """Learning rate of each layer as a share of that of the layer above it, such as 0.9."""
    freeze: tuple[str, ...] = ()
    """Parameters that are not trained, by the beginnings of their names, such as encoder. or vision_model."""
    spikes: float | None = None
    """Log steps whose loss is so many times the median of the last 100, with their examples, such as 2."""
    optimizer: Literal["adamw", "muon", "adafactor"] = "adamw"
    """muon: Muon for the weight matrices inside the model, AdamW for all else; for runs from scratch. adafactor:
    rates are relative to the size of the weights (T5, Pix2Struct)."""
    adam_betas: tuple[float, float] = (0.9, 0.999)
    """Decay rates of AdamW's moments."""
    max_grad_norm: float = 1.0
    """Gradients are scaled down to this norm."""
    dropout: float | None = None
    """Dropout of hidden states and attention; not given: the model's."""
    eval_steps: int | None = None
    """Steps between evaluations on dev; not given: one pass over the train split."""
    save_steps: int | None = None
    """Steps between checkpoints; not given: as eval-steps, but 500 at most."""
    keep_checkpoints: int = 2
    """Newest checkpoints to keep, besides the best one."""
    patience: int | None = None
    """Stop after this many evaluations without a better score."""
    log_steps: int = 10
    """Steps between lines of log.jsonl."""
    non_finite: Literal["stop", "skip"] = "stop"
    """When a gradient is not a number: stop, or leave the step out and count it. The weights never see it."""
    sharding: Literal["none", "full", "gradients"] = "none"
    """With several processes: a whole model in each (DDP); or shards of parameters, gradients and optimizer (FSDP),
    parameters gathered layer by layer (full) or kept after the forward pass (gradients)."""
    precision: Literal["auto", "fp32", "bf16", "fp16"] = "auto"
    """Arithmetic; auto: bf16 on GPUs that have it, else fp32."""
    gradient_checkpointing: bool = False
    """Compute activations again in the backward pass, to save memory."""
    compile: bool = False
    """Compile the model with torch.compile."""
    workers: int = 0
    """Processes that render and collate batches."""
    worker_timeout: float = 600.0
    """Seconds without a batch from any of them after which the run ends, naming the one that hangs; 0: wait."""
    eval_batch_size: int | None = None
    """Examples per forward pass in evaluation; not given: the micro-batch size."""
    report_to: tuple[str, ...] = ()
    """Trackers besides log.jsonl: tensorboard, trackio, wandb."""


@dataclass
class RunConfig:
    """A run that writes to an output folder."""

    model: str = ""
    """Folder, hub id, or the name of an architecture to start from scratch (pixel-base, bert-nano, ...)."""
    output: str = ""
    """Folder for checkpoints, log, metrics and the trained model."""
    seed: int = 42
    """Every random choice of the run follows from it."""
    train: TrainConfig = field(default_factory=TrainConfig)
    """Optimisation, checkpoints and evaluation."""
    render: RenderConfig = field(default_factory=RenderConfig)
    """How text is drawn."""
    page: PageConfig = field(default_factory=PageConfig)
    """Models that read pages."""


@dataclass
class FinetuneConfig(RunConfig):
    """Fine-tune a model on a task."""

    seeds: str | None = None
    """Several seeds, such as 0,1,2: one run each in a folder of its own, then mean and standard deviation."""
    modality: Literal["pixel", "text", "pair"] | None = None
    """What PixelGPT reads text as: strips, tokens, or both, image first; not given: what it was trained with."""
    tokenizer: str | None = None
    """Folder of the tokenizer of a PixelGPT model that has none, or of a new one; not given: learnt from the texts."""
    task: TaskOptions = field(default_factory=TaskOptions)
    """Choices about the task."""
    data: DataConfig = field(default_factory=DataConfig)
    """Where the data is."""


@dataclass
class PicturesConfig:
    """Reconstructions of texts that stay the same, drawn while training."""

    steps: int | None = None
    """Steps between pictures in the folder pictures (and in trackers); not given: none."""
    texts: tuple[str, ...] = ()
    """Texts to reconstruct; not given: the first two of the dev split, or else of the train split."""


@dataclass
class SlurmConfig:
    """A job on a SLURM cluster instead of a run here."""

    nodes: int | None = None
    """Machines; given: submit a job and return. It is queued again when its time is up or it has to make room."""
    gpus: int = 8
    """GPUs of each machine."""
    tasks: int | None = None
    """Processes on each machine; not given: one a GPU."""
    cpus: int = 8
    """CPU cores of each process."""
    memory: float | None = None
    """GB of each machine."""
    hours: float = 24.0
    """Time limit."""
    grace: int = 120
    """Seconds before the limit at which the job saves and is queued again."""
    requeue: int = 100
    """How often it may run out of time."""
    partition: str | None = None
    """Partition of the cluster."""
    account: str | None = None
    """Account that pays."""
    qos: str | None = None
    """Quality of service."""
    constraint: str | None = None
    """Features that the machines must have."""
    setup: tuple[str, ...] = ()
    """Shell lines to run first, such as "module load cuda"."""


@dataclass
class PretrainConfig(RunConfig):
    """Pretrain a masked or a causal model on plain text."""

    objective: str | None = None
    """What a model that reads pages learns: ocr, screenshot or another task on pages; not given: ocr."""
    data: TextConfig = field(default_factory=TextConfig)
    """Where the text is."""
    mask: MaskConfig = field(default_factory=MaskConfig)
    """Which patches are removed (masked models)."""
    causal: CausalConfig = field(default_factory=CausalConfig)
    """What is predicted (causal models)."""
    pictures: PicturesConfig = field(default_factory=PicturesConfig)
    """Reconstructions drawn while training."""
    slurm: SlurmConfig = field(default_factory=SlurmConfig)
    """A job on a SLURM cluster instead of a run here."""
    # PIXEL's published recipe (paper, appendix), as far as it does not depend on the size of the cluster.
    train: TrainConfig = field(
        default_factory=lambda: TrainConfig(
            learning_rate=1.5e-4,
            min_learning_rate=1e-5,
            warmup=0.05,
            schedule="cosine",
            batch_size=256,
            weight_decay=0.05,
            epochs=1.0,
        )
    )
    """Optimisation, checkpoints and evaluation."""


def to_dict(config: Any) -> Any:
    """A configuration as plain dictionaries, lists and scalars."""
    if dataclasses.is_dataclass(config):
        return {item.name: to_dict(getattr(config, item.name)) for item in dataclasses.fields(config)}
    if isinstance(config, tuple | list):
        return [to_dict(item) for item in config]
    if isinstance(config, dict):
        return {key: to_dict(item) for key, item in config.items()}
    return config


def to_yaml(config: Any) -> str:
    """A configuration as YAML that :func:`from_yaml` reads back."""
    return yaml.safe_dump(to_dict(config), sort_keys=False, allow_unicode=True)


def from_yaml(path: Path, base: Config, command: str) -> Config:
    """Read a configuration file over ``base``.

    A run.yaml names its own command, which must then be ``command``. Raises UsageError naming the file and the key for
    unknown keys and values of the wrong type.
    """
    value = read_settings(path)
    written_by = value.pop("command", command)
    if written_by != command:
        raise UsageError(f"{path}: is the configuration of pixlm {written_by}, not of pixlm {command}")
    return from_dict(value, base, str(path))


def read_settings(path: Path, inside: tuple[Path, ...] = ()) -> dict[str, Any]:
    """The settings in a YAML file, over those of the file that its key ``extends`` names (a path beside it)."""
    if path.resolve() in inside:
        raise UsageError(f"{path}: extends itself, by way of {', '.join(each.name for each in inside)}")
    value = _load_yaml(path)
    parent = value.pop("extends", None)
    if parent is None:
        return value
    below = read_settings(path.parent / str(parent), (*inside, path.resolve()))
    return _merge(below, value)


def _merge(below: dict[str, Any], above: dict[str, Any]) -> dict[str, Any]:
    """``above`` over ``below``, group by group."""
    merged = dict(below)
    for key, value in above.items():
        inner = below.get(key)
        merged[key] = _merge(inner, value) if isinstance(inner, dict) and isinstance(value, dict) else value
    return merged


class _Loader(yaml.SafeLoader):
    """``safe_load``, but a key that stands twice in a group is an error, as YAML 1.2 has it: which one was meant?"""

    def construct_mapping(self, node: Any, deep: bool = False) -> dict[Any, Any]:
        seen = set()
        for key, _ in node.value if isinstance(node, yaml.MappingNode) else ():
            if isinstance(key, yaml.ScalarNode) and key.tag != "tag:yaml.org,2002:merge":
                if (key.tag, key.value) in seen:
                    raise yaml.constructor.ConstructorError(None, None, f"{key.value!r} twice", key.start_mark)
                seen.add((key.tag, key.value))
        return super().construct_mapping(node, deep)


def _load_yaml(path: Path) -> dict[str, Any]:
    try:
        with path.open("rb") as file:  # of a device without end, too, no more than settings can need
            content = file.read(_LONGEST_FILE + 1)
        if len(content) > _LONGEST_FILE:
            raise UsageError(f"{path}: larger than {_LONGEST_FILE // 10**6} MB: no file of settings (--config)")
        loader = _Loader(content.decode())
        try:
            value = loader.get_single_data()
        finally:
            loader.dispose()
    except FileNotFoundError:
        raise UsageError(f"{path}: no such file (--config)") from None
    except IsADirectoryError:
        raise UsageError(f"{path}: is a folder, not a YAML file (--config)") from None
    except RecursionError:
        raise UsageError(f"{path}: nested too deeply for settings") from None
    except (yaml.YAMLError, UnicodeDecodeError) as error:
        raise UsageError(f"{path}: not YAML: {' '.join(str(error).split())[:160]}") from None
    if not isinstance(value, dict):
        raise UsageError(f"{path}: holds no settings; write lines such as 'seed: 42'")
    return value
