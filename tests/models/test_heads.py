"""The heads for fine-tuning: losses, padding, odd inputs. What upstream computes is in test_golden.py."""

from __future__ import annotations

import pytest
import torch
from torch.testing import assert_close
from transformers import BertConfig, BertModel, RobertaConfig, XLMRobertaConfig

from pixlm.errors import UsageError
from pixlm.models import (
    PixelConfig,
    PixelEncoder,
    PixelForDependencyParsing,
    PixelForPreTraining,
    PixelForQuestionAnswering,
    PixelForSequenceClassification,
    PixelForTokenClassification,
    TokenForDependencyParsing,
    answer_loss,
    parsing_loss,
    sequence_loss,
)
from pixlm.models.biaffine import word_vectors

POOLING = ["cls", "mean", "max", "pma2"]


def with_weights(model):
    """Biaffine scorers start at zero, which hides everything."""
    for name, parameter in model.named_parameters():
        if name.startswith("biaffine"):
            torch.nn.init.normal_(parameter)
    return model.eval()


def head_and_inputs(name: str, make_config, **fields):
    if name in POOLING:
        return PixelForSequenceClassification(make_config(pooling_mode=name, **fields)).eval(), {}
    if name == "qa":
        return PixelForQuestionAnswering(make_config(**fields)).eval(), {}
    if name == "token":
        return PixelForTokenClassification(make_config(**fields)).eval(), {}
    starts = torch.tensor([[0, 2, 2, 5, 9], [0, 1, 10, -100, -100]])
    return with_weights(PixelForDependencyParsing(make_config(**fields))), {"word_starts": starts}


ALL = [*POOLING, "qa", "token", "parser"]


@pytest.mark.parametrize("name", ALL)
@pytest.mark.parametrize("positions", ["sincos", "rotary"])
def test_padding_changes_nothing(name, positions, make_config, batch):
    """Dynamic padding gives what the long canvas gives, for each text alone and in company."""
    model, more = head_and_inputs(
        name, make_config, mask_padding=True, position_embedding_type=positions, initializer_range=0.2
    )
    pixels, mask = batch["pixel_values"], batch["attention_mask"]
    long = model(pixels, mask, **more)
    short = model(pixels[1:, ..., : 10 * 16], mask[1:, :10], **{key: value[1:] for key, value in more.items()})
    no_mask = model(pixels[1:, ..., : 10 * 16], **{key: value[1:] for key, value in more.items()})
    for key in ("logits", "start_logits", "end_logits", "arc_logits", "rel_logits"):
        if key in long:
            expected = long[key][1:]
            if key in ("start_logits", "end_logits"):  # 10 patches and, last, CLS
                expected = torch.cat([expected[:, :10], expected[:, -1:]], dim=1)
            if name == "token":
                expected = expected[:, :10]
            assert_close(short[key], expected, rtol=1e-5, atol=1e-5)
            assert_close(no_mask[key], expected, rtol=1e-5, atol=1e-5)


@pytest.mark.parametrize("name", ALL)
def test_rows_of_padding_are_finite(name, make_config, batch):
    for mask_padding in (False, True):
        model, more = head_and_inputs(name, make_config, mask_padding=mask_padding)
        if name == "parser":
            more = {"word_starts": torch.full((2, 5), -100)}
        output = model(batch["pixel_values"], torch.zeros(2, 16), **more)
        for key, value in output.items():
            assert value.isfinite().all(), key


# sequence classification


def test_pooling_mode_is_stored(make_config, batch, tmp_path):
    for mode in POOLING:
        model = PixelForSequenceClassification(make_config(pooling_mode=mode, add_layer_norm=mode != "max")).eval()
        model.save_pretrained(tmp_path)
        again = PixelForSequenceClassification.from_pretrained(tmp_path).eval()
        assert (again.config.pooling_mode, again.config.pma_heads) == (
            mode[:3] if mode != "mean" else mode,
            2 if "2" in mode else None,
        )
        assert torch.equal(again(batch["pixel_values"]).logits, model(batch["pixel_values"]).logits)
    assert PixelForSequenceClassification(make_config()).config.pooling_mode == "mean"


@pytest.mark.parametrize(
    ("fields", "message"),
    [
        ({"pooling_mode": "average"}, "pooling_mode 'average': choose one of cls, mean, max, pma"),
        ({"pooling_mode": "pma"}, "needs pma_heads"),
        ({"pooling_mode": "pma", "pma_heads": 5}, "a divisor of hidden_size 24, not 5"),
        ({"position_embedding_type": "alibi"}, "choose one of sincos, rotary"),
        ({"position_embedding_type": "rotary", "num_attention_heads": 8}, "an even size, not 3 and 8"),
    ],
)
def test_unknown_choices(fields, message, make_config):
    with pytest.raises(UsageError, match=message):
        make_config(**fields)


def test_all_parameters_learn(make_config, batch):
    """Parameters without a gradient stop distributed training."""
    for name in ALL:
        model, more = head_and_inputs(name, make_config)
        labels = {
            "qa": {"start_positions": torch.tensor([1, 2]), "end_positions": torch.tensor([3, 4])},
            "token": {"labels": torch.ones(2, 16).long()},
            "parser": {"arc_labels": torch.ones(2, 4).long(), "rel_labels": torch.ones(2, 4).long()},
        }.get(name, {"labels": torch.tensor([0, 1])})
        model(batch["pixel_values"], batch["attention_mask"], **more, **labels).loss.backward()
        assert [key for key, parameter in model.named_parameters() if parameter.grad is None] == []


def test_losses_of_sequences():
    logits = torch.randn(4, 3)
    total, count = sequence_loss(logits, torch.tensor([0, 2, -100, 1]))
    assert count == 3
    expected = torch.nn.functional.cross_entropy(logits[[0, 1, 3]], torch.tensor([0, 2, 1]))
    assert_close(total / count, expected)
    several = torch.tensor([[1, 0, 1], [0, 0, 0], [1, 1, 1], [0, 1, 0]])
    total, count = sequence_loss(logits, several)
    assert_close(total / count, torch.nn.functional.binary_cross_entropy_with_logits(logits, several.float()))
    numbers = torch.tensor([0.5, 1.0, 2.0, 5.0])
    total, count = sequence_loss(logits[:, :1], numbers)
    assert_close(total / count, torch.nn.functional.mse_loss(logits[:, 0], numbers))
    whole = torch.tensor([1, 2, 3, 4])
    assert_close(sequence_loss(logits[:, :1], whole)[0], sequence_loss(logits[:, :1], whole.float())[0])
    assert sequence_loss(logits, numbers[:, None].expand(4, 3), "regression")[1] == 12


def test_labels_that_do_not_fit(config, batch):
    model = PixelForSequenceClassification(config)
    with pytest.raises(UsageError, match="labels must have one entry per text, 2"):
        model(batch["pixel_values"], labels=torch.tensor([1]))
    with pytest.raises(UsageError, match="must have one entry per text, 2"):
        PixelForQuestionAnswering(config)(
            batch["pixel_values"], start_positions=torch.tensor([1]), end_positions=torch.tensor([1])
        )


# question answering


def test_no_answer_is_behind_the_patches(config, batch):
    model = PixelForQuestionAnswering(config).eval()
    output = model(**{key: batch[key] for key in ("pixel_values", "attention_mask")}, output_hidden_states=True)
    cls = model.vit.layernorm(output.hidden_states[-1][:, 0])
    assert_close(output.start_logits[:, 16], model.qa_outputs(cls)[:, 0])
    assert output.start_logits.shape == output.end_logits.shape == (2, 17)


def test_positions_beyond_the_text_are_not_labels():
    start, end = torch.randn(3, 5), torch.randn(3, 5)
    positions = torch.tensor([1, 5, 99]), torch.tensor([[4], [7], [2]])
    total, count = answer_loss(start, end, *positions)
    assert count == 3
    entropy = torch.nn.functional.cross_entropy
    expected = entropy(start[:1], torch.tensor([1])) + entropy(end[[0, 2]], torch.tensor([4, 2]), reduction="sum")
    assert_close(total, expected)


def test_padding_is_no_answer(make_config, batch):
    pixels, mask = batch["pixel_values"], batch["attention_mask"]
    free = PixelForQuestionAnswering(make_config()).eval()
    assert free(pixels, mask).start_logits[1, 10:16].abs().max() < 100
    model = PixelForQuestionAnswering(make_config(mask_padding=True)).eval()
    logits = model(pixels, mask).start_logits
    assert (logits[1, 10:16] < -1e30).all()
    assert logits[1, 16] > -100


# parsing


def test_words_are_means_of_their_patches():
    hidden = torch.randn(2, 6, 4)
    starts = torch.tensor([[0, 2, 2, 5], [1, 4, 0, 0]])
    words, used = word_vectors(hidden, starts)
    assert used.tolist() == [[True, True, True], [True, False, False]]
    assert_close(words[0], torch.stack([hidden[0, :2].mean(0), hidden[0, 2], hidden[0, 2:5].mean(0)]))
    assert_close(words[1], torch.stack([hidden[1, 1:4].mean(0), torch.zeros(4), torch.zeros(4)]))


def test_an_empty_first_word_hides_no_others():
    _, used = word_vectors(torch.randn(1, 6, 4), torch.tensor([[0, 0, 3, -100]]))
    assert used.tolist() == [[True, True, False]]


def test_padded_slots_compete_unless_masked(make_config, batch):
    starts = torch.tensor([[0, 2, 5, 9, -100, -100], [0, 1, 10, -100, -100, -100]])
    for mask_padding in (False, True):
        model = with_weights(PixelForDependencyParsing(make_config(mask_padding=mask_padding)))
        output = model(batch["pixel_values"], batch["attention_mask"], starts)
        assert output.arc_logits.shape == (2, 5, 6)
        assert output.rel_logits.shape == (2, 5, 6, 2)
        slots = output.arc_logits[1, :2, 3:]
        assert (slots < -1e30).all() if mask_padding else (slots == 0).all()


def test_parsing_loss_counts_labelled_words():
    arcs, rels = torch.randn(1, 3, 4), torch.randn(1, 3, 4, 5)
    total, count = parsing_loss(arcs, rels, torch.tensor([[2, 0, -100]]), torch.tensor([[4, 1, 3]]))
    assert count == 2
    entropy = torch.nn.functional.cross_entropy
    expected = entropy(arcs[0, :2], torch.tensor([2, 0]), reduction="sum")
    expected += entropy(torch.stack([rels[0, 0, 2], rels[0, 1, 0]]), torch.tensor([4, 1]), reduction="sum")
    assert_close(total, expected)


@pytest.mark.parametrize("starts", [None, torch.tensor([0, 1]), torch.tensor([[0, 1]])])
def test_word_starts_that_do_not_fit(starts, config, batch):
    with pytest.raises(UsageError, match=r"word_starts must be \[2, words \+ 1\]"):
        PixelForDependencyParsing(config)(batch["pixel_values"], word_starts=starts)


# text twins

TINY = {
    "hidden_size": 16,
    "num_hidden_layers": 1,
    "num_attention_heads": 2,
    "intermediate_size": 24,
    "vocab_size": 50,
    "max_position_embeddings": 40,
    "num_labels": 3,
}


@pytest.mark.parametrize(
    ("kind", "prefix"), [(BertConfig, "bert"), (RobertaConfig, "roberta"), (XLMRobertaConfig, "roberta")]
)
def test_token_parser(kind, prefix, tmp_path):
    model = with_weights(TokenForDependencyParsing(kind(**TINY)))
    assert any(name.startswith(f"{prefix}.embeddings.") for name in model.state_dict())
    inputs = {"input_ids": torch.randint(5, 50, (2, 9)), "word_starts": torch.tensor([[1, 3, 8], [1, 2, -100]])}
    output = model(**inputs, arc_labels=torch.tensor([[2, 0], [0, -100]]), rel_labels=torch.tensor([[1, 2], [0, -100]]))
    assert output.rel_logits.shape == (2, 2, 3, 3)
    output.loss.backward()
    model.save_pretrained(tmp_path)
    again = TokenForDependencyParsing.from_pretrained(tmp_path).eval()
    assert torch.equal(again(**inputs).arc_logits, output.arc_logits)
    assert again.config.model_type == kind.model_type


def test_token_parser_from_an_encoder(tmp_path):
    encoder = BertModel(BertConfig(**TINY))
    encoder.save_pretrained(tmp_path)
    model = TokenForDependencyParsing.from_pretrained(tmp_path, num_labels=7)
    assert torch.equal(model.bert.pooler.dense.weight, encoder.pooler.dense.weight)
    assert model.biaffine_rels.weight.shape == (7, 17, 17)
    assert not model.biaffine_rels.weight.any()


def test_token_parser_of_another_family():
    with pytest.raises(UsageError, match="no token parser for models of type 'pixel'; there is one for bert"):
        TokenForDependencyParsing(PixelConfig())


# rotary positions


def test_rotary_models_have_no_table(make_config, batch):
    config = make_config(position_embedding_type="rotary", initializer_range=0.3)
    model = PixelForPreTraining(config).eval()
    assert not [name for name in model.state_dict() if "pos" in name]
    outputs = model(**batch)
    assert outputs.loss.isfinite()
    encoder = PixelEncoder(config).eval()
    long = torch.rand(1, 1, 16, 16 * 40)
    assert encoder(long).last_hidden_state.shape == (1, 41, 24)
    # Order matters to it.
    swapped = torch.cat([long[..., 16:32], long[..., :16], long[..., 32:]], dim=-1)
    first, second = encoder(long).last_hidden_state[:, 0], encoder(swapped).last_hidden_state[:, 0]
    assert (first - second).abs().max() > 1e-3


def test_rotary_positions_are_relative(make_config):
    """Scores depend on distances: shifting all positions changes nothing."""
    from pixlm.models.pixel.attention import rotary_angles, turned

    config = make_config(position_embedding_type="rotary")
    query, key = torch.randn(2, 1, 2, 7, 12).unbind(0)
    scores = []
    for shift in (0, 100):
        angles = rotary_angles(config, torch.arange(7)[None] + shift, 12)
        scores.append(turned(query, *angles) @ turned(key, *angles).mT)
    assert_close(scores[0], scores[1], rtol=1e-4, atol=1e-4)


def test_masked_rotary_patches_keep_their_places(make_config, batch):
    """The encoder's shuffled order does not matter: the order-free outputs are those of a sorted selection."""
    model = PixelForPreTraining(make_config(position_embedding_type="rotary")).eval()
    outputs = model(**batch)
    sorted_noise = torch.where(outputs.mask.bool(), 1.0, 0.0) + torch.arange(16) / 1000
    again = model(**{**batch, "noise": sorted_noise}, patch_mask=outputs.mask)
    assert torch.equal(again.mask, outputs.mask)
    assert not torch.equal(again.ids_restore, outputs.ids_restore)
    assert_close(again.logits, outputs.logits, rtol=1e-5, atol=1e-5)
