"""What the page answers: values from the browser in, HTML out. Nothing here is kept between two requests."""

from __future__ import annotations

import functools
import html
import logging
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

from pixlm.analysis.explanation import explain
from pixlm.analysis.readback import read_back
from pixlm.analysis.reading import draw_reading
from pixlm.analysis.relevance_picture import draw_svg
from pixlm.analysis.tree_picture import tree_svg
from pixlm.app import limits, pictures
from pixlm.app.models import Served
from pixlm.data.encoders import RenderedText
from pixlm.data.masking import ChosenMasking, Masking, RandomMasking, SpanMasking
from pixlm.data.pages.images import check_page, open_page
from pixlm.errors import PixlmError, UsageError
from pixlm.inference import PixelLM
from pixlm.models.pixelgpt.heads import Sampling
from pixlm.tasks.continuation import Mode, default_mode
from pixlm.tasks.documents.task import image_source

MASKINGS = ("spans", "random", "chosen")
_LOG = logging.getLogger("pixlm.demo")
_LONGEST = 128
"""Patches or tokens that are generated at most."""


def told(answer: Callable[..., str]) -> Callable[..., str]:
    """Errors become messages in the page, so that nothing ends with them; unexpected ones are logged."""

    @functools.wraps(answer)
    def wrapped(*given: Any) -> str:
        try:
            return answer(*given)
        except PixlmError as error:
            return pictures.error(str(error))
        except MemoryError:
            return pictures.error("this needs more memory than there is; try a shorter text")
        except Exception:
            _LOG.exception("the page could not answer")
            return pictures.error("something went wrong here; what it was stands in the terminal that serves this page")

    return wrapped


def _renderer(model: PixelLM) -> Any:
    if not isinstance(model.encoder, RenderedText):
        raise UsageError(f"{type(model.model).__name__} does not read strips of patches")
    return model.encoder.renderer


@told
def strip(served: Served, text: str, strategy: str, patches: str) -> str:
    """The strip of a text as buttons."""
    text = limits.text_of(text)
    model = served.drawing(str(strategy or ""))
    renderer = _renderer(model)
    with served.lock:
        rendered = renderer.render(text, padding=False)
    count = min(rendered.num_text_patches + 1, model.model.config.num_patches)
    side = renderer.pixels_per_patch
    return pictures.strip_of_buttons(rendered.pixel_values[:, : count * side], side, limits.patches_of(patches))


@told
def reconstruct(served: Served, text: str, strategy: str, masking: str, ratio: float, seed: int, patches: str) -> str:
    """The panels of a text with patches removed."""
    text = limits.text_of(text)
    how = _masking(masking, ratio, patches)
    seed = limits.whole_of(seed, "seed", 0, 2**31 - 1)
    model = served.drawing(str(strategy or ""))
    renderer = _renderer(model)
    with served.lock:
        result = model.reconstruct(text, how, seed=seed)
        read = read_back(result, text, renderer)
    own = served.strategies()[0]
    other = (
        "" if renderer.strategy == own else pictures.note(f"The model was trained on {own}: expect less of it here.")
    )
    return other + pictures.reconstruction(result, read)


def _masking(masking: str, ratio: float, patches: str) -> Masking:
    if masking not in MASKINGS:
        raise UsageError(f"masking {masking!r}: choose {', '.join(MASKINGS)}")
    if masking == "chosen":
        numbers = limits.patches_of(patches)
        if not numbers:
            raise UsageError("no patch is chosen: touch the patches of the strip that are to be masked")
        return ChosenMasking(numbers)
    share = limits.number_of(ratio, "mask ratio", 0.05, 0.95)
    return RandomMasking(share) if masking == "random" else SpanMasking(share, flavour="pixel-m4", spacing=0)


@told
def generate(served: Served, prompt: str, longest: int, drawn: bool, temperature: float, seed: int) -> str:
    """A prompt and what follows."""
    prompt = limits.text_of(prompt, "prompt")
    longest = limits.whole_of(longest, "length", 1, _LONGEST)
    sampling = Sampling(
        do_sample=bool(drawn),
        temperature=limits.number_of(temperature, "temperature", 0.05, 5),
        seed=limits.whole_of(seed, "seed", 0, 2**31 - 1),
    )
    model = served.get()
    mode = default_mode(model.encoder)
    with served.lock:
        (found,) = model.generate([prompt], mode=mode, max_new=longest, sampling=sampling, candidates=prompt)
    unit = "patches" if mode == Mode.PIXEL else "tokens"
    facts = f"{found.new} new {unit}; {'ended by itself' if found.ended else 'reached the limit'}"
    if found.strip is None:
        return pictures.continuation(None, 0, 0, found.text, facts)
    if found.text:
        facts += f"; read back with confidence {found.confidence:.2f}"
    return pictures.continuation(found.strip, found.kept, found.strip.shape[0], found.text, facts)


@told
def label(served: Served, text: str, second: str) -> str:
    """What a fine-tuned model says of a text, or of a pair."""
    text = limits.text_of(text)
    pair = limits.text_of(second, "second text") if str(second or "").strip() else None
    model = served.get()
    given = text if pair is None else (text, pair)
    with served.lock:
        (record,) = model.predict([given])
        if "predicted_heads" in record:
            return _tree(record)
        if "words" in record:
            return pictures.tagged(record["words"], record["predictions"])
        if "start" in record:
            return pictures.answer(record, pair or "")
        (why,) = explain(model, [given])
    said = record["prediction"]
    shown = pictures.scores(record["scores"], str(said)) if record.get("scores") else pictures.note(str(said))
    return f'{shown}<p class="px-title">What speaks for it</p><div class="px-wide">{draw_svg([why], columns=24)}</div>'


def _tree(record: dict[str, Any]) -> str:
    drawn = tree_svg(record["words"], record["predicted_heads"], record["predicted_relations"])
    lost = sum(head is None for head in record["predicted_heads"])
    more = pictures.note(f"{lost} words did not fit") if lost else ""
    return f'<div class="px-wide">{drawn}</div>{more}'


@told
def document(served: Served, file: str | None, question: str) -> str:
    """What a model reads on an uploaded page."""
    if not file:
        raise UsageError("no page is given: choose an image or a PDF")
    path = Path(file)
    try:
        source = image_source(path)
        assert source is not None
        check_page(source, limits=limits.PAGE_LIMITS)
        page = open_page(source, limits=limits.PAGE_LIMITS)
    except PixlmError as error:
        raise UsageError(str(error).replace(str(path), path.name)) from None
    model = served.get()
    asked = limits.text_of(question, "question") if str(question or "").strip() else ""
    with served.lock:
        record = model.predict((page, asked) if asked else page)
    value = record["prediction"]
    found = (
        pictures.fields(value)
        if isinstance(value, dict | list)
        else f'<p class="px-said">{html.escape(str(value))}</p>'
    )
    return found + pictures.image(np.asarray(draw_reading(page, value)), "the page and what was read", name="page")
