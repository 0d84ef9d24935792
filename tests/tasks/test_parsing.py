"""Dependency parsing: labels at words that fit, decoding that ignores company, scores, and learning."""

from __future__ import annotations

import pytest
import torch

from pixlm import hub
from pixlm.data.draw import Draw, Drawn
from pixlm.data.encoders import RenderedText
from pixlm.data.examples import TreeExample
from pixlm.errors import UsageError
from pixlm.models.heads import head_class
from pixlm.rendering import TextRenderer
from pixlm.tasks.base import Prediction
from pixlm.tasks.parsing import PARSING, Parse, ParsingOptions
from pixlm.tasks.word_labelling import IGNORE

SENTENCES = [
    TreeExample(id="1", words=["cats", "sleep"], heads=[2, 0], relations=["nsubj", "root"]),
    TreeExample(
        id="2", words=["a", "dog", "sees", "it"], heads=[2, 3, 0, 3], relations=["det", "nsubj", "root", "obj"]
    ),
]


def drawn(examples) -> list[Drawn]:
    return [Drawn(Draw(0, i), example) for i, example in enumerate(examples)]


def test_words_off_the_canvas_have_no_head_and_teach_nothing():
    encoder = RenderedText(TextRenderer(max_seq_length=6, strategy="words"))
    words = ["one", "two", "three", "four", "five", "six", "seven"]
    example = TreeExample(id="s", words=words, heads=[7, 1, 1, 1, 1, 1, 0], relations=["nsubj"] * 6 + ["root"])
    objective = PARSING.objective(encoder, PARSING.labels([example]))
    batch = objective.collate(drawn([example]))
    fitting = batch["fitting"][0]
    assert 1 < fitting < len(words)
    assert batch["lost"] == len(words) - fitting
    assert batch["heads"][0].tolist() == [IGNORE] + [1] * (fitting - 1)  # the first one's head does not fit
    assert int(batch["count"]) == fitting - 1
    starts = batch["word_starts"][0].tolist()
    assert starts == sorted(starts)
    assert len(starts) == fitting + 1


def test_scores_count_lost_words_as_errors():
    gold = SENTENCES[1]
    parse = Parse([2, 3, 0, None], ["det", "obj", "root", None])
    assert PARSING.metrics([Prediction(gold, parse)]) == {"las": 0.5, "uas": 0.75, "words": 4}
    unlabelled = TreeExample(id="x", words=["a"])
    assert PARSING.metrics([Prediction(unlabelled, Parse([0], ["root"]))]) == {"words": 0}
    baseline = PARSING.baseline(SENTENCES, [Prediction(gold, parse)])
    assert baseline == {"previous_las": 0.25, "previous_uas": 0.25}  # "it" is after its head
    chain = TreeExample(id="c", words=["it", "dog"], heads=[0, 1], relations=["obj", "det"])
    assert PARSING.baseline(SENTENCES, [Prediction(chain, Parse([0, 0], ["x", "x"]))]) == {
        "previous_las": 0.5,
        "previous_uas": 1.0,
    }


def test_relations_of_the_train_split_follow_the_published_ones():
    labels = PARSING.labels([TreeExample(id="x", words=["a"], heads=[0], relations=["zzz"])])
    assert (labels[0], labels[1], labels[-2], labels[-1], len(labels)) == ("_", "acl", "xcomp", "zzz", 39)
    encoder = RenderedText(TextRenderer(max_seq_length=40))
    bad = drawn([TreeExample(id="x", where="f, line 3", words=["a"], heads=[0], relations=["zzz"])])
    objective = PARSING.objective(encoder, labels[:-1])
    with pytest.raises(UsageError, match="f, line 3: relation 'zzz' is not among"):
        objective.collate(bad)


@pytest.mark.parametrize("decoding", ["greedy", "tree"])
def test_it_learns_trees_and_company_changes_no_parse(decoding):
    torch.manual_seed(0)
    task = PARSING.with_options(ParsingOptions(decoding=decoding))
    labels = task.labels(SENTENCES)
    config = hub.load_config("pixel-nano", **task.config_for(labels))
    config.hidden_dropout_prob = config.attention_probs_dropout_prob = 0.0
    model = hub.load_model("pixel-nano", head_class("pixel", task.head), config=config).train()
    objective = task.objective(hub.load_encoder("pixel-nano", max_seq_length=60), labels)
    batch = objective.collate(drawn(SENTENCES))
    optimizer = torch.optim.AdamW(model.parameters(), 1e-3)
    for _ in range(60):
        loss = objective.loss(model, batch)
        (loss.sum / loss.count).backward()
        optimizer.step()
        optimizer.zero_grad()
    model.eval()
    with torch.inference_mode():
        together = objective.reduce(objective.loss(model, batch).outputs, batch)
        predictions = task.finish(SENTENCES, SENTENCES, together)
        assert task.metrics(predictions) == {"las": 1.0, "uas": 1.0, "words": 6}
        alone = objective.collate(drawn(SENTENCES[:1]))
        (single,) = objective.reduce(objective.loss(model, alone).outputs, alone)
        assert single == together[0]
        assert float(objective.loss(model, alone).sum) == pytest.approx(
            float(objective.loss(model, batch).sum) - float(_second(objective, model)), abs=1e-3
        )


def _second(objective, model):
    batch = objective.collate(drawn(SENTENCES[1:]))
    return objective.loss(model, batch).sum


def test_a_run_writes_trees(treebank, tmp_path, pixlm):
    import json

    output = tmp_path / "run"
    few = ("--train.max-steps", "2", "--train.batch-size", "4", "--render.max-seq-length", "64")
    code, _, error = pixlm("finetune", "parsing", "--model", "pixel-nano", "--data", treebank, "--output", output, *few)
    assert code == 0, error
    metrics = json.loads((output / "metrics.json").read_text())["test"]
    assert {"las", "uas", "previous_uas", "lost", "loss", "examples"} <= metrics.keys()
    rows = [json.loads(line) for line in (output / "predictions.jsonl").read_text(encoding="utf-8").splitlines()]
    right = sum(a == b for row in rows for a, b in zip(row["heads"], row["predicted_heads"], strict=True))
    assert metrics["uas"] == pytest.approx(right / sum(len(row["words"]) for row in rows))
    source = next(treebank.glob("*test*")).read_text(encoding="utf-8").split("\n")
    written = (output / "predictions.conllu").read_text(encoding="utf-8").split("\n")
    assert len(written) == len(source)
    for before, after in zip(source, written, strict=True):
        ours, theirs = before.split("\t"), after.split("\t")
        if len(ours) == 10:
            assert ours[:6] + ours[8:] == theirs[:6] + theirs[8:]
        else:
            assert before == after
    code, _, error = pixlm(
        "predict", "parsing", "--model", output, "--text", "Trời đẹp quá !", "--output", tmp_path / "p"
    )
    assert code == 0, error
    assert json.loads((tmp_path / "p" / "predictions.jsonl").read_text(encoding="utf-8"))["words"] == [
        "Trời",
        "đẹp",
        "quá",
        "!",
    ]
    assert (tmp_path / "p" / "predictions.conllu").read_text(encoding="utf-8").startswith("1\tTrời\t_\t_\t_\t_\t")
