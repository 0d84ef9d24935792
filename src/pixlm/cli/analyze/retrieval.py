"""`pixlm analyze retrieval --model RUN --baseline RUN ... --data FILE FILE ... --output DIR`"""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from pixlm import files
from pixlm.analysis.features import features, untrained
from pixlm.analysis.plots import require_matplotlib
from pixlm.analysis.probing_report import UNTRAINED
from pixlm.analysis.retrieval import Retrieved, plot, retrieve, table
from pixlm.cli.analyze.common import check, load_all, show
from pixlm.cli.parse import parse
from pixlm.cli.progress import bar
from pixlm.data.readers.parallel import align, read_languages
from pixlm.errors import UsageError


@dataclass
class Retrieval:
    """How often a sentence's translation is the nearest of another language, by layer and pair, both ways."""

    model: str = ""
    """Folder of a model, or hub id; of pixels or of tokens."""
    baseline: tuple[str, ...] = ()
    """More models, measured in the same way."""
    data: tuple[str, ...] = ()
    """Files with a sentence a line, line N saying the same in each, or SIB-200's folders; or folders of these."""
    output: str = ""
    """Folder for retrieval.json, retrieval.md, retrieval.png and retrieval.svg."""
    languages: tuple[str, ...] = ()
    """Only these languages; not given: all."""
    split: Literal["train", "dev", "test"] = "train"
    """Which file of SIB-200's folders."""
    k: tuple[int, ...] = (1, 5)
    """Nearest sentences that are looked at; 1, which is accuracy, is always among them."""
    centre: Literal["all", "language", "none"] = "all"
    """What is subtracted before the cosine: the mean of all vectors, as PIXEL-M4 does, the language's, or none."""
    limit: int | None = None
    """Sentences of a language at most, the first ones; not given: all."""
    untrained: bool = True
    """Also measure each architecture with fresh weights."""
    seed: int = 42
    """Decides the fresh weights."""
    batch_size: int = 32
    """Texts per forward pass."""


def main(arguments: list[str]) -> int:
    """Measure, print the table, write all files."""
    args = parse(Retrieval, "analyze retrieval", Retrieval.__doc__ or "", arguments)
    check("retrieval", args, needs=("model", "data", "output"), positive=("batch_size", "limit"))
    if any(k < 1 for k in args.k):
        raise UsageError(f"--k {' '.join(map(str, args.k))}: must be 1 or more")
    require_matplotlib()
    sentences = align(read_languages([Path(each).expanduser() for each in args.data], args.languages, args.split))
    sentences = {name: rows[: args.limit] for name, rows in sentences.items()}
    count = len(next(iter(sentences.values())))
    models = load_all([args.model, *args.baseline], args.seed)
    if args.untrained:
        models |= {f"{name}{UNTRAINED}": untrained(model, args.seed) for name, model in list(models.items())}
    found: list[Retrieved] = []
    with bar("retrieval", count * len(sentences) * len(models)) as done:
        for name, model in models.items():
            vectors = {
                language: features(model, [row.text for row in rows], batch_size=args.batch_size, on_batch=done).vectors
                for language, rows in sentences.items()
            }
            for layer in range(len(next(iter(vectors.values())))):
                own = {language: each[layer] for language, each in vectors.items()}
                found += retrieve(own, name, layer, ks=sorted({1, *args.k}), centre=args.centre)
    output = Path(args.output).expanduser()
    output.mkdir(parents=True, exist_ok=True)
    summary = {"sentences": count, "languages": list(sentences), "centre": args.centre, "chance": 1 / count}
    files.write_json(output / "retrieval.json", {**summary, "results": [dataclasses.asdict(each) for each in found]})
    written = plot(found, 1 / count, output / "retrieval")
    show(table(found, 1 / count), output / "retrieval.md")
    print(f"written to {output}: retrieval.json, retrieval.md, {', '.join(path.name for path in written)}")
    return 0
