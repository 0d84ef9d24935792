"""What stands in forms, receipts and invoices: labels by language, names, dates, amounts, addresses.

Names are words of the page's text; everything is drawn from the generator that is given.
"""

from __future__ import annotations

import datetime
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import yaml

from pixlm.data.pages.synthetic.texts import Text
from pixlm.errors import UsageError

TABLE = Path(__file__).parent / "words.yaml"


@cache
def tables(file: Path | None = None) -> Mapping[str, Mapping[str, Any]]:
    """The tables of ``words.yaml`` by language, with those of a user's file in their place.

    Raises:
        UsageError: no such file, no YAML, or not of this form.
    """
    known: dict[str, dict[str, Any]] = yaml.safe_load(TABLE.read_text(encoding="utf-8"))
    if file is None:
        return known
    try:
        given = yaml.safe_load(file.read_text(encoding="utf-8"))
    except OSError as error:
        raise UsageError(f"{file}: {error.strerror or error}") from None
    except (yaml.YAMLError, UnicodeDecodeError) as error:
        raise UsageError(f"{file}: no YAML ({str(error).splitlines()[0]})") from None
    if not isinstance(given, dict):
        raise UsageError(f"{file}: must have a table of words for each language, such as en")
    for language, table in given.items():
        if not isinstance(table, dict):
            raise UsageError(f"{file}: {language} is no table of words")
        for key, value in table.items():
            if key not in (*known["en"], "digits"):
                raise UsageError(f"{file}: {language} has {key!r}; known are {', '.join(known['en'])}, digits")
            like = known["en"].get(key, "")
            items = value if isinstance(value, list) else [value]
            if not items or isinstance(value, list) != isinstance(like, list) or not all(map(_is_text, items)):
                raise UsageError(f"{file}: {language}: {key} must be {'a list of texts' if like != '' else 'a text'}")
        if table.get("digits") is not None and len(table["digits"]) != 10:
            raise UsageError(f"{file}: {language}: digits must be ten characters")
        known[str(language)] = {**known.get(str(language), {}), **table}
    return known


def _is_text(value: object) -> bool:
    return isinstance(value, str)


@dataclass(frozen=True)
class Money:
    """An amount in hundredths, so that sums are exact."""

    cents: int


class Fields:
    """What one page says: its labels and digits, one currency and one way of writing dates."""

    def __init__(self, text: Text, rng: np.random.Generator, file: Path | None = None):
        known = tables(file)
        self.text, self.rng = text, rng
        self._own = {**known["en"], **known.get(text.language, {})}
        if text.language in known and "months" not in known[text.language]:
            self._own["dates"] = [form for form in self._own["dates"] if "month" not in form]
        own_digits = self._own.get("digits")
        self._digits = str.maketrans("0123456789", own_digits) if own_digits and rng.random() < 0.4 else None
        self._currency = self._any("currency")
        self._date = self._any("dates")
        self._tax_rate = int(rng.choice([5, 7, 10, 19, 20]))

    def label(self, key: str) -> str:
        """The word beside a value, in the text's language where the tables have it."""
        return str(self._own[key])

    def ask(self, label: str) -> str:
        """A question about what stands beside a label."""
        return str(self._own["ask"]).format(label)

    def ask_of(self, column: str, row: str) -> str:
        """A question about a cell of a table."""
        return str(self._own["ask_of"]).format(column=column, row=row)

    def _any(self, key: str) -> str:
        choices = self._own[key]
        return str(choices[int(self.rng.integers(len(choices)))])

    def digits(self, text: str) -> str:
        """ASCII digits as this page writes them."""
        return text if self._digits is None else text.translate(self._digits)

    def number(self, count: int) -> str:
        """So many digits, the first not 0."""
        first, rest = self.rng.integers(1, 10), self.rng.integers(0, 10, count - 1)
        return self.digits("".join(map(str, (int(first), *map(int, rest)))))

    def money(self, amount: Money, *, currency: bool = False) -> str:
        """An amount as it is written, with two decimals."""
        whole, hundredths = divmod(amount.cents, 100)
        grouped = f"{whole:,}".replace(",", self._own["thousands"]) if whole > 9999 else str(whole)
        written = self.digits(f"{grouped}{self._own['decimal']}{hundredths:02}")
        sign = self._currency if currency else ""
        if not sign:
            return written
        return f"{sign}{written}" if self._own["decimal"] == "." else f"{written} {sign}"

    def price(self, most: int = 20_000) -> Money:
        """0.50 to ``most`` hundredths; small ones are more frequent."""
        return Money(int(np.exp(self.rng.uniform(np.log(50), np.log(most)))) // 5 * 5)

    def tax(self, subtotal: Money) -> Money:
        """At this page's rate."""
        return Money(round(subtotal.cents * self._tax_rate / 100))

    @property
    def tax_label(self) -> str:
        return f"{self.label('tax')} {self.digits(str(self._tax_rate))}%"

    def day(self, first: int = 1995, last: int = 2026) -> datetime.date:
        """Any day of these years."""
        start = datetime.date(first, 1, 1)
        days = (datetime.date(last, 12, 31) - start).days
        return start + datetime.timedelta(days=int(self.rng.integers(days)))

    def date(self, day: datetime.date) -> str:
        """A day as this page writes them."""
        months = self._own["months"]
        return self.digits(self._date.format(d=day.day, m=day.month, y=day.year, month=months[day.month - 1]))

    def person(self) -> str:
        return self.text.name_of(self.rng, 2, 2)

    def company(self) -> str:
        return f"{self.text.name_of(self.rng, 1, 2)} {self._any('suffixes')}"

    def street(self) -> str:
        return f"{self.text.name_of(self.rng, 1, 2)} {self.digits(str(int(self.rng.integers(1, 200))))}"

    def city(self) -> str:
        return f"{self.number(5)} {self.text.name_of(self.rng, 1, 1)}"

    def address(self) -> str:
        return f"{self.street()}, {self.city()}"

    def phone(self) -> str:
        return f"{self.digits('0')}{self.number(3)} {self.number(6)}"
