"""Question answering: answers to units and back, windows, choosing among them, "no answer", and learning."""

from __future__ import annotations

import json

import numpy as np
import pytest
import torch

from pixlm.data.draw import Draw, Drawn
from pixlm.data.encoders import Encoded, RenderedText
from pixlm.data.examples import Answer, QuestionExample
from pixlm.errors import UsageError
from pixlm.rendering import TextRenderer
from pixlm.tasks.answer_spans import Span, answer_units, best_spans, characters_of
from pixlm.tasks.objective import Reduced
from pixlm.tasks.question_answering import QA, AnswerSpans, QuestionOptions, Window

OPTIONS = QuestionOptions(stride=10, question_max_length=20)
CONTEXT = "The river Danube rises in the Black Forest, flows through ten countries, and reaches the Black Sea."


def encoded(context: str = CONTEXT, length: int = 60, **options) -> list[Encoded]:
    encoder = RenderedText(TextRenderer(max_seq_length=length, **options))
    return AnswerSpans(encoder, OPTIONS).windows(QuestionExample(id="q", question="Where?", context=context))


def test_answers_survive_the_way_to_units_and_back():
    for strategy in ("continuous", "words", "bigrams", "grapheme-bigrams", "mono", "adaptive"):
        (code,) = encoded(length=140, strategy=strategy)
        for text in ("Black Forest", "ten", "The river", "Black Sea"):
            answer = Answer(text, CONTEXT.index(text))
            first, last = answer_units(code, answer)
            assert code.parts[1][0] <= first <= last < code.parts[1][1]
            start, end = characters_of(code, CONTEXT, first, last)
            assert CONTEXT[start:end] == text, strategy


def test_right_to_left_answers():
    context = "נהר הדנובה נובע ביער השחור וזורם דרך עשר מדינות אל הים השחור."
    for strategy in ("continuous", "bigrams", "grapheme-bigrams"):
        (code,) = encoded(context, length=120, strategy=strategy)
        text = "יער השחור"
        first, last = answer_units(code, Answer(text, context.index(text)))
        start, end = characters_of(code, context, first, last)
        assert text in context[start:end]
        assert end - start <= len(text) + 3, strategy


def test_every_answer_is_in_a_window_and_windows_without_it_point_to_the_class_token():
    context = " ".join(f"word{number}" for number in range(120))
    encoder = RenderedText(TextRenderer(max_seq_length=60))
    objective = AnswerSpans(encoder, OPTIONS)
    answer = Answer("word77", context.index("word77"))
    example = QuestionExample(id="q", question="Which?", context=context, answers=(answer,))
    windows = objective.windows(example)
    assert len(windows) > 2
    inside = [answer_units(code, answer) for code in windows]
    assert 0 < sum(found is not None for found in inside) < len(windows)
    rows = [Drawn(Draw(0, number), Window(example, 0, number)) for number in range(len(windows))]
    batch = objective.collate(rows)
    width = batch["attention_mask"].shape[1]
    for number, found in enumerate(inside):
        assert (int(batch["starts"][number]), int(batch["ends"][number])) == (found or (width, width))
    assert int(batch["count"]) == 2 * len(windows)
    assert batch["lost"] == 0  # what one window cuts off another one shows
    unknown = QuestionExample(id="q", question="Which?", context=context)
    batch = objective.collate([Drawn(Draw(0, 0), Window(unknown, 0, 0))])
    assert int(batch["count"]) == 0
    assert int(batch["starts"][0]) > width
    cut = QuestionExample(id="q", question="Which " * 80, context=context)
    assert objective.collate([Drawn(Draw(0, 0), Window(cut, 0, 0))])["lost"] > 100


def test_spans_are_ranked_by_the_sum_of_their_ends():
    (code,) = encoded(length=140)
    first, last = code.parts[1]
    start, end = np.zeros(code.length + 1), np.zeros(code.length + 1)
    start[first + 3], end[first + 6] = 5, 4
    start[first + 5] = 3
    start[last - 1] = 9  # behind the best end: no span
    found = best_spans(code, CONTEXT, start, end, OPTIONS)
    assert [span.score for span in found[:2]] == [9, 7]
    spans = {(span.start, span.end): span.score for span in found}
    assert spans[characters_of(code, CONTEXT, first + 3, first + 6)] == 9
    assert all(0 <= span.start < span.end <= len(CONTEXT) for span in found)
    short = best_spans(code, CONTEXT, start, end, QuestionOptions(max_answer_length=2))
    assert max(span.score for span in short) == 7


def test_windows_compete_and_no_answer_needs_the_option():
    example = QuestionExample(id="q", question="?", context="aa bb cc", answers=())
    other = QuestionExample(id="r", question="?", context="dd", answers=(Answer("dd", 0),))
    rows = [Window(example, 0, 0), Window(example, 0, 1), Window(other, 1, 0)]
    reduced = [
        Reduced(0, ([Span("aa", 0, 2, 1.0)], 4.0)),
        Reduced(1, ([Span("bb", 3, 5, 3.0), Span("aa", 0, 2, 2.0)], 3.5)),
        Reduced(2, ([Span("dd", 0, 2, 1.0)], 0.0)),
    ]
    first, second = QA.finish([example, other], rows, reduced)
    assert first.value.answer.text == "bb"
    assert [span.text for span, _ in first.value.best] == ["bb", "aa"]
    assert sum(share for _, share in first.value.best) == pytest.approx(1)
    assert first.value.null == pytest.approx(0.5)  # the least of the windows' null scores, less the best answer's
    assert QA.metrics([first, second])["exact_match"] == 0.5
    with_null = QA.with_options(QuestionOptions(unanswerable=True))
    first, second = with_null.finish([example, other], rows, reduced)
    assert first.value.answer is None
    assert with_null.record(first)["prediction"] == ""
    assert second.value.answer.text == "dd"
    assert with_null.metrics([first, second])["exact_match"] == 1


def test_windows_that_leave_no_room_are_refused():
    encoder = RenderedText(TextRenderer(max_seq_length=60))
    with pytest.raises(UsageError, match="no room for a context beside a question of 128"):
        QA.rows([], encoder)
    with pytest.raises(UsageError, match="stride 160: must be at least 0 and below 37"):
        QA.with_options({"question_max_length": 20}).rows([], encoder)


def test_it_learns_to_point():
    from pixlm import hub
    from pixlm.models.heads import Head, head_class

    torch.manual_seed(0)
    places = ["Rome", "Kyiv", "Hanoi", "Quito"]
    examples = []
    for number, place in enumerate(places):
        context = f"We met in {place} on a day in May." if number % 2 else f"{place} is where we met in May."
        answer = Answer(place, context.index(place))
        examples.append(QuestionExample(id=str(number), question="Where?", context=context, answers=(answer,)))
    task = QA.with_options(OPTIONS)
    config = hub.load_config("pixel-nano", **task.config_for([]))
    config.hidden_dropout_prob = config.attention_probs_dropout_prob = 0.0
    encoder = hub.load_encoder("pixel-nano", max_seq_length=60)
    model = hub.load_model("pixel-nano", head_class("pixel", Head.QUESTION_ANSWERING), config=config).train()
    objective = task.objective(encoder, ())
    rows, _ = task.rows(examples, encoder)
    batch = objective.collate([Drawn(Draw(0, i), row) for i, row in enumerate(rows)])
    optimizer = torch.optim.AdamW(model.parameters(), 1e-3)
    for _ in range(60):
        loss = objective.loss(model, batch)
        (loss.sum / loss.count).backward()
        optimizer.step()
        optimizer.zero_grad()
    with torch.inference_mode():
        reduced = objective.reduce(objective.loss(model.eval(), batch).outputs, batch)
    predictions = task.finish(examples, rows, reduced)
    assert task.metrics(predictions)["exact_match"] == 1
    assert [task.record(p)["prediction"] for p in predictions] == places


def test_a_run_writes_answers_in_squads_format(tmp_path, pixlm, monkeypatch):
    monkeypatch.setenv("PIXLM_CACHE", str(tmp_path / "cache"))
    data = {"data": [{"title": "t", "paragraphs": [{"context": CONTEXT, "qas": []}]}]}
    for number, text in enumerate(("Black Forest", "ten", "Black Sea")):
        answer = {"text": text, "answer_start": CONTEXT.index(text)}
        data["data"][0]["paragraphs"][0]["qas"].append({"id": f"q{number}", "question": "What?", "answers": [answer]})
    for split in ("train", "dev"):
        (tmp_path / f"{split}.json").write_text(json.dumps(data))
    output = tmp_path / "run"
    few = ("--train.max-steps", "2", "--train.batch-size", "2", "--render.max-seq-length", "60")
    options = ("--task.stride", "10", "--task.question-max-length", "20", "--task.n-best", "5")
    command = ("finetune", "qa", "--model", "pixel-nano", "--data", tmp_path, "--output", output, *few, *options)
    code, _, error = pixlm(*command)
    assert code == 0, error
    metrics = json.loads((output / "metrics.json").read_text())["dev"]
    assert {"exact_match", "f1", "examples", "loss", "lost", "sentence_f1"} <= metrics.keys()
    chosen = json.loads((output / "predictions.json").read_text())
    best = json.loads((output / "predictions-nbest.json").read_text())
    rows = [json.loads(line) for line in (output / "predictions.jsonl").read_text().splitlines()]
    assert [row["id"] for row in rows] == list(chosen) == list(best) == ["q0", "q1", "q2"]
    for row in rows:
        assert (
            row["prediction"] == chosen[row["id"]] == best[row["id"]][0]["text"] == CONTEXT[row["start"] : row["end"]]
        )
        assert 0 < row["score"] <= 1
        assert len(best[row["id"]]) == 5
    assert len(list((tmp_path / "cache" / "encoded").iterdir())) == 1  # train and dev hold the same
    code, _, error = pixlm("evaluate", "qa", "--model", output, "--data", tmp_path, "--split", "dev")
    assert code == 0, error

    import pixlm as library

    found = library.load(str(output)).predict([("What?", CONTEXT)])
    assert found[0]["prediction"] == rows[0]["prediction"]
    with pytest.raises(UsageError, match="pairs"):
        library.load(str(output)).predict(["What?"])
