"""Tasks on pages: what is read, asked and written, and how it is scored."""

from __future__ import annotations

import json

import numpy as np
import pytest

from golden_documents import tokenizer
from page_data import encoded, page, receipts
from pixlm.data.draw import Draw, Drawn
from pixlm.data.pages.encoders import IGNORE, PAGE_ENCODERS, PageSettings
from pixlm.data.pages.example import DocumentExample
from pixlm.data.readers.problems import Problems
from pixlm.data.splits import find
from pixlm.errors import UsageError
from pixlm.models.heads import Head
from pixlm.tasks import find_task
from pixlm.tasks.base import Prediction
from pixlm.tasks.objectives import Resolutions

SETTINGS = PageSettings(size=(64, 48), max_patches=40, max_target_length=64)


def write(path, content):
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(content) if isinstance(content, bytes) else path.write_text(content, encoding="utf-8")


@pytest.fixture
def questions(tmp_path):
    data = [
        {"questionId": 1, "question": "Who is it?", "image": "a.png", "answers": ["Ann", "Ann B"]},
        {"questionId": 2, "question": "How much?", "image": "a.png", "answers": ["12"]},
    ]
    write(tmp_path / "a.png", encoded(page("a")))
    write(tmp_path / "train.json", json.dumps({"data": data}))
    return tmp_path / "train.json"


@pytest.fixture
def classes(tmp_path):
    for name in ("old letter", "memo"):
        for number in range(2):
            write(tmp_path / f"{name}/{number}.png", encoded(page(name)))
    return tmp_path


def perfect(task, examples):
    """Predictions as if a model had written the first target of each."""
    written = [task.written(example.targets[0]) for example in examples]
    return [Prediction(example, task.read_back(text)) for example, text in zip(examples, written, strict=True)]


def read_splits(task, folder):
    sources = find(str(folder), {}, task.naming)
    return [task.read(sources.get(split)) for split in ("train", "dev", "test")]


def test_receipts(tmp_path):
    task = find_task("receipts")
    train, dev, _ = read_splits(task, receipts(tmp_path))
    task = task.fitted(train)
    assert {"<s_receipt>", "<sep/>", "<s_menu>", "</s_total_price>"} <= set(task.special_tokens)
    sample = task.sample(train[0], None)
    assert sample.image.size == (60, 80)
    assert (sample.start, sample.prompt) == ("<s_receipt>", "Read the receipt.")
    assert sample.target.startswith("<s_menu><s_nm>tea</s_nm><s_price>2</s_price><sep/>")
    assert task.with_options({"prompt": "none"}).sample(train[0], None).prompt == "", "told nothing"
    scores = task.metrics(perfect(task, dev))
    assert scores == {"tree_accuracy": 1, "field_f1": 1, "exact_match": 1}
    wrong = [Prediction(example, {"total": {"total_price": "7"}}) for example in dev]
    scores = task.metrics(wrong)
    assert scores["exact_match"] == pytest.approx(1 / 3)
    assert scores["field_f1"] == pytest.approx(2 * 1 / (3 + 9))
    assert task.baseline(train, wrong)["constant_tree_accuracy"] > 0
    line = task.record(wrong[2])
    assert line["file"].endswith("2.png")
    assert line["prediction"] == {"total": {"total_price": "7"}}


def test_keys_that_no_tag_can_hold(tmp_path):
    write(tmp_path / "a.png", encoded(page()))
    write(tmp_path / "metadata.jsonl", json.dumps({"file_name": "a.png", "gt_parse": {"a>b": "1", "<c": "2"}}))
    task = find_task("receipts")
    examples = task.read([tmp_path])
    with pytest.raises(UsageError, match=r"key with > in it.*<s_a>b>"):
        task.fitted(examples)


def test_sorted_keys_and_own_start_tokens(tmp_path):
    task = find_task("receipts").with_options({"sort_keys": True, "start": "<s_cord-v2>"})
    train = task.read([receipts(tmp_path) / "train"])
    assert task.sample(train[0], None).start == "<s_cord-v2>"
    assert task.sample(train[0], None).target.startswith("<s_total>")


def test_of_several_readings_the_nearest_counts(tmp_path):
    task = find_task("receipts")
    write(tmp_path / "a.png", encoded(page()))
    truth = {"gt_parses": [{"a": "1"}, {"a": "2"}]}
    write(tmp_path / "metadata.jsonl", json.dumps({"file_name": "a.png", "ground_truth": json.dumps(truth)}))
    (example,) = task.read([tmp_path])
    assert task.metrics([Prediction(example, {"a": "2"})])["tree_accuracy"] == 1
    drawn = {task.sample(example, np.random.default_rng(seed)).target for seed in range(20)}
    assert drawn == {"<s_a>1</s_a>", "<s_a>2</s_a>"}
    assert task.sample(example, None).target == "<s_a>1</s_a>"


def test_ocr(tmp_path):
    task = find_task("ocr")
    train, _, _ = read_splits(task, receipts(tmp_path))
    assert task.sample(train[1], None).target == "Shop\nTotal 1"
    assert task.metrics(perfect(task, train))["character_accuracy"] == 1
    scores = task.metrics([Prediction(train[0], "shop Total 0 and more")])
    assert scores["cer"] == pytest.approx(10 / 12)
    assert scores["wer"] == 1
    assert scores["character_accuracy"] == pytest.approx(2 / 12)
    upstream = task.with_options({"scoring": "upstream"})
    assert upstream.metrics([Prediction(train[0], "Shop Total 0 and more")])["cer"] == 0


def test_parts_of_a_page(tmp_path):
    (example, *_), *_ = read_splits(find_task("ocr"), receipts(tmp_path))
    prefix = find_task("ocr").with_options({"mode": "prefix"})
    whole = prefix.sample(example, None).target
    for seed in range(10):
        sample = prefix.sample(example, np.random.default_rng(seed))
        given = sample.start.removeprefix("<s_pretrain>")
        assert given + sample.target == whole
        assert sample.prompt.endswith(given.strip())
    spans = find_task("ocr").with_options({"mode": "spans"})
    assert "<extra_id_0>" in spans.special_tokens
    sample = spans.sample(example, np.random.default_rng(1))
    assert "<extra_id_0>" in sample.start
    assert sample.target.startswith("<extra_id_0>")


@pytest.mark.parametrize("mode", ["prefix", "spans"])
@pytest.mark.parametrize("kind", ["donut", "pali"])
def test_what_is_given_of_a_page_fits_the_prompt(tmp_path, kind, mode):
    task = find_task("ocr").with_options({"mode": mode})
    text = " ".join(f"word{number}" for number in range(200))
    row = {"file_name": "a.png", "text": text}
    write(tmp_path / "a.png", encoded(page("a")))
    write(tmp_path / "metadata.jsonl", json.dumps(row))
    (example,) = task.read([tmp_path])
    settings = PageSettings(size=(64, 48), max_target_length=64, max_prompt_length=40)
    encoder = PAGE_ENCODERS[kind](tokenizer(*task.special_tokens), settings)
    sampler = task.sampler(encoder)
    for seed in range(20):
        sample = sampler(example, np.random.default_rng(seed))
        code = encoder.encode(sample, rng=np.random.default_rng(seed))
        assert code.lost == 0
        given = sample.start.removeprefix("<s_pretrain>")
        if mode == "prefix":
            assert given + sample.target == text
        else:
            assert "<extra_id_0>" in given
            assert sample.target.startswith("<extra_id_0>")


def test_questions(questions):
    task = find_task("docvqa")
    examples = task.read([questions])
    assert [example.id for example in examples] == ["1", "2"]
    sample = task.sample(examples[0], None)
    assert sample.start == "<s_docvqa><s_question>Who is it?</s_question><s_answer>"
    assert (sample.prompt, sample.target) == ("Who is it?", "Ann</s_answer>")
    assert task.sample(examples[0], None, prompted=False).target == "Ann"
    assert {task.sample(examples[0], np.random.default_rng(n)).target for n in range(20)} == {
        "Ann</s_answer>",
        "Ann B</s_answer>",
    }
    assert task.metrics(perfect(task, examples)) == {"anls": 1, "exact_match": 1, "relaxed_accuracy": 1}
    assert task.read_back(" ann b </s_answer> and more") == "ann b"
    scores = task.metrics([Prediction(examples[0], "ann b"), Prediction(examples[1], "12.5")])
    assert scores == {"anls": 0.5, "exact_match": 0.5, "relaxed_accuracy": 1}
    assert task.baseline(examples, perfect(task, examples))["constant_anls"] == 1
    small = task.with_options({"lower_case": True})
    assert "who is it?" in small.sample(examples[0], None).start
    one = task.example((str(questions.parent / "a.png"), "What?"), "1")
    assert task.sample(one, None).prompt == "What?"
    assert task.with_options({"prompt": "none"}).sample(one, None).prompt == "What?", "a question is always asked"
    with pytest.raises(UsageError, match="wants an image and a question"):
        task.example(str(questions.parent / "a.png"), "1")


def test_classes(classes):
    task = find_task("doc-classify")
    examples = task.read([classes])
    task = task.fitted(examples)
    assert task.labels(examples) == ["memo", "old_letter"]
    assert {"<memo/>", "<old_letter/>", "<s_rvlcdip>"} <= set(task.special_tokens)
    assert task.sample(examples[0], None).target == "<memo/>"
    assert task.read_back("<memo/></s>") == "memo"
    assert task.read_back("nonsense") == "nonsense"
    assert task.metrics(perfect(task, examples))["accuracy"] == 1
    assert task.baseline(examples, perfect(task, examples))["majority_accuracy"] == 0.5
    with pytest.raises(UsageError, match="nothing to learn"):
        task.labels(examples[:2])


def test_names_of_classes_with_signs_in_them(tmp_path):
    write(tmp_path / "a.png", encoded(page()))
    write(tmp_path / "b.png", encoded(page("b")))
    rows = [{"file_name": "a.png", "label": "letter/memo"}, {"file_name": "b.png", "label": "size > 3"}]
    write(tmp_path / "metadata.jsonl", "\n".join(map(json.dumps, rows)))
    task = find_task("doc-classify")
    examples = task.read([tmp_path])
    task = task.fitted(examples)
    assert task.metrics(perfect(task, examples))["accuracy"] == 1


def test_classes_of_rvl_cdip_keep_their_numbers(tmp_path):
    for name in ("memo", "letter"):
        write(tmp_path / f"{name}/1.png", encoded(page()))
    task = find_task("doc-classify")
    assert task.labels(task.read([tmp_path]))[:2] == ["letter", "form"]
    layer = task.with_options({"classifier": "layer"})
    assert (task.head, layer.head) == (Head.SEQUENCE_TO_SEQUENCE, Head.PAGE_CLASSIFICATION)


def test_captions(tmp_path):
    write(tmp_path / "a.png", encoded(page()))
    write(tmp_path / "metadata.jsonl", json.dumps({"file_name": "a.png", "captions": ["a blank page", "nothing"]}))
    task = find_task("caption")
    (example,) = task.read([tmp_path])
    assert task.metrics([Prediction(example, "Nothing")])["exact_match"] == 1
    assert task.metrics([Prediction(example, "nothin")])["cer"] == pytest.approx(1 / 7)


def test_pages_without_what_is_learnt(tmp_path):
    write(tmp_path / "a.png", encoded(page()))
    for name, wanted in (("receipts", "JSON readings"), ("ocr", "lines of text"), ("doc-classify", "classes")):
        task = find_task(name)
        with pytest.raises(UsageError, match=f"{wanted}.* are missing"):
            task.read([tmp_path])
        (example,) = task.read([tmp_path], labelled=False)
        assert example.targets is None
        assert task.metrics([Prediction(example, "x")]) == {}
    problems = Problems(on_error="skip")
    with pytest.raises(UsageError, match="holds no pages with JSON readings"):
        find_task("receipts").read([tmp_path], problems=problems)


def test_what_python_callers_give(tmp_path):
    task = find_task("receipts")
    write(tmp_path / "a.png", encoded(page("a")))
    for given in (str(tmp_path / "a.png"), tmp_path / "a.png", encoded(page("a")), page("a")):
        assert task.sample(task.example(given, "1"), None).image.tobytes() == page("a").tobytes()
    for given in (3, None, ("a", 3)):
        with pytest.raises(UsageError, match="takes the path of an image"):
            task.example(given, "1")


@pytest.mark.parametrize("kind", PAGE_ENCODERS)
def test_batches(kind, questions):
    task = find_task("docvqa")
    examples = task.read([questions])
    encoder = PAGE_ENCODERS[kind](tokenizer(), SETTINGS)
    encoder.add_tokens(task.special_tokens)
    objective = task.objective(encoder, ())
    batch = objective.collate([Drawn(Draw(0, number), example) for number, example in enumerate(examples)])
    learnt = [encoder.decode(row[row != IGNORE]) for row in batch["labels"].numpy()]
    wanted = ["Ann</s_answer>", "12</s_answer>"] if kind == "donut" else ["Ann", "12"]
    assert learnt == wanted
    again = [objective.collate([Drawn(Draw(3, 0, step=9), examples[0])])["labels"].tolist() for _ in range(3)]
    assert again[0] == again[1] == again[2]


def test_a_layer_on_the_encoder(classes):
    task = find_task("doc-classify").with_options({"classifier": "layer", "augment": "better"})
    examples = task.read([classes])
    labels = task.labels(examples)
    encoder = PAGE_ENCODERS["donut"](tokenizer(), SETTINGS)
    objective = task.objective(encoder, labels)
    drawn = [Drawn(Draw(1, number, step=0), example) for number, example in enumerate(examples)]
    batch = objective.collate(drawn)
    assert batch["labels"].tolist() == [0, 0, 1, 1]
    assert batch["pixel_values"].shape == (4, 3, 64, 48)
    assert batch["pixel_values"].tolist() == objective.collate(drawn)["pixel_values"].tolist()
    objective.resolutions = Resolutions((0.5, 1.0), steps=2, multiple=8)
    assert objective.collate(drawn)["pixel_values"].shape == (4, 3, 32, 24)


def test_a_page_of_a_document_is_drawn(tmp_path):
    task = find_task("ocr")
    train, _, _ = read_splits(task, receipts(tmp_path))
    document = DocumentExample(id="d", pages=train)
    drawn = [task.sample(document, np.random.default_rng(seed)).target for seed in range(30)]
    assert set(drawn) == {"Shop\nTotal 0", "Shop\nTotal 1", "Shop\nTotal 2"}
    assert task.sample(document, None).target == "Shop\nTotal 0"


def test_models_of_text_are_refused():
    from pixlm.data.encoders import RenderedText
    from pixlm.rendering import TextRenderer

    with pytest.raises(UsageError, match="needs a model that reads pages"):
        find_task("ocr").objective(RenderedText(TextRenderer()), ())
