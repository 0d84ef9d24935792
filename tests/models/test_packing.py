"""Packed rows give what padded rows give, for every head."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from torch.testing import assert_close

from pixlm.data.encoders import Encoded
from pixlm.data.packing import is_worthwhile, pack, packed_rows, rows_for
from pixlm.errors import UsageError
from pixlm.models import (
    PixelEncoder,
    PixelForDependencyParsing,
    PixelForQuestionAnswering,
    PixelForSequenceClassification,
    PixelForTokenClassification,
)

LENGTHS = [5, 16, 1, 9, 7, 12]
WIDTH = max(LENGTHS)


@pytest.fixture
def texts() -> list[Encoded]:
    random = np.random.default_rng(0)
    return [
        Encoded({"pixel_values": random.integers(0, 256, (16, 16 * length), np.uint8)}, length, None, None, 0)
        for length in LENGTHS
    ]


@pytest.fixture
def padded(texts) -> dict[str, torch.Tensor]:
    pixels = np.full((len(texts), 1, 16, 16 * WIDTH), 255, np.uint8)
    mask = np.zeros((len(texts), WIDTH), np.uint8)
    for row, text in enumerate(texts):
        pixels[row, 0, :, : 16 * text.length] = text.units["pixel_values"]
        mask[row, : text.length] = 1
    return {"pixel_values": torch.from_numpy(pixels), "attention_mask": torch.from_numpy(mask)}


@pytest.fixture
def packed(texts) -> dict[str, torch.Tensor]:
    arrays = pack([text.units["pixel_values"] for text in texts], LENGTHS, WIDTH, patch_size=16, channels=1)
    return {name: torch.from_numpy(array) for name, array in arrays.items()}


HEADS = [
    (
        PixelForTokenClassification,
        {"labels": (torch.arange(WIDTH) % 2).where(torch.arange(WIDTH) < torch.tensor(LENGTHS)[:, None], -100)},
    ),
    *(
        (PixelForSequenceClassification, {"labels": torch.tensor([0, 1, 1, 0, 1, 0]), "pooling_mode": mode})
        for mode in ("cls", "mean", "max", "pma2")
    ),
    (
        PixelForQuestionAnswering,
        {
            "start_positions": torch.tensor([1, 5, WIDTH, 3, 2, 9]),
            "end_positions": torch.tensor([4, 6, WIDTH, 3, 5, 11]),
        },
    ),
    (
        PixelForDependencyParsing,
        {
            "word_starts": torch.tensor([[0, 2, 4], [0, 9, 15], [0, 1, -100], [0, 4, 8], [1, 3, 6], [0, 6, 11]]),
            "arc_labels": torch.tensor([[2, 0], [0, 1], [0, -100], [2, 0], [2, 0], [0, 1]]),
            "rel_labels": torch.tensor([[1, 0], [0, 1], [0, -100], [1, 1], [1, 0], [0, 1]]),
        },
    ),
]


@pytest.mark.parametrize("positions", ["sincos", "rotary"])
@pytest.mark.parametrize("attention", ["eager", "sdpa"])
@pytest.mark.parametrize(("head", "labels"), HEADS)
def test_packed_equals_padded(head, labels, attention, positions, make_config, padded, packed):
    labels = dict(labels)
    config = make_config(
        pooling_mode=labels.pop("pooling_mode", None),
        mask_padding=True,
        position_embedding_type=positions,
        initializer_range=0.2,
    )
    config._attn_implementation = attention
    model = head(config).eval()
    for name, parameter in model.named_parameters():
        if name.startswith("biaffine"):
            torch.nn.init.normal_(parameter)  # zeros would hide everything
    losses = []
    outputs = []
    for inputs in (padded, packed):
        model.zero_grad()
        output = model(**inputs, **labels, output_hidden_states=True)
        output.loss.backward()
        losses.append(output.loss)
        outputs.append((output, {name: each.grad.clone() for name, each in model.named_parameters()}))
    assert_close(losses[0], losses[1], rtol=1e-5, atol=1e-6)
    visible = padded["attention_mask"].bool()
    with_cls = torch.nn.functional.pad(visible, (1, 0), value=True)
    (expected, expected_gradients), (actual, gradients) = outputs
    for a, b in zip(expected.hidden_states, actual.hidden_states, strict=True):
        assert_close(a[with_cls], b[with_cls], rtol=1e-5, atol=1e-5)
    for name, gradient in expected_gradients.items():
        assert_close(gradient, gradients[name], rtol=1e-4, atol=1e-5)
    if head is PixelForTokenClassification:
        assert actual.logits.shape == expected.logits.shape
        assert_close(actual.logits[visible], expected.logits[visible], rtol=1e-5, atol=1e-5)


def test_order_follows_from_the_positions_alone(config, padded, packed):
    """Without ``text_slots`` texts are counted row by row."""
    model = PixelEncoder(config, add_pooling_layer=True).eval()
    expected = model(**padded)
    actual = model(packed["pixel_values"], position_ids=packed["position_ids"])
    order = packed["text_slots"][:, 0].argsort()
    assert_close(actual.pooler_output, expected.pooler_output[order], rtol=1e-5, atol=1e-6)
    assert actual.attention_mask.sum(1).tolist() == [LENGTHS[each] for each in order]


def test_texts_do_not_see_each_other(config, packed):
    model = PixelEncoder(config).eval()
    before = model(**packed).last_hidden_state
    changed = packed["pixel_values"].clone()
    slot = int(packed["text_slots"][3, 1])
    row, place = divmod(slot, packed["position_ids"].shape[1])
    changed[row, :, :, 16 * place : 16 * place + 16] ^= 255
    after = model(**{**packed, "pixel_values": changed}).last_hidden_state
    assert [bool(torch.equal(a, b)) for a, b in zip(before, after, strict=True)] == [number != 3 for number in range(6)]


def test_a_text_longer_than_the_table(make_config, packed):
    model = PixelEncoder(make_config(image_size=(16, 16 * 11))).eval()
    with pytest.raises(UsageError, match="longer than the position table"):
        model(**packed)


def test_shapes_that_do_not_fit(config, packed):
    model = PixelEncoder(config).eval()
    with pytest.raises(UsageError, match="position_ids must have one value per patch slot"):
        model(packed["pixel_values"], position_ids=packed["position_ids"][:, :-1])
    with pytest.raises(UsageError, match=r"attention_mask of packed rows .*\[6, 16\], not \[2, 3\]"):
        model(**{**packed, "attention_mask": torch.ones(2, 3)})
    with pytest.raises(UsageError, match=r"text_slots must be \[texts, 1 \+ patches\]"):
        model(packed["pixel_values"], position_ids=packed["position_ids"], text_slots=torch.arange(4))
    with pytest.raises(UsageError, match="bool_masked_pos"):
        model(**packed, bool_masked_pos=torch.zeros_like(packed["position_ids"]))


def test_rows_hold_all_texts_once():
    random = np.random.default_rng(1)
    lengths = random.integers(1, 60, 200).tolist()
    rows = rows_for(lengths, 128)
    assert sorted(index for row in rows for index in row) == list(range(200))
    assert all(sum(lengths[index] for index in row) <= 128 for row in rows)
    assert len(rows) <= sum(lengths) / 128 * 1.05 + 1


def test_packing_is_chosen_where_it_saves():
    assert is_worthwhile([10] * 60 + [200], 255)
    assert not is_worthwhile([31] * 8, 31)
    assert not is_worthwhile([529] * 4, 529)


def test_rows_are_as_wide_as_it_takes():
    assert packed_rows([3]) == ([[0]], 16)
    assert packed_rows([529, 3])[1] == 544
    assert packed_rows([14, 15, 14, 15])[1] == 16
    rows, width = packed_rows([51] * 8)
    assert len(rows) * width == 416
