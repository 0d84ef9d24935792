"""`pixlm analyze NAME --model RUN ... --output DIR`: one module per analysis, imported when it is used."""

from __future__ import annotations

import difflib
import importlib

from pixlm.errors import UsageError

NAMES = {
    "reconstruction": "how well a pretrained model fills in held-out text, beside predictors without a model",
    "relevance": "where a classifier's answers come from, drawn over the text",
    "retrieval": "how often the nearest sentence of another language is the translation, by layer and pair",
    "projection": "sentences as points in the plane, coloured by language, script or label",
    "calibration": "whether a classifier is right as often as it says, from its predictions.jsonl",
    "uncertainty": "how sure a masked model is of each patch that it fills in (dropout)",
    "probe": "what each layer knows about words: LINSPECTOR's tasks, beside controls",
}


def main(arguments: list[str]) -> int:
    """Run one analysis; without a name list them."""
    if not arguments or arguments[0].startswith("-"):
        width = max(map(len, NAMES))
        print("usage: pixlm analyze NAME ...\n")
        print("\n".join(f"  {name:{width}}  {what}" for name, what in NAMES.items()))
        print("\npixlm analyze NAME --help tells all about one of them.")
        return 0
    name, *rest = arguments
    if name not in NAMES:
        close = difflib.get_close_matches(name, NAMES, n=1)
        hint = f"did you mean {close[0]}?" if close else f"choose {', '.join(NAMES)}"
        raise UsageError(f"no analysis {name!r}; {hint}")
    return int(importlib.import_module(f"pixlm.cli.analyze.{name}").main(rest))
