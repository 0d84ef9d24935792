"""Which file belongs to which split."""

from __future__ import annotations

import pytest

from pixlm.data.splits import Naming, find
from pixlm.errors import UsageError

TEXT = Naming(".txt", {"train": ("train",), "dev": ("dev", "heldout"), "test": ("test",)}, others="train")
TREEBANK = Naming(".conllu", {"train": ("train",), "dev": ("dev",), "test": ("test",)})


def folder(tmp_path, *names):
    for name in names:
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text("x")
    return str(tmp_path)


def test_only_whole_parts_of_a_name_count(tmp_path):
    root = folder(tmp_path, "Latest_news.txt", "Protestantism.txt", "Developer.txt", "Trains.txt", "vi.heldout.txt")
    sources = find(root, {}, TEXT)
    assert [path.name for path in sources.dev] == ["vi.heldout.txt"]
    assert sources.test == ()
    assert len(sources.train) == 4


def test_folders_in_the_folder_count_too(tmp_path):
    sources = find(folder(tmp_path, "a/train.txt", "b/dev.txt", "b/more.txt"), {}, TEXT)
    assert [path.name for path in sources.dev] == ["dev.txt"]
    assert sorted(path.name for path in sources.train) == ["more.txt", "train.txt"]


def test_treebanks_leave_other_files_out(tmp_path):
    root = folder(tmp_path, "vi_vtb-ud-train.conllu", "vi_vtb-ud-dev.conllu", "notes.conllu", "README.md")
    sources = find(root, {}, TREEBANK)
    assert [len(sources.get(split)) for split in ("train", "dev", "test")] == [1, 1, 0]


def test_files_given_by_name_win(tmp_path):
    root = folder(tmp_path, "x-ud-train.conllu", "x-ud-dev.conllu", "mine.conllu")
    sources = find(root, {"dev": str(tmp_path / "mine.conllu"), "test": None}, TREEBANK)
    assert [path.name for path in sources.dev] == ["mine.conllu"]


def test_a_name_that_says_two_things(tmp_path):
    with pytest.raises(UsageError, match="says both train and dev"):
        find(folder(tmp_path, "train-dev.txt"), {}, TEXT)
