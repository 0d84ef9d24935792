from __future__ import annotations

import json
import os
import pickle
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file, save_file
from transformers import (
    AutoConfig,
    AutoModel,
    AutoModelForPreTraining,
    AutoModelForQuestionAnswering,
    AutoModelForSequenceClassification,
    AutoModelForTokenClassification,
    AutoProcessor,
)

from pixlm import hub
from pixlm.errors import UsageError
from pixlm.models import (
    PixelConfig,
    PixelEncoder,
    PixelForDependencyParsing,
    PixelForPreTraining,
    PixelForQuestionAnswering,
    PixelForSequenceClassification,
    PixelForTokenClassification,
    PixelModel,
    preset,
)

GOLDEN = Path(__file__).parent / "golden" / "pixel-models"
ONLY_BIN = GOLDEN / "pretrain-25-bin"
TOKEN = GOLDEN / "token-36-up"


class FakeRenderer:
    def save_pretrained(self, folder):
        (Path(folder) / "text_renderer_config.json").write_text("{}")


@pytest.fixture
def folder(tmp_path) -> Path:
    """A small saved pre-training model."""
    torch.manual_seed(0)
    config = PixelConfig(
        hidden_size=24,
        num_hidden_layers=1,
        num_attention_heads=2,
        intermediate_size=32,
        decoder_hidden_size=16,
        decoder_num_attention_heads=2,
        decoder_num_hidden_layers=1,
        decoder_intermediate_size=24,
        image_size=(16, 256),
    )
    path = tmp_path / "runs" / "model"
    hub.save(path, PixelForPreTraining(config), FakeRenderer())
    return path


def edit_config(folder: Path, **fields) -> None:
    path = folder / "config.json"
    path.write_text(json.dumps(json.loads(path.read_text()) | fields))


def edit_weights(folder: Path, change) -> None:
    path = folder / "model.safetensors"
    save_file(change(load_file(path)), path, metadata={"format": "pt"})


# finding


def test_save_writes_one_complete_folder(folder):
    assert sorted(path.name for path in folder.iterdir()) == [
        "config.json",
        "model.safetensors",
        "text_renderer_config.json",
    ]


def test_others_may_read_what_is_saved(tmp_path):
    before = os.umask(0o022)
    try:
        hub.save(tmp_path, hub.load_model(TOKEN))
    finally:
        os.umask(before)
    assert {path.name: path.stat().st_mode & 0o777 for path in tmp_path.iterdir()} == {
        "config.json": 0o644,
        "model.safetensors": 0o644,
    }


@pytest.mark.parametrize("writer", ["hub.save(target, model)", "save_upstream(model, target)"])
def test_a_full_disk_is_one_line(writer, tmp_path):
    """In a process that may write files of 50 kB at most."""
    code = f"""
import resource, sys
from pathlib import Path
from pixlm import hub
from pixlm.errors import RunError
from pixlm.models.upstream import save_upstream

model, target = hub.load_model({str(TOKEN)!r}), Path({str(tmp_path)!r})
resource.setrlimit(resource.RLIMIT_FSIZE, (50_000, 50_000))
try:
    {writer}
except RunError as error:
    print(error)
"""
    result = subprocess.run([sys.executable, "-W", "ignore", "-c", code], capture_output=True, text=True, check=True)
    assert result.stdout.startswith(f"cannot write to {tmp_path}: ")
    assert len(result.stdout.splitlines()) == 1


def test_an_existing_folder_wins(folder, monkeypatch, tmp_path):
    monkeypatch.chdir(tmp_path)
    folder.rename(tmp_path / "pixel-base")
    assert hub.resolve("pixel-base") == Path("pixel-base")
    assert hub.load_config("pixel-base").hidden_size == 24
    assert hub.resolve("pixel-tiny").to_dict() == preset("pixel-tiny").to_dict()


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("runs/modle", r"no folder and no preset is called runs/modle; did you mean runs/model\?"),
        ("./rnus/model", r"did you mean runs/model\?"),
        ("pixel-bsae", r"did you mean pixel-base\?"),
        ("zzz", "presets are pixel-base"),
        ("runs", r"runs holds no model: config.json is missing; did you mean runs/model\?"),
        ("runs/model/config.json", "is a file; give the folder"),
    ],
)
def test_mistyped_names(name, message, folder, monkeypatch, tmp_path):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(hub, "_snapshot", lambda *_: pytest.fail("asked the hub"))
    with pytest.raises(UsageError, match=message) as error:
        hub.load_model(name)
    assert "\n" not in str(error.value)


def test_hub_ids_go_to_the_hub(folder, monkeypatch, tmp_path):
    asked = []

    def snapshot(*arguments):
        asked.append(arguments)
        return folder

    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(hub, "_snapshot", snapshot)
    assert isinstance(hub.load_model("org/name", revision="v1"), PixelForPreTraining)
    assert set(asked) == {("org/name", "v1", True)}


def test_revisions_from_the_hub_cache_without_network(folder, monkeypatch, tmp_path):
    """A cache as huggingface_hub lays it out: refs name commits, snapshots link to blobs."""
    import huggingface_hub
    from huggingface_hub import constants

    def fail(*_, **__):
        pytest.fail("asked the hub")

    cache = tmp_path / "cache"
    repository = cache / "models--org--name"
    for commit, branch in (("a" * 40, "main"), ("b" * 40, "half")):
        snapshot = repository / "snapshots" / commit
        snapshot.mkdir(parents=True)
        (repository / "refs").mkdir(exist_ok=True)
        (repository / "refs" / branch).write_text(commit)
        for path in folder.iterdir():
            blob = repository / "blobs" / f"{branch}-{path.name}"
            blob.parent.mkdir(exist_ok=True)
            shutil.copyfile(path, blob)
            (snapshot / path.name).symlink_to(blob)
    edit_config(repository / "snapshots" / ("b" * 40), mask_ratio=0.5)
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(constants, "HF_HUB_CACHE", str(cache))
    monkeypatch.setattr(huggingface_hub.HfApi, "model_info", fail)
    for revision, ratio in ((None, 0.25), ("main", 0.25), ("half", 0.5), ("b" * 40, 0.5)):
        assert hub.load_config("org/name", revision=revision).mask_ratio == ratio
        assert hub.load_model("org/name", revision=revision).config.mask_ratio == ratio
        local = {"revision": revision or "main", "cache_dir": cache, "local_files_only": True}
        assert AutoModelForPreTraining.from_pretrained("org/name", **local).config.mask_ratio == ratio


def test_hub_without_network(monkeypatch, tmp_path):
    import huggingface_hub

    def fail(*_, **__):
        raise OSError("Name or service not known")

    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(huggingface_hub.HfApi, "model_info", fail)
    with pytest.raises(UsageError, match=r"no-such-org/name is not on this machine, and the hub did not answer \(Name"):
        hub.load_model("no-such-org/name")


# loading


def test_presets_are_fresh_models(monkeypatch):
    config = hub.load_config("pixel-nano", num_labels=4, mask_ratio=0.5)
    assert (config.num_labels, config.mask_ratio) == (4, 0.5)
    assert hub.load_model("pixel-nano", PixelForTokenClassification, config=config).classifier.weight.shape[0] == 4
    assert isinstance(hub.load_model("pixel-nano"), PixelForPreTraining)


@pytest.mark.parametrize(
    "model_class", [None, PixelForPreTraining, PixelModel, PixelEncoder, PixelForTokenClassification]
)
def test_upstream_checkpoint_with_only_a_bin(model_class):
    model = hub.load_model(ONLY_BIN, model_class)
    assert type(model) is (model_class or PixelForPreTraining)
    assert not model.training
    stored = torch.load(ONLY_BIN / "pytorch_model.bin", weights_only=True)
    name = "encoder.layer.0.attention.attention.key.weight"
    assert torch.equal(getattr(model, "vit", model).get_parameter(name), stored[f"vit.{name}"])
    assert model.config.layer_norm_eps == 1e-6


def test_no_network_no_threads_no_output(capfd):
    """In a process of its own, in which every connection fails."""
    code = f"""
import socket, threading
def refuse(*_): raise AssertionError("network")
socket.socket.connect = socket.getaddrinfo = refuse
from pixlm import hub

hub.load_model({str(ONLY_BIN)!r})
assert not [t.name for t in threading.enumerate() if "conversion" in t.name]
from pixlm.models import PixelForPreTraining
PixelForPreTraining.from_pretrained({str(ONLY_BIN)!r})
"""
    subprocess.run([sys.executable, "-W", "ignore", "-c", code], check=True)
    hub.load_model(ONLY_BIN)
    out, err = capfd.readouterr()
    assert out == ""
    assert "LOAD REPORT" not in err


@pytest.mark.parametrize(
    ("case", "model_class", "unused"),
    [
        ("token-36-up", PixelForTokenClassification, ()),
        ("pixel-model-36", PixelModel, ()),
        ("vit-30", PixelEncoder, ()),
        ("sequence-36/weights-cls-3", PixelForSequenceClassification, ("pooler.linear", "pooler.ln")),
        ("sequence-36/weights-tokens-3", PixelForSequenceClassification, ()),
        ("qa-49", PixelForQuestionAnswering, ("classifier",)),
        ("biaffine-40", PixelForDependencyParsing, ("classifier",)),
    ],
)
@pytest.mark.filterwarnings("ignore:the config.json of")
def test_upstream_class_names(case, model_class, unused):
    model = hub.load_model(GOLDEN / case)
    assert type(model) is model_class
    stored = load_file(GOLDEN / case / "model.safetensors")
    unused_names = {f"{layer}.{part}" for layer in unused for part in ("weight", "bias")}
    assert model.state_dict().keys() == stored.keys() - unused_names


def test_pooling_follows_from_the_weights(tmp_path):
    folder = GOLDEN / "sequence-36"
    for load in (hub.load_model, AutoModelForSequenceClassification.from_pretrained):
        assert load(folder / "weights-cls-3").config.pooling_mode == "cls"
        with pytest.warns(UserWarning, match=r'mean is assumed; if it was max, add "pooling_mode": "max"'):
            assert load(folder / "weights-tokens-3").config.pooling_mode == "mean"
        with pytest.raises(UsageError, match=r'add "pooling_mode": "pma" and "pma_heads"'):
            load(folder / "weights-pma4-3")
    told = hub.load_config(folder / "weights-pma4-3", pooling_mode="pma4")
    model = hub.load_model(folder / "weights-pma4-3", config=told)
    hub.save(tmp_path, model)
    again = hub.load_model(tmp_path)
    assert (again.config.pooling_mode, again.config.pma_heads) == ("pma", 4)
    assert torch.equal(again.pooler.pooling["pooler"].S, model.pooler.pooling["pooler"].S)


def test_an_interpretable_classifier_is_a_classifier(tmp_path):
    shutil.copytree(GOLDEN / "sequence-36" / "weights-cls-3", tmp_path, dirs_exist_ok=True)
    edit_config(tmp_path, architectures=["InterpretablePIXELForSequenceClassification"])
    assert hub.load_model(tmp_path).config.pooling_mode == "cls"


def test_vit_mae_is_read_as_pixel(folder):
    edit_config(folder, model_type="vit_mae", architectures=["PIXELForPreTraining"])
    assert isinstance(hub.load_model(folder), PixelForPreTraining)


def test_new_labels_start_a_fresh_classifier():
    config = hub.load_config(TOKEN, id2label={i: f"L{i}" for i in range(9)}, label2id={f"L{i}": i for i in range(9)})
    assert config.num_labels == 9
    model = hub.load_model(TOKEN, config=config)
    assert model.classifier.weight.shape == (9, 32)
    same = hub.load_model(TOKEN, config=hub.load_config(TOKEN, mask_ratio=0.1))
    assert torch.equal(same.classifier.weight, load_file(TOKEN / "model.safetensors")["classifier.weight"])


def test_another_length(folder):
    for patches in (9, 25):
        config = hub.load_config(folder, image_size=(16, 16 * patches), extend_positions="linear")
        model = hub.load_model(folder, config=config)
        assert model.vit.embeddings.position_embeddings.shape[1] == patches + 1
        assert model(torch.rand(1, 1, 16, 16 * patches)).loss.isfinite()
    with pytest.raises(UsageError, match=r"longer than the position table"):
        hub.load_model(folder, config=hub.load_config(folder, image_size=(16, 400)))


def test_half_precision_checkpoints_load_in_float32(folder):
    edit_weights(folder, lambda weights: {name: value.half() for name, value in weights.items()})
    edit_config(folder, torch_dtype="float16")
    assert {p.dtype for p in hub.load_model(folder).parameters()} == {torch.float32}


def test_sharded_checkpoints(folder):
    weights = load_file(folder / "model.safetensors")
    names = sorted(weights)
    shards = {"model-00001-of-00002.safetensors": names[:20], "model-00002-of-00002.safetensors": names[20:]}
    for file, part in shards.items():
        save_file({name: weights[name] for name in part}, folder / file)
    (folder / "model.safetensors").unlink()
    index = {"weight_map": {name: file for file, part in shards.items() for name in part}}
    (folder / "model.safetensors.index.json").write_text(json.dumps(index))
    assert torch.equal(hub.load_model(folder).vit.layernorm.weight, weights["vit.layernorm.weight"])
    (folder / "model-00002-of-00002.safetensors").unlink()
    with pytest.raises(UsageError, match=r"model-00002-of-00002.safetensors is missing"):
        hub.load_model(folder)
    (folder / "model.safetensors.index.json").write_text(json.dumps({"weight_map": {"a": "../../secret.safetensors"}}))
    with pytest.raises(UsageError, match=r"does not say which files"):
        hub.load_model(folder)


def test_unused_keys_are_left_aside(folder):
    extra = {"classifier.weight": torch.ones(2, 24), "vit.pooler.dense.weight": torch.ones(24, 24)}
    edit_weights(folder, lambda weights: weights | extra)
    assert "vit.pooler.dense.weight" not in hub.load_model(folder).state_dict()


# damage


@pytest.mark.parametrize(
    "name",
    ["vit.encoder.layer.0.output.dense.weight", "vit.embeddings.cls_token", "vit.embeddings.position_embeddings"],
)
def test_a_missing_encoder_weight_is_named(name, folder):
    edit_weights(folder, lambda weights: {key: value for key, value in weights.items() if key != name})
    for model_class in (PixelForPreTraining, PixelForTokenClassification, PixelEncoder):
        with pytest.raises(UsageError, match=rf"{folder} lack (vit\.)?{name.removeprefix('vit.')}"):
            hub.load_model(folder, model_class)


def test_pretraining_needs_a_decoder():
    with pytest.raises(UsageError, match=r"lack decoder.* and .* more: it was saved without a decoder"):
        hub.load_model(TOKEN, PixelForPreTraining)


def test_a_checkpoint_without_its_own_head(tmp_path):
    hub.save(tmp_path, hub.load_model(TOKEN))
    edit_weights(tmp_path, lambda weights: {key: value for key, value in weights.items() if key != "classifier.bias"})
    with pytest.raises(UsageError, match=r"lack classifier.bias"):
        hub.load_model(tmp_path)
    assert isinstance(hub.load_model(tmp_path, PixelEncoder), PixelEncoder)


def test_weights_that_do_not_fit(folder):
    edit_config(folder, intermediate_size=64)
    with pytest.raises(UsageError, match=r"intermediate.dense.weight has the shape \[32, 24\], .* asks for \[64, 24\]"):
        hub.load_model(folder)


@pytest.mark.parametrize("content", [b"", b"{", b"[1, 2]", b"\xff\xfe", b'{"model_type": "vit"}', b"[" * 100_000])
def test_damaged_configurations_are_named(content, folder):
    (folder / "config.json").write_bytes(content)
    with pytest.raises(UsageError, match=r"config.json") as error:
        hub.load_model(folder)
    assert "\n" not in str(error.value)


@pytest.mark.parametrize(
    "fields",
    [
        *({"hidden_size": "wide"}, {"image_size": None}, {"patch_size": 0}, {"mask_ratio": 3}),
        *({"hidden_size": 0}, {"hidden_size": -8}, {"num_hidden_layers": 10**7}),
    ],
)
def test_nonsense_in_configurations(fields, folder):
    edit_config(folder, **fields)
    with pytest.raises(UsageError, match=r"config.json"):
        hub.load_model(folder)


@pytest.mark.parametrize("keep", [0, 7, 100, -50])
def test_truncated_safetensors(keep, folder):
    path = folder / "model.safetensors"
    path.write_bytes(path.read_bytes()[:keep])
    with pytest.raises(UsageError, match=r"model.safetensors is damaged or cut short"):
        hub.load_model(folder)


def as_bin(folder: Path, content: object, **options) -> Path:
    (folder / "model.safetensors").unlink()
    path = folder / "pytorch_model.bin"
    torch.save(content, path, **options)
    return path


@pytest.mark.parametrize("keep", [0, 60, 0.5, 0.99])
@pytest.mark.parametrize("zipped", [True, False])
def test_truncated_bin(keep, zipped, folder):
    weights = load_file(folder / "model.safetensors")
    path = as_bin(folder, weights, _use_new_zipfile_serialization=zipped)
    content = path.read_bytes()
    path.write_bytes(content[: keep if isinstance(keep, int) else int(len(content) * keep)])
    with pytest.raises(UsageError, match=r"pytorch_model.bin is damaged or cut short"):
        hub.load_model(folder)


def test_a_pointer_to_a_large_file(folder):
    path = as_bin(folder, {})
    path.write_text("version https://git-lfs.github.com/spec/v1\noid sha256:0\nsize 449\n")
    with pytest.raises(UsageError, match=r"pytorch_model.bin is damaged or cut short"):
        hub.load_model(folder)


class Malicious:
    def __init__(self, target: Path):
        self.target = target

    def __reduce__(self):
        return (Path.touch, (self.target,))


@pytest.mark.parametrize("form", ["zip", "legacy", "plain pickle"])
def test_code_in_a_pickle_is_refused(form, folder, tmp_path):
    target = tmp_path / "executed"
    weights = load_file(folder / "model.safetensors") | {"extra": Malicious(target)}
    path = as_bin(folder, weights, _use_new_zipfile_serialization=form == "zip")
    if form == "plain pickle":
        path.write_bytes(pickle.dumps({"extra": Malicious(target)}, protocol=2))
    with pytest.raises(UsageError, match=r"pytorch_model.bin holds more than tensors and is not loaded"):
        hub.load_model(folder)
    assert not target.exists()


def test_a_bin_without_names(folder):
    as_bin(folder, [torch.ones(2)])
    with pytest.raises(UsageError, match=r"does not hold named tensors"):
        hub.load_model(folder)


def test_no_weights(folder):
    (folder / "model.safetensors").unlink()
    with pytest.raises(UsageError, match=r"holds no weights: model.safetensors or pytorch_model.bin is missing"):
        hub.load_model(folder)


def test_unknown_class(folder):
    edit_config(folder, architectures=["PIXELForSomethingElse"])
    with pytest.raises(UsageError, match=r"PIXELForSomethingElse, which pixlm cannot load"):
        hub.load_model(folder)


# renderer and Auto classes


@pytest.fixture
def renderers(monkeypatch):
    """Stands in for TextRenderer: records how it was made."""
    import pixlm.rendering

    class Recorder(dict):
        @classmethod
        def from_pretrained(cls, folder, **options):
            return cls(folder=folder, **options)

    monkeypatch.setattr(pixlm.rendering, "TextRenderer", Recorder, raising=False)
    return Recorder


def test_renderer_of_a_folder_and_of_a_preset(renderers, folder):
    assert hub.load_renderer(folder, strategy="words") == {"folder": str(folder), "strategy": "words"}
    assert hub.load_renderer("pixel-nano") == {"max_seq_length": 256, "pixels_per_patch": 16}
    assert hub.load_renderer("pixel-nano", max_seq_length=64)["max_seq_length"] == 64


def test_auto_classes(folder, renderers):
    assert type(AutoConfig.from_pretrained(folder)) is PixelConfig
    assert type(AutoModel.from_pretrained(folder)) is PixelEncoder
    assert type(AutoModelForPreTraining.from_pretrained(folder)) is PixelForPreTraining
    assert type(AutoModelForTokenClassification.from_pretrained(TOKEN)) is PixelForTokenClassification
    assert type(AutoModelForSequenceClassification.from_pretrained(folder)) is PixelForSequenceClassification
    assert type(AutoModelForQuestionAnswering.from_pretrained(GOLDEN / "qa-49")) is PixelForQuestionAnswering
    assert AutoProcessor.from_pretrained(str(folder)) == {"folder": str(folder)}
