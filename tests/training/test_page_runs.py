"""Models that read pages, from the command line: they learn, every task with every architecture, and resume."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
import torch
from PIL import Image
from safetensors.torch import load_file

import golden_documents
import pixlm as library
import toy_pages
from pixlm import files, hub
from pixlm.data.draw import Draw, Drawn
from pixlm.data.pages.encoders import PageSettings, PaliPages
from pixlm.data.pages.example import PageSample
from pixlm.tasks.objectives import Resolutions, SequenceToSequence

SMALL = {
    "donut-tiny": ("--page.size", "128", "112"),
    "pix2struct-tiny": ("--page.max-patches", "48"),
    "pali-tiny": ("--page.size", "96", "64"),
}
"""Canvases of a moment; Donut's windows need one of 112 pixels."""
QUICK = ("--train.dropout", "0", "--page.max-target-length", "64", "--task.max-new-tokens", "40")
FILES = [each["file_name"] for each in toy_pages.receipts()]
TASKS = ("ocr", "receipts", "doc-classify", "docvqa", "caption", "screenshot")


@pytest.fixture(scope="module")
def pages(tmp_path_factory) -> Path:
    return toy_pages.folder(tmp_path_factory.mktemp("pages"))


@pytest.mark.parametrize("model", SMALL)
def test_each_architecture_learns_receipts_exactly(model, pages, tmp_path, pixlm):
    """Two receipts at once, so that what is written has to be seen on the page."""
    output = tmp_path / "run"
    learn = ("--train.learning-rate", "1e-3", "--train.schedule", "constant", "--train.warmup", "5")
    steps = ("--train.max-steps", "120", "--train.eval-steps", "20", "--train.patience", "2", "--train.batch-size", "2")
    data = ("--data", pages, "--output", output)
    code, _, error = pixlm("finetune", "receipts", "--model", model, *data, *SMALL[model], *QUICK, *learn, *steps)
    assert code == 0, error
    scores = json.loads((output / "metrics.json").read_text())["dev"]
    assert (scores["tree_accuracy"], scores["field_f1"], scores["exact_match"]) == (1, 1, 1)
    assert scores["constant_exact_match"] == 0.5
    for number in range(2):
        image = pages / "dev" / FILES[number]
        code, out, error = pixlm("predict", "receipts", "--model", output, image)
        assert code == 0, error
        assert json.loads(out) == {"file": str(image), "prediction": toy_pages.parse(number)}
    model_again = library.load(str(output))
    first = model_again.predict(str(pages / "dev" / FILES[0]))
    assert first["prediction"] == toy_pages.parse(0)
    both = model_again.predict([str(pages / "dev" / FILES[number]) for number in (1, 0)])
    assert [each["prediction"] for each in both] == [toy_pages.parse(1), toy_pages.parse(0)]
    code, _, error = pixlm("evaluate", "receipts", "--model", output, "--data", pages, "--split", "dev")
    assert code == 0, error


@pytest.mark.parametrize("model", SMALL)
@pytest.mark.parametrize("task", [*TASKS, "doc-classify-layer"])
def test_every_architecture_trains_on_every_task(model, task, pages, tmp_path, pixlm):
    output = tmp_path / "run"
    layer = ("--task.classifier", "layer") if task.endswith("-layer") else ()
    task = task.removesuffix("-layer")
    few = ("--train.max-steps", "1", "--train.batch-size", "2", "--train.warmup", "0", "--task.max-new-tokens", "4")
    few += ("--train.precision", "bf16") if task == "caption" else ()
    data = ("--data", pages, "--output", output)
    code, _, error = pixlm("finetune", task, "--model", model, *data, *SMALL[model], *few, *layer)
    assert code == 0, error
    assert json.loads((output / "metrics.json").read_text())["dev"]["examples"] == 2
    question = ("--question", "What is the total?") if task == "docvqa" else ()
    code, out, error = pixlm("predict", task, "--model", output, pages / "dev" / FILES[0], *question)
    assert code == 0, error
    assert "prediction" in json.loads(out)


def options(pages: Path, output: Path, *more: str) -> tuple[str, ...]:
    model = ("--model", "pali-tiny", "--page.size", "64", "48", "--page.resolutions", "0.5", "1")
    train = (
        "--train.batch-size",
        "2",
        "--train.log-steps",
        "1",
        "--train.learning-rate",
        "1e-3",
        "--train.warmup",
        "1",
    )
    kept = ("--train.save-steps", "2", "--train.eval-steps", "3", "--train.max-steps", "6", "--train.dropout", "0.1")
    data = ("--objective", "ocr", "--data", str(pages), "--output", str(output), "--page.max-target-length", "64")
    return ("pretrain", *model, *train, *kept, *data, *more)


def losses(run: Path) -> list[float]:
    rows = [json.loads(line) for line in (run / "log.jsonl").read_text().splitlines()]
    return [row["loss"] for row in rows if "loss" in row]


@pytest.fixture(scope="module")
def straight(pages, tmp_path_factory) -> Path:
    from pixlm.cli import main

    output = tmp_path_factory.mktemp("runs") / "straight"
    assert main([*options(pages, output)]) == 0
    return output


def test_resuming_is_bit_identical(straight, pages, tmp_path, pixlm):
    """With dropout, a resolution that changes on the way, and a vocabulary learnt by the run."""
    left = tmp_path / "left"
    code, _, error = pixlm(*options(pages, left, "--seed", "42"))
    assert code == 0, error
    for path in left.iterdir():
        if path.name not in ("run.yaml", "inputs.json", "log.jsonl", "checkpoint-4"):
            for inner in path.iterdir() if path.is_dir() else ():
                inner.unlink()
            path.rmdir() if path.is_dir() else path.unlink()
    assert files.newest_checkpoint(left)[0] == left / "checkpoint-4"
    code, out, error = pixlm(*options(pages, left))
    assert code == 0, error
    assert "resuming from checkpoint-4" in out
    one, two = (load_file(run / "checkpoint-6" / "model.safetensors") for run in (straight, left))
    assert one.keys() == two.keys()
    assert all(torch.equal(one[name], two[name]) for name in one)
    assert (straight / "tokenizer.json").read_bytes() == (left / "tokenizer.json").read_bytes()


def test_accumulated_micro_batches_equal_one_batch(pages, tmp_path, pixlm):
    """Although their targets are of different lengths."""
    runs = []
    for name, more in (("whole", ()), ("parts", ("--train.micro-batch-size", "1"))):
        code, _, error = pixlm(*options(pages, tmp_path / name, "--train.dropout", "0", *more))
        assert code == 0, error
        runs.append(losses(tmp_path / name))
    assert runs[1] == pytest.approx(runs[0], rel=1e-5)


@pytest.mark.slow  # imports torch twice more
def test_two_processes_equal_one(pages, tmp_path, pixlm):
    still = ("--train.dropout", "0")
    code, _, error = pixlm(*options(pages, tmp_path / "one", *still))
    assert code == 0, error
    driver = tmp_path / "driver.py"
    driver.write_text("import sys\nfrom pixlm.cli import main\nsys.exit(main(sys.argv[1:]))\n")
    launch = [sys.executable, "-m", "torch.distributed.run", "--standalone", "--nproc-per-node", "2", str(driver)]
    done = subprocess.run(
        [*launch, *options(pages, tmp_path / "two", *still)],
        env={**os.environ, "CUDA_VISIBLE_DEVICES": "", "OMP_NUM_THREADS": "1"},
        capture_output=True,
        text=True,
        timeout=240,
    )
    assert done.returncode == 0, done.stderr[-3000:]
    assert losses(tmp_path / "two") == pytest.approx(losses(tmp_path / "one"), rel=1e-4)
    scores = [json.loads((tmp_path / name / "metrics.json").read_text())["dev"] for name in ("one", "two")]
    assert scores[0]["loss"] == pytest.approx(scores[1]["loss"], rel=1e-4)
    assert scores[0]["examples"] == scores[1]["examples"] == 2


def test_a_pretrained_model_goes_on_to_another_task(straight, pages, tmp_path, pixlm):
    """Its vocabulary grows by the task's tags; old rows keep their numbers."""
    few = ("--train.max-steps", "1", "--train.batch-size", "2", "--train.learning-rate", "1e-9")
    data = ("--data", pages, "--output", tmp_path / "run")
    code, _, error = pixlm("finetune", "receipts", "--model", straight, *data, *few)
    assert code == 0, error
    before, after = (hub.load_model(folder) for folder in (straight, tmp_path / "run"))
    rows = before.get_input_embeddings().num_embeddings
    assert after.get_input_embeddings().num_embeddings > rows
    torch.testing.assert_close(
        after.get_input_embeddings().weight[:rows], before.get_input_embeddings().weight, rtol=0, atol=1e-6
    )
    encoder = hub.load_encoder(tmp_path / "run")
    assert encoder.tokenizer.convert_tokens_to_ids("<s_total>") >= rows


def test_new_models_take_pretrained_parts(straight, pages, tmp_path, pixlm):
    donor = hub.load_model(straight)
    for part, name in ((donor.vision_model, "vision"), (donor.text_model, "text")):
        hub.save(tmp_path / name, part)
    parts = ("--page.vision", tmp_path / "vision", "--page.text", tmp_path / "text", "--page.tokenizer", straight)
    few = ("--train.max-steps", "1", "--train.batch-size", "2", "--train.learning-rate", "1e-9")
    frozen = ("--train.freeze", "vision_model.")
    data = ("--data", pages, "--output", tmp_path / "run")
    small = ("--page.size", "64", "48", "--page.max-target-length", "64")
    command = ("finetune", "receipts", "--model", "pali-tiny", *data, *few, *parts, *frozen, *small)
    code, out, error = pixlm(*command)
    assert code == 0, error
    assert f"vision part from {tmp_path / 'vision'}" in out
    made = hub.load_model(tmp_path / "run")
    own, given = made.vision_model.state_dict(), donor.vision_model.state_dict()
    assert all(torch.equal(own[name], given[name]) for name in given)
    layer = "encoder.block.0.layer.0.SelfAttention.q.weight"
    torch.testing.assert_close(
        made.text_model.state_dict()[layer], donor.text_model.state_dict()[layer], rtol=0, atol=1e-6
    )


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("finetune", "receipts", "--model", "pixel-nano"), "no head for text about pages"),
        (("finetune", "pos", "--model", "donut-tiny"), "no data found"),
        (("finetune", "receipts", "--model", "pixel-nano", "--page.size", "64", "64"), "pixel-nano reads none"),
        (("pretrain", "--model", "donut-tiny", "--objective", "reading"), "choose one of"),
        (("pretrain", "--model", "pixel-nano", "--objective", "ocr"), "pixel-nano reads none"),
        (("pretrain", "--model", "donut-tiny", "--mask.ratio", "0.5"), "--mask.ratio 0.5: is about text"),
        (("finetune", "receipts", "--model", "donut-tiny", "--page.size", "64", "64"), "112"),
        (("finetune", "receipts", "--model", "donut-tiny", "--page.resolutions", "0"), "--page.resolutions"),
        (("finetune", "receipts", "--model", "pix2struct-tiny", "--page.max-patches", "0"), "must be 1 or more"),
        (("finetune", "receipts", "--model", "pix2struct-tiny", "--page.max-patches", "1024"), "up to 1023"),
        (("finetune", "receipts", "--model", "donut-tiny", "--page.max-target-length", "1"), "must be 2 or more"),
        (("finetune", "receipts", "--model", "donut-tiny", "--train.sharding", "full"), "--train.sharding full"),
        (("finetune", "receipts", "--model", "donut-tiny", "--task.num-beams", "0"), "--task.num-beams 0"),
        (("finetune", "receipts", "--model", "donut-tiny", "--train.freeze", "encodr"), "--train.freeze encodr"),
    ],
)
def test_wrong_use_is_one_line(arguments, message, pages, tmp_path, pixlm):
    code, _, error = pixlm(*arguments, "--data", pages, "--output", tmp_path / "run")
    assert code == 2
    assert error.count("\n") == 1
    assert message in error


def test_lower_layers_learn_less(pages, tmp_path, pixlm):
    code, _, error = pixlm(
        *options(pages, tmp_path / "run", "--train.layer-decay", "0.1", "--train.learning-rate", "0.1")
    )
    assert code == 0, error
    before, after = (dict(hub.load_model(tmp_path / "run" / f"checkpoint-{n}").named_parameters()) for n in (4, 6))
    moved = {name: float((after[name] - before[name]).abs().max()) for name in before}
    low, high = "vision_model.layers.0.mlp.fc1.weight", "text_model.decoder.block.2.layer.2.DenseReluDense.wo.weight"
    assert 0 < moved[low] < moved[high] * 1e-4


def test_spikes_are_logged_with_their_pages(pages, tmp_path, pixlm, monkeypatch):
    from pixlm.training import spikes

    monkeypatch.setattr(spikes, "_LEAST", 1)
    wild = ("--train.learning-rate", "1", "--train.max-grad-norm", "0", "--train.warmup", "0", "--train.spikes", "1")
    code, _, error = pixlm(*options(pages, tmp_path / "run", *wild, "--train.max-steps", "12"))
    assert code == 0, error
    rows = [json.loads(line) for line in (tmp_path / "run" / "log.jsonl").read_text().splitlines()]
    found = [row for row in rows if "spike" in row]
    assert found
    assert all(row["spike"] > row["usual"] and set(row["examples"]) <= set(FILES) for row in found)


def test_resolutions_grow_with_the_steps(pages):
    encoder = PaliPages(golden_documents.tokenizer(), PageSettings(size=(64, 48), max_patches=100))
    sizes = []
    objective = SequenceToSequence(
        encoder,
        lambda example, rng: PageSample(example, "", "read", "a" if rng is None else str(rng.integers(10))),
        resolutions=Resolutions((0.5, 1.0, 1.5), steps=6, multiple=16),
    )
    page = Image.new("RGB", (60, 80), "white")
    for step in range(6):
        batch = objective.collate([Drawn(Draw(0, 0, step), page)])
        sizes.append(tuple(batch["pixel_values"].shape[-2:]))
    assert sizes == [(32, 32), (32, 32), (64, 48), (64, 48), (96, 64), (96, 64)]
    plain = objective.collate([Drawn(Draw(0, 0), page)])
    assert tuple(plain["pixel_values"].shape[-2:]) == (64, 48)
    assert objective.resolutions.encoder(encoder, 0).settings.max_patches == 50
    assert encoder.settings.size == (64, 48)
    # Random choices follow from epoch and index, and from nothing else.
    labels = [objective.collate([Drawn(Draw(3, 1, step), page)])["labels"].tolist() for step in (0, 5)]
    assert labels[0] == labels[1]
    several = [objective.collate([Drawn(Draw(epoch, 1, 0), page)])["labels"].tolist() for epoch in range(8)]
    assert any(each != several[0] for each in several)
