"""Access tokens in the environment reach no file that a run writes, and no output."""

from __future__ import annotations

import importlib.machinery
import sys
import types

SECRETS = {
    "HF_TOKEN": "hf_canaryAAAAAAAAAAAAAAAAAAAAAAAAAAAA",
    "HUGGING_FACE_HUB_TOKEN": "hf_canaryBBBBBBBBBBBBBBBBBBBBBBBBBBBB",
    "WANDB_API_KEY": "canarycccccccccccccccccccccccccccccccccc",
    "AWS_SECRET_ACCESS_KEY": "canary/ddddddddddddddddddddddddddddddddd",
}


def test_no_token_is_written(treebank, tmp_path, pixlm, monkeypatch):
    """Fine-tuning with a tracker: run.yaml, log, card, checkpoints, cache, and what the tracker is told."""
    for name, value in SECRETS.items():
        monkeypatch.setenv(name, value)
    monkeypatch.setenv("PIXLM_CACHE", str(tmp_path / "cache"))
    told: list[object] = []

    tracker = types.ModuleType("wandb")
    tracker.__spec__ = importlib.machinery.ModuleSpec("wandb", None)
    for name in ("init", "log", "finish"):
        setattr(tracker, name, lambda *arguments, **keywords: told.append((arguments, keywords)))
    monkeypatch.setitem(sys.modules, "wandb", tracker)
    command = ("finetune", "pos", "--model", "pixel-nano", "--data", treebank, "--output", tmp_path / "run")
    few = ("--train.max-steps", "2", "--train.batch-size", "4", "--render.max-seq-length", "63", "--data.cache", "True")
    code, out, error = pixlm(*command, *few, "--train.log-steps", "1", "--train.report-to", "wandb")
    assert code == 0, error
    assert told
    written = [path for path in tmp_path.rglob("*") if path.is_file()]
    assert {"run.yaml", "log.jsonl", "README.md", "metrics.json", "encoded.arrow"} <= {path.name for path in written}
    code, shown, _ = pixlm("doctor")
    for secret in SECRETS.values():
        assert [path for path in written if secret.encode() in path.read_bytes()] == []
        assert secret not in out + error + shown + repr(told)


def test_no_setting_is_a_token():
    """So none can stand in a recipe or a run.yaml."""
    from dataclasses import fields, is_dataclass

    from pixlm.training.config import FinetuneConfig, PretrainConfig

    def names(config, prefix=""):
        for item in fields(config):
            yield f"{prefix}{item.name}"
            if is_dataclass(value := getattr(config, item.name)):
                yield from names(value, f"{prefix}{item.name}.")

    for config in (FinetuneConfig(), PretrainConfig()):
        found = [name for name in names(config) if any(word in name.split(".")[-1] for word in ("secret", "password"))]
        assert found == []
        assert not {name.split(".")[-1] for name in names(config)} & {"token", "api_key", "key", "hub_token"}
