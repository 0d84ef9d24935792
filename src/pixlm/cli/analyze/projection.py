"""`pixlm analyze projection --model RUN --data FILE FILE ... --output DIR`"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from pixlm import files
from pixlm.analysis.features import features
from pixlm.analysis.plots import require_matplotlib
from pixlm.analysis.projection import Panel, panel, plot, script_of
from pixlm.cli.analyze.common import check, load_all
from pixlm.cli.parse import parse
from pixlm.cli.progress import bar
from pixlm.data.readers.parallel import Sentence, read_languages
from pixlm.errors import UsageError
from pixlm.inference import PixelLM


@dataclass
class Projection:
    """Sentences as points in the plane, coloured by language, script or label."""

    model: str = ""
    """Folder of a model, or hub id; of pixels or of tokens."""
    baseline: tuple[str, ...] = ()
    """More models, drawn below."""
    data: tuple[str, ...] = ()
    """Files with a sentence a line, one a language, or SIB-200's folders; or folders of these."""
    output: str = ""
    """Folder for projection.json, projection.png and projection.svg."""
    method: Literal["tsne", "umap", "pca"] = "tsne"
    """How the plane is found."""
    colour: Literal["language", "script", "label"] = "language"
    """What colours say; labels are SIB-200's topics."""
    layers: tuple[int, ...] = ()
    """Layers to draw, 0 = embeddings; not given: four from the first to the last."""
    languages: tuple[str, ...] = ()
    """Only these languages; not given: all."""
    split: Literal["train", "dev", "test"] = "train"
    """Which file of SIB-200's folders."""
    limit: int | None = 200
    """Sentences of a language at most, the first ones; None: all."""
    perplexity: int | None = None
    """How many neighbours count (t-SNE, UMAP); not given: 30, or a third of the sentences."""
    seed: int = 42
    """Of t-SNE and UMAP, and of the weights of a preset."""
    batch_size: int = 32
    """Texts per forward pass."""


def main(arguments: list[str]) -> int:
    """Project, write all files."""
    args = parse(Projection, "analyze projection", Projection.__doc__ or "", arguments)
    check("projection", args, needs=("model", "data", "output"), positive=("batch_size", "limit", "perplexity"))
    require_matplotlib()
    languages = read_languages([Path(each).expanduser() for each in args.data], args.languages, args.split)
    rows = [
        (name, each)
        for name, found in languages.items()
        for each in [one for one in found if one.text.strip()][: args.limit]
    ]
    if args.perplexity is not None and args.perplexity > (len(rows) - 1) / 3:
        raise UsageError(f"--perplexity {args.perplexity} is too much for {len(rows)} sentences; use a third of them")
    colours = [_colour(args.colour, name, each) for name, each in rows]
    models = load_all([args.model, *args.baseline], args.seed)
    chosen = {name: _layers(args.layers, model) for name, model in models.items()}
    panels: list[Panel] = []
    with bar("vectors", len(rows) * len(models)) as done:
        found = {
            name: features(model, [each.text for _, each in rows], batch_size=args.batch_size, on_batch=done).vectors
            for name, model in models.items()
        }
    with bar("projection", sum(map(len, chosen.values()))) as done:
        for name, layers in chosen.items():
            for layer in layers:
                options = {"seed": args.seed, "perplexity": args.perplexity or 30}
                panels.append(panel(found[name][layer], colours, name, layer, args.method, **options))
                done(1)
    output = Path(args.output).expanduser()
    output.mkdir(parents=True, exist_ok=True)
    sentences = [{"language": name, "id": each.id, "label": each.label} for name, each in rows]
    drawn = [
        {
            "model": each.model,
            "layer": each.layer,
            "purity": each.purity,
            "expected": each.expected,
            "points": [[round(float(x), 4), round(float(y), 4)] for x, y in each.points],
        }
        for each in panels
    ]
    whole = {"method": args.method, "colour": args.colour, "colours": colours, "sentences": sentences, "panels": drawn}
    files.write_json(output / "projection.json", whole)
    written = plot(panels, colours, args.method, output / "projection")
    for each in panels:
        print(
            f"{each.model}, layer {each.layer}: {each.purity:.1%} of the ten nearest have the same {args.colour} "
            f"(at random {each.expected:.1%})"
        )
    print(f"written to {output}: projection.json, {', '.join(path.name for path in written)}")
    return 0


def _colour(kind: str, language: str, sentence: Sentence) -> str:
    if kind == "language":
        return language
    if kind == "script":
        return script_of(sentence.text)
    if sentence.label is None:
        raise UsageError(f"the sentences of {language} have no labels; use --colour language, or SIB-200's folders")
    return sentence.label


def _layers(wanted: tuple[int, ...], model: PixelLM) -> list[int]:
    last = model.model.config.num_hidden_layers
    if bad := [layer for layer in wanted if not 0 <= layer <= last]:
        raise UsageError(f"layer {bad[0]}: the model has layers 1 to {last}, and 0 for the embeddings")
    return list(wanted) or sorted({round(last * part / 3) for part in range(4)})
