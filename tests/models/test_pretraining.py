"""Masking and loss of the masked autoencoder."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from torch.testing import assert_close

from pixlm.data.masking import RandomMasking, SpanMasking
from pixlm.models import PixelForPreTraining, PixelForTokenClassification, PixelModel, label_loss, reconstruction_loss


def test_natural_order_without_masking(make_config, batch):
    model = PixelForPreTraining(make_config(mask_ratio=0.0)).eval()
    pixels, mask = batch["pixel_values"], batch["attention_mask"]
    outputs = model(pixels, mask)
    assert outputs.mask.sum() == 0
    assert torch.equal(outputs.ids_restore, torch.arange(16).expand(2, -1))
    assert outputs.loss == 0
    shuffled = model(**batch)
    assert not torch.equal(shuffled.ids_restore, outputs.ids_restore)
    assert_close(shuffled.logits, outputs.logits, rtol=1e-5, atol=1e-6)


def test_shuffled_order_at_ratio_0_with_noise(make_config, batch):
    model = PixelModel(make_config(mask_ratio=0.0)).eval()
    plain = model(batch["pixel_values"]).last_hidden_state
    shuffled = model(batch["pixel_values"], noise=batch["noise"])
    order = shuffled.ids_restore + 1
    restored = shuffled.last_hidden_state.gather(1, order[..., None].expand(-1, -1, 24))
    assert_close(restored, plain[:, 1:], rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize("attention", ["eager", "sdpa"])
def test_removed_patches_are_not_seen(attention, config, batch):
    config._attn_implementation = attention
    model = PixelForPreTraining(config).eval()
    outputs = model(**batch)
    assert outputs.mask.sum(1).tolist() == [4.0, 4.0]
    hidden_away = batch["pixel_values"].clone()
    for row, patch in outputs.mask.nonzero().tolist():
        hidden_away[row, :, :, patch * 16 : patch * 16 + 16] = 7
    assert torch.equal(model(**{**batch, "pixel_values": hidden_away}).logits, outputs.logits)


def test_noise_is_drawn_from_torchs_generator(config, batch):
    model = PixelForPreTraining(config).eval()
    torch.manual_seed(5)
    drawn = model(batch["pixel_values"], batch["attention_mask"])
    torch.manual_seed(5)
    given = model(batch["pixel_values"], batch["attention_mask"], noise=torch.rand(2, 16))
    assert torch.equal(drawn.logits, given.logits)
    torch.manual_seed(6)
    assert not torch.equal(model(batch["pixel_values"], batch["attention_mask"]).mask, drawn.mask)


def test_a_text_patch_is_always_removed(make_config):
    model = PixelModel(make_config(mask_ratio=0.1)).eval()
    attention_mask = torch.zeros(50, 16)
    attention_mask[:, 0] = 1
    assert model(torch.rand(50, 1, 16, 256), attention_mask).mask[:, 0].all()


@pytest.mark.parametrize("masking", [RandomMasking(0.25), SpanMasking(0.25), SpanMasking(0.4, spacing=1)])
def test_numpy_and_torch_remove_the_same_patches(masking, make_config):
    """Many rows with coarse noise, so that ties occur."""
    length, rows = 64, 40
    model = PixelModel(make_config(mask_ratio=masking.mask_ratio, image_size=(16, length * 16))).eval()
    attended = [5 + row for row in range(rows)]
    draws = [masking.draw(length, attended[row], seed=3, epoch=0, index=row) for row in range(rows)]
    inputs = {"noise": torch.from_numpy(np.stack([one.noise for one in draws]))}
    if draws[0].patch_mask is not None:
        inputs["patch_mask"] = torch.from_numpy(np.stack([one.patch_mask for one in draws]))
    attention_mask = torch.arange(length) < torch.tensor(attended)[:, None]
    outputs = model(torch.zeros(rows, 1, 16, length * 16, dtype=torch.uint8), attention_mask, **inputs)
    assert np.array_equal(outputs.mask.bool().numpy(), np.stack([one.removed for one in draws]))


@pytest.mark.parametrize(("ratio", "norm", "channels"), [(0.25, True, 3), (0.5, False, 3), (0.25, True, 1)])
def test_loss_is_the_mean_over_removed_text(ratio, norm, channels, make_config, batch):
    config = make_config(mask_ratio=ratio, norm_pix_loss=norm, num_channels=channels)
    model = PixelForPreTraining(config).eval()
    outputs = model(**batch)
    errors = []
    pixels = (batch["pixel_values"].double() / 255).expand(-1, channels, -1, -1)
    for row in range(2):
        for patch in range(16):
            target = pixels[row, :, :, patch * 16 : patch * 16 + 16].permute(1, 2, 0).flatten()
            if norm:
                target = (target - target.mean()) / (target.var() + 1e-6).sqrt()
            if outputs.mask[row, patch] and batch["attention_mask"][row, patch]:
                errors.append((outputs.logits[row, patch].double() - target).square().mean())
    assert_close(outputs.loss.double(), torch.stack(errors).mean(), rtol=1e-5, atol=1e-7)
    total, count = model.reconstruction_loss(
        outputs.logits, batch["pixel_values"], outputs.mask, batch["attention_mask"]
    )
    assert count == len(errors)
    assert torch.equal(total / count, outputs.loss)
    assert model(**batch, compute_loss=False).loss is None


def test_micro_batches_add_up(config, batch):
    model = PixelForPreTraining(config).eval()
    whole = model(**batch)
    sums = []
    for row in range(2):
        part = {name: value[row : row + 1] for name, value in batch.items()}
        outputs = model(**part, compute_loss=False)
        sums.append(reconstruction_loss(outputs.logits, part["pixel_values"], outputs.mask, part["attention_mask"]))
    assert_close(sum(s for s, _ in sums) / sum(c for _, c in sums), whole.loss, rtol=1e-5, atol=1e-6)


def test_nothing_to_count_gives_zero_and_no_nan(config, batch):
    model = PixelForPreTraining(config)
    outputs = model(**{**batch, "attention_mask": torch.zeros(2, 16)})
    assert outputs.loss == 0
    outputs.loss.backward()
    assert all(p.grad is None or bool(p.grad.eq(0).all()) for p in model.parameters())
    head = PixelForTokenClassification(config)
    result = head(batch["pixel_values"], labels=torch.full((2, 16), -100))
    assert result.loss == 0
    result.loss.backward()


def test_infinite_errors_of_padding_do_not_count():
    logits = torch.zeros(1, 2, 256)
    logits[0, 1] = torch.inf
    total, count = reconstruction_loss(logits, torch.zeros(1, 1, 16, 32), torch.ones(1, 2), torch.tensor([[1, 0]]))
    assert count == 1
    assert total.isfinite()


def test_label_loss_counts_labels(config, batch):
    model = PixelForTokenClassification(config).eval()
    labels = torch.full((2, 16), -100)
    labels[0, :3], labels[1, 2] = 1, 0
    outputs = model(batch["pixel_values"], batch["attention_mask"], labels=labels)
    total, count = label_loss(outputs.logits, labels)
    assert count == 4
    assert_close(total / count, outputs.loss)
    assert outputs.logits.shape == (2, 16, 2)
    assert model(batch["pixel_values"], labels=labels, compute_loss=False).loss is None


def test_tuple_output(config, batch):
    model = PixelForPreTraining(config).eval()
    expected = model(**batch)
    loss, logits, mask, attention_mask, ids_restore = model(**batch, return_dict=False)
    assert torch.equal(loss, expected.loss)
    assert torch.equal(logits, expected.logits)
    assert mask.shape == attention_mask.shape == ids_restore.shape == (2, 16)
