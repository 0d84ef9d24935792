"""Folders are complete or do not count."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from pixlm import files


def checkpoint(run, step, content=b"weights"):
    folder = run / f"checkpoint-{step}"
    aside = run / f".checkpoint-{step}.partial"
    aside.mkdir(parents=True)
    (aside / "model.safetensors").write_bytes(content)
    files.publish(aside, folder)
    return folder


def test_a_published_folder_verifies(tmp_path):
    folder = checkpoint(tmp_path, 3)
    assert files.verify(folder) is None
    assert not (tmp_path / ".checkpoint-3.partial").exists()


def test_publishing_replaces_an_older_folder(tmp_path):
    checkpoint(tmp_path, 3)
    folder = checkpoint(tmp_path, 3, b"newer")
    assert (folder / "model.safetensors").read_bytes() == b"newer"
    assert [path.name for path in tmp_path.iterdir()] == ["checkpoint-3"]


@pytest.mark.parametrize(
    ("damage", "reason"),
    [
        (lambda f: (f / "manifest.json").unlink(), "manifest.json is missing"),
        (lambda f: (f / "manifest.json").write_text("{"), "manifest.json cannot be read"),
        (lambda f: (f / "manifest.json").write_text("[]"), "manifest.json cannot be read"),
        (lambda f: (f / "model.safetensors").unlink(), "model.safetensors is missing"),
        (lambda f: (f / "model.safetensors").write_bytes(b"weight"), "model.safetensors is damaged"),
        (lambda f: (f / "model.safetensors").write_bytes(b"wEights"), "model.safetensors is damaged"),
    ],
)
def test_damage_is_found_and_the_checkpoint_before_is_taken(tmp_path, damage, reason):
    older, newer = checkpoint(tmp_path, 9), checkpoint(tmp_path, 10)
    damage(newer)
    assert files.verify(newer) == reason
    found, problems = files.newest_checkpoint(tmp_path)
    assert found == older
    assert len(problems) == 1
    assert reason in problems[0]


def test_other_names_are_no_checkpoints(tmp_path):
    for name in ("checkpoint-best", "checkpoint-", "checkpoint-1x", ".checkpoint-5.partial"):
        (tmp_path / name).mkdir()
    assert files.checkpoints(tmp_path) == []
    assert files.newest_checkpoint(tmp_path) == (None, [])


def test_text_is_replaced_whole(tmp_path):
    path = tmp_path / "metrics.json"
    files.write_json(path, {"a": "é"})
    files.write_json(path, {"b": 1})
    assert json.loads(path.read_text(encoding="utf-8")) == {"b": 1}
    assert [p.name for p in tmp_path.iterdir()] == ["metrics.json"]


def test_what_cannot_be_written_is_named_and_leaves_nothing_behind(tmp_path):
    (tmp_path / "there").mkdir()
    for path, kind in ((tmp_path / "there", IsADirectoryError), (tmp_path / "none" / "a.json", FileNotFoundError)):
        with pytest.raises(kind) as caught:
            files.write_text(path, "text")
        assert caught.value.filename == str(path)
    assert [path.name for path in tmp_path.iterdir()] == ["there"]


def test_lone_surrogates_are_written_as_json_spells_them(tmp_path):
    files.write_json(tmp_path / "a.json", {"text": "a\udc80b"})
    assert files.read_json(tmp_path / "a.json") == {"text": "a\udc80b"}


def test_a_lock_whose_file_was_taken_away_is_nobodys(tmp_path, monkeypatch):
    path = tmp_path / ".lock"
    with files.lock(path) as first:
        assert first
        path.unlink()
        path.touch()
        with files.lock(path) as second:
            assert second
    assert not path.exists()
    opened = Path.open

    def late(self, *arguments):  # between opening and locking, the owner takes the file away
        file = opened(self, *arguments)
        self.unlink()
        return file

    monkeypatch.setattr(Path, "open", late)
    with files.lock(path) as ours:
        assert not ours
