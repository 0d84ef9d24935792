"""The kinds of pages that are mostly text: paragraphs, columns, headings, lists, tables, lines; and the list of all."""

from __future__ import annotations

import string
from collections.abc import Callable, Iterator

from pixlm.data.pages.synthetic import papers, screens
from pixlm.data.pages.synthetic.draft import Draft, draw_grid, pick, set_table
from pixlm.data.pages.synthetic.lists import set_item
from pixlm.data.pages.synthetic.sheet import Tree

_BULLETS = ("•", "–", "*", "·")


def paragraphs(draft: Draft) -> None:
    """A title and paragraphs to the end of the page."""
    draft.title()
    look = draft.look.with_(align=pick(draft.rng, ("start", "justify")))
    gap = float(draft.rng.choice([0.0, 0.5, 0.8]))
    for passage in draft.text.stretch(draft.rng):
        if not draft.is_whole(draft.block(passage, look, gap=gap)):
            return


def columns(draft: Draft) -> None:
    """A title over two or three columns, through which the text runs."""
    draft.title()
    count = 3 if draft.inner > 36 * draft.look.size and draft.chance(0.4) else 2
    gutter = round(draft.look.size * draft.rng.uniform(1.2, 2.4))
    width = (draft.inner - (count - 1) * gutter) // count
    look = draft.look.with_(align=pick(draft.rng, ("start", "justify")))
    top, has_rules = draft.y, draft.chance(0.3)
    source = iter(draft.text.stretch(draft.rng))
    rest = ""
    for column in range(count):
        draft.y = top
        x = draft.margin + column * (width + gutter)
        inside: list[Tree] = []
        while True:
            found = draft.block(rest or next(source), look, x=x, width=width, gap=0.5, into=inside)
            rest = found.rest.strip()
            if rest or not found.lines:
                break
        if inside:
            draft.tree.append(inside)
        if has_rules and column:
            draft.sheet.fill(x - gutter // 2, top, 1, draft.bottom - top, draft.accent)


def headings(draft: Draft) -> None:
    """Sections and subsections, numbered or not, each with its text."""
    draft.title()
    is_numbered = draft.chance(0.6)
    first = draft.look.with_(scale=1.35, bold=True, colour=draft.accent if draft.chance(0.5) else draft.look.colour)
    second = draft.look.with_(scale=1.1, bold=True)
    found: list[str] = []
    section = sub = 0
    for passage in draft.text.stretch(draft.rng):
        is_sub = section > 0 and sub < 3 and draft.chance(0.5)
        section, sub = (section, sub + 1) if is_sub else (section + 1, 0)
        number = draft.fields.digits(f"{section}.{sub} " if is_sub else f"{section} ") if is_numbered else ""
        heading = number + draft.text.heading(draft.rng)
        look = second if is_sub else first
        if draft.y + draft.sheet.line_height(look) + 2 * draft.step > draft.bottom:
            break
        group: list[Tree] = []
        if draft.is_whole(draft.block(heading, look, gap=0.2, into=group)):
            found.append(heading)
        whole = draft.is_whole(draft.block(passage, gap=0.7, into=group))
        draft.tree.append(group)
        if not whole:
            break
    if found:
        draft.parse["section"] = found


def lists(draft: Draft) -> None:
    """Lists of bullets or numbers, some with lists in them."""
    draft.title()
    items: list[str] = []
    while draft.y + 4 * draft.step < draft.bottom:
        intro = draft.block(draft.text.heading(draft.rng, 4, 10), gap=0.3)
        group: list[Tree] = []
        whole = _list(draft, group, items, 0) if intro.lines else False
        if group:
            draft.tree.append(group)
        if not whole:
            break
        draft.y += draft.step
    if items:
        draft.parse["item"] = items


def _list(draft: Draft, into: list[Tree], items: list[str], depth: int) -> bool:
    """Whether all of it could be set."""
    markers = _markers(draft)
    indent = round(draft.look.size * (1.2 + 2.0 * depth))
    for _ in range(int(draft.rng.integers(2, 6))):
        marker = next(markers)
        text = draft.text.heading(draft.rng, 2, 18)
        hanging = draft.sheet.text_width(marker, draft.look) + round(draft.look.size * 0.6)
        if set_item(draft, marker, text, into, draft.margin + indent, draft.inner - indent, hanging):
            return False
        items.append(text)
        if depth == 0 and draft.chance(0.25):
            inner: list[Tree] = []
            whole = _list(draft, inner, items, 1)
            if inner:
                into.append(inner)
            if not whole:
                return False
    return True


def _markers(draft: Draft) -> Iterator[str]:
    if draft.chance(0.5):
        bullet = pick(draft.rng, _BULLETS)
        while True:
            yield bullet
    form = pick(draft.rng, ("{}.", "{})", "({})"))
    number = 0
    while True:
        number += 1
        yield form.format(draft.fields.digits(str(number)))


def tables(draft: Draft) -> None:
    """A title, and tables of words, numbers, dates and amounts."""
    draft.title()
    while draft.y + 5 * draft.step < draft.bottom:
        if not _table(draft):
            break
        draft.y += draft.step
        if draft.chance(0.5):
            draft.block(draft.text.passage(draft.rng), gap=1.0, bottom=min(draft.y + 5 * draft.step, draft.bottom))


def _table(draft: Draft) -> bool:
    most = max(min(draft.inner // (7 * draft.look.size), 6), 2)
    count = int(draft.rng.integers(2, most + 1))
    makers: list[Callable[[], str]] = [lambda: draft.text.name_of(draft.rng, 1, 3)]
    aligns = ["start"]
    for _ in range(count - 1):
        kind = int(draft.rng.integers(4))
        makers.append(
            (
                lambda: draft.text.phrase(draft.rng, 1, 2),
                lambda: draft.fields.number(int(draft.rng.integers(1, 6))),
                lambda: draft.fields.money(draft.fields.price()),
                lambda: draft.fields.date(draft.fields.day()),
            )[kind]
        )
        aligns.append("start" if kind in (0, 3) else "end")
    head = [draft.text.name_of(draft.rng, 1, 1) for _ in range(count)]
    rows = [head, *([make() for make in makers] for _ in range(int(draft.rng.integers(3, 9))))]
    shares = draft.rng.uniform(0.8, 1.3, count)
    shares[0] *= 1.4
    widths = [int(width) for width in shares / shares.sum() * draft.inner]
    found = set_table(draft, rows, widths, draw_grid(draft), aligns=aligns)
    shown = rows[: len(found)]
    if len(shown) > 1:
        draft.parse.setdefault("table", []).append({"row": [{"cell": row} for row in shown]})
        names = [row[0] for row in shown]
        for _ in range(min(len(shown) - 1, 3)):
            row, column = int(draft.rng.integers(1, len(shown))), int(draft.rng.integers(1, count))
            if names.count(names[row]) == 1 and head.count(head[column]) == 1:
                draft.questions.append((draft.fields.ask_of(head[column], names[row]), [shown[row][column]]))
    return len(shown) == len(rows)


def lines(draft: Draft) -> None:
    """A single line on a page of its size: 10 to 40 characters unless told otherwise, sometimes of numbers."""
    least, most = draft.style.characters
    text = ""
    while len(text) < least:
        piece = _field(draft) if draft.chance(0.15) else draft.text.passage(draft.rng)
        text = f"{text} {_window(draft, piece, most)}".strip()
    _set_line(draft, _shortened(text, int(draft.rng.integers(least, most + 1)), least))


def strings(draft: Draft) -> None:
    """As ``lines``, of characters drawn at random: nothing but looking tells what they are."""
    least, most = draft.style.characters
    letters = draft.text.letters or string.ascii_lowercase
    every = letters + string.digits + string.punctuation
    length = int(draft.rng.integers(least, most + 1))
    words: list[str] = []
    while (room := length - sum(len(word) + 1 for word in words)) > 0:
        alphabet = pick(draft.rng, (letters, string.digits, every))
        count = min(int(draft.rng.integers(1, 11)), room)
        count += room - count == 1  # where no further word has room
        words.append("".join(pick(draft.rng, alphabet) for _ in range(count)))
    _set_line(draft, " ".join(words))


def _set_line(draft: Draft, text: str) -> None:
    pad = draft.look.size // 2
    size = draft.sheet.text_width(text, draft.look) + 2 * pad + 2, round(1.5 * draft.look.size) + pad
    draft.begin(size, margin=0)
    draft.margin, draft.y = pad, pad // 2
    draft.block(text, width=size[0] - pad, bottom=size[1])
    draft.parse["text_sequence"] = text


def _field(draft: Draft) -> str:
    fields = draft.fields
    makers = (
        lambda: fields.date(fields.day()),
        lambda: fields.money(fields.price(), currency=True),
        fields.phone,
        fields.address,
        fields.company,
        lambda: fields.number(8),
    )
    return str(pick(draft.rng, makers)())


def _window(draft: Draft, text: str, most: int) -> str:
    """A stretch of a text from the beginning of any of its words on."""
    starts = [0, *(place + 1 for place, char in enumerate(text) if char == " ")]
    return text[pick(draft.rng, [one for one in starts if len(text) - one > 3] or [0]) :][: 2 * most]


def _shortened(text: str, most: int, least: int) -> str:
    """To the end of a word if there is one in the last third; ``least`` characters are left at least."""
    if len(text) <= most:
        return text
    cut = text.rfind(" ", max(most * 2 // 3, least), most + 1)
    cut = cut if cut > 0 else most
    if text[cut - 1] == " ":  # a line does not end with one
        cut += 1 if cut == least else -1
    return text[:cut]


KINDS: dict[str, Callable[[Draft], None]] = {
    "paragraphs": paragraphs,
    "columns": columns,
    "headings": headings,
    "lists": lists,
    "tables": tables,
    "forms": papers.forms,
    "receipts": papers.receipts,
    "invoices": papers.invoices,
    "screens": screens.screens,
    "lines": lines,
    "strings": strings,
    "snippets": screens.snippets,
}
"""By the name that --kinds takes."""
