"""The pretraining objective: what is removed, what is counted, and that company changes nothing."""

from __future__ import annotations

import pytest
import torch

from pixlm.data.draw import Draw, Drawn
from pixlm.data.encoders import RenderedText
from pixlm.data.masking import RandomMasking, SpanMasking
from pixlm.models import PixelForPreTraining, preset
from pixlm.rendering import TextRenderer
from pixlm.tasks.objectives import MaskedPatches

TEXTS = ["short", "a line of middling length, so to speak", "one more " * 20, "and one that is longer still " * 12]


@pytest.fixture(scope="module")
def encoder() -> RenderedText:
    return RenderedText(TextRenderer(max_seq_length=255))


@pytest.fixture(scope="module")
def model() -> PixelForPreTraining:
    torch.manual_seed(0)
    return PixelForPreTraining(preset("pixel-nano", mask_ratio=0.25)).eval()


def drawn(*indices: int, epoch: int = 0) -> list[Drawn]:
    return [Drawn(Draw(epoch, index), TEXTS[index]) for index in indices]


@pytest.mark.parametrize("masking", [SpanMasking(), SpanMasking(flavour="pixel-m4"), RandomMasking(0.25)], ids=repr)
def test_a_row_is_masked_and_counted_alike_in_any_company(encoder, model, masking):
    objective = MaskedPatches(encoder, masking, seed=3)
    together = objective.collate(drawn(0, 1, 2, 3))
    apart = [objective.collate(drawn(index)) for index in range(4)]
    assert together["pixel_values"].shape[-1] > apart[0]["pixel_values"].shape[-1]
    assert int(together["count"]) == sum(int(batch["count"]) for batch in apart) > 0
    with torch.inference_mode():
        whole = objective.loss(model, together)
        parts = [objective.loss(model, batch) for batch in apart]
    assert int(whole.count) == int(together["count"])
    torch.testing.assert_close(whole.sum, sum(part.sum for part in parts), rtol=1e-4, atol=1e-4)


def test_the_model_removes_what_the_collator_counted(encoder, model):
    batch = MaskedPatches(encoder, SpanMasking(), seed=3).collate(drawn(0, 1, 2, 3))
    with torch.inference_mode():
        outputs = model(
            pixel_values=batch["pixel_values"],
            attention_mask=batch["attention_mask"],
            noise=batch["noise"],
            patch_mask=batch["patch_mask"],
        )
    assert torch.equal(outputs.mask.bool(), batch["patch_mask"].bool())


def test_masks_follow_from_seed_epoch_and_index(encoder):
    def mask(seed: int, epoch: int) -> torch.Tensor:
        return MaskedPatches(encoder, SpanMasking(), seed).collate(drawn(2, epoch=epoch))["patch_mask"]

    assert torch.equal(mask(1, 0), mask(1, 0))
    assert not torch.equal(mask(1, 0), mask(2, 0))
    assert not torch.equal(mask(1, 0), mask(1, 1))


def test_characters_off_the_canvas_are_reported():
    encoder = RenderedText(TextRenderer(max_seq_length=8))
    assert MaskedPatches(encoder, RandomMasking(0.25), 0).collate(drawn(0, 1))["lost"] > 10
