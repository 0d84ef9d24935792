"""Layouts of document data sets, and what is wrong in them."""

from __future__ import annotations

import functools
import json
from pathlib import Path

import pytest
from PIL import Image

from page_data import RECEIPTS, encoded, frames, page, pdf, png_header, receipts
from pixlm.data.pages.facts import AnnotationError, Question, facts_of
from pixlm.data.pages.folders import read_pages
from pixlm.data.pages.images import open_page
from pixlm.data.pages.naming import PAGES
from pixlm.data.readers.problems import Problems
from pixlm.data.splits import find
from pixlm.errors import UsageError

DEEP = functools.reduce(lambda one, _: {"a": one}, range(300), "x")
SHARED = Path(__file__).resolve().parents[4] / "shared" / "data" / "documents"


def read(path: Path, **options):
    return read_pages(path, problems=options.pop("problems", Problems()), **options)


def write(path: Path, content: str | bytes | object) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    if isinstance(content, bytes):
        path.write_bytes(content)
    else:
        path.write_text(content if isinstance(content, str) else json.dumps(content), encoding="utf-8")
    return path


def test_donut(tmp_path):
    folder = receipts(tmp_path)
    sources = find(str(folder), {}, PAGES)
    assert [path.name for path in (*sources.train, *sources.dev, *sources.test)] == ["train", "validation", "test"]
    records = read(folder / "train")
    assert [record.id for record in records] == ["0.png", "1.png", "2.png"]
    assert [record.facts.parses for record in records] == [(parse,) for parse in RECEIPTS]
    assert records[1].facts.lines == ("Shop", "Total 1")
    assert open_page(records[0].image).size == (60, 80)


def test_sroie(tmp_path):
    write(tmp_path / "img/1.jpg", encoded(page(), "JPEG"))
    write(tmp_path / "key/1.json", {"company": "A", "label": "kept as a key"})
    write(tmp_path / "box/1.csv", "1,2,9,2,9,8,1,8,TEA, HOT\nbroken\n1,12,9,12,9,18,1,18,5.00\n")
    problems = Problems()
    (record,) = read(tmp_path, problems=problems)
    assert record.facts.parses == ({"company": "A", "label": "kept as a key"},)
    assert record.facts.lines == ("TEA, HOT", "5.00")
    box = record.facts.boxes[0]
    assert (box.text, box.left, box.top, box.right, box.bottom) == ("TEA, HOT", 1, 2, 9, 8)
    assert problems.warnings == 1


def test_funsd(tmp_path):
    write(tmp_path / "training_data/images/a.png", encoded(page()))
    form = [{"text": "Date:", "box": [1, 2, 30, 12]}, {"text": "", "box": [1, 1, 2, 2]}]
    write(tmp_path / "training_data/annotations/a.json", {"form": form})
    write(tmp_path / "testing_data/images/b.png", encoded(page()))
    write(tmp_path / "testing_data/annotations/b.json", {"form": form})
    sources = find(str(tmp_path), {}, PAGES)
    assert (sources.train[0].name, sources.test[0].name) == ("training_data", "testing_data")
    (record,) = read(sources.train[0])
    assert record.facts.lines == ("Date:",)
    assert record.facts.boxes[0].right == 30


def test_cord(tmp_path):
    write(tmp_path / "image/a.png", encoded(page()))
    corners = {f"{axis}{corner}": corner for axis in "xy" for corner in range(1, 5)}
    words = [{"text": text, "quad": corners} for text in ("ICE", "TEA")]
    write(tmp_path / "json/a.json", {"valid_line": [{"words": words, "category": "menu.nm"}]})
    (record,) = read(tmp_path)
    assert record.facts.lines == ("ICE TEA",)


def test_questions(tmp_path):
    write(tmp_path / "documents/a.png", encoded(page()))
    data = [
        {"questionId": 7, "question": "Who?", "image": "documents/a.png", "answers": ["A", "B"], "docId": 1},
        {"questionId": 8, "question": "When?", "image": "documents/a.png", "answers": ["now"], "docId": 1},
    ]
    write(tmp_path / "val_v1.0.json", {"data": data})
    assert find(str(tmp_path), {}, PAGES).dev[0].name == "val_v1.0.json"
    records = read(tmp_path / "val_v1.0.json")
    assert [record.id for record in records] == ["7", "8"]
    assert records[0].facts.questions == (Question("Who?", ("A", "B"), "7"),)
    processed = {"a.png": ["<s_question>Who?</s_question><s_answer>A</s_answer>", "<s_question>no answer"]}
    write(tmp_path / "documents/processed_train_v1.0.json", processed)
    (record,) = read(tmp_path / "documents" / "processed_train_v1.0.json")
    assert record.facts.questions == (Question("Who?", ("A",)),)


def test_rvl_cdip(tmp_path):
    write(tmp_path / "images/imagesq/q/a.tif", encoded(page(), "TIFF"))
    write(tmp_path / "labels/train.txt", "imagesq/q/a.tif 11\n")
    sources = find(str(tmp_path), {}, PAGES)
    (record,) = read(sources.train[0])
    assert record.facts.label == "invoice"
    write(tmp_path / "labels/train.txt", "imagesq/q/a.tif 16\n")
    with pytest.raises(UsageError, match=r"train\.txt, line 1: no path and number of a class"):
        read(sources.train[0])


def test_folders_of_classes(tmp_path):
    for name in ("letter", "memo"):
        write(tmp_path / f"train/{name}/1.png", encoded(page()))
    records = read(find(str(tmp_path), {}, PAGES).train[0])
    assert [(record.id, record.facts.label) for record in records] == [
        ("letter/1.png", "letter"),
        ("memo/1.png", "memo"),
    ]


def test_files_beside_images(tmp_path):
    write(tmp_path / "a.png", encoded(page()))
    write(tmp_path / "a.txt", "one\ntwo\n")
    write(tmp_path / "b.tif", frames("TIFF", 2))
    write(tmp_path / "b.json", {"pages": [{"text": ["first"]}, {"text": ["second"]}]})
    write(tmp_path / "c.png", encoded(page()))
    write(tmp_path / "c.gt_parse.json", {"gt_parse": {"total": "1"}})
    write(tmp_path / "d.pdf", pdf(["alpha", "beta"]))
    write(tmp_path / "e.png", encoded(page()))
    found = {record.id: record for record in read(tmp_path)}
    assert list(found) == ["a.png", "b.tif#1", "b.tif#2", "c.png", "d.pdf#1", "d.pdf#2", "e.png"]
    assert found["a.png"].facts.lines == ("one", "two")
    assert (found["b.tif#2"].page, found["b.tif#2"].facts.lines) == (1, ("second",))
    assert found["c.png"].facts.parses == ({"total": "1"},)
    assert found["d.pdf#2"].facts.lines == ("beta",)
    assert found["e.png"].facts.lines is None


@pytest.mark.parametrize("kind", ["datasets", "parquet"])
def test_tables(tmp_path, kind):
    import datasets

    features = datasets.Features(
        {
            "image": datasets.Image(),
            "label": datasets.ClassLabel(names=["letter", "memo"]),
            "n": datasets.Value("int64"),
        }
    )
    rows = {
        "image": [{"bytes": encoded(page(str(n))), "path": None} for n in range(3)],
        "label": [1, 0, 1],
        "n": [1, 2, 3],
    }
    made = datasets.Dataset.from_dict(rows, features=features)
    if kind == "datasets":
        made.save_to_disk(str(tmp_path / "train"))
        path = tmp_path / "train"
    else:
        path = tmp_path / "train.parquet"
        made.to_parquet(str(path))
    records = read(find(str(tmp_path), {}, PAGES).train[0])
    assert [record.facts.label for record in records] == ["memo", "letter", "memo"]
    assert open_page(records[2].image).tobytes() == page("2").tobytes()
    assert records[2].where == f"{path}, row 3"


def test_csv(tmp_path):
    write(tmp_path / "a.png", encoded(page()))
    write(tmp_path / "metadata.csv", "file_name,caption\na.png,a blank page\n")
    (record,) = read(tmp_path)
    assert record.facts.texts == ("a blank page",)


def test_several_questions_about_one_page(tmp_path):
    write(tmp_path / "a.png", encoded(page()))
    rows = [{"file_name": "a.png", "question": text, "answers": [text]} for text in ("who", "what", "when")]
    write(tmp_path / "metadata.jsonl", "\n".join(map(json.dumps, rows)))
    assert [record.id for record in read(tmp_path)] == ["a.png", "a.png?2", "a.png?3"]
    write(tmp_path / "metadata.jsonl", "\n".join(json.dumps({"file_name": "a.png", "text": one}) for one in "ab"))
    with pytest.raises(UsageError, match=r"'a\.png' again"):
        read(tmp_path)


@pytest.mark.parametrize(
    ("row", "message"),
    [
        ({"file_name": "missing.png", "text": "x"}, "no such file"),
        ({"file_name": "../../secret.png", "text": "x"}, "outside its folder"),
        ({"file_name": "/etc/passwd", "text": "x"}, "outside its folder"),
        ({"file_name": "C:\\x.png", "text": "x"}, "outside its folder"),
        ({"text": "x"}, "no image; looked for"),
        ({"file_name": "bomb.png", "text": "x"}, "pixels"),
        ({"file_name": "a.png", "ground_truth": "{broken"}, "ground_truth is no JSON"),
        ({"file_name": "a.png", "ground_truth": "[]"}, "no JSON object"),
        ({"file_name": "a.png", "gt_parses": []}, "no list of readings"),
        (
            {"file_name": "a.png", "gt_parse": functools.reduce(lambda one, _: {"a": one}, range(300), "x")},
            "deeper than",
        ),
        ({"file_name": "a.png", "pages": []}, "no list of pages"),
        ({"file_name": "a.png", "pages": [{"text": ["x"]}, {"text": ["y"]}]}, "page 2, but .* has 1"),
        ({"file_name": "a.png", "text": "lone \ud800"}, "lone surrogate"),
        ({"file_name": "a.png", "form": [{"text": "x"}]}, "four numbers"),
        ({"file_name": "a.png", "form": [{"text": "x", "box": [0, 0, "nan", "inf"]}]}, "four numbers"),
        ({"file_name": "a.png", "valid_line": [{}]}, "four corners"),
    ],
)
def test_bad_rows(tmp_path, row, message):
    write(tmp_path / "a.png", encoded(page()))
    write(tmp_path / "bomb.png", png_header(60000, 60000))
    good = {"file_name": "a.png", "id": "good", "text": "fine"}
    write(tmp_path / "metadata.jsonl", json.dumps(good) + "\n" + json.dumps(row) + "\n")
    with pytest.raises(UsageError, match=message) as error:
        read(tmp_path)
    assert "line 2" in str(error.value)
    assert "\n" not in str(error.value)
    problems = Problems(on_error="skip")
    records = read(tmp_path, problems=problems)
    assert records[0].id == "good"
    assert problems.skipped == 1


def test_nothing_to_read(tmp_path):
    with pytest.raises(UsageError, match="holds no pages"):
        read(tmp_path)
    with pytest.raises(UsageError, match="no such file or folder"):
        read(tmp_path / "x")
    with pytest.raises(UsageError, match="no questions about images"):
        read(write(tmp_path / "x.json", "[]"))
    with pytest.raises(UsageError, match="pages are read from"):
        read(write(tmp_path / "x.docx", "x"))


def test_broken_annotations(tmp_path):
    write(tmp_path / "a.png", encoded(page()))
    write(tmp_path / "a.json", "{broken")
    with pytest.raises(UsageError, match=r"a\.json: no JSON"):
        read(tmp_path)


def test_readings_of_several_kinds():
    (facts,) = facts_of({"gt_parses": [{"question": "q", "answer": "a"}, {"question": "q", "answer": "b"}]})
    assert facts.questions == (Question("q", ("a", "b")),)
    (facts,) = facts_of({"ground_truth": json.dumps({"gt_parse": {"class": "letter"}})})
    assert facts.label == "letter"
    (facts,) = facts_of({"gt_parse": {"text_sequence": "one\ntwo"}})
    assert facts.lines == ("one", "two")
    assert len(facts_of(["id", {"pages": [{"text": ["x"]}]}])) == 1
    with pytest.raises(AnnotationError, match="no JSON object"):
        facts_of([1, 2, 3])


@pytest.mark.skipif(not SHARED.is_dir(), reason="the staged data (../shared/data) are not on this machine")
def test_real_documents():
    sources = find(str(SHARED / "sroie"), {}, PAGES)
    for split, count in (("train", 40), ("dev", 10), ("test", 10)):
        records = read(sources.get(split)[0])
        assert len(records) == count
        assert all(record.facts.parses and record.facts.lines and record.facts.boxes for record in records)
        assert len(read(sources.get(split)[0], questions=True)) == 4 * count
    (receipt,) = read(SHARED / "cord_sample")
    assert receipt.facts.parses[0]["total"]["total_price"] == "174,600"
    book = read(SHARED / "pdf_book")
    assert len(book) == 273
    assert "And so ended his affection" in book[30].facts.lines[0]


def test_truncated_pages_are_left_out(tmp_path):
    whole = encoded(Image.effect_noise((200, 200), 80), "JPEG")
    write(tmp_path / "a.jpg", whole[: len(whole) // 2])
    write(tmp_path / "b.jpg", whole)
    assert len(read(tmp_path)) == 2  # headers say nothing of it
    problems = Problems(on_error="skip")
    assert [record.id for record in read(tmp_path, problems=problems)] == ["b.jpg"]
    assert "a damaged image" in problems.summary()
