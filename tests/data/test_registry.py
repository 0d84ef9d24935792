"""The table of data sets, and getting and converting one."""

from __future__ import annotations

import dataclasses
import json
import re
import zipfile
from pathlib import Path

import pytest

from pixlm.data import splits
from pixlm.data.arrange import SOURCE, convert, get
from pixlm.data.readers.glue import GLUE
from pixlm.data.registry import DataSet, find_data, registry
from pixlm.errors import RunError, UsageError

EXCERPTS = Path(__file__).resolve().parent / "excerpts"
NAMINGS = {"trees": splits.TREEBANK, "entities": splits.ENTITIES, "questions": splits.QUESTIONS, "sib": splits.TABLES}


def names(data):
    return [one for raw in data.files() for one in raw.targets.values()]


def test_the_published_experiments_are_in_the_table():
    found = set(registry())
    treebanks = "english-ewt arabic-padt coptic-scriptorium hindi-hdtb japanese-gsd korean-gsd tamil-ttb vietnamese-vtb"
    for name in treebanks.split():
        assert f"ud-{name}" in found
    assert {f"glue-{task}" for task in GLUE} <= found
    assert {"masakhaner", "klue-ner", "naamapadam", "conll2003", "snli", "xnli", "squad-v1", "squad-v2", "tydiqa-goldp",
            "korquad", "jaquad", "sib200", "linspector", "uner-english-ewt", "uner-serbian-set",
            "uner-chinese-gsd", "ud-chinese-gsd"} <= found  # fmt: skip
    assert len(find_data("masakhaner").languages) == 10


@pytest.mark.parametrize("data", registry().values(), ids=lambda data: data.name)
def test_rows_are_whole(data: DataSet):
    assert data.about
    assert data.licence
    assert data.source.startswith("https://")
    files = data.files()
    assert files
    assert not any("{" in text for raw in files for text in (raw.url, *raw.targets, *raw.targets.values()))
    assert len({raw.url for raw in files}) == len(files)
    for raw in files:
        assert data.manual or raw.url.startswith("https://")
        assert re.fullmatch("([0-9a-f]{64})?", raw.sha256)
        assert not any(Path(target).is_absolute() or ".." in target for target in raw.targets.values())
    if data.redistributable:
        assert "NC" not in data.licence
    if data.reader:
        naming = NAMINGS.get(data.reader, splits.PAIRS)
        found = {naming.split_of(Path("x") / target) for target in names(data) if not data.convert}
        assert data.convert or data.name == "xquad" or {"train", "dev"} <= found  # what is written is also found


def test_languages():
    data = find_data("sib200")
    assert [raw.targets[""] for raw in data.files(["hin_Deva"])] == [f"hin_Deva/{split}.tsv" for split in splits.SPLITS]
    with pytest.raises(UsageError, match="sib200 has no language 'hin'; it has: arb_Arab"):
        data.files(["hin"])
    with pytest.raises(UsageError, match="squad-v1 comes as a whole"):
        find_data("squad-v1").files(["eng"])
    with pytest.raises(UsageError, match="no data set 'squad' in the table; did you mean"):
        find_data("squad")


def served(data, root, **content):
    """The data set with its URLs in a folder on this machine."""
    templates = tuple(
        {**one, "url": f"{root.as_uri()}/{one['url'].rpartition('/')[2]}", "sha256": ""} for one in data.templates
    )
    for name, text in content.items():
        (root / name.replace("__", ".")).write_text(text, encoding="utf-8")
    return dataclasses.replace(data, templates=templates)


def test_get_keeps_what_is_there(tmp_path):
    raw = tmp_path / "raw"
    raw.mkdir()
    for split in ("train", "dev"):
        (raw / f"vi_vtb-ud-{split}.conllu").write_bytes((EXCERPTS / "ud" / f"vi_vtb-ud-{split}.conllu").read_bytes())
    data = dataclasses.replace(served(find_data("ud-vietnamese-vtb"), raw), splits=("train", "dev"))
    output, told = tmp_path / "out", []
    results = get(data, output, on_file=lambda file, there, total: told.append(file.name))
    assert [(one.path.name, one.examples) for one in results] == [
        ("vi_vtb-ud-train.conllu", 12),
        ("vi_vtb-ud-dev.conllu", 6),
    ]
    assert sorted(path.name for path in output.iterdir()) == [SOURCE, "vi_vtb-ud-dev.conllu", "vi_vtb-ud-train.conllu"]
    record = json.loads((output / SOURCE).read_text())
    assert record["licence"] == "CC BY-SA 4.0"
    assert record["files"]["vi_vtb-ud-dev.conllu"]["bytes"] == (output / "vi_vtb-ud-dev.conllu").stat().st_size
    assert set(told) == {"vi_vtb-ud-train.conllu", "vi_vtb-ud-dev.conllu"}
    assert get(data, output) == []
    (output / "vi_vtb-ud-dev.conllu").write_text("changed")
    assert [one.path.name for one in get(data, output)] == ["vi_vtb-ud-dev.conllu"]  # and only that one
    assert splits.find(str(output), {}, splits.TREEBANK).train


def test_get_unpacks_archives(tmp_path):
    with zipfile.ZipFile(tmp_path / "CoLA.zip", "w") as archive:
        for split, rows in (
            ("train", "a\t1\t\tA b.\nc\t0\t*\tB\n"),
            ("dev", "a\t1\t\tC\n"),
            ("test", "index\tsentence\n0\tD\n"),
        ):
            archive.writestr(f"CoLA/{split}.tsv", rows)
            archive.writestr(f"CoLA/original/{split}.tsv", "other")
            archive.writestr(f"__MACOSX/CoLA/{split}.tsv", "other")
    data = served(find_data("glue-cola"), tmp_path)
    results = get(data, tmp_path / "out")
    assert [(one.path.name, one.examples) for one in results] == [("train.tsv", 2), ("dev.tsv", 1), ("test.tsv", 1)]


def test_patterns_in_archives(tmp_path):
    with zipfile.ZipFile(tmp_path / "HEAD.zip", "w") as archive:
        archive.writestr("linspector-1234/intrinsic/data/Case/arabic/dev.txt", "a\tx\n")
        archive.writestr("linspector-1234/intrinsic/data/Case/german/dev.txt", "a\tx\n")
    data = served(find_data("linspector"), tmp_path)
    (one,) = get(data, tmp_path / "out", ["arabic"])
    assert one.path == tmp_path / "out" / "Case" / "arabic" / "dev.txt"
    assert one.examples is None
    with zipfile.ZipFile(tmp_path / "HEAD.zip", "w") as archive:
        archive.writestr("x/intrinsic/data/Case/arabic/../../../../../evil.txt", "x")
    with pytest.raises(RunError, match="outside of its folder"):
        get(data, tmp_path / "other", ["arabic"])


def test_damaged_archives(tmp_path):
    data = served(find_data("glue-cola"), tmp_path)
    (tmp_path / "CoLA.zip").write_bytes(b"no archive")
    with pytest.raises(RunError, match="no ZIP archive"):
        get(data, tmp_path / "out")
    with zipfile.ZipFile(tmp_path / "CoLA.zip", "w") as archive:
        archive.writestr("CoLA/train.tsv", "a\t1\t\tA\n")
    with pytest.raises(RunError, match=r"the archive has no CoLA/dev\.tsv"):
        get(data, tmp_path / "other")


def test_mrpc_is_split_as_glue_does(tmp_path):
    header = "Quality\t#1 ID\t#2 ID\t#1 String\t#2 String\n"
    rows = [f"{i % 2}\t{i}\t{i + 100}\tA {i}\tB {i}\n" for i in range(6)]
    data = served(
        find_data("glue-mrpc"),
        tmp_path,
        msr_paraphrase_train__txt="\ufeff" + header + "".join(rows),
        msr_paraphrase_test__txt=header + rows[0],
        mrpc_dev_ids__tsv="1\t101\n4\t104\n5\t999\n",
    )
    results = get(data, tmp_path / "out")
    assert {one.path.stem: one.examples for one in results} == {"train": 4, "dev": 2, "test": 1}
    assert (tmp_path / "out" / "dev.tsv").read_text() == header + rows[1] + rows[4]
    assert get(data, tmp_path / "out") == []


def test_files_that_are_something_else(tmp_path):
    data = served(find_data("squad-v1"), tmp_path, **{"train-v1__1__json": "{}", "dev-v1__1__json": "<html>"})
    with pytest.raises(RunError, match=r"train-v1\.1\.json.*this is not the file that squad-v1 should hold"):
        get(data, tmp_path / "out")
    assert not (tmp_path / "out" / SOURCE).exists()


def test_convert_takes_files_from_any_folder(tmp_path):
    (tmp_path / "mine" / "deep").mkdir(parents=True)
    for name, text in (("eng.train", "-DOCSTART- O\n\nEU B-ORG\n"), ("deep/eng.testa", "A O\nB B-PER\n")):
        (tmp_path / "mine" / name).write_text(text)
    results, missing = convert(find_data("conll2003"), tmp_path / "mine", tmp_path / "out")
    assert [(one.path.name, one.examples) for one in results] == [("train.txt", 1), ("dev.txt", 1)]
    assert missing == ["test.txt"]
    found = splits.find(str(tmp_path / "out"), {}, splits.ENTITIES)
    assert len(found.train) == len(found.dev) == 1


def test_convert_tells_languages_apart_by_their_folders(tmp_path):
    results, missing = convert(find_data("sib200"), EXCERPTS, tmp_path / "out", ["eng_Latn", "hin_Deva"])
    assert [one.path.relative_to(tmp_path / "out").as_posix() for one in results] == [
        "eng_Latn/train.tsv", "eng_Latn/dev.tsv", "hin_Deva/train.tsv", "hin_Deva/dev.tsv",
    ]  # fmt: skip
    assert missing == ["eng_Latn/test.tsv", "hin_Deva/test.tsv"]


def test_convert_needs_files(tmp_path):
    with pytest.raises(UsageError, match=r"no such folder \(--source\)"):
        convert(find_data("conll2003"), tmp_path / "none", tmp_path / "out")
    with pytest.raises(UsageError, match=r"holds no file of conll2003; looked for eng\.train, eng\.testa"):
        convert(find_data("conll2003"), tmp_path, tmp_path / "out")
    (tmp_path / "mrpc_dev_ids.tsv").write_text("1\t2\n")
    with pytest.raises(UsageError, match="glue-mrpc also needs msr_paraphrase_train"):
        convert(find_data("glue-mrpc"), tmp_path, tmp_path / "out")


def test_the_command_line(pixlm, tmp_path):
    code, out, _ = pixlm("data", "list", "--task", "topic")
    assert code == 0
    assert "sib200" in out
    assert "squad" not in out
    code, out, err = pixlm("data", "get", "conll2003", "--output", tmp_path)
    assert code == 2
    assert "cannot be fetched" in err
    assert "trec.nist.gov" in err
    code, out, err = pixlm("data", "convert", "xquad", "--source", EXCERPTS, "--output", tmp_path / "out")
    assert code == 0
    assert "xquad.hi.json" in out
    assert "10 of its files are not in" in out
    for arguments, message in (
        (("data",), "pixlm data needs"),
        (("data", "drop"), "pixlm data has no 'drop'"),
        (("data", "get", "squad"), "no data set 'squad' in the table; did you mean"),
        (("data", "get", "squad-v1"), "name a folder with --output"),
        (("data", "list", "--task", "poems"), "no data set for the task 'poems'"),
    ):
        code, _, err = pixlm(*arguments)
        assert code == 2
        assert message in err
