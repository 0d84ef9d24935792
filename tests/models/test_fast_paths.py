"""Compiled graphs, half precision, flex attention: the same numbers by other ways."""

from __future__ import annotations

import pytest
import torch
from torch.testing import assert_close

from pixlm.models import (
    PixelEncoder,
    PixelForDependencyParsing,
    PixelForPreTraining,
    PixelForQuestionAnswering,
    PixelForSequenceClassification,
    PixelForTokenClassification,
)

CASES = {
    PixelForPreTraining: {},
    PixelForTokenClassification: {"labels": torch.zeros(2, 16).long()},
    PixelForSequenceClassification: {"labels": torch.tensor([0, 1])},
    PixelForQuestionAnswering: {"start_positions": torch.tensor([1, 2]), "end_positions": torch.tensor([3, 2])},
    PixelForDependencyParsing: {
        "word_starts": torch.tensor([[0, 2, 4], [1, 3, 5]]),
        "arc_labels": torch.ones(2, 2).long(),
        "rel_labels": torch.ones(2, 2).long(),
    },
}


def inputs_for(head, batch) -> dict[str, torch.Tensor]:
    noise = {"noise": batch["noise"]} if head is PixelForPreTraining else {}
    return {"pixel_values": batch["pixel_values"], "attention_mask": batch["attention_mask"], **noise, **CASES[head]}


def packed_batch() -> dict[str, torch.Tensor]:
    """Texts of 4, 7 and 3 patches in two rows of 12 slots."""
    position_ids = torch.tensor([[*range(8), 0, 0, 0, 0], [*range(5), *range(4), 0, 0, 0]])
    slots = torch.tensor([[12, 13, 14, 15, 16, -1, -1, -1], list(range(8)), [17, 18, 19, 20, -1, -1, -1, -1]])
    pixels = torch.randint(0, 256, (2, 1, 16, 12 * 16), dtype=torch.uint8)
    return {"pixel_values": pixels, "position_ids": position_ids, "text_slots": slots}


@pytest.mark.parametrize("head", CASES)
def test_one_graph_for_the_whole_model(head, config, batch):
    """Nothing in a forward pass with masks stops the compiler; numbers do not change."""
    torch._dynamo.reset()
    model = head(config)
    compiled = torch.compile(model, fullgraph=True, dynamic=False, backend="eager")
    inputs = inputs_for(head, batch)
    expected = model(**inputs)
    actual = compiled(**inputs)
    actual.loss.backward()
    assert_close(actual.loss, expected.loss)
    assert all(parameter.grad is not None for parameter in model.parameters() if parameter.requires_grad)


def test_one_graph_for_packed_rows(config):
    torch._dynamo.reset()
    model = PixelForTokenClassification(config).eval()
    compiled = torch.compile(model, fullgraph=True, dynamic=False, backend="eager")
    batch = packed_batch()
    assert_close(compiled(**batch).logits, model(**batch).logits)


@pytest.mark.slow
def test_flex_attention_on_packed_rows(make_config):
    torch._dynamo.reset()
    model = PixelEncoder(make_config(hidden_size=64, initializer_range=0.2)).eval()
    batch = packed_batch()
    with torch.inference_mode():
        expected = model(**batch)
        model.set_attn_implementation("flex_attention")
        actual = model(**batch)
    visible = torch.nn.functional.pad(expected.attention_mask.bool(), (1, 0), value=True)
    assert_close(actual.last_hidden_state[visible], expected.last_hidden_state[visible], rtol=1e-4, atol=1e-4)


@pytest.mark.gpu
@pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a CUDA device")
@pytest.mark.parametrize("attention", ["sdpa", "flex_attention", "flash_attention_2"])
def test_attention_on_a_gpu(attention, make_config):
    if attention == "flash_attention_2":
        pytest.importorskip("flash_attn")
    model = PixelEncoder(make_config(hidden_size=128, initializer_range=0.2)).eval()
    batch = packed_batch()
    expected = model(**batch).last_hidden_state
    model.set_attn_implementation(attention)
    model.to("cuda", torch.bfloat16)
    with torch.inference_mode():
        actual = model(**{name: value.cuda() for name, value in batch.items()})
    visible = torch.nn.functional.pad(actual.attention_mask.bool(), (1, 0), value=True).cpu()
    assert_close(actual.last_hidden_state.float().cpu()[visible], expected[visible], rtol=0.1, atol=0.1)


@pytest.mark.parametrize("head", CASES)
def test_losses_are_float32(head, config, batch):
    inputs = inputs_for(head, batch)
    model = head(config)
    expected = model(**inputs).loss
    with torch.autocast("cpu", dtype=torch.bfloat16):
        mixed = model(**inputs).loss
    half = model.to(torch.bfloat16)(**inputs).loss
    assert mixed.dtype == half.dtype == torch.float32
    assert_close(mixed, expected, rtol=0.02, atol=0.01)
    assert_close(half, expected, rtol=0.02, atol=0.01)


def test_norms_are_computed_in_float32(config, batch):
    """Under autocast a norm's output is float32; in a bfloat16 model it is the rounded result of float32 arithmetic."""
    model = PixelEncoder(config)
    seen = []
    for module in model.modules():
        if isinstance(module, torch.nn.LayerNorm):
            module.register_forward_hook(lambda norm, inputs, output: seen.append((norm, inputs[0], output)))
    with torch.autocast("cpu", dtype=torch.bfloat16):
        model(batch["pixel_values"])
    assert len(seen) == 5
    assert {output.dtype for _, _, output in seen} == {torch.float32}
    seen.clear()
    model.to(torch.bfloat16)(batch["pixel_values"])
    for norm, given, output in seen:
        weight, bias = norm.weight.float(), norm.bias.float()
        exact = torch.nn.functional.layer_norm(given.float(), norm.normalized_shape, weight, bias, norm.eps)
        assert torch.equal(output, exact.to(torch.bfloat16))
