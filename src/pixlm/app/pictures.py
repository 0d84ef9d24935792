"""What the page shows, as HTML: every text in it is escaped, every picture is within it, so that no file is kept."""

from __future__ import annotations

import html
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from pixlm.analysis.readback import ReadBack, findings
from pixlm.analysis.reading import fields_of
from pixlm.analysis.reconstruction import PANELS, panel
from pixlm.analysis.tint import REMOVED, on_paper
from pixlm.inference import Reconstruction
from pixlm.rendering.picture import coloured, data_uri, picture

_COLUMNS = (("broad", 32), ("narrow", 9))
"""Patches per line, two pixels a pixel, on a wide screen and on a phone's: the style shows one of the two."""
_TITLES = {
    "original": "Original",
    "masked": "Masked",
    "predicted": "Reconstruction: what the model drew",
    "reconstructed": "Blend: drawn and seen together",
}
_TAGS = ("#cfe3ff", "#d5f2d0", "#ffe2c2", "#f3d3f0", "#fff0b0", "#cdeff0", "#e5dcff", "#ffd6d6", "#e2e6d2", "#dfe3ea")


def image(pixels: NDArray[np.uint8], about: str, *, name: str = "strip") -> str:
    """A picture within the page."""
    return f'<img class="px-{name}" alt="{html.escape(about, quote=True)}" src="{data_uri(pixels)}">'


def error(message: str) -> str:
    """A message that something is wrong, and how to mend it."""
    return f'<p class="px-error" role="alert">{html.escape(message)}</p>'


def note(message: str) -> str:
    """A message that all is well."""
    return f'<p class="px-note" role="status">{html.escape(message)}</p>'


def strip_of_buttons(strip: NDArray[np.uint8], patch: int, chosen: Sequence[int]) -> str:
    """The strip as buttons, a patch each, pressed where chosen: works with mouse, touch and keys."""
    count = strip.shape[1] // patch
    buttons = "".join(
        f'<button type="button" data-patch="{number}" aria-pressed="{"true" if number in chosen else "false"}" '
        f'aria-label="patch {number}" style="background-position:{-number * 32}px 0"></button>'
        for number in range(count)
    )
    style = f"--strip:url({data_uri(strip)});--wide:{count * 32}px"
    return f'<div class="px-buttons" style="{style}" role="group" aria-label="patches">{buttons}</div>'


def reconstruction(result: Reconstruction, read: ReadBack | None) -> str:
    """The four panels, what was measured, and the text read back with the confidence of each cell."""
    figures = "".join(
        f"<figure><figcaption>{_TITLES[name]}</figcaption>{_panel(name, result)}</figure>" for name in PANELS
    )
    said = html.escape("; ".join(findings(result, read)))
    return f'<div class="px-panels">{figures}</div><p class="px-facts">{said}</p>{_read(read)}'


def _panel(name: str, result: Reconstruction) -> str:
    return "".join(
        image(panel(name, result, columns=min(most, len(result.removed)), scale=2), _TITLES[name], name=screen)
        for screen, most in _COLUMNS
    )


def _read(read: ReadBack | None) -> str:
    if read is None:
        return note("This way of drawing has no cells, so nothing is read back; bigrams and mono have.")
    cells = "".join(
        f'<span class="px-cell{" px-gone" if cell.removed else ""}" style="--sure:{cell.confidence:.2f}" '
        f'title="{html.escape(cell.wanted, quote=True)} → {html.escape(cell.text, quote=True)}">'
        f"<b>{html.escape(cell.text) or '&nbsp;'}</b><i>{cell.confidence:.0%}</i></span>"
        for cell in read.cells
    )
    title = '<p class="px-title">Read back, with confidence; framed: removed</p>'
    return f'{title}<div class="px-cells" dir="ltr">{cells}</div>'


def continuation(strip: NDArray[np.uint8] | None, kept: int, patch: int, text: str, facts: str) -> str:
    """What was generated; of a strip the drawn part stands on yellow paper."""
    shown = ""
    if strip is not None:
        colour = coloured(strip).copy()
        colour[:, kept * patch :] = on_paper(colour[:, kept * patch :], REMOVED)
        for screen, most in _COLUMNS:
            shown += image(picture(colour, patch=patch, columns=most, scale=2), "prompt and what follows", name=screen)
    said = f'<p class="px-said">{html.escape(text)}</p>' if text else ""
    return f'{shown}{said}<p class="px-facts">{html.escape(facts)}</p>'


def tagged(words: Sequence[str], labels: Sequence[str | None]) -> str:
    """Words with their labels, each label in its colour."""
    colours = {label: _TAGS[at % len(_TAGS)] for at, label in enumerate(sorted({str(one) for one in labels} - {"O"}))}
    chips = "".join(
        f'<span class="px-tag" style="--tag:{colours.get(str(label), "#f4f4f4")}"><b dir="auto">{html.escape(word)}</b>'
        f"<i>{html.escape(label) if label is not None else 'did not fit'}</i></span>"
        for word, label in zip(words, labels, strict=True)
    )
    return f'<div class="px-tags">{chips}</div>'


def scores(given: Mapping[str, float], chosen: str) -> str:
    """Probabilities of classes as bars, the likeliest first."""
    rows = "".join(
        f'<tr{" class=px-best" if label == chosen else ""}><td>{html.escape(label)}</td><td><span class="px-bar" '
        f'style="width:{max(100 * value, 0.5):.1f}%"></span></td><td>{value:.1%}</td></tr>'
        for label, value in sorted(given.items(), key=lambda item: -item[1])[:20]
    )
    return f'<table class="px-scores">{rows}</table>'


def answer(record: Mapping[str, Any], context: str) -> str:
    """An answer, marked in its context."""
    start, end = record.get("start"), record.get("end")
    if start is None or end is None:
        return note("No answer in this text.")
    before, said, after = (html.escape(part) for part in (context[:start], context[start:end], context[end:]))
    return f'<p class="px-said">{before}<mark>{said}</mark>{after}</p>'


def fields(value: Any) -> str:
    """What was read from a page, a row a field."""
    rows = "".join(
        f'<tr><td>{html.escape(name)}</td><td dir="auto">{html.escape(text)}</td></tr>'
        for name, text in fields_of(value)
    )
    return f'<table class="px-fields">{rows}</table>' if rows else note("The model read nothing.")
