"""Text as tokens: the encoder of the baselines that read with a vocabulary (BERT, RoBERTa, XLM-R and their like)."""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import tokenizers
from tokenizers import Encoding, Tokenizer, processors
from transformers import PretrainedConfig, PreTrainedTokenizerFast

from pixlm.data.encoders import Encoded, InputEncoder, Text, said
from pixlm.errors import UsageError

# Their position table begins with padding: the first token has the position after ``pad_token_id``.
_POSITIONS_AFTER_PADDING = {
    *("camembert", "data2vec-text", "esm", "ibert", "layoutlmv3", "lilt", "longformer", "luke", "markuplm", "mpnet"),
    *("roberta", "roberta-prelayernorm", "xlm-roberta", "xlm-roberta-xl", "xmod"),
}
_SURROGATES = re.compile("[\ud800-\udfff]")
# Longer pieces between spaces are measured again each time: in scripts without spaces they are whole sentences.
_LONGEST_REMEMBERED = 32


def positions_of(config: PretrainedConfig) -> int | None:
    """How many units a model has positions for; None: any number."""
    table = getattr(config, "max_position_embeddings", None)
    if table is None or table < 1:
        return None
    if config.model_type in _POSITIONS_AFTER_PADDING:
        return int(table) - int(config.pad_token_id or 0) - 1
    return int(table)


class TokenizedText(InputEncoder):
    """Text cut to tokens by a fast tokenizer, with the separators of its model.

    Batches hold ``input_ids``, ``attention_mask`` and, for models that tell the texts of a pair apart by types,
    ``token_type_ids``, all int64 [B, width].

    Args:
        tokenizer: with a padding token.
        config: of the model that will read the tokens.
        max_length: units of the longest sequence, separators included; default what the tokenizer says and the model
            has positions for, but 512 at most.
    """

    def __init__(self, tokenizer: PreTrainedTokenizerFast, config: PretrainedConfig, max_length: int | None = None):
        self.tokenizer = tokenizer
        self.token_types = (getattr(config, "type_vocab_size", 0) or 0) > 1
        self.max_length = max_length or min(tokenizer.model_max_length, positions_of(config) or 512, 512)
        # A copy: whoever calls the tokenizer itself may leave it set to truncate or pad, as stored ones can be.
        whole = Tokenizer.from_str(tokenizer.backend_tokenizer.to_str())
        whole.no_truncation()
        whole.no_padding()
        self._sha256 = hashlib.sha256(whole.to_str().encode("utf-8")).hexdigest()
        self._texts, self._words = whole, _with_prefix_space(whole)
        self._finish, self._finish_words = _separators(self._texts), _separators(self._words)
        # Texts are shortened before separators are added and offsets corrected, which must happen once.
        self._texts.post_processor = self._words.post_processor = None
        self._single = self._finish.num_special_tokens_to_add(False)
        self._pair = self._finish.num_special_tokens_to_add(True)
        self._counts: dict[str, int] = {}
        if self.max_length <= self._pair:
            raise UsageError(
                f"--render.max-seq-length {self.max_length} leaves no room for text beside {self._pair} separators"
            )

    def encode(self, text: Text, *, offsets: bool = False) -> Encoded:
        text = said(text)
        if isinstance(text, str):
            return self._encode_text(_clean(text), offsets)
        if isinstance(text, tuple):
            return self._encode_pair((_clean(text[0]), _clean(text[1])), offsets)
        return self._encode_words([_clean(word) for word in text], offsets)

    def _encode_text(self, text: str, offsets: bool) -> Encoded:
        pieces = self._cut(text)
        lost = _shorten(pieces, self.max_length - self._single, text)
        return _encoded(self._finish.process(pieces), (text,) if offsets else None, lost=lost)

    def _encode_pair(self, pair: tuple[str, str], offsets: bool) -> Encoded:
        first, second = self._cut(pair[0]), self._cut(pair[1])
        room = self.max_length - self._pair
        # The longer text is cut first, as usual for pairs ("longest_first").
        short = min(len(first), len(second), room // 2)
        rooms = (short, room - short) if len(first) <= len(second) else (room - short, short)
        lost = _shorten(first, rooms[0], pair[0]) + _shorten(second, rooms[1], pair[1])
        encoding = self._finish.process(first, second)
        return _encoded(encoding, pair if offsets else None, parts=_parts(encoding), lost=lost)

    def _encode_words(self, words: list[str], offsets: bool) -> Encoded:
        pieces = self._cut_words(words)
        room, owners = self.max_length - self._single, pieces.word_ids
        torn = len(owners) > room and owners[room - 1] == owners[room]
        pieces.truncate(room)
        encoding = self._finish_words.process(pieces)
        starts: list[int] = []
        end = 1
        for unit, (word, part) in enumerate(zip(encoding.word_ids, encoding.sequence_ids, strict=True)):
            if part is None:
                continue  # a separator
            if word == len(starts):
                starts.append(unit)
            end = unit + 1
        # A word that is cut off is lost, as on a canvas; its label can still be read off its first token.
        lost = len(words) - len(starts) + torn
        return _encoded(encoding, () if offsets else None, word_starts=[*starts, end], lost=lost)

    def _cut(self, text: str) -> Encoding:
        return self._texts.encode(text, add_special_tokens=False)

    def _cut_words(self, words: list[str]) -> Encoding:
        """Every word gets a unit: one that a tokenizer leaves nothing of (control characters) is unknown."""
        pieces = self._words.encode(words, is_pretokenized=True, add_special_tokens=False)
        present = set(pieces.word_ids)
        if len(present) < len(words):
            unknown = self.tokenizer.unk_token or self.tokenizer.pad_token
            words = [word if number in present else unknown for number, word in enumerate(words)]
            pieces = self._words.encode(words, is_pretokenized=True, add_special_tokens=False)
        return pieces

    def windows(self, pair: tuple[str, str], *, stride: int, first_max_length: int | None) -> list[Encoded]:
        texts = _clean(pair[0]), _clean(pair[1])
        first, second = self._cut(texts[0]), self._cut(texts[1])
        limit = self.max_length - self._pair
        lost = _shorten(first, limit if first_max_length is None else min(first_max_length, limit), texts[0])
        room = limit - len(first)
        if stride >= room:
            raise UsageError(
                f"stride is {stride}, but a window of {self.max_length} tokens has {room} for the second text"
            )
        second.truncate(room, stride=stride)
        found = [self._finish.process(first, part) for part in (second, *second.overflowing)]
        losses = (lost, *(0 for _ in found[1:]))
        return [_encoded(one, texts, parts=_parts(one), lost=lost) for one, lost in zip(found, losses, strict=True)]

    def null_position(self, width: int) -> int:
        return 0

    def check_model(self, config: Any, name: str) -> None:
        positions = positions_of(config)
        if positions is not None and self.max_length > positions:
            raise UsageError(
                f"--render.max-seq-length {self.max_length} is more than the {positions} positions of {name}; "
                f"use at most {positions}"
            )
        if config.model_type in _POSITIONS_AFTER_PADDING and self.tokenizer.pad_token_id != config.pad_token_id:
            raise UsageError(
                f"the tokenizer of {name} pads with token {self.tokenizer.pad_token_id}, but the model, which counts "
                f"positions from there, with {config.pad_token_id}"
            )

    @property
    def fingerprint(self) -> dict[str, Any]:
        return {
            "tokenizer": type(self._texts.model).__name__,
            "vocabulary": self._texts.get_vocab_size(),
            "sha256": self._sha256,
            "max_length": self.max_length,
            "tokenizers": tokenizers.__version__,
        }

    def pad(self, encoded: Sequence[Encoded], width: int) -> dict[str, np.ndarray]:
        shape = len(encoded), width
        ids = np.full(shape, self.tokenizer.pad_token_id, np.int64)
        mask, types = np.zeros(shape, np.int64), np.zeros(shape, np.int64)
        for row, one in enumerate(encoded):
            ids[row, : one.length] = one.units["input_ids"]
            types[row, : one.length] = one.units["token_type_ids"]
            mask[row, : one.length] = 1
        return {"input_ids": ids, "attention_mask": mask, **({"token_type_ids": types} if self.token_types else {})}

    def measure(self, text: Text) -> float:
        """Tokens of each piece between spaces, remembered: a dictionary look-up a word."""
        text = said(text)
        if isinstance(text, str):
            return sum(map(self._count, text.split()))
        if isinstance(text, tuple):
            return sum(map(self.measure, text))
        return sum(max(1, self._count(word)) for word in text)

    def count(self, text: str) -> int:
        return len(self._cut(_clean(text)))

    def _count(self, piece: str) -> int:
        count = self._counts.get(piece)
        if count is None:
            count = len(self._words.encode(_clean(piece), add_special_tokens=False))
            if len(piece) <= _LONGEST_REMEMBERED:
                self._counts[piece] = count
        return count

    def save_pretrained(self, folder: Path) -> None:
        self.tokenizer.model_max_length = self.max_length
        self.tokenizer.save_pretrained(str(folder))


def _separators(tokenizer: Tokenizer) -> Any:
    """What adds separators and corrects offsets."""
    return tokenizer.post_processor or processors.TemplateProcessing(single="$A", pair="$A $B:1", special_tokens=[])


def _with_prefix_space(tokenizer: Tokenizer) -> Tokenizer:
    """For words given one by one: byte-level tokenizers take a word for the middle of one unless a space precedes it.

    Texts keep the tokenizer as it is, since its model was pretrained that way.
    """
    spec = json.loads(tokenizer.to_str())
    if not any(step["type"] == "ByteLevel" for step in _steps(spec["pre_tokenizer"])):
        return tokenizer
    # The post-processor has to know, to take the space out of the offsets again.
    for step in (*_steps(spec["pre_tokenizer"]), *_steps(spec["post_processor"])):
        if step["type"] in ("ByteLevel", "RobertaProcessing"):
            step["add_prefix_space"] = True
    return Tokenizer.from_str(json.dumps(spec))


def _steps(part: dict[str, Any] | None) -> list[dict[str, Any]]:
    """A part of a tokenizer as the list of its steps."""
    part = part or {"type": "Sequence"}
    return part.get("pretokenizers", part.get("processors", [])) if part["type"] == "Sequence" else [part]


def _clean(text: str) -> str:
    """Lone surrogates, which are no characters, as U+FFFD; the number of code points stays."""
    return text if text.isascii() else _SURROGATES.sub("\ufffd", text)


def _shorten(pieces: Encoding, room: int, text: str) -> int:
    """Cut to ``room`` units; returns how many characters, not counting spaces, are lost."""
    if len(pieces) <= room:
        return 0
    pieces.truncate(room)
    end = pieces.offsets[-1][1] if room else 0
    return sum(not character.isspace() for character in text[end:])


def _encoded(encoding: Encoding, texts: Sequence[str] | None, **fields: Any) -> Encoded:
    """texts: those that the offsets refer to, without the spaces that a unit begins with; None: no offsets."""
    offsets = None
    if texts is not None:
        offsets = [
            _trimmed(span, texts[part]) if texts and part is not None else span
            for span, part in zip(encoding.offsets, encoding.sequence_ids, strict=True)
        ]
    units = {"input_ids": np.array(encoding.ids, np.int64), "token_type_ids": np.array(encoding.type_ids, np.int64)}
    return Encoded(units=units, length=len(encoding), offsets=offsets, **{"word_starts": None, **fields})


def _trimmed(span: tuple[int, int], text: str) -> tuple[int, int]:
    start, end = span
    while start < end - 1 and text[start].isspace():
        start += 1
    return start, end


def _parts(encoding: Encoding) -> tuple[tuple[int, int], ...]:
    """(first unit, unit after the last) of both texts of a pair."""
    owners = encoding.sequence_ids
    found = []
    for part in (0, 1):
        units = [unit for unit, owner in enumerate(owners) if owner == part]
        found.append((units[0], units[-1] + 1) if units else (1, 1))
    return tuple(found)
