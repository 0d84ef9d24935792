"""The kinds of pages with fields: forms, receipts, invoices. What is added up on them adds up."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from pixlm.data.pages.synthetic.draft import Draft, Grid, draw_grid, pick, set_table
from pixlm.data.pages.synthetic.fields import Money
from pixlm.data.pages.synthetic.sheet import Look, Tree

_FORM = (
    "name",
    "birth",
    "address",
    "city",
    "phone",
    "number",
    "date",
    "company",
    "occupation",
    "nationality",
    "remarks",
)


def _value(draft: Draft, key: str) -> str:
    fields = draft.fields
    makers: dict[str, Callable[[], str]] = {
        "name": fields.person,
        "birth": lambda: fields.date(fields.day(1930, 2008)),
        "address": fields.street,
        "city": fields.city,
        "phone": fields.phone,
        "number": lambda: fields.number(8),
        "date": lambda: fields.date(fields.day()),
        "company": fields.company,
        "occupation": lambda: draft.text.heading(draft.rng, 1, 2),
        "nationality": lambda: draft.text.heading(draft.rng, 1, 1),
        "remarks": lambda: draft.text.heading(draft.rng, 4, 12),
    }
    return makers[key]()


def forms(draft: Draft) -> None:
    """Labels with their values: beside each other, on rules, or in boxes."""
    fields, rng = draft.fields, draft.rng
    head = draft.look.with_(scale=rng.uniform(1.4, 2.0), bold=draft.chance(0.7), align=pick(rng, ("start", "center")))
    draft.block(fields.label("form"), head, gap=0.3)
    if draft.chance(0.6):
        draft.rule(draft.accent, 2)
    count = int(rng.integers(5, len(_FORM) + 1))
    chosen = [_FORM[place] for place in sorted(rng.choice(len(_FORM), count, replace=False))]
    draft.y += draft.step // 2
    setter = pick(rng, (_beside, _ruled, _boxed))
    setter(draft, [(key, fields.label(key), _value(draft, key)) for key in chosen])
    if draft.chance(0.5) and draft.y + 4 * draft.step < draft.bottom:
        draft.y += 2 * draft.step
        draft.sheet.fill(draft.margin, draft.y, draft.inner * 0.4, 1, draft.look.colour)
        draft.y += 3
        draft.block(fields.label("signature"), draft.look.with_(scale=0.8))


Entry = tuple[str, str, str]
"""Key, label, value."""


def _beside(draft: Draft, entries: Sequence[Entry]) -> None:
    """Labels in one column, values in another."""
    label = draft.look.with_(bold=draft.chance(0.5))
    wide = max(draft.sheet.text_width(f"{name}:", label) for _, name, _ in entries) + draft.look.size
    wide = min(wide, draft.inner // 2)
    colon = ":" if draft.chance(0.7) else ""
    for entry in entries:
        _pair(draft, entry, colon, label, wide)
        draft.y += round(draft.step * 0.35)


def _ruled(draft: Draft, entries: Sequence[Entry]) -> None:
    """Each value on a rule behind its label."""
    for entry in entries:
        wide = min(draft.sheet.text_width(f"{entry[1]}:", draft.look) + draft.look.size, draft.inner // 2)
        top = draft.y
        _pair(draft, entry, ":", draft.look, wide)
        if draft.y > top:
            draft.sheet.fill(draft.margin + wide, draft.y, draft.inner - wide, 1, draft.look.colour)
        draft.y += round(draft.step * 0.6)


def _pair(draft: Draft, entry: Entry, colon: str, look: Look, wide: float) -> None:
    """A label, and its value ``wide`` pixels behind the label's beginning."""
    key, name, value = entry
    pair: list[Tree] = []
    top = draft.y
    label = draft.block(f"{name}{colon}", look, width=wide, into=pair)
    below, draft.y = draft.y, top
    found = draft.block(value, x=draft.margin + wide, into=pair) if label.lines else label
    draft.y = max(below, draft.y)
    if pair:
        draft.tree.append(pair)
    if draft.is_whole(label) and draft.is_whole(found):
        draft.know(key, value, name)


def _boxed(draft: Draft, entries: Sequence[Entry]) -> None:
    """Boxes in two columns, a small label in the corner of each."""
    small = draft.look.with_(scale=0.7)
    pad = max(draft.look.size // 3, 3)
    height = draft.sheet.line_height(small) + round(2.9 * draft.look.size) + 2 * pad
    columns = 2 if draft.inner > 24 * draft.look.size else 1
    width = draft.inner / columns
    top = draft.y
    for number, (key, name, value) in enumerate(entries):
        row, column = divmod(number, columns)
        y, x = top + row * height, draft.margin + column * width
        if y + height > draft.bottom:
            return
        draft.sheet.frame(x, y, width + 1, height + 1, draft.look.colour)
        draft.y = y + pad
        pair: list[Tree] = []
        area: dict[str, Any] = {"x": x + pad, "width": width - 2 * pad, "bottom": y + height, "into": pair}
        label = draft.block(name, small, **area)
        found = draft.block(value, **area)
        draft.tree.append(pair)
        if draft.is_whole(label) and draft.is_whole(found):
            draft.know(key, value, name)
        draft.y = y + height


# ---- receipts


def receipts(draft: Draft) -> None:
    """A narrow page: the shop, what was bought, and what it came to."""
    fields, rng = draft.fields, draft.rng
    width, height = draft.style.size
    draft.begin((round(width * rng.uniform(0.42, 0.62)), height), margin=0.05)
    middle = draft.look.with_(align="center")
    company, address = fields.company(), fields.address()
    for key, text, look in (
        ("company", company, middle.with_(scale=1.35, bold=True)),
        ("address", address, middle.with_(scale=0.9)),
    ):
        if draft.is_whole(draft.block(text, look, gap=0.1)):
            draft.know(key, text)
    if draft.chance(0.6):
        draft.block(f"{fields.label('phone')}: {fields.phone()}", middle.with_(scale=0.9))
    draft.y += draft.step // 2
    if draft.chance(0.5):
        draft.block(fields.label("receipt"), middle.with_(bold=True), gap=0.3)
    for key, value in (("number", fields.number(6)), ("date", fields.date(fields.day(2015, 2026)))):
        if draft.is_whole(draft.block(f"{fields.label(key)}: {value}", gap=0.1)):
            draft.know(key, value)
    _dashes(draft)
    items = _items(draft, reserve=7)
    _dashes(draft)
    total = _totals(draft, items, draft.inner, 0)
    if total is not None and draft.chance(0.5):
        paid = Money(-(-total.cents // 1000) * 1000)
        for key, amount in (("cash", paid), ("change", Money(paid.cents - total.cents))):
            _amount(draft, key, fields.label(key), amount, draft.look, draft.inner, 0)
    if draft.chance(0.6):
        draft.y += draft.step // 2
        draft.block(fields.label("thanks"), middle)
    draft.sheet.cut(draft.y + draft.margin)


def _dashes(draft: Draft) -> None:
    if draft.chance(0.7):
        draft.y += draft.step // 4
        dash = max(draft.look.size // 3, 2)
        solid = draft.chance(0.4)
        for x in range(0, draft.inner - dash, 2 * dash):
            draft.sheet.fill(draft.margin + x, draft.y, 2 * dash if solid else dash, 1, draft.look.colour)
    draft.y += draft.step // 2


def _items(draft: Draft, *, reserve: int) -> list[Money]:
    """Lines of goods with their prices. reserve: lines to leave free for the totals."""
    fields, rng = draft.fields, draft.rng
    sums: list[Money] = []
    menu: list[dict[str, str]] = []
    counts = draft.chance(0.5)
    widths = (draft.inner * 0.66, draft.inner * 0.34)
    plain = Grid(rules="none", padding=1)
    for _ in range(int(rng.integers(1, 13))):
        name = draft.text.name_of(rng, 1, 3)
        count, price = (int(rng.integers(1, 5)) if counts else 1), fields.price(6_000)
        amount = Money(count * price.cents)
        shown = f"{name} {fields.digits(str(count))} x {fields.money(price)}" if count > 1 else name
        row = [shown, fields.money(amount)]
        bottom = draft.bottom - reserve * draft.step
        if not set_table(draft, [row], widths, plain, aligns=("start", "end"), has_head=False, bottom=bottom):
            break
        sums.append(amount)
        quantity = {"cnt": fields.digits(str(count)), "unitprice": fields.money(price)} if count > 1 else {}
        menu.append({"nm": name, **quantity, "price": row[1]})
        if [one["nm"] for one in menu].count(name) == 1 and draft.chance(0.3):
            draft.questions.append((fields.ask_of(fields.label("price"), name), [row[1]]))
    if menu:
        draft.parse["menu"] = menu
    return sums


def _totals(draft: Draft, items: Sequence[Money], width: float, x: float) -> Money | None:
    """Subtotal, tax and total below a list; the total, None if there was no room for it."""
    fields = draft.fields
    if not items:
        return None
    subtotal = Money(sum(item.cents for item in items))
    total = subtotal
    if draft.chance(0.6):
        tax = fields.tax(subtotal)
        total = Money(subtotal.cents + tax.cents)
        _amount(draft, "subtotal", fields.label("subtotal"), subtotal, draft.look, width, x)
        _amount(draft, "tax", fields.tax_label, tax, draft.look, width, x)
    big = draft.look.with_(scale=1.2, bold=True)
    return total if _amount(draft, "total", fields.label("total"), total, big, width, x, currency=True) else None


def _amount(
    draft: Draft, key: str, label: str, amount: Money, look: Look, width: float, x: float, *, currency: bool = False
) -> bool:
    """A label with an amount at the other end of the line; whether there was room for it."""
    value = draft.fields.money(amount, currency=currency)
    row = set_table(
        draft,
        [[label, value]],
        (width * 0.5, width * 0.5),
        Grid(rules="none", padding=1),
        aligns=("start", "end"),
        has_head=False,
        x=draft.margin + x,
        look=look,
    )
    if row:
        plain = draft.fields.money(amount)
        draft.know(key, value, label, also=[plain] if plain != value else [])
    return bool(row)


# ---- invoices


def invoices(draft: Draft) -> None:
    """Seller, buyer, a table of what was sold, and what is to be paid until when."""
    fields, rng = draft.fields, draft.rng
    day = fields.day(2012, 2025)
    big = draft.look.with_(scale=2.0, bold=True, colour=draft.accent)
    draft.block(fields.label("invoice"), big, gap=0.3)
    half = draft.inner / 2
    top = draft.y
    _party(draft, "seller", draft.margin, half - draft.look.size, is_labelled=draft.chance(0.5))
    left, draft.y = draft.y, top
    due = fields.date(type(day).fromordinal(day.toordinal() + int(rng.choice([14, 30, 60]))))
    group: list[Tree] = []
    for key, value in (("number", fields.number(6)), ("date", fields.date(day)), ("due", due)):
        found = draft.block(f"{fields.label(key)}: {value}", x=draft.margin + half, gap=0.1, into=group)
        if draft.is_whole(found):
            draft.know(key, value)
    nest_group(draft.tree, group)
    draft.y = max(left, draft.y) + draft.step
    _party(draft, "buyer", draft.margin, half, is_labelled=True)
    draft.y += draft.step
    sums = _goods(draft)
    draft.y += draft.step // 2
    _totals(draft, sums, half, half)
    if draft.chance(0.5):
        draft.y += draft.step
        draft.block(draft.text.passage(rng), draft.look.with_(scale=0.85), bottom=draft.y + 4 * draft.step)


def nest_group(into: list[Tree], group: list[Tree]) -> None:
    if group:
        into.append(group)


def _party(draft: Draft, key: str, x: float, width: float, *, is_labelled: bool) -> None:
    """A company with its address; asked for by its label."""
    fields = draft.fields
    group: list[Tree] = []
    if is_labelled:
        draft.block(fields.label(key), draft.look.with_(scale=0.85, bold=True), x=x, width=width, into=group)
    company = fields.company()
    if draft.is_whole(draft.block(company, x=x, width=width, into=group)):
        draft.parse[key] = company
        if is_labelled:
            draft.questions.append((fields.ask(fields.label(key)), [company]))
    for line in (fields.street(), fields.city()):
        draft.block(line, x=x, width=width, into=group)
    nest_group(draft.tree, group)


def _goods(draft: Draft) -> list[Money]:
    fields, rng = draft.fields, draft.rng
    head = [fields.label(key) for key in ("item", "quantity", "price", "amount")]
    rows, sums, menu = [head], [], []
    for _ in range(int(rng.integers(2, 10))):
        name, count, price = draft.text.name_of(rng, 1, 3), int(rng.integers(1, 20)), fields.price()
        amount = Money(count * price.cents)
        rows.append([name, fields.digits(str(count)), fields.money(price), fields.money(amount)])
        sums.append(amount)
        menu.append({"nm": name, "cnt": rows[-1][1], "unitprice": rows[-1][2], "price": rows[-1][3]})
    widths = [draft.inner * share for share in (0.42, 0.14, 0.21, 0.23)]
    aligns = ("start", "end", "end", "end")
    room = draft.bottom - 5 * draft.step
    shown = len(set_table(draft, rows, widths, draw_grid(draft), aligns=aligns, bottom=room)) - 1
    if shown < 1:
        return []
    draft.parse["menu"] = menu[:shown]
    names = [row[0] for row in rows[1:]]
    place = int(rng.integers(shown))
    if names.count(names[place]) == 1:
        draft.questions.append((fields.ask_of(head[3], names[place]), [rows[place + 1][3]]))
    return sums[:shown]
