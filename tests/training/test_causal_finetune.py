"""Fine-tuning PixelGPT and TextGPT: three modalities through one path, drawn rows, modes of drawing, other fonts."""

from __future__ import annotations

import base64
import gzip
import io
import json
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

import pixlm as package
import toy_texts
from conftest import ROOT
from pixlm import hub
from pixlm.data.encoders import DrawnText, RenderedText
from pixlm.data.pairs import PairedText
from pixlm.data.readers.glue import read_glue
from pixlm.data.readers.nli import read_xnli
from pixlm.data.tokens import TokenizedText
from pixlm.errors import UsageError
from pixlm.models import PixelGPTForCausalLM, preset
from pixlm.rendering import TextRenderer

FEW = (
    *("--train.max-steps", "3", "--train.batch-size", "4", "--train.warmup", "0", "--train.eval-steps", "3"),
    *("--train.dropout", "0", "--train.learning-rate", "1e-3", "--render.max-seq-length", "64"),
)


def finetune(pixlm, task: str, data: Path, output: Path, *more: object) -> dict:
    code, _, error = pixlm("finetune", task, "--data", data, "--output", output, *FEW, *more)
    assert code == 0, error
    return json.loads((output / "metrics.json").read_text())


def png(pixels: np.ndarray) -> bytes:
    file = io.BytesIO()
    Image.fromarray(pixels).save(file, "PNG")
    return file.getvalue()


def drawn_row(texts: tuple[str, ...], names: tuple[str, ...], label: object, *, rgb: bool = True) -> str:
    rendered = TextRenderer(max_seq_length=1024, rgb=rgb).render(texts[0] if len(texts) == 1 else texts, padding=False)
    image = base64.b64encode(png(rendered.pixel_values)).decode()
    row = dict(zip(names, texts, strict=True))
    return json.dumps({**row, "label": label, "image": image, "num_patches": rendered.num_text_patches}) + "\n"


def write_parts(folder: Path, rows: list[str]) -> None:
    folder.mkdir(parents=True)
    with gzip.open(folder / "part-00000.gz", "wt", encoding="utf-8") as file:
        file.writelines(rows)


@pytest.mark.parametrize(
    ("model", "more", "kind"),
    [
        ("pixelgpt-nano", (), RenderedText),
        ("pixelgpt-nano", ("--modality", "text"), TokenizedText),
        ("pixelgpt-nano", ("--modality", "pair"), PairedText),
        ("pixelgpt-nano", ("--render.mode", "rgb"), RenderedText),
        ("pixelgpt-nano", ("--render.mode", "binary"), RenderedText),
        ("textgpt-nano", (), TokenizedText),
    ],
    ids=["pixel", "text", "pair", "rgb", "binary", "textgpt"],
)
def test_every_modality_learns_predicts_and_is_loaded_again(model, more, kind, tmp_path, pixlm):
    data, run = toy_texts.glue(tmp_path, "rte"), tmp_path / "run"
    scores = finetune(pixlm, "glue", data, run, "--model", model, *more)
    assert scores["dev"]["examples"] == toy_texts.ROWS
    encoder = hub.load_encoder(run)
    assert type(encoder) is kind
    code, out, error = pixlm("evaluate", "glue", "--model", run, "--data", data, "--split", "dev")
    assert code == 0, error
    assert f"{scores['dev']['loss']:.4f}" in out
    found = package.load(str(run)).predict([toy_texts.PAIRS[0]])
    assert set(found[0]["scores"]) == {"entailment", "not_entailment"}
    assert package.load(str(run)).embed(["a text"]).shape == (1, 192)
    if "rgb" in more:
        assert hub.load_config(run).num_channels == 3
        assert encoder.renderer.rgb
    if "binary" in more:
        pixels = encoder.encode("a text").units["pixel_values"]
        assert set(np.unique(pixels)) == {0, 255}


def test_a_prediction_of_a_pair_does_not_depend_on_its_batch(tmp_path, pixlm):
    run = tmp_path / "run"
    finetune(pixlm, "glue", toy_texts.glue(tmp_path, "rte"), run, "--model", "pixelgpt-nano", "--modality", "pair")
    model = package.load(str(run))
    pairs = [("short", "one"), ("a text that is a good deal longer", "than the other one, and more of it")]
    together, alone = model.predict(pairs), [model.predict([pair])[0] for pair in pairs]
    for one, other in zip(together, alone, strict=True):
        assert one["scores"] == pytest.approx(other["scores"], abs=1e-5)


def test_a_pretrained_model_of_pairs_is_finetuned_in_every_modality(texts, tmp_path, pixlm):
    base = tmp_path / "base"
    shares = ("--causal.modalities", "image-text", "1", "text", "1")
    small = ("--render.max-seq-length", "64", "--train.max-steps", "2", "--train.batch-size", "4")
    code, _, error = pixlm(
        "pretrain",
        "--model",
        "pixelgpt-nano",
        *shares,
        *small,
        "--data",
        texts,
        "--output",
        base,
        "--train.warmup",
        "1",
    )
    assert code == 0, error
    data = toy_texts.glue(tmp_path, "sst2")
    for modality in ("pair", "pixel", "text"):
        run = tmp_path / modality
        finetune(pixlm, "glue", data, run, "--model", base, "--modality", modality)
        assert hub.load_config(run).modality == modality
        assert hub.load_config(run).vocab_size == hub.load_config(base).vocab_size


def test_grey_strips_for_a_colour_checkpoint_take_the_mean_of_its_projection(tmp_path, pixlm):
    torch.manual_seed(0)
    model = PixelGPTForCausalLM(preset("pixelgpt-nano", num_channels=3))
    hub.save(tmp_path / "base", model, TextRenderer(max_seq_length=64, rgb=True))
    run = tmp_path / "run"
    more = ("--model", tmp_path / "base", "--render.mode", "grey", "--train.learning-rate", "1e-12")
    finetune(pixlm, "glue", toy_texts.glue(tmp_path, "sst2"), run, *more)
    name = "model.embed_patches.patch_embeddings.projection.weight"
    ours = hub.load_model(run).state_dict()[name]
    torch.testing.assert_close(ours, model.state_dict()[name].mean(1, keepdim=True))
    assert not hub.load_encoder(run).renderer.rgb


def test_published_files_of_strips_are_read_as_they_are(tmp_path, pixlm):
    names, data = ("premise", "hypothesis"), tmp_path / "rendered"
    for split in ("train", "validation_matched", "validation_mismatched"):
        pairs = [(one, other, number % 3) for number, (one, other) in enumerate(toy_texts.PAIRS)]
        write_parts(data / f"mnli-{split}", [drawn_row((a, b), names, label) for a, b, label in pairs])
    examples = read_glue(data / "mnli-validation_matched" / "part-00000.gz", "mnli")
    assert {example.group for example in examples} == {"matched"}
    assert examples[0].label == "entailment"
    for modality in ("pixel", "text", "pair"):
        run = tmp_path / modality
        scores = finetune(pixlm, "glue", data, run, "--model", "pixelgpt-nano", "--modality", modality)
        assert set(scores) == {"dev", "dev-matched", "dev-mismatched"}
        assert scores["dev"]["examples"] == 8


def test_a_strip_is_cut_at_the_right_and_not_squeezed():
    text = "a text that is long enough to be wider than the canvas that it has to fit"
    long = TextRenderer(max_seq_length=200).render(text, padding=False)
    encoder = RenderedText(TextRenderer(max_seq_length=10), packs=False)
    code = encoder.encode(DrawnText(text, png(long.pixel_values), long.num_text_patches))
    assert code.length == 10
    assert np.array_equal(code.units["pixel_values"], long.pixel_values[:, :160])
    assert 0 < code.lost < len(text)
    short = encoder.encode(DrawnText("x", png(np.full((16, 20), 7, np.uint8)), 1))
    assert short.length == 2
    assert short.units["pixel_values"].shape == (16, 32)
    assert short.units["pixel_values"][:, 20:].min() == 255  # upstream pads with black
    for image, message in ((b"no picture", "cannot be read"), (png(np.zeros((8, 8), np.uint8)), "8 x 8 pixels")):
        with pytest.raises(UsageError, match=message):
            encoder.encode(DrawnText("x", image, 1, "part-00000.gz, line 3"))


def test_xnli_strips_know_their_language_by_their_folder(tmp_path):
    row = drawn_row(("a", "b"), ("premise", "hypothesis"), 2)
    write_parts(tmp_path / "xnli-sw-validation", [row])
    (example,) = read_xnli(tmp_path / "xnli-sw-validation" / "part-00000.gz")
    assert (example.group, example.label) == ("sw", "contradiction")
    assert example.num_patches > 0


def test_damaged_strips_are_one_line(tmp_path, pixlm):
    good = drawn_row(("a film",), ("sentence",), 1)
    for name, content, message in (
        ("cut", gzip.compress(good.encode())[:-20], "is damaged or cut off"),
        ("base", gzip.compress(good.replace('"image": "', '"image": "*').encode()), "the image is no base64"),
        ("count", gzip.compress(json.dumps({**json.loads(good), "num_patches": "x"}).encode()), "and a count"),
        ("plain", good.encode(), "is damaged or cut off"),
    ):
        folder = tmp_path / f"{name}" / "sst2-train"
        folder.mkdir(parents=True)
        (folder / "part-00000.gz").write_bytes(content)
        code, _, error = pixlm(
            "finetune", "glue", "--model", "pixelgpt-nano", "--data", folder.parent, "--output", tmp_path / "o", *FEW
        )
        assert code == 2
        assert message in error
        assert len(error.strip().splitlines()) == 1


def test_emohate_is_drawn_in_colour(tmp_path, pixlm):
    data = tmp_path / "data"
    data.mkdir()
    rows = [
        {"text": f"{text} {emoji}", "label_gold": number}
        for number, (text, emoji) in enumerate([("a", "😀"), ("b", "🎉")])
    ]
    for split in ("train", "dev", "test"):
        (data / f"{split}.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows * 3), encoding="utf-8")
    font = ROOT / "tests" / "golden" / "fonts" / "NotoColorEmoji-subset.ttf"
    more = ("--model", "pixelgpt-nano", "--render.mode", "rgb", "--render.fallback-fonts", font)
    scores = finetune(pixlm, "emohate", data, tmp_path / "run", *more)
    assert scores["test"]["examples"] == 6
    assert "accuracy" in scores["test"]
    pixels = hub.load_encoder(tmp_path / "run").encode("😀").units["pixel_values"].astype(int)
    assert np.abs(pixels[..., 0] - pixels[..., 2]).max() > 20


def test_another_font_at_evaluation_is_one_flag(tmp_path, pixlm):
    data, run = toy_texts.glue(tmp_path, "sst2"), tmp_path / "run"
    finetune(pixlm, "glue", data, run, "--model", "pixelgpt-nano")
    font = ROOT / "tests" / "golden" / "fonts" / "NotoSansHebrew-Regular.ttf"
    losses = []
    for number, more in enumerate(((), ("--render.font", font), ("--render.font", "nowhere.ttf"))):
        output = tmp_path / f"scores-{number}"
        code, _, error = pixlm(
            "evaluate", "glue", "--model", run, "--data", data, "--split", "dev", "--output", output, *more
        )
        if number == 2:
            assert code == 2
            assert "nowhere.ttf" in error
        else:
            assert code == 0, error
            losses.append(json.loads((output / "metrics.json").read_text())["dev"]["loss"])
    assert losses[0] != losses[1]


def test_a_tokenizer_has_to_fit_the_vocabulary(texts, tmp_path, pixlm):
    code, _, error = pixlm("data", "tokenizer", "--data", texts, "--size", "1200", "--output", tmp_path / "tokens")
    assert code == 0, error
    model = PixelGPTForCausalLM(preset("pixelgpt-nano", vocab_size=700))
    hub.save(tmp_path / "base", model, TextRenderer(max_seq_length=64))
    data, base = toy_texts.glue(tmp_path, "sst2"), ("--model", tmp_path / "base", "--modality", "pair")
    small = ("finetune", "glue", "--data", data, "--output", tmp_path / "o", *FEW)
    code, _, error = pixlm(*small, *base)
    assert code == 2
    assert "base holds no tokenizer" in error
    code, _, error = pixlm(*small, *base, "--tokenizer", tmp_path / "tokens")
    assert code == 2
    assert "has a token 1199, but the model has only 700" in error
    assert len(error.strip().splitlines()) == 1


def test_settings_for_other_models_are_one_line(tmp_path, pixlm):
    data = toy_texts.glue(tmp_path, "sst2")
    for more, message in (
        (("--model", "pixel-nano", "--modality", "text"), "--modality text"),
        (("--model", "textgpt-nano", "--modality", "pair"), "--modality pair"),
        (("--model", "pixel-nano", "--render.mode", "grey"), "--render.mode is for PixelGPT"),
        (("--model", "pixelgpt-nano", "--train.packing", "on"), "--train.packing on"),
        (("--model", "pixel-nano", "--tokenizer", "x"), "--tokenizer is for PixelGPT"),
        (("--model", "pixelgpt-nano", "--modality", "pair", "--tokenizer", "nowhere"), "no such folder"),
        (("--model", "pixelgpt-nano", "--modality", "pair", "--render.max-seq-length", "200"), "at most"),
    ):
        code, _, error = pixlm("finetune", "glue", "--data", data, "--output", tmp_path / "o", *FEW, *more)
        assert code == 2, (more, error)
        assert message in error
        assert len(error.strip().splitlines()) == 1, error
