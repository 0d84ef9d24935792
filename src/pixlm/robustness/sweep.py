"""Scores of fine-tuned models on attacked data: `pixlm attack TASK --model RUN --model BASELINE --data FOLDER ...`

The models are trained on clean text here. PIXEL's scripts train on attacked text, too; for that write attacked copies
(:mod:`pixlm.robustness.offline`) and fine-tune on them.
"""

from __future__ import annotations

import warnings
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import pixlm
from pixlm import files, hub
from pixlm.data.encoders import InputEncoder, RenderedText, said
from pixlm.errors import UsageError
from pixlm.robustness.attacker import Attacker
from pixlm.robustness.attacks import Target
from pixlm.robustness.curve import draw_curves
from pixlm.robustness.examples import Part, attacked_example
from pixlm.training.config import DataConfig
from pixlm.training.finetuned import FinetunedModel, model_and_examples

RESULTS = "attack.json"
CURVES = "attack.png"


@dataclass(frozen=True)
class Point:
    """One model on one attack at one strength.

    changed: share of words (spaces; examples for ``font``) that the attack changed; uncovered: different characters
    of the attacked text that no font of the model has, and that are drawn as boxes.
    """

    model: str
    attack: str
    strength: float
    changed: float
    uncovered: int
    scores: dict[str, float]


def sweep(
    task_name: str,
    models: Sequence[str],
    data: DataConfig,
    split: str,
    attackers: Sequence[Attacker],
    output: Path,
    *,
    part: Part = "question",
    font: str | None = None,
    batch_size: int = 32,
) -> tuple[str, list[Point]]:
    """Score ``models`` on ``split`` under each attack, and untouched; writes attack.json and attack.png to ``output``.

    attackers: those of one attack stand together; font: font file that the attack ``font`` draws with. Returns the
    task's metric and the points. Raises UsageError for bad input, before anything is computed.
    """
    if output.exists() and not output.is_dir():
        raise UsageError(f"{output}: is a file; name a folder with --output")
    if (output / RESULTS).exists():
        raise UsageError(f"{output}: holds a sweep already; name another folder with --output")
    if font is None and any(attacker.kind.target is Target.RENDERER for attacker in attackers):
        raise UsageError("attack font needs a font that the models were not trained with; name its file with --font")
    loaded = {name: model_and_examples(task_name, name, data, split) for name in models}
    metric = loaded[models[0]][0].task.metric
    points: list[Point] = []
    for name, (model, examples) in loaded.items():
        attacked = [_attack(examples, attacker, split, part) for attacker in attackers]
        other = _with_font(model, name, font)
        _, clean = model.run(examples, batch_size)
        before = None
        for attacker, (rows, changed) in zip(attackers, attacked, strict=True):
            attack = attacker.kind.name
            if attack != before:
                points.append(Point(name, attack, 0.0, 0.0, 0, clean))
                before = attack
            if attacker.strength == 0:
                continue
            with warnings.catch_warnings():
                warnings.filterwarnings("ignore", "no font has")  # counted, and told with the scores
                if attacker.kind.target is Target.RENDERER:
                    chosen = [attacker.chooses(split=split, index=index) for index in range(len(rows))]
                    scores, changed = _mixed(model, other, rows, chosen, batch_size), sum(chosen) / len(chosen)
                else:
                    _, scores = model.run(rows, batch_size)
            points.append(Point(name, attack, attacker.strength, changed, _uncovered(model, rows), scores))
    output.mkdir(parents=True, exist_ok=True)
    record = {
        "pixlm": pixlm.__version__,
        "task": task_name,
        "metric": metric,
        "split": split,
        "examples": len(loaded[models[0]][1]),
        "part": part,
        "font": font,
        "seed": attackers[0].seed,
        "flavour": attackers[0].flavour.value,
        "points": [asdict(point) for point in points],
    }
    files.write_json(output / RESULTS, record)
    draw_curves(points, metric, f"{task_name}, {split}", output / CURVES)
    return metric, points


def _attack(examples: Sequence[Any], attacker: Attacker, split: str, part: Part) -> tuple[list[Any], float]:
    found = [
        attacked_example(example, attacker, split=split, index=index, part=part)
        for index, example in enumerate(examples)
    ]
    units = sum(one.units for one in found)
    return [one.value for one in found], sum(one.changed for one in found) / units if units else 0.0


def _with_font(model: FinetunedModel, name: str, font: str | None) -> InputEncoder:
    """The model's encoder with another font; for a model of tokens, its own."""
    if font is None or not isinstance(model.encoder, RenderedText):
        return model.encoder
    return hub.load_encoder(name, font_file=font)


def _mixed(
    model: FinetunedModel, other: InputEncoder, examples: Sequence[Any], chosen: Sequence[bool], batch_size: int
) -> dict[str, float]:
    """Scores where the ``chosen`` examples are read by the ``other`` encoder."""
    predictions: list[Any] = []
    counts = {"examples": 0.0, "lost": 0.0}
    for encoder, wanted in ((model.encoder, False), (other, True)):
        rows = [example for example, is_chosen in zip(examples, chosen, strict=True) if is_chosen is wanted]
        if rows:
            found, scores = model.run(rows, batch_size, encoder=encoder)
            predictions += found
            counts = {name: counts[name] + scores[name] for name in counts}
    return {**counts, **model.task.metrics(predictions)}


def _uncovered(model: FinetunedModel, examples: Sequence[Any]) -> int:
    if not isinstance(model.encoder, RenderedText):
        return 0
    texts = [said(model.task.text(example)) for example in examples]
    characters = {char for text in texts for part in ([text] if isinstance(text, str) else text) for char in part}
    return sum(not char.isspace() and not model.encoder.renderer.covers(char) for char in characters)
