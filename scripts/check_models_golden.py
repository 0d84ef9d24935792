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
from transformers import BertConfig, RobertaConfig

from pixlm import models
from pixlm.analysis.relevance import relevance
from pixlm.models.pixel.patches import grid_of
from pixlm.models.pixel.positions import positions_for

OUTPUT_TOLERANCE = 1e-5
GRADIENT_TOLERANCE = 1e-4
NOISE_FACTOR = 30
CLASSES = {
    "PIXELModel": models.PixelModel,
    "PIXELForPreTraining": models.PixelForPreTraining,
    "PIXELForTokenClassification": models.PixelForTokenClassification,
    "PIXELForSequenceClassification": models.PixelForSequenceClassification,
    "InterpretablePIXELForSequenceClassification": models.PixelForSequenceClassification,
    "PIXELForQuestionAnswering": models.PixelForQuestionAnswering,
    "PIXELForBiaffineParsing": models.PixelForDependencyParsing,
    "BertForBiaffineParsing": models.TokenForDependencyParsing,
    "RobertaForBiaffineParsing": models.TokenForDependencyParsing,
    "ViTModel": models.PixelEncoder,
}
# A picture for people, drawn from the relevance that is compared: it needs OpenCV's colour map.
NOT_COMPARED = ("out.overlay",)


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


def load_config(folder: Path, case: dict[str, Any]) -> Any:
    """The configuration of a case, as its class wants it."""
    stored = json.loads((folder / case["weights"] / "config.json").read_text())
    stored |= case["constructor"].get("config_overrides", {})
    if stored["model_type"] != "pixel":
        kind = {"bert": BertConfig, "roberta": RobertaConfig}[stored["model_type"]]
        return kind(**{key: value for key, value in stored.items() if key != "model_type"})
    # What upstream takes as arguments of the constructor and does not store.
    stored |= {
        key: case["constructor"][key] for key in ("pooling_mode", "add_layer_norm") if key in case["constructor"]
    }
    return models.PixelConfig.from_dict({key: value for key, value in stored.items() if key != "model_type"})


def load_model(folder: Path, case: dict[str, Any], attention: str) -> torch.nn.Module:
    """The model of a case, strictly loaded, with the changes that the case asks for."""
    weights = folder / case["weights"]
    config = load_config(folder, case)
    config._attn_implementation = attention
    bare = {
        key: case["constructor"][key] for key in ("add_pooling_layer", "use_mask_token") if key in case["constructor"]
    }
    model = CLASSES[case["upstream_class"]](config, **bare).eval()
    path = weights / "model.safetensors"
    state = load_file(path) if path.exists() else torch.load(weights / "pytorch_model.bin", weights_only=True)
    loaded = model.load_state_dict(state, strict=False)
    # Upstream's heads carry parameters that they do not use; ours do not have them.
    unused = [name for name in loaded.unexpected_keys if name in (case["grad_norms"] or {})]
    assert not loaded.missing_keys + unused, (loaded.missing_keys, unused)
    for call in filter(None, case["setup"].split("; ")):
        name, length = call.removesuffix(")").split("(model, ")
        if int(length) > config.num_patches:
            config.extend_positions = "upstream"
        elif name == "resize_model_embeddings":
            models.resize_positions(model, int(length))
    return model


def without_padding_one(inputs: dict[str, torch.Tensor]) -> None:
    """Inputs of upstream's RoBERTa parser in our terms. It takes every 1 for padding, not only those that are."""
    starts, labelled = inputs["word_starts"], inputs["arc_labels"] != 1
    kept = torch.full_like(starts, -100)
    for row, values in enumerate(starts):
        rest = values[values != 1]
        kept[row, : len(rest)] = rest
    inputs["word_starts"] = kept
    for name in ("arc_labels", "rel_labels"):
        inputs[name] = inputs[name].masked_fill(~labelled, -100)


def run(folder: Path, case: dict[str, Any], attention: str, device: str = "cpu") -> Report:
    """Run one case and compare."""
    recorded = dict(np.load(folder / case["io"]))
    inputs = {name[3:]: torch.from_numpy(value) for name, value in recorded.items() if name.startswith("in.")}
    if "rng.noise.0" in recorded:
        inputs["noise"] = torch.from_numpy(recorded["rng.noise.0"])
    if case["upstream_class"] == "RobertaForBiaffineParsing":
        without_padding_one(inputs)
    model = load_model(folder, case, attention).to(device)
    call = dict(case["call"])
    interpretable = case["upstream_class"].startswith("Interpretable")
    if interpretable:
        call["output_attentions"] = True
    elif attention != "eager":
        call.pop("output_attentions", None)  # would fall back to eager attention
    output = model(**{name: value.to(device) for name, value in inputs.items()}, **call)
    actual = outputs_of(output, model, inputs)
    if interpretable:
        actual |= relevances(model, inputs)
    report = Report(case["case"])
    for name, expected in recorded.items():
        if name.partition(".")[0] not in ("out", "aux") or name.startswith(NOT_COMPARED):
            continue
        key = name.partition(".")[2]
        if key not in actual:
            shown_by_eager_only = key.startswith("attentions.") and attention != "eager"
            assert shown_by_eager_only, name
            continue
        value = actual[key].detach().cpu().numpy()
        if np.issubdtype(expected.dtype, np.integer) or key == "mask":
            if not np.array_equal(value, expected):
                report.unequal.append(name)
            continue
        scale = float(np.abs(expected).max()) or 1.0
        noise = case["fp32_minus_fp64_max_abs"].get(key.partition(".")[0], 0.0)
        limit = max(OUTPUT_TOLERANCE, NOISE_FACTOR * noise / scale)
        report.outputs[name] = (float(np.abs(value - expected).max()) / scale, limit)
    if any(name.startswith("grad.") for name in recorded):
        output.loss.backward()
        compare_gradients(model, recorded, case, report)
    return report


def outputs_of(output: Any, model: torch.nn.Module, inputs: dict[str, torch.Tensor]) -> dict[str, torch.Tensor]:
    """Everything that a case may have recorded, by its name there without "out."."""
    found: dict[str, torch.Tensor] = {}
    for name, value in output.items():
        if isinstance(value, tuple):
            found |= {f"{name}.{number}": each for number, each in enumerate(value)}
        else:
            found[name] = value
    if "ids_restore" in found and "last_hidden_state" in found:
        found["last_hidden_state_sorted"] = sort_by_position(output.last_hidden_state, output.ids_restore)
    if (
        "ids_restore" in found
        and "logits" in found
        and math.isqrt(output.logits.shape[1]) ** 2 == output.logits.shape[1]
    ):
        found |= {f"panel.{name}": each for name, each in panels(output, inputs["pixel_values"]).items()}
    if model.config.model_type == "pixel" and model.config.extend_positions == "upstream":
        table = model.get_parameter("vit.embeddings.position_embeddings")
        found["interpolated_position_embeddings"] = positions_for(
            table, grid_of(inputs["pixel_values"], 16), "upstream"
        )
    if "arc_logits" in found:
        labelled = inputs["arc_labels"] != -100
        found["decoded_arcs"] = output.arc_logits.cpu().argmax(-1)[labelled]
        at_gold = output.rel_logits.cpu()[labelled, inputs["arc_labels"][labelled]]
        found["decoded_rels_at_gold_heads"] = at_gold.argmax(-1)
    return found


def relevances(model: torch.nn.Module, inputs: dict[str, torch.Tensor]) -> dict[str, torch.Tensor]:
    """Relevance for the best class and for class 1, and what it is made of: attention and its gradient."""
    batch = {name: value.to(model.device) for name, value in inputs.items()}
    found = {
        f"relevance.{name}": torch.from_numpy(relevance(model, batch, target)[0])
        for name, target in (("argmax", None), ("1", [1]))
    }
    output = model(**batch, output_attentions=True)
    gradients = torch.autograd.grad(output.logits[0, 1], output.attentions)
    for number, (attention, gradient) in enumerate(zip(output.attentions, gradients, strict=True)):
        found |= {f"attention.{number}": attention, f"attention_grad_class1.{number}": gradient}
    return found


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


def panels(output: Any, pixel_values: torch.Tensor) -> dict[str, torch.Tensor]:
    """The pictures of the original reconstruction script: patches laid out as a square, predictions as they are."""
    predictions, mask, attended = (each.cpu() for each in (output.logits, output.mask, output.attention_mask))
    original = models.patchify(pixel_values / 255)
    gone, filled = mask[..., None], (mask * attended)[..., None]
    patches = {
        "predictions": predictions,
        "reconstruction": original * (1 - filled) + predictions * filled,
        "masked": (original * (1 - gone) * 255).clamp(0, 255),
        "mask": gone.expand_as(original),
        "attention_mask": attended[..., None].expand_as(original),
    }
    square = {name: models.unpatchify(each, columns=math.isqrt(each.shape[1]))[0] for name, each in patches.items()}
    return {name: each[0] if name.endswith("mask") else each for name, each in square.items()}


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
