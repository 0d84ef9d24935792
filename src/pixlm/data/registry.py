"""The table of the published experiments' data sets: what they are, where they come from, what they look like here."""

from __future__ import annotations

import difflib
import functools
import itertools
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from importlib import resources
from typing import Any

import yaml

from pixlm.errors import UsageError

_RANGE = re.compile(r"(\d+)\.\.(\d+)")


@dataclass(frozen=True)
class RawFile:
    """One file as it is published, and what becomes of it.

    url: where it is (or what it is called, where it cannot be fetched); sha256: "" where it is not known; targets:
    member of a ZIP archive ("" for the file itself) -> path in the output folder; strip: for members that are
    patterns, see the table.
    """

    url: str
    sha256: str
    targets: Mapping[str, str]
    strip: str = ""

    @property
    def name(self) -> str:
        """Its own name."""
        return self.url.rpartition("/")[2]


@dataclass(frozen=True)
class DataSet:
    """One row of the table; :meth:`files` gives its files."""

    name: str
    about: str
    tasks: tuple[str, ...]
    languages: tuple[str, ...]
    source: str
    licence: str
    redistributable: bool
    reader: str = ""
    convert: str = ""
    manual: str = ""
    splits: tuple[str, ...] = ()
    templates: tuple[Mapping[str, Any], ...] = ()

    @property
    def by_language(self) -> bool:
        """Whether some languages can be had without the others."""
        return any("{language}" in str(template) for template in self.templates)

    def files(self, languages: Sequence[str] = ()) -> list[RawFile]:
        """Its files, of some languages or of all. Raises UsageError for a language that it does not have."""
        unknown = [language for language in languages if language not in self.languages]
        if unknown:
            raise UsageError(f"{self.name} has no language {unknown[0]!r}; it has: {', '.join(self.languages)}")
        if languages and not self.by_language:
            raise UsageError(f"{self.name} comes as a whole; leave --languages out")
        values = {"language": tuple(languages) or self.languages, "split": self.splits}
        return [file for template in self.templates for file in _expand(template, values)]


def _expand(template: Mapping[str, Any], values: Mapping[str, Sequence[str]]) -> Iterator[RawFile]:
    choices = {**values, **{name: _each(given) for name, given in template.get("each", {}).items()}}
    members: Mapping[str, str] = template.get("members", {})
    for url, chosen in _filled(template["url"], choices):
        if members:
            known = {**choices, **{name: (value,) for name, value in chosen.items()}}
            targets = {
                member: _fill(target, {**chosen, **more})
                for pattern, target in members.items()
                for member, more in _filled(pattern, known)
            }
        else:
            targets = {"": _fill(template.get("to", url.rpartition("/")[2]), chosen)}
        known_sum = template.get("sha256", "")
        sha256 = known_sum if isinstance(known_sum, str) else known_sum.get(url.rpartition("/")[2], "")
        yield RawFile(url, sha256, targets, template.get("strip", ""))


def _each(given: str | Sequence[str]) -> Sequence[str]:
    found = _RANGE.fullmatch(given) if isinstance(given, str) else None
    if found is None:
        return tuple(given)
    first, last = found.groups()
    return [f"{number:0{len(first)}d}" for number in range(int(first), int(last) + 1)]


def _filled(text: str, choices: Mapping[str, Sequence[str]]) -> Iterator[tuple[str, dict[str, str]]]:
    """(text with its placeholders replaced, by what) for each combination of choices."""
    names = [name for name in choices if f"{{{name}}}" in text]
    for combination in itertools.product(*(choices[name] for name in names)):
        chosen = dict(zip(names, combination, strict=True))
        yield _fill(text, chosen), chosen


def _fill(text: str, chosen: Mapping[str, str]) -> str:
    for name, value in chosen.items():
        text = text.replace(f"{{{name}}}", value)
    return text


@functools.cache
def registry() -> Mapping[str, DataSet]:
    """All data sets by name."""
    text = resources.files("pixlm.data").joinpath("registry.yaml").read_text(encoding="utf-8")
    return {
        name: DataSet(
            name=name,
            about=row["about"],
            tasks=tuple(row["tasks"]),
            languages=tuple(row["languages"]),
            source=row["source"],
            licence=row["licence"],
            redistributable=row["redistributable"],
            reader=row.get("reader", ""),
            convert=row.get("convert", ""),
            manual=row.get("manual", ""),
            splits=tuple(row.get("splits", ())),
            templates=tuple(row["files"]),
        )
        for name, row in yaml.safe_load(text).items()
    }


def find_data(name: str) -> DataSet:
    """The data set of that name; UsageError that says which there are."""
    known = registry()
    if name in known:
        return known[name]
    close = difflib.get_close_matches(name, known, n=3, cutoff=0.4)
    raise UsageError(
        f"no data set {name!r} in the table; "
        + (f"did you mean {' or '.join(close)}?" if close else "")
        + " pixlm data list shows all"
    )
