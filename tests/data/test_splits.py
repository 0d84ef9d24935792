"""Which file belongs to which split."""

from __future__ import annotations

import pytest

from pixlm.data import splits
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


@pytest.mark.parametrize(
    ("naming", "names", "found"),
    [
        (splits.TREEBANK, ["hi_pud-cut-train.conllu", "hi_pud-cut-dev.conllu"], "1 1 0"),
        (splits.ENTITIES, ["train.txt", "dev.txt", "test.txt", "labels.txt", "README.txt"], "1 1 1"),
        (splits.ENTITIES, ["en_ewt-ud-train-2022.iob2", "en_ewt-ud-dev.iob2", "LICENSE.txt"], "1 1 0"),
        (splits.ENTITIES, ["klue-ner-v1.1_train.tsv", "klue-ner-v1.1_dev.tsv"], "1 1 0"),
        (splits.ENTITIES, ["hi/hi_train.json", "hi/hi_val.json", "ta/ta_train.json"], "2 1 0"),
        (splits.PAIRS, ["train.tsv", "dev_matched.tsv", "dev_mismatched.tsv", "test_matched.tsv"], "1 2 1"),
        (splits.PAIRS, ["train.tsv", "original/train.tsv", "original/raw/in_domain_train.tsv"], "1 0 0"),
        (splits.PAIRS, ["snli_1.0_train.jsonl", "snli_1.0_train.txt", "__MACOSX/._snli_1.0_train.txt"], "1 0 0"),
        (splits.PAIRS, ["xnli.dev.en.tsv", "xnli.test.en.cut.tsv", "multinli.train.ur.tsv"], "1 1 1"),
        (splits.PAIRS, ["cola/train-00000-of-00001.parquet", "cola/validation-00000-of-00001.parquet"], "1 1 0"),
        (splits.TABLES, ["eng_Latn/train.tsv", "hin_Deva/train.tsv", "hin_Deva/dev.tsv"], "2 1 0"),
        (splits.QUESTIONS, ["train-v1.1.json", "dev-v1.1.json", "predictions.json"], "1 1 0"),
        (splits.QUESTIONS, ["KorQuAD_v1.0_train.json", "KorQuAD_v1.0_dev.json"], "1 1 0"),
        (splits.QUESTIONS, ["jaquad_train_0000.json", "jaquad_train_0001.json", "jaquad_dev_0000.json"], "2 1 0"),
        (splits.QUESTIONS, ["tydiqa-goldp-v1.1-train.json", "tydiqa-goldp-dev-english.json"], "1 1 0"),
    ],
)
def test_native_names(tmp_path, naming, names, found):
    sources = find(folder(tmp_path, *names), {}, naming)
    assert " ".join(str(len(sources.get(split))) for split in splits.SPLITS) == found


def test_of_two_forms_of_a_file_the_preferred_one_counts(tmp_path):
    sources = find(folder(tmp_path, "snli_1.0_dev.txt", "snli_1.0_dev.jsonl"), {}, splits.PAIRS)
    assert [path.name for path in sources.dev] == ["snli_1.0_dev.jsonl"]


def test_datasets_folders(tmp_path):
    import datasets

    rows = datasets.Dataset.from_dict({"text": ["a"], "label": ["x"]})
    made = datasets.DatasetDict({"train": rows, "validation": rows, "extra": rows})
    for language in ("eng_Latn", "hin_Deva"):
        made.save_to_disk(str(tmp_path / language))
    sources = find(str(tmp_path), {}, splits.TABLES)
    assert [path.relative_to(tmp_path).as_posix() for path in sources.train] == ["eng_Latn/train", "hin_Deva/train"]
    assert len(sources.dev) == 2
    one = str(tmp_path / "eng_Latn" / "extra")
    assert find(one, {}, splits.TABLES).train == (tmp_path / "eng_Latn" / "extra",)
    assert find(None, {"test": one}, splits.TABLES).test == (tmp_path / "eng_Latn" / "extra",)
    with pytest.raises(UsageError, match="is a folder, not a file"):
        find(None, {"test": one}, splits.TREEBANK)


def test_nothing_found_says_what_was_looked_for(tmp_path):
    with pytest.raises(UsageError, match=r"looked for \*train\*\.tsv, \*dev\*\.tsv, \*test\*\.tsv \(or \.csv, "):
        find(folder(tmp_path, "data.tsv"), {}, splits.TABLES)
