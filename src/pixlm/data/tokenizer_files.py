"""Reading the tokenizer of a checkpoint."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from tokenizers import Tokenizer
from transformers import AutoTokenizer, PretrainedConfig, PreTrainedTokenizerFast

from pixlm.data.sentencepieces import MODEL_FILE, as_tokenizer
from pixlm.data.vocabulary import LLAMA_LIKE
from pixlm.errors import UsageError

TOKENIZER_FILES = (
    "tokenizer.json",
    "tokenizer_config.json",
    "special_tokens_map.json",
    "added_tokens.json",
    "vocab.txt",
    "vocab.json",
    "merges.txt",
    "*.model",
)
"""What a tokenizer may consist of."""


def has_tokenizer(folder: Path) -> bool:
    """Whether a folder holds what a tokenizer can be made from."""
    return any(path for pattern in ("tokenizer.json", "vocab.*", "*.model") for path in folder.glob(pattern))


def load_tokenizer(folder: Path, config: PretrainedConfig) -> PreTrainedTokenizerFast:
    """The tokenizer in the folder of a checkpoint; no network, no code from the folder.

    Raises:
        UsageError: there is none, it cannot be read, or its tokens are not the model's; names the folder.
    """
    if not has_tokenizer(folder):
        raise UsageError(f"{folder} holds no tokenizer: tokenizer.json is missing")
    # A tokenizer.json is taken as it is. The classes that transformers has for some models would build their own steps
    # around its vocabulary, and lower-case, for example, unless another file forbids it.
    whole = (folder / "tokenizer.json").is_file()
    reader: Any = PreTrainedTokenizerFast if whole else AutoTokenizer
    options = {} if whole else {"config": config}
    try:
        if not whole and config.model_type in LLAMA_LIKE and (folder / MODEL_FILE).is_file():
            tokenizer = as_tokenizer((folder / MODEL_FILE).read_bytes())
        else:
            tokenizer = reader.from_pretrained(str(folder), local_files_only=True, trust_remote_code=False, **options)
        padding = getattr(config, "pad_token_id", None)
        if padding is None and config.model_type in LLAMA_LIKE:
            padding = tokenizer.eos_token_id  # as in PixelGPT's fine-tuning: the mask tells what is padding
        if tokenizer.pad_token is None and padding is not None:
            tokenizer.pad_token = tokenizer.convert_ids_to_tokens(padding)
    except (KeyboardInterrupt, SystemExit):
        raise
    except BaseException as error:  # damaged files make the readers fail in many ways; a panic in Rust is no Exception
        raise UsageError(f"{folder}: its tokenizer cannot be read ({_first_line(error)})") from error
    if not isinstance(tokenizer, PreTrainedTokenizerFast):
        raise UsageError(f"{folder}: {type(tokenizer).__name__} keeps no offsets; a tokenizer.json is needed")
    if tokenizer.pad_token_id is None:
        raise UsageError(f"{folder}: its tokenizer has no padding token, so texts cannot be put into batches")
    known = tokenizer.get_vocab()
    # What transformers makes of a damaged file has its special tokens, and perhaps the mark of a word's beginning.
    if len(set(known) - set(tokenizer.all_special_tokens)) < 2:
        raise UsageError(f"{folder}: its tokenizer has no tokens but special ones; is a file damaged?")
    highest = max(known.values(), default=0)
    if highest >= config.vocab_size:
        raise UsageError(f"{folder}: its tokenizer has a token {highest}, but the model has only {config.vocab_size}")
    try:
        Tokenizer.from_str(tokenizer.backend_tokenizer.to_str())
    except Exception as error:  # two tokens of one number, for example
        raise UsageError(f"{folder}: its tokenizer contradicts itself ({_first_line(error)})") from error
    return tokenizer


def _first_line(error: BaseException) -> str:
    return str(error).strip().split("\n")[0] or type(error).__name__
