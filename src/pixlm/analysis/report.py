"""One HTML page about a run, with everything within it: `pixlm report RUN`.

What the folder holds comes from anywhere: every text is escaped, files are read up to a bound, and what is missing or
damaged is said on the page.
"""

from __future__ import annotations

import json
import math
from collections import Counter, defaultdict
from collections.abc import Sequence
from importlib.resources import files as package_files
from pathlib import Path
from typing import Any

import jinja2
import numpy as np
import yaml
from markupsafe import Markup
from PIL import Image

import pixlm
from pixlm.analysis.curves import curve_svg
from pixlm.analysis.explanation import explain
from pixlm.analysis.relevance_picture import draw_svg
from pixlm.analysis.results import results_of
from pixlm.analysis.run_folder import Found, read_run
from pixlm.analysis.tree_picture import tree_svg
from pixlm.errors import PixlmError, UsageError
from pixlm.inference import PixelLM
from pixlm.rendering import TextRenderer
from pixlm.rendering.picture import data_uri, picture
from pixlm.training.output import METRICS

_MOST_LABELS = 24
_MOST_WORDS = 500
"""Of a sentence whose tree is drawn."""
_OTHER = "(others)"
_FIRST = ("loss", "eval_loss", "learning_rate", "grad_norm", "patches_per_second")


def report(folder: Path, *, examples: int = 8, relevance: bool = True) -> str:
    """The page. examples: how many of the worst are shown; relevance: with what speaks for the wrong class.

    Raises UsageError for a folder that is no run.
    """
    found = read_run(folder)
    command = f"pixlm {found.run.get('command', '?')}"
    shown, title = _examples(found, examples, relevance)
    splits = list(found.metrics)
    names = list(dict.fromkeys(name for row in found.metrics.values() for name in row))
    finished = (folder / METRICS).is_file()
    step = max((step for row in found.log if (step := _finite(row.get("step"))) is not None), default=0)
    environment = jinja2.Environment(autoescape=True, undefined=jinja2.StrictUndefined)
    template = environment.from_string(
        package_files("pixlm.analysis").joinpath("report.html").read_text(encoding="utf-8")
    )
    return template.render(
        title=folder.absolute().name,
        version=pixlm.__version__,
        command=command,
        state=f"finished, {step:g} steps" if finished else f"not finished, {step:g} steps so far",
        missing=found.missing,
        splits=splits,
        scores=[(name, [_number(found.metrics[split].get(name)) for split in splits]) for name in names],
        published=_published(folder),
        curves=_curves(found.log),
        confusion=_confusion(found),
        examples=shown,
        examples_title=title,
        pictures=_pictures(folder),
        inputs=_inputs(found),
        configuration=yaml.safe_dump(found.run, sort_keys=False, allow_unicode=True) if found.run else "(missing)",
    )


def _number(value: Any) -> str:
    if isinstance(value, bool) or value is None:
        return "" if value is None else str(value)
    return f"{value:.4f}" if isinstance(value, float) else str(value)


def _finite(value: Any) -> float | None:
    """A number that can be drawn; None for anything else."""
    if not isinstance(value, int | float) or isinstance(value, bool):
        return None
    try:
        return float(value) if math.isfinite(value) else None
    except OverflowError:  # a whole number of hundreds of digits
        return None


def _published(folder: Path) -> list[dict[str, str]]:
    try:
        return [
            {
                "split": result.split,
                "metric": result.metric,
                "ours": f"{100 * result.value:.1f}",
                "source": each.source,
                "theirs": f"{100 * each.value:.1f}",
            }
            for result in results_of(folder)
            for each in result.published
        ]
    except (UsageError, AttributeError, KeyError, TypeError, ValueError, RecursionError):
        return []  # no finished fine-tuning run


def _curves(log: Sequence[dict[str, Any]]) -> list[dict[str, Any]]:
    points: defaultdict[str, list[tuple[float, float]]] = defaultdict(list)
    for row in log:
        step = _finite(row.get("step"))
        if step is None:
            continue
        for name, given in row.items():
            shown = (name in _FIRST or name.startswith("eval_")) and not name.endswith(("_examples", "_words"))
            if shown and (value := _finite(given)) is not None:
                points[name].append((step, value))
    order = sorted(points, key=lambda name: (_FIRST.index(name) if name in _FIRST else len(_FIRST), name))
    return [{"name": name, "svg": Markup(curve_svg(points[name]))} for name in order if len(points[name]) > 1]


def _pairs(row: dict[str, Any]) -> list[tuple[str, str]]:
    """(right, said) of an example of classes or tags."""
    if isinstance(row.get("labels"), list) and isinstance(row.get("predictions"), list):
        return [
            (str(right), "(did not fit)" if said is None else str(said))
            for right, said in zip(row["labels"], row["predictions"], strict=False)
        ]
    if isinstance(row.get("label"), str) and isinstance(row.get("prediction"), str):
        return [(row["label"], row["prediction"])]
    return []


def _confusion(found: Found) -> dict[str, Any] | None:
    counts = Counter(pair for row in found.predictions for pair in _pairs(row))
    if not counts:
        return None
    often = Counter[str]()
    for (right, said), count in counts.items():
        often[right] += count
        often[said] += 0
    kept = [label for label, _ in often.most_common(_MOST_LABELS)]
    left_out = len(often) - len(kept)
    labels = [*kept, *([_OTHER] if left_out else [])]
    merged = Counter[tuple[str, str]]()
    for (right, said), count in counts.items():
        merged[right if right in kept else _OTHER, said if said in kept else _OTHER] += count
    rows = []
    for right in labels:
        whole = max(sum(merged[right, said] for said in labels), 1)
        cells = [
            {
                "count": merged[right, said],
                "share": f"{merged[right, said] / whole:.2f}",
                "colour": "90, 160, 90" if right == said else "210, 90, 60",
            }
            for said in labels
        ]
        rows.append((right, cells))
    return {"labels": labels, "rows": rows, "left_out": left_out, "file": found.predicted}


def _badness(row: dict[str, Any]) -> float:
    """How wrong an example is, 0 for right: wrong words, or how sure a wrong class was."""
    if isinstance(row.get("heads"), list) and isinstance(row.get("predicted_heads"), list):
        pairs = list(zip(row["heads"], row["predicted_heads"], strict=False))
        return sum(one != other for one, other in pairs) / max(len(pairs), 1)
    pairs = _pairs(row)
    wrong = sum(right != said for right, said in pairs) / max(len(pairs), 1)
    scores = row.get("scores")
    if wrong and isinstance(scores, dict):
        sure = _finite(scores.get(str(row.get("prediction"))))
        return wrong if sure is None else sure
    return wrong


def _examples(found: Found, count: int, relevance: bool) -> tuple[list[dict[str, Any]], str]:
    """(examples as the template wants them, what they are)"""
    if not found.predictions or count < 1:
        return [], ""
    rated = sorted(((_badness(row), at) for at, row in enumerate(found.predictions)), key=lambda it: (-it[0], it[1]))
    worst = [found.predictions[at] for badness, at in rated if badness > 0][:count]
    title = f"The {len(worst)} worst of {len(found.predictions)} examples" if worst else "Some predictions"
    model: PixelLM | None = None
    renderer: TextRenderer | None = None
    try:
        renderer = TextRenderer.from_pretrained(str(found.folder))
    except (PixlmError, OSError):
        renderer = None  # a model of tokens or pages, or an unfinished run
    if relevance and any(_is_class(row) for row in worst):
        try:
            model = pixlm.load(str(found.folder), device="cpu")
        except (PixlmError, OSError) as error:
            found.missing.append(f"no relevance: the model cannot be loaded ({error})")
    return [_example(row, renderer, model) for row in worst or found.predictions[:count]], title


def _is_class(row: dict[str, Any]) -> bool:
    return isinstance(row.get("text"), str) and isinstance(row.get("prediction"), str)


def _example(row: dict[str, Any], renderer: TextRenderer | None, model: PixelLM | None) -> dict[str, Any]:
    words = row.get("words")
    text: Any = row.get("text")
    if isinstance(text, str) and isinstance(row.get("text_b"), str):
        text = (text, row["text_b"])
    said, wrong, svg = "", "", Markup()
    if isinstance(words, list):
        words = [str(word) for word in words]
        text, said = words, " ".join(words)
        if isinstance(row.get("predicted_heads"), list):
            relations = [None if one is None else str(one) for one in row.get("predicted_relations") or []]
            heads = [one if isinstance(one, int) else None for one in row["predicted_heads"]]
            if len(words) == len(heads) == len(relations) and len(words) <= _MOST_WORDS:
                svg = Markup(tree_svg(words, heads, relations))
            wrong = f"{_badness(row):.0%} of the heads are wrong"
        else:
            pairs = zip(words, _pairs(row), strict=False)
            wrong = "; ".join(f"{word}: {given}, not {right}" for word, (right, given) in pairs if right != given)
    elif text is not None:
        said = " | ".join(text) if isinstance(text, tuple) else str(text)
        wrong = f"{row.get('prediction')}, not {row.get('label')}" if row.get("label") is not None else ""
    else:
        rest = {name: value for name, value in row.items() if name not in ("id", "scores")}
        said = json.dumps(rest, ensure_ascii=False)[:2000]
    image = ""
    if model is not None and _is_class(row):
        try:
            svg = Markup(draw_svg(explain(model, [text], target=row["prediction"]), columns=48))
        except PixlmError:
            svg = Markup()
    if not svg and renderer is not None and text:
        try:
            strip = renderer.render(text, padding=False).pixel_values
            image = data_uri(picture(strip, patch=renderer.pixels_per_patch, columns=48, scale=1))
        except PixlmError:
            image = ""
    return {"id": str(row.get("id", "")), "said": said[:2000], "wrong": wrong[:2000], "svg": svg, "image": image}


def _pictures(folder: Path) -> list[tuple[str, str]]:
    """The last reconstructions that the run drew, read again, so that what is no picture is left out."""
    found = []
    for path in sorted(folder.glob("pictures/*.png"))[-2:]:
        try:
            with Image.open(path, formats=["PNG"]) as image:
                if image.width * image.height <= 4_000_000:
                    found.append((path.name, data_uri(np.asarray(image.convert("RGB")))))
        except (OSError, ValueError, SyntaxError, Image.DecompressionBombError):
            continue
    return found


def _inputs(found: Found) -> list[dict[str, str]]:
    return [
        {
            "split": str(split),
            "file": Path(str(row.get("file", ""))).name,
            "bytes": str(row.get("bytes", "")),
            "sha256": str(row.get("sha256", ""))[:16],
        }
        for split, rows in found.inputs.items()
        if isinstance(rows, list)
        for row in rows
        if isinstance(row, dict)
    ]
