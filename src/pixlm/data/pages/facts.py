"""What annotations say about a page, whatever their format calls it.

Known are the objects of Donut's ``metadata.jsonl`` (``ground_truth`` with ``gt_parse`` or ``gt_parses``), of OCR
shards (``pages`` with ``text``), FUNSD (``form``), CORD (``valid_line``), DocVQA (``question``, ``answers``), and plain
columns (``label``, ``text``, ``caption``). An object with none of these is itself what is to be read, as SROIE's keys
are.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields, replace
from typing import Any

from pixlm.data.examples import Example
from pixlm.data.pages.example import ImageSource, PageBox
from pixlm.data.readers.records import value_problem


@dataclass(frozen=True)
class Question:
    """answers: accepted ones, None where they are not known."""

    question: str
    answers: tuple[str, ...] | None = None
    id: str = ""


@dataclass(frozen=True)
class Node:
    """A part of a page, such as an element of HTML: a leaf with a text and its box, or a group of parts; with
    ``is_text`` the parts are the lines of one text.

    words: of a leaf, where the data say where they stand. A picture is a leaf whose text is ``img_src=FILE
    img_alt=TEXT`` and whose box is no text that could be masked.
    """

    children: tuple[Node, ...] = ()
    box: PageBox | None = None
    is_image: bool = False
    is_text: bool = False
    words: tuple[PageBox, ...] = ()


@dataclass(frozen=True)
class Facts:
    """About one page; what the data do not say is None, or empty.

    parses: JSON values, each a right reading; lines: in reading order; boxes: of lines; label: its class; texts: of the
    page as a whole, such as captions; tree: what is on the page as it is nested.
    """

    parses: tuple[Any, ...] | None = None
    lines: tuple[str, ...] | None = None
    boxes: tuple[PageBox, ...] = ()
    label: str | None = None
    texts: tuple[str, ...] | None = None
    questions: tuple[Question, ...] = ()
    tree: Node | None = None


@dataclass(frozen=True, kw_only=True)
class PageRecord(Example):
    """A page and the facts about it: what all readers of documents give."""

    image: ImageSource
    page: int = 0
    facts: Facts = Facts()

    def place(self) -> dict[str, Any]:
        """What an example made of it has in common with it: everything but the facts."""
        return {item.name: getattr(self, item.name) for item in fields(self) if item.name != "facts"}


class AnnotationError(ValueError):
    """An annotation that makes no sense; says why."""


_TEXTS = ("text", "caption", "captions", "alt_text", "txt")
_LABELS = ("label", "class", "category")
_DEEPEST = 100


def facts_of(value: Any) -> list[Facts]:
    """The facts of each page that an annotation speaks of: one, but for ``pages``.

    Raises:
        AnnotationError: it is not as its format has it.
    """
    if isinstance(value, list) and len(value) == 2 and isinstance(value[1], dict):
        value = value[1]  # [id, annotation], as some OCR shards have it
    if not isinstance(value, Mapping):
        raise AnnotationError(f"no JSON object, but {json.dumps(value)[:40]}")
    reason = value_problem({key: one for key, one in value.items() if not isinstance(one, bytes)})
    if reason:
        raise AnnotationError(reason)
    if "pages" in value:
        pages = value["pages"]
        if not isinstance(pages, list) or not pages:
            raise AnnotationError('"pages" is no list of pages')
        return [_page(page) for page in pages]
    return [_facts(value)]


def _page(page: Any) -> Facts:
    lines = page.get("text") if isinstance(page, Mapping) else None
    if isinstance(lines, str):
        lines = lines.split("\n")
    if not isinstance(lines, list) or not all(isinstance(line, str) for line in lines):
        raise AnnotationError('a page without a list of lines as "text"')
    return Facts(lines=tuple(lines))


def _facts(value: Mapping[str, Any]) -> Facts:
    facts = Facts()
    known = False
    if (truth := value.get("ground_truth")) is not None:
        if isinstance(truth, str):
            try:
                truth = json.loads(truth)
            except (ValueError, RecursionError) as error:
                raise AnnotationError(f"its ground_truth is no JSON: {error}") from None
        if not isinstance(truth, Mapping):
            raise AnnotationError("its ground_truth is no JSON object")
        facts, known = _facts(truth), True
    if "gt_parse" in value or "gt_parses" in value:
        parses = value["gt_parses"] if "gt_parses" in value else [value["gt_parse"]]
        if not isinstance(parses, list) or not parses:
            raise AnnotationError("gt_parses is no list of readings")
        facts, known = _with_parses(facts, parses), True
    if isinstance(lines := value.get("text_lines"), list):
        facts, known = replace(facts, lines=_strings(lines, "text_lines")), True
    if isinstance(value.get("form"), list):
        facts, known = _with_boxes(facts, [_funsd(one) for one in value["form"]]), True
    if isinstance(value.get("valid_line"), list):
        facts, known = _with_boxes(facts, [_cord(one) for one in value["valid_line"]]), True
    if isinstance(value.get("tree"), Mapping):
        facts, known = replace(facts, tree=_node(value["tree"])), True
    if isinstance(value.get("question"), str):
        facts, known = replace(facts, questions=(_question(value),)), True
    if isinstance(value.get("questions"), list):
        facts, known = replace(facts, questions=tuple(map(_asked, value["questions"]))), True
    for name in _LABELS:
        if isinstance(value.get(name), str | int) and not isinstance(value[name], bool):
            facts, known = replace(facts, label=str(value[name])), True
    for name in _TEXTS:
        if isinstance(value.get(name), str | list):
            texts = _strings([value[name]] if isinstance(value[name], str) else value[name], name)
            facts, known = replace(facts, texts=texts), True
    if not known and value:
        return Facts(parses=(dict(value),))
    return facts


def _with_parses(facts: Facts, parses: Sequence[Any]) -> Facts:
    """Donut's readings, which may also be a class, a text, or questions with answers."""
    if _depth(parses) > _DEEPEST:
        raise AnnotationError(f"a reading deeper than {_DEEPEST} objects in objects")
    facts = replace(facts, parses=tuple(parses))
    objects = [one for one in parses if isinstance(one, Mapping)]
    asked: dict[str, list[str]] = {}
    for one in objects:
        if isinstance(one.get("question"), str) and "answer" in one:
            asked.setdefault(one["question"], []).append(str(one["answer"]))
    if asked:
        facts = replace(facts, questions=tuple(Question(text, tuple(given)) for text, given in asked.items()))
    first = objects[0] if objects else {}
    if list(first) == ["class"]:
        facts = replace(facts, label=str(first["class"]))
    if list(first) == ["text_sequence"]:
        text = str(first["text_sequence"])
        facts = replace(facts, texts=(text,), lines=tuple(text.split("\n")))
    return facts


def _depth(value: Any) -> int:
    """How many lists and objects stand in one another."""
    depth, level = 0, [value]
    while level := [inner for one in level for inner in (one.values() if isinstance(one, dict) else one)]:
        level = [one for one in level if isinstance(one, dict | list)]
        depth += 1
        if not level or depth > _DEEPEST:
            break
    return depth


def _asked(value: Any) -> Question:
    if not isinstance(value, Mapping) or not isinstance(value.get("question"), str):
        raise AnnotationError("an entry of its questions without a question")
    return _question(value)


def _question(value: Mapping[str, Any]) -> Question:
    answers = value.get("answers", value.get("answer"))
    given = [answers] if isinstance(answers, str | int | float) else answers
    accepted = None if given is None else tuple(str(one) for one in given)
    return Question(value["question"], accepted, str(value.get("questionId", value.get("question_id", ""))))


def _with_boxes(facts: Facts, boxes: Sequence[PageBox]) -> Facts:
    kept = tuple(box for box in boxes if box.text)
    return replace(facts, boxes=kept, lines=tuple(box.text for box in kept))


def _node(value: Any, depth: int = 0) -> Node:
    """A node of ``{"text", "box"}``, ``{"image": {"file", "alt"}, "box"}``, ``{"children": [...]}``, or ``{"lines":
    [...]}`` of one text."""
    if not isinstance(value, Mapping) or depth > _DEEPEST:
        raise AnnotationError(f"its tree holds something else than nodes, or is deeper than {_DEEPEST}")
    lines = value.get("lines") or []
    children = value.get("children") or lines
    if not isinstance(children, list):
        raise AnnotationError("a node of its tree whose children are no list")
    if children:
        nodes = tuple(_node(child, depth + 1) for child in children)
        if children is lines and not all(node.box is not None for node in nodes):
            raise AnnotationError("lines of its tree that are no leaves")
        return Node(nodes, is_text=children is lines)
    image = value.get("image")
    if isinstance(image, Mapping):
        text = f"img_src={image.get('file', '')} img_alt={image.get('alt', '')}"
    else:
        text = " ".join(str(value.get("text", "")).split())
    try:
        left, top, right, bottom = map(float, value["box"])
        words = tuple(PageBox(str(one["text"]), *map(float, one["box"])) for one in value.get("words") or ())
    except (KeyError, TypeError, ValueError):
        raise AnnotationError("a leaf of its tree, or a word of one, without a box of four numbers") from None
    return Node(box=PageBox(text, left, top, right, bottom), is_image=isinstance(image, Mapping), words=words)


def _funsd(one: Any) -> PageBox:
    try:
        left, top, right, bottom = map(float, one["box"])
        return PageBox(" ".join(str(one["text"]).split()), left, top, right, bottom)
    except (KeyError, TypeError, ValueError):
        raise AnnotationError("an entry of its form without a text and a box of four numbers") from None


def _cord(one: Any) -> PageBox:
    try:
        words = one["words"]
        across = [float(word["quad"][f"x{corner}"]) for word in words for corner in range(1, 5)]
        down = [float(word["quad"][f"y{corner}"]) for word in words for corner in range(1, 5)]
        text = " ".join(str(word["text"]) for word in words)
        return PageBox(text, min(across), min(down), max(across), max(down))
    except (KeyError, TypeError, ValueError):
        raise AnnotationError("a line without words that have a text and four corners") from None


def _strings(values: Sequence[Any], name: str) -> tuple[str, ...]:
    if not all(isinstance(one, str) for one in values):
        raise AnnotationError(f"{name} holds something else than text")
    return tuple(values)
