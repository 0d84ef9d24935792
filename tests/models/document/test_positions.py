"""Position tables of models that start from scratch."""

from __future__ import annotations

import pytest
import torch

from document_models import make
from pixlm.errors import UsageError
from pixlm.models import sincos_table
from pixlm.models.document import PaliModel, Pix2StructForClassification, Pix2StructModel
from pixlm.models.document.config import document_preset
from pixlm.models.document.positions import start_grid, wants_sincos


def test_tiny_models_start_at_sines():
    config = document_preset("pix2struct-tiny")
    embeddings = Pix2StructModel(config).encoder.embeddings
    classifier = Pix2StructForClassification(config).image_encoder.embeddings
    assert torch.equal(embeddings.row_embedder.weight, classifier.row_embedder.weight)
    columns, rows = embeddings.column_embedder.weight, embeddings.row_embedder.weight
    half = columns.shape[1] // 2
    assert torch.equal(columns[:, :half], rows[:, half:])
    assert not columns[:, half:].any()
    assert not rows[:, :half].any()
    torch.testing.assert_close(columns[3, 0], torch.tensor(3.0).sin())
    vision = PaliModel(document_preset("pali-tiny")).vision_model
    table = vision.embeddings.position_embeddings
    assert vision.grid == (20, 14)
    assert table.abs().max() == 1
    torch.testing.assert_close(table[0, 1 + 14 * 2 + 5, 0], torch.tensor(5.0).sin())
    torch.testing.assert_close(table[0, 1 + 14 * 2 + 5, 96], torch.tensor(2.0).sin())


def test_a_square_grid_is_the_published_table():
    table = torch.empty(1, 17, 24)
    start_grid(table, (4, 4))
    assert torch.equal(table, sincos_table(16, 24))


def test_others_start_as_transformers_has_it_and_weights_replace_the_table(tmp_path):
    assert make("pix2struct").encoder.embeddings.column_embedder.weight.std() < 0.5
    model = Pix2StructModel(document_preset("pix2struct-tiny"))
    with torch.no_grad():
        model.encoder.embeddings.row_embedder.weight.fill_(3)
    model.save_pretrained(tmp_path)
    again = Pix2StructModel.from_pretrained(tmp_path)
    assert (again.encoder.embeddings.row_embedder.weight == 3).all()


def test_a_word_that_there_is_not():
    config = document_preset("pix2struct-tiny")
    config.vision_config.position_init = "spiral"
    with pytest.raises(UsageError, match="position_init 'spiral': must be normal or sincos"):
        wants_sincos(config.vision_config)
