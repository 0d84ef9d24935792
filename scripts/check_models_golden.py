"""Compare the PIXEL models with the recorded outputs of the original code, case by case.

    python scripts/check_models_golden.py ../shared/golden/pixel-models
    python scripts/check_models_golden.py tests/golden/pixel-models --attention sdpa --device cuda

Per case: the largest error of any output and of any gradient, relative to the largest recorded value of that tensor.
Outputs may be off by 1e-5 (float32 noise floor of the original code: 30 times the recorded one, where that is more),
gradients by 1e-4; masks and orders must be equal. Exit code 1 if a case fails.
"""

from __future__ import annotations

import argparse
import json
import math
import sys
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import torch
from safetensors.torch import load_file

from pixlm import models
from pixlm.models.pixel.patches import grid_of
from pixlm.models.pixel.positions import positions_for

OUTPUT_TOLERANCE = 1e-5
GRADIENT_TOLERANCE = 1e-4
NOISE_FACTOR = 30
CLASSES = {
    "PIXELModel": models.PixelModel,
    "PIXELForPreTraining": models.PixelForPreTraining,
    "PIXELForTokenClassification": models.PixelForTokenClassification,
    "ViTModel": models.PixelEncoder,
}


@dataclass
class Report:
    """Errors of one case: name -> (error, tolerance); relative ones for outputs and gradients."""

    case: str
    outputs: dict[str, tuple[float, float]] = field(default_factory=dict)
    gradients: dict[str, tuple[float, float]] = field(default_factory=dict)
    unequal: list[str] = field(default_factory=list)

    @property
    def failures(self) -> list[str]:
        """One line per tensor that is off."""
        pairs = {**self.outputs, **{f"grad.{name}": pair for name, pair in self.gradients.items()}}
        lines = [f"{name} {error:.1e} > {limit:.1e}" for name, (error, limit) in pairs.items() if not error <= limit]
        return lines + [f"{name} differs" for name in self.unequal]


def supported_cases(folder: Path) -> list[dict[str, Any]]:
    """The recorded cases of the classes that this script knows."""
    index = json.loads((folder / "index.json").read_text())
    return [case for case in index["cases"] if case["upstream_class"] in CLASSES]


def load_model(folder: Path, case: dict[str, Any], attention: str) -> torch.nn.Module:
    """The model of a case, strictly loaded, with the changes that the case asks for."""
    weights = folder / case["weights"]
    overrides = dict(case["constructor"])
    config = json.loads((weights / "config.json").read_text()) | overrides.pop("config_overrides", {})
    config = models.PixelConfig.from_dict({key: value for key, value in config.items() if key != "model_type"})
    config._attn_implementation = attention
    model = CLASSES[case["upstream_class"]](config, **overrides).eval()
    path = weights / "model.safetensors"
    state = load_file(path) if path.exists() else torch.load(weights / "pytorch_model.bin", weights_only=True)
    model.load_state_dict(state, strict=True)
    for call in filter(None, case["setup"].split("; ")):
        name, length = call.removesuffix(")").split("(model, ")
        if int(length) > config.num_patches:
            config.extend_positions = "upstream"
        elif name == "resize_model_embeddings":
            models.resize_positions(model, int(length))
    return model


def run(folder: Path, case: dict[str, Any], attention: str, device: str = "cpu") -> Report:
    """Run one case and compare."""
    recorded = dict(np.load(folder / case["io"]))
    inputs = {name[3:]: torch.from_numpy(value) for name, value in recorded.items() if name.startswith("in.")}
    if "rng.noise.0" in recorded:
        inputs["noise"] = torch.from_numpy(recorded["rng.noise.0"])
    model = load_model(folder, case, attention).to(device)
    call = dict(case["call"])
    if attention != "eager":
        call.pop("output_attentions", None)  # would fall back to eager attention
    output = model(**{name: value.to(device) for name, value in inputs.items()}, **call)
    known = {*output, "panel", "last_hidden_state_sorted"}
    report = Report(case["case"])
    for name, expected in recorded.items():
        path = name[4:].split(".")
        if name.startswith("aux.interpolated"):
            table = model.get_parameter("vit.embeddings.position_embeddings")
            actual = positions_for(table, grid_of(inputs["pixel_values"], 16), "upstream")
        elif not name.startswith("out.") or (path[0] == "panel" and "mask" in path[1]) or path[0] not in known:
            continue
        elif path[0] == "last_hidden_state_sorted":
            actual = sort_by_position(output.last_hidden_state, output.ids_restore)
        elif path[0] == "panel":
            actual = panel(path[1], output, inputs["pixel_values"])
        else:
            actual = output[path[0]] if len(path) == 1 else output[path[0]][int(path[1])]
        value = actual.detach().cpu().numpy()
        if path[0] in ("mask", "ids_restore"):
            if not np.array_equal(value, expected):
                report.unequal.append(name)
            continue
        scale = float(np.abs(expected).max()) or 1.0
        noise = case["fp32_minus_fp64_max_abs"].get(path[0], 0.0)
        limit = max(OUTPUT_TOLERANCE, NOISE_FACTOR * noise / scale)
        report.outputs[name] = (float(np.abs(value - expected).max()) / scale, limit)
    if any(name.startswith("grad.") for name in recorded):
        output.loss.backward()
        compare_gradients(model, recorded, case, report)
    assert attention != "eager" or all(name[4:].split(".")[0] in known for name in recorded if name.startswith("out."))
    return report


def compare_gradients(
    model: torch.nn.Module, recorded: dict[str, np.ndarray], case: dict[str, Any], report: Report
) -> None:
    """Recorded gradients element by element, and the norm of every parameter's."""
    gradients = {name: value.grad.cpu() for name, value in model.named_parameters() if value.grad is not None}
    # A gradient that is zero in exact arithmetic (key biases) has no scale of its own: the largest norm measures it.
    largest = max(case["grad_norms"].values())
    for name, expected in recorded.items():
        if name.startswith("grad."):
            parameter, _, part = name[5:].partition("[")
            actual = gradients[parameter][:2].numpy() if part else gradients[parameter].numpy()
            if parameter.endswith("position_embeddings"):
                actual = np.pad(actual, ((0, 0), (0, expected.shape[1] - actual.shape[1]), (0, 0)))
            scale = max(float(np.abs(expected).max()), 1e-4 * largest)
            report.gradients[name[5:]] = (float(np.abs(actual - expected).max()) / scale, GRADIENT_TOLERANCE)
    if set(gradients) != set(case["grad_norms"]):
        report.unequal.append(f"parameters with a gradient: {sorted(set(gradients) ^ set(case['grad_norms']))}")
    for name, expected_norm in case["grad_norms"].items():
        error = abs(float(gradients[name].norm()) - expected_norm) / max(expected_norm, 1e-4 * largest)
        report.gradients[f"norm of {name}"] = (error, GRADIENT_TOLERANCE)


def sort_by_position(hidden: torch.Tensor, ids_restore: torch.Tensor) -> torch.Tensor:
    """[CLS, kept patches] in the order of the image."""
    places = ids_restore.argsort(dim=1)[:, : hidden.shape[1] - 1].argsort(dim=1) + 1
    places = torch.cat([torch.zeros_like(places[:, :1]), places], dim=1)
    return hidden.gather(1, places[..., None].expand_as(hidden))


def panel(name: str, output: Any, pixel_values: torch.Tensor) -> torch.Tensor:
    """A picture of the original reconstruction script: patches laid out as a square, predictions not de-normalised."""
    patches = output.logits.cpu()
    if name == "reconstruction":
        filled = (output.mask * output.attention_mask).cpu()[..., None]
        patches = models.patchify(pixel_values / 255) * (1 - filled) + patches * filled
    return models.unpatchify(patches, columns=math.isqrt(patches.shape[1]))[0]


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("golden", type=Path, help="folder with index.json")
    parser.add_argument("--attention", nargs="+", default=["eager", "sdpa"])
    parser.add_argument("--device", default="cpu")
    arguments = parser.parse_args()
    failed = 0
    print(f"{'case':34} {'attention':10} {'outputs':>10} {'gradients':>10}")
    for case in supported_cases(arguments.golden):
        for attention in arguments.attention:
            report = run(arguments.golden, case, attention, arguments.device)
            worst = [max((e for e, _ in part.values()), default=None) for part in (report.outputs, report.gradients)]
            shown = ["-" if value is None else f"{value:.1e}" for value in worst]
            print(
                f"{case['case']:34} {attention:10} {shown[0]:>10} {shown[1]:>10}  {'; '.join(report.failures) or 'ok'}"
            )
            failed += bool(report.failures)
    return min(failed, 1)


if __name__ == "__main__":
    sys.exit(main())
