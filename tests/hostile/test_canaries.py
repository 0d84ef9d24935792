"""Pickles that would write a file when they are read, at every place that pixlm loads from: none is ever executed.

``pytorch_model.bin`` and ``checkpoint.pt`` have theirs in tests/test_hub.py, tests/test_hub_tokens.py and
tests/models/document/test_cruller.py.
"""

from __future__ import annotations

import io
import json
import pickle
import shutil
import tarfile
from pathlib import Path

import numpy as np
import pytest
import torch

import pixlm as library
from pixlm import TextRenderer, files, hub
from pixlm.data import cache
from pixlm.data.cache import Request, cached
from pixlm.data.encoders import RenderedText
from pixlm.data.pages.shards.index import _unpacked
from pixlm.data.tokenizer_files import load_tokenizer
from pixlm.errors import PixlmError, UsageError
from pixlm.models import PixelForPreTraining, preset
from pixlm.models.document import PaliModel, take_part
from pixlm.models.document.config import document_preset

SMALL = (
    *("--model", "pixel-nano", "--render.max-seq-length", "63", "--train.batch-size", "4", "--train.max-steps", "2"),
    *("--train.save-steps", "1",),
)  # fmt: skip


class Canary:
    """Writes a file when it is unpickled."""

    def __init__(self, path: Path):
        self.path = path

    def __reduce__(self):
        return (Path.touch, (self.path,))


@pytest.fixture
def canary(tmp_path, monkeypatch):
    """The bytes of a pickle; no test may leave its file behind."""
    monkeypatch.setenv("PIXLM_CACHE", str(tmp_path / "cache"))
    target = tmp_path / "executed"
    yield pickle.dumps({"weights": Canary(target)})
    assert not target.exists(), "code of a file was executed"
    pickle.loads(pickle.dumps(Canary(target)))  # and it would have shown
    assert target.exists()


def publish_again(folder: Path) -> None:
    """Checksums that fit: whoever changes a file can change its manifest."""
    (folder / files.MANIFEST).unlink(missing_ok=True)
    files.write_manifest(folder)


@pytest.fixture
def model(tmp_path) -> Path:
    folder = tmp_path / "model"
    torch.manual_seed(0)
    hub.save(folder, PixelForPreTraining(preset("pixel-nano")), RenderedText(TextRenderer(max_seq_length=63)))
    return folder


@pytest.mark.parametrize("name", ["model.safetensors", "config.json", "text_renderer_config.json"])
def test_files_of_a_model(name, model, canary):
    (model / name).write_bytes(canary)
    with pytest.raises(PixlmError) as error:
        library.load(str(model))
    assert "\n" not in str(error.value)


def test_files_beside_a_model_are_not_read(model, canary):
    for name in ("training_args.bin", "optimizer.pt", "scheduler.pt", "rng_state.pth", "pytorch_model.bin"):
        (model / name).write_bytes(canary)
    library.load(str(model))


def test_a_font_beside_a_model(model, canary):
    (font,) = model.glob("PixlmSans-Regular*")
    font.write_bytes(canary)
    with pytest.raises(PixlmError):
        library.load(str(model))


@pytest.mark.parametrize("name", ["model.safetensors", "optimizer.safetensors", "progress.json"])
def test_checkpoints_to_go_on_from(name, canary, texts, tmp_path, pixlm):
    """With checksums that fit."""
    output = tmp_path / "run"
    command = ("pretrain", *SMALL, "--data", texts, "--output", output)
    assert pixlm(*command)[0] == 0
    (output / "metrics.json").unlink()
    for path in files.checkpoints(output):
        if path.name == "checkpoint-2":
            shutil.rmtree(path)
    checkpoint = files.checkpoints(output)[-1]
    (checkpoint / name).write_bytes(canary)
    publish_again(checkpoint)
    code, _, error = pixlm(*command)
    assert code == 1
    assert error.splitlines()[-1].startswith(f"pixlm: {checkpoint}")


def test_settings_of_a_run(canary, texts, tmp_path, pixlm):
    output = tmp_path / "run"
    command = ("pretrain", *SMALL, "--data", texts, "--output", output)
    assert pixlm(*command)[0] == 0
    (output / "metrics.json").unlink()
    tagged = f"!!python/object/apply:pathlib.Path.touch [!!python/object/apply:pathlib.Path [{tmp_path / 'executed'}]]"
    for content in (canary, tagged.encode(), b"- a\n- list\n", b"[" * 5000):
        (output / "run.yaml").write_bytes(content)
        code, _, error = pixlm(*command)
        assert code == 2
        assert f"{output / 'run.yaml'}: cannot be read" in error.splitlines()[-1]
        (tmp_path / "recipe.yaml").write_bytes(content)
        code, _, error = pixlm("pretrain", "--config", tmp_path / "recipe.yaml")
        assert code == 2
        assert error.splitlines()[-1].startswith(f"pixlm: {tmp_path / 'recipe.yaml'}: ")


def test_encoded_examples(canary, capsys):
    """With a checksum that fits, as another user of a shared cache could write it."""
    encoder = RenderedText(TextRenderer(max_seq_length=40))
    cached(encoder, [[Request("one")]])
    (folder,) = cache.root().iterdir()
    (folder / cache.FILE).write_bytes(canary)
    publish_again(folder)
    kept = cached(encoder, [[Request("one")]])
    assert "making it again" in capsys.readouterr().out
    assert np.array_equal(kept.encode("one").units["pixel_values"], encoder.encode("one").units["pixel_values"])


def test_packed_text(canary, texts, tmp_path, pixlm):
    """Arrays of objects, which NumPy would unpickle."""
    command = ("pretrain", *SMALL, "--data", texts, "--output")
    assert pixlm(*command, tmp_path / "one")[0] == 0
    parts = [path.parent for path in (tmp_path / "cache" / "corpus").rglob("ends.npy")]
    assert parts
    for folder in parts:
        np.save(folder / "ends.npy", np.array([Canary(tmp_path / "executed")] * 4, dtype=object), allow_pickle=True)
        publish_again(folder)
    code, _, error = pixlm(*command, tmp_path / "two")
    assert code == 1
    assert "ends.npy" in error.splitlines()[-1]


def test_indexes_of_archives(canary, tmp_path):
    data = io.BytesIO()
    np.savez(data, offsets=np.array([Canary(tmp_path / "executed")], dtype=object), allow_pickle=True)
    for content in (data.getvalue(), canary):
        with pytest.raises((ValueError, KeyError, OSError)):  # and the archive is gone through again
            _unpacked(content)


def test_scripts_beside_data_are_not_run(canary, tmp_path):
    from pixlm.data.readers.texts import read_texts

    folder = tmp_path / "set"
    folder.mkdir()
    (folder / "set.py").write_text(f"from pathlib import Path\nPath({str(tmp_path / 'executed')!r}).touch()\n")
    (folder / "state.json").write_text(json.dumps({"_data_files": [{"filename": "data.arrow"}], "_split": "train"}))
    (folder / "dataset_info.json").write_text("{}")
    (folder / "data.arrow").write_bytes(canary)
    with pytest.raises(UsageError):
        read_texts(folder)


def test_members_of_archives(canary, tmp_path, pixlm):
    """Serialised objects in shards are refused by their names, and read as nothing else under other names."""
    for number, name in enumerate(("a.pyd", "a.pickle", "a.pt", "a.json", "a.png")):
        path = tmp_path / f"{number}.tar"
        with tarfile.open(path, "w") as archive:
            for member in dict.fromkeys((name, "a.png")):
                info = tarfile.TarInfo(member)
                info.size = len(canary)
                archive.addfile(info, io.BytesIO(canary))
        output = tmp_path / f"run-{number}"
        code, _, error = pixlm("finetune", "ocr", "--model", "donut-tiny", "--data", path, "--output", output)
        assert code in (1, 2), name
        assert error.splitlines()[-1].startswith("pixlm: "), name


@pytest.mark.parametrize("name", ["model.pkl", "model.safetensors", "pytorch_model.bin"])
def test_parts_of_models_of_pages(name, canary, tmp_path):
    """What --page.vision and --page.text name."""
    model = PaliModel(document_preset("pali-tiny"))
    (tmp_path / "config.json").write_text('{"model_type": "vit"}')
    (tmp_path / name).write_bytes(canary)
    for which in ("vision", "text"):
        with pytest.raises(UsageError):
            take_part(model, which, tmp_path)


@pytest.mark.parametrize("name", ["tokenizer.json", "vocab.txt", "spiece.model", "sentencepiece.bpe.model"])
def test_tokenizers(name, canary, tmp_path):
    (tmp_path / name).write_bytes(canary)
    text = document_preset("pali-tiny").text_config
    with pytest.raises(UsageError, match=r"its tokenizer (cannot be read|has no tokens)") as error:
        load_tokenizer(tmp_path, text)
    assert "\n" not in str(error.value)


@pytest.mark.parametrize("model_type", ["donut-tiny", "pix2struct-tiny", "pali-tiny", "pixel", "bert"])
def test_weights_that_are_pickles(model_type, canary, tmp_path, pixlm):
    folder = tmp_path / "model"
    if model_type.endswith("-tiny"):
        document_preset(model_type).save_pretrained(folder)
    else:
        folder.mkdir()
        (folder / "config.json").write_text(json.dumps({"model_type": model_type}))
    (folder / "pytorch_model.bin").write_bytes(canary)
    with pytest.raises(PixlmError) as error:
        library.load(str(folder))
    assert "\n" not in str(error.value)
    code, _, said = pixlm("convert", "--model", folder, "--output", tmp_path / "converted")
    assert code in (1, 2)
    assert said.splitlines()[-1].startswith("pixlm: ")
