"""Next patch, next token and pairs: what counts, what a loss is made of, and that it does not depend on the batch."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from conftest import DEMO
from pixlm.data.cells import learn_cells
from pixlm.data.draw import Draw, Drawn
from pixlm.data.encoders import RenderedText
from pixlm.data.pairs import PairedText
from pixlm.data.sentencepieces import train_sentencepiece
from pixlm.data.tokens import TokenizedText
from pixlm.errors import UsageError
from pixlm.models import PixelGPTForCausalLM, preset
from pixlm.models.pixelgpt.heads import Cell
from pixlm.rendering import TextRenderer
from pixlm.tasks.objectives import CausalUnits, InEachModality, Modality

LINES = (DEMO / "text" / "vi.train.txt").read_text(encoding="utf-8").splitlines()
TEXTS = [line[:60] for line in LINES[:12] if len(line) > 8]
ALL = dict.fromkeys(Modality, 1.0)


@pytest.fixture(scope="module")
def encoder() -> PairedText:
    tokenizer = train_sentencepiece(LINES, 500)
    config = preset("pixelgpt-nano", vocab_size=len(tokenizer))
    return PairedText(RenderedText(TextRenderer(max_seq_length=60), packs=False), TokenizedText(tokenizer, config, 60))


@pytest.fixture(scope="module")
def model(encoder) -> PixelGPTForCausalLM:
    torch.manual_seed(0)
    return PixelGPTForCausalLM(preset("pixelgpt-nano", vocab_size=500, initializer_range=0.1)).eval()


def drawn(texts=TEXTS) -> list[Drawn]:
    return [Drawn(Draw(0, index), text) for index, text in enumerate(texts)]


def mean(objective: CausalUnits, model, rows: list[Drawn]) -> tuple[float, int]:
    batch = objective.collate(rows)
    with torch.no_grad():
        loss = objective.loss(model, batch)
    assert int(loss.count) == int(batch["count"])
    return float(loss.sum), int(loss.count)


def test_one_modality_is_the_published_mean_over_units(encoder, model):
    for kind, side in ((Modality.PIXEL, encoder.patches), (Modality.TEXT, encoder.tokens)):
        objective = CausalUnits(side, {kind: 1.0}, 0)
        total, count = mean(objective, model, drawn())
        arrays = side.batch([side.encode(text) for text in TEXTS])
        if kind == Modality.PIXEL:
            inputs = {name: torch.from_numpy(value) for name, value in arrays.items()}
            expected = model(**inputs).patch_loss
            assert count == int(arrays["attention_mask"].sum()) - len(TEXTS)  # the first is never predicted
        else:
            rows = [objective._cut(text) for text in TEXTS]
            assert all(row.units["input_ids"][-1] == 2 for row in rows)
            ids = torch.from_numpy(side.batch(rows)["input_ids"])
            known = torch.from_numpy(side.batch(rows)["attention_mask"]).bool()
            expected = model(input_ids=ids, labels=ids.masked_fill(~known, -100)).token_loss
            assert count == sum(row.length for row in rows) - len(TEXTS)
        assert total / count == pytest.approx(float(expected.detach()), rel=1e-5)


@pytest.mark.parametrize("collation", ["grouped", "mixed"])
def test_the_loss_does_not_depend_on_how_rows_are_batched(encoder, model, collation):
    shares = ALL if collation == "grouped" else {kind: 1.0 for kind in ALL if kind != Modality.TEXT_IMAGE}
    objective = CausalUnits(encoder, shares, 3, collation=collation)
    rows = drawn(InEachModality(TEXTS, list(shares)))
    total, count = mean(objective, model, rows)
    parts = [mean(objective, model, rows[start : start + 3]) for start in range(0, len(rows), 3)]
    assert sum(part[1] for part in parts) == count
    assert sum(part[0] for part in parts) == pytest.approx(total, rel=1e-4)
    assert np.isfinite(total)


def test_a_mixed_row_has_the_loss_that_it_has_alone(encoder, model):
    shares = {Modality.PIXEL: 1.0, Modality.TEXT: 1.0, Modality.IMAGE_TEXT: 1.0}
    mixed = CausalUnits(encoder, shares, 3, collation="mixed")
    kinds = [mixed.modality(one.draw) for one in drawn()]
    assert set(kinds) == set(shares)
    alone = CausalUnits(encoder, shares, 3)
    expected = [
        mean(alone, model, [Drawn(one.draw, InEachModality([one.example], [kind])[0])])
        for one, kind in zip(drawn(), kinds, strict=True)
    ]
    total, count = mean(mixed, model, drawn())
    assert count == sum(each[1] for each in expected)
    assert total == pytest.approx(sum(each[0] for each in expected), rel=1e-3)


def test_pairs_count_each_side_once_and_text_reads_the_strip(encoder, model):
    objective = CausalUnits(encoder, {Modality.IMAGE_TEXT: 1.0}, 0)
    batch = objective.collate(drawn())
    assert int(batch["count"]) == 2 * len(TEXTS)
    with torch.no_grad():
        before = objective.loss(model, batch).outputs
        batch["image-text/pixel_values"] = 255 - batch["image-text/pixel_values"]
        after = objective.loss(model, batch).outputs
    assert not torch.allclose(before.logits_token, after.logits_token)


def test_modalities_follow_their_shares_and_nothing_else(encoder):
    objective = CausalUnits(encoder, {Modality.PIXEL: 3.0, Modality.TEXT: 1.0, Modality.IMAGE_TEXT: 0.0}, 5)
    kinds = [objective.modality(Draw(epoch, index)) for epoch in range(4) for index in range(500)]
    assert kinds.count(Modality.PIXEL) / 2000 == pytest.approx(0.75, abs=0.04)
    assert set(kinds) == {Modality.PIXEL, Modality.TEXT}
    again = CausalUnits(encoder, {Modality.TEXT: 1.0, Modality.PIXEL: 3.0}, 6)
    assert [again.modality(Draw(0, index)) for index in range(500)] != kinds[:500]
    batch = objective.collate(drawn())
    rows = sum(objective.modality(Draw(0, index)) == Modality.PIXEL for index in range(len(TEXTS)))
    assert len(batch["pixel/pixel_values"]) == rows > 0


def test_every_parameter_gets_a_gradient_in_every_modality(encoder, model):
    for kind in Modality:
        objective = CausalUnits(encoder, ALL, 0)
        model.zero_grad()
        objective.loss(model, objective.collate(drawn(InEachModality(TEXTS[:2], [kind])))).sum.backward()
        assert all(parameter.grad is not None for parameter in model.parameters())
        touched = {name for name, value in model.named_parameters() if value.grad.abs().sum() > 0}
        assert ("lm_pixel_head.weight" in touched) == (kind != Modality.TEXT)
        assert ("lm_token_head.weight" in touched) == (kind != Modality.PIXEL)


def test_unknown_cells_are_no_targets():
    encoder = RenderedText(TextRenderer(max_seq_length=60, strategy="bigrams"), packs=False)
    cells = torch.from_numpy(learn_cells(encoder, TEXTS, 30, 1).copy())
    assert cells.shape == (30, 256)
    assert cells[0].max() == 0
    assert cells[1].min() == 255
    config = preset("pixelgpt-nano", pixel_head="cell", num_cells=30)
    torch.manual_seed(0)
    model = PixelGPTForCausalLM(config)
    model.cells.copy_(cells)
    objective = CausalUnits(encoder, {Modality.PIXEL: 1.0}, 0, cell_head=Cell(config, cells))
    total, count = mean(objective, model, drawn())
    units = sum(encoder.encode(text).length - 1 for text in TEXTS)
    assert 0 < count < units
    assert total / count == pytest.approx(float(np.log(30)), rel=0.1)
    patches = np.moveaxis(encoder.encode(TEXTS[0]).units["pixel_values"].reshape(16, -1, 16), 1, 0)
    labels = Cell(config, cells).labels(objective.collate(drawn(TEXTS[:1]))["pixel/pixel_values"])[0]
    for patch, label in zip(patches, labels.tolist(), strict=False):
        rows = [number for number, cell in enumerate(cells) if np.array_equal(cell.numpy(), patch.reshape(-1))]
        assert rows == ([] if label == -100 else [label])


def test_what_does_not_fit_together_is_one_line(encoder):
    for make, message in (
        (lambda: CausalUnits(encoder.patches, {Modality.TEXT: 1.0}, 0), "the model does not read these"),
        (lambda: CausalUnits(encoder, {Modality.TEXT: 0.0}, 0), "modalities none"),
        (lambda: CausalUnits(encoder, ALL, 0, collation="mixed"), "leave text-image out"),
        (lambda: learn_cells(encoder.patches, TEXTS, 2, 1), "give 3 or more"),
    ):
        with pytest.raises(UsageError, match=message):
            make()
