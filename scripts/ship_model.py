"""Make a model of `src/pixlm/pretrained` from finished pretraining runs, each of which went on from the one before.

    python scripts/ship_model.py runs/pixlm-tiny runs/pixlm-tiny-stage2 --card CARD.md

Takes the last run's checkpoint with the lowest held-out loss: weights in half precision, configuration, renderer
(without fonts that come with pixlm), the logs, and the model card CARD.md, to which it appends where the weights come
from: the settings of the runs, SHA-256 of checkpoint and shipped weights, and the held-out curve. Draws that as
curve.png, too.
"""

from __future__ import annotations

import argparse
import json
import shutil
from collections.abc import Sequence
from pathlib import Path

import matplotlib.pyplot as plt
import torch
import yaml
from safetensors.torch import load_file, save_file

from pixlm import files
from pixlm.rendering.fonts import default_fallbacks, default_font

PRETRAINED = Path(__file__).resolve().parent.parent / "src" / "pixlm" / "pretrained"


def main() -> None:
    """Write the folder."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n", 1)[0])
    parser.add_argument("run", type=Path, nargs="+", help="in the order in which they were trained")
    parser.add_argument("--card", type=Path, required=True, help="model card, without what is appended")
    parser.add_argument("--name", default="pixlm-tiny")
    parser.add_argument("--checkpoint", type=Path, help="default: the last run's with the lowest held-out loss")
    options = parser.parse_args()
    stages = [log_of(run) for run in options.run]
    curve = [(row["step"], row["eval_loss"]) for row in stages[-1] if "eval_loss" in row]
    step = min(curve, key=lambda point: point[1])[0]
    checkpoint = options.checkpoint or options.run[-1] / f"checkpoint-{step}"
    problem = files.verify(checkpoint)
    if problem is not None:
        raise SystemExit(f"{checkpoint}: {problem}")
    target = PRETRAINED / options.name
    target.mkdir(parents=True, exist_ok=True)
    weights = load_file(checkpoint / "model.safetensors")
    save_file(
        {name: value.to(torch.float16).contiguous() for name, value in weights.items()},
        target / "model.safetensors",
        metadata={"format": "pt"},
    )
    (target / "model.safetensors").chmod(0o644)
    for name in ("config.json", "text_renderer_config.json"):
        shutil.copyfile(checkpoint / name, target / name)
    renderer = json.loads((target / "text_renderer_config.json").read_text())
    own = {font.name for font in (default_font(), *default_fallbacks())}
    for name in (renderer["font_file"], *renderer["fallback_fonts"]):
        if name not in own:
            shutil.copyfile(checkpoint / name, target / name)
    # Steps and losses; what the machine was doing meanwhile is nobody's concern.
    kept = ("step", "loss", "grad_norm", "learning_rate", "eval_loss", "eval_examples", "epoch")
    rows = [
        {"run": number, **{key: row[key] for key in kept if key in row}}
        for number, stage in enumerate(stages, 1)
        for row in stage
    ]
    files.write_text(target / "log.jsonl", "".join(json.dumps(row) + "\n" for row in rows))
    draw(stages, target / "curve.png")
    seconds = sum(row.get("seconds", 0.0) for stage in stages for row in stage if "loss" in row)
    lines = [
        options.card.read_text(encoding="utf-8").rstrip(),
        "",
        "## Where the weights come from",
        "",
        f"* `{checkpoint.name}` of {curve[-1][0]} steps of the last run; SHA-256 of its `model.safetensors` (float32) "
        f"`{files.sha256(checkpoint / 'model.safetensors')}`",
        f"* `model.safetensors` here (float16): `{files.sha256(target / 'model.safetensors')}`",
        f"* about {seconds / 3600:.1f} hours of training in all (CPU, bfloat16); every logged step is in `log.jsonl`",
        "",
        "![Loss](curve.png)",
        "",
        "| run | step | held-out loss |",
        "|---|---|---|",
        *(f"| {row['run']} | {row['step']} | {row['eval_loss']:.4f} |" for row in rows if "eval_loss" in row),
    ]
    for number, run in enumerate(options.run, 1):
        lines += ["", f"Settings of run {number}:", "", "```yaml", settings_of(run), "```"]
    lines.append("")
    files.write_text(target / "README.md", "\n".join(lines))
    total = sum(path.stat().st_size for path in target.iterdir())
    print(f"{target}: {total / 1e6:.1f} MB, from {checkpoint}")


def log_of(run: Path) -> list[dict[str, float]]:
    """Its log, in which a step that was made twice (after an interruption) counts once."""
    rows: dict[tuple[object, bool], dict[str, float]] = {}
    for line in (run / "log.jsonl").read_text().splitlines():
        row = json.loads(line)
        rows[row.get("step"), "eval_loss" in row] = row
    return list(rows.values())


def settings_of(run: Path) -> str:
    """Those that decide what is trained, without the paths of the machine."""
    settings = yaml.safe_load((run / "run.yaml").read_text())
    for key in ("path", "train", "dev", "test"):
        settings["data"].pop(key, None)
    settings.pop("output", None)
    settings["model"] = Path(settings["model"]).name
    return str(yaml.safe_dump(settings, sort_keys=False).rstrip())


def draw(stages: Sequence[Sequence[dict[str, float]]], path: Path) -> None:
    """The curve of training and held-out loss, one run behind the other."""
    figure, axes = plt.subplots(figsize=(6, 3.2), layout="constrained")
    before = 0.0
    for number, rows in enumerate(stages):
        trained = [(before + row["step"], row["loss"]) for row in rows if "loss" in row]
        curve = [(before + row["step"], row["eval_loss"]) for row in rows if "eval_loss" in row]
        named = {"trained": "training", "curve": "held out"} if number == 0 else {"trained": None, "curve": None}
        axes.plot(*zip(*trained, strict=True), color="0.75", linewidth=0.8, label=named["trained"])
        axes.plot(*zip(*curve, strict=True), color="C0", marker="o", markersize=3, label=named["curve"])
        before = trained[-1][0]
    axes.set(xlabel="step", ylabel="loss over removed patches")
    axes.legend(frameon=False)
    figure.savefig(path, dpi=110)


if __name__ == "__main__":
    main()
