"""JSON as a string of tags, and back: how Donut writes what it has read (Kim et al. 2022, section 3.1).

``{"menu": [{"nm": "cake"}, {"nm": "tea"}]}`` is ``<s_menu><s_nm>cake</s_nm><sep/><s_nm>tea</s_nm></s_menu>``.
"""

from __future__ import annotations

import re
from collections.abc import Collection
from typing import Any

SEPARATOR = "<sep/>"
TEXT = "text_sequence"
"""The key of text in which there are no tags."""


def to_tags(value: Any, *, sort_keys: bool = True, categories: Collection[str] = (), legacy: bool = False) -> str:
    """A JSON value as tags.

    Args:
        sort_keys: write keys in descending order, as Donut does in training; else in their own order.
        categories: the values that have tokens of their own: ``invoice`` is written ``<invoice/>`` if that is in here.
        legacy: as Donut and pixparse, write null as ``None`` and true as ``True``, in place of nothing and ``true``.
    """
    if isinstance(value, dict):
        if list(value) == [TEXT]:
            return str(value[TEXT])
        keys = sorted(value, reverse=True) if sort_keys else value
        parts = (to_tags(value[key], sort_keys=sort_keys, categories=categories, legacy=legacy) for key in keys)
        return "".join(f"<s_{key}>{part}</s_{key}>" for key, part in zip(keys, parts, strict=True))
    if isinstance(value, list):
        parts = (to_tags(item, sort_keys=sort_keys, categories=categories, legacy=legacy) for item in value)
        return SEPARATOR.join(parts)
    if not legacy and (value is None or isinstance(value, bool)):
        value = "" if value is None else str(value).lower()
    text = str(value)
    return f"<{text}/>" if f"<{text}/>" in categories else text


def tags_of(value: Any) -> set[str]:
    """The opening and closing tags that :func:`to_tags` writes for a value."""
    if isinstance(value, dict):
        if list(value) == [TEXT]:
            return set()
        own = {tag for key in value for tag in (f"<s_{key}>", f"</s_{key}>")}
        return own.union(*map(tags_of, value.values()))
    return set().union(*map(tags_of, value)) if isinstance(value, list) else set()


_DEEPEST = 64  # objects in objects; what is deeper, which models in a loop may write, is text
_OPENING = re.compile("<s_(.*?)>", re.IGNORECASE)


def from_tags(text: str, *, categories: Collection[str] = (), legacy: bool = False) -> Any:
    """The value that a string of tags says; never an error, whatever a model has written.

    Tags without a partner are passed over; lists of one item are that item; text without tags is
    ``{"text_sequence": text}``. Lists in lists, and empty lists, cannot be told from others: they come back flat, and
    as "". Of equal keys in one object the last counts.

    Args:
        categories: see :func:`to_tags`.
        legacy: as Donut and pixparse: values with line breaks are lost, keys are taken for regular expressions, an
            object inside an object of the same name ends it.
    """
    items, rest = _objects(text, categories, legacy)
    if len(items) > 1:
        return items if items[-1] else items[:-1]
    return items[0] or {TEXT: rest}


def _objects(text: str, categories: Collection[str], legacy: bool, depth: int = 0) -> tuple[list[dict[str, Any]], str]:
    """The objects that stand in a text, separated, and what is left of the text behind them."""
    items: list[dict[str, Any]] = [{}]
    while opening := _OPENING.search(text):
        found = (_legacy_element if legacy else _element)(text, opening)
        if found is None:
            text = text.replace(opening[0], "")
            continue
        content, text = found
        if content is not None:
            value = _value(content.strip(), categories, legacy, depth)
            if value is not None:
                items[-1][opening[1]] = value
        text = text.strip()
        if text.startswith(SEPARATOR):
            text = text[len(SEPARATOR) :]
            items.append({})
    return items, text


def _value(content: str, categories: Collection[str], legacy: bool, depth: int) -> Any:
    if depth < _DEEPEST and "<s_" in content and "</s_" in content:
        items, _ = _objects(content, categories, legacy, depth + 1)
        items = items if items[-1] else items[:-1]
        return (items[0] if len(items) == 1 else items) or None
    leaves = [_leaf(leaf.strip(), categories) for leaf in content.split(SEPARATOR)]
    return leaves[0] if len(leaves) == 1 else leaves


def _leaf(text: str, categories: Collection[str]) -> str:
    return text[1:-2] if text in categories and text.startswith("<") and text.endswith("/>") else text


def _element(text: str, opening: re.Match[str]) -> tuple[str, str] | None:
    """(content, what follows the closing tag); None if it is not closed."""
    key = re.escape(opening[1])
    depth, first = 1, None
    for tag in re.compile(f"<(/?)s_{key}>", re.IGNORECASE).finditer(text, opening.end()):
        depth += -1 if tag[1] else 1
        first = first or (tag if tag[1] else None)
        if depth == 0:
            return text[opening.end() : tag.start()], text[tag.end() :]
    if first is None:
        return None
    return text[opening.end() : first.start()], text[first.end() :]


def _legacy_element(text: str, opening: re.Match[str]) -> tuple[str | None, str] | None:
    try:
        closing = re.search(f"</s_{opening[1]}>", text, re.IGNORECASE)
    except re.error:
        return None
    if closing is None or not closing[0]:  # a key with "|" can match nothing, and the text would never get shorter
        return None
    pattern = f"{re.escape(opening[0])}(.*?){re.escape(closing[0])}"
    content = re.search(pattern, text, re.IGNORECASE)
    after = text[text.find(closing[0]) + len(closing[0]) :]
    return (content[1] if content else None), after
