"""Screens of HTML: what is shown and how it nests; hostile HTML costs little and does nothing."""

from __future__ import annotations

import time
import unicodedata

import numpy as np
import pytest

from pixlm.data.pages.facts import facts_of
from pixlm.data.pages.folders import read_pages
from pixlm.data.pages.synthetic import html
from pixlm.data.pages.synthetic.draft import Style
from pixlm.data.pages.synthetic.html import DEEPEST, Element, parse_html
from pixlm.data.pages.synthetic.page import Maker, Making
from pixlm.data.pages.synthetic.texts import FOLDER
from pixlm.data.pages.synthetic.wear import Wear
from pixlm.data.readers.problems import Problems
from pixlm.tasks.documents.screenshot import serialise

PAGE = """<!doctype html><html><head><title>no</title><style>p {}</style></head><body onload="x()">
<!-- not shown --><h1>Kettles &amp; pots</h1>
<p>Boil <b>two</b> litres<br>of <a href="https://example.org">cold water</a>.</p>
<ul><li>red<li>green <ol><li>light</ol></ul>
<table><caption>Prices</caption><tr><th>what<th>how much<tr><td>pot<td>12</table>
<img src="https://example.org/a/pot.png?size=3" alt="a  pot"><script>document.write("bad")</script>
<p hidden>unseen</p><p>last"""


def outline(element: Element) -> list:
    return [
        child.strip() if isinstance(child, str) else [child.tag, *outline(child)] for child in element.children if child
    ]


def made(tmp_path, *sources: str, size=(480, 480)) -> Maker:
    files = []
    for number, source in enumerate(sources):
        files.append(tmp_path / f"page{number}.html")
        files[-1].write_text(source, encoding="utf-8")
    style = Style(size=size, letters=(11, 12), plain=True)
    kinds = (("screens", 1.0),)
    texts = (FOLDER / "en.txt",)
    return Maker(Making(texts, kinds, style=style, wear=Wear(share=0), image="png", html=tuple(files)), "train")


def whole(tmp_path, source: str):
    """A page that begins with the file's beginning."""
    maker = made(tmp_path, source)
    pages = [maker.page(number) for number in range(6)]
    return max(pages, key=lambda page: len(page.annotation["form"]))


def test_the_tree_of_elements():
    root = parse_html("<div>a<p>b<p>c</div><ul><li>d<li>e</ul><table><tr><td>f<td>g<tr><td>h</table>&lt;i")
    assert outline(root) == [
        ["div", "a", ["p", "b"], ["p", "c"]],
        ["ul", ["li", "d"], ["li", "e"]],
        ["table", ["tr", ["td", "f"], ["td", "g"]], ["tr", ["td", "h"]]],
        "<i",
    ]


def test_what_is_shown(tmp_path):
    page = whole(tmp_path, PAGE)
    assert [line["text"] for line in page.annotation["form"]] == [
        "Kettles & pots",
        "Boil two litres",
        "of cold water.",
        "• red",
        "• green",
        "1. light",
        "Prices",
        "what",
        "how much",
        "pot",
        "12",
        "last",
    ]
    (facts,) = facts_of(page.annotation)
    assert serialise(facts.tree) == (
        "<<Kettles & pots> <Boil two litres of cold water.> <<• red> <<• green> <1. light>>> "
        "<<Prices> <<<what> <how much>> <<pot> <12>>>> <img_src=pot.png img_alt=a pot> <last>>"
    )


def test_links_and_bold_words_look_otherwise(tmp_path):
    page = whole(tmp_path, "<p>plain <a href=x>linked</a> plain <b>plain</b></p>")
    pixels = np.asarray(page.worn.image).astype(int)
    boxes = [[round(side) for side in word["box"]] for word in page.annotation["form"][0]["words"]]
    parts = [pixels[top:bottom, left:right] for left, top, right, bottom in boxes]
    blue = [int((part[..., 2] - part[..., 0]).max()) for part in parts]
    assert blue[1] > 100
    assert blue[0] == blue[2] == blue[3] == 0
    assert (255 - parts[3]).sum() > 1.2 * (255 - parts[2]).sum()


def test_right_to_left_is_told_by_the_page_or_its_text(tmp_path):
    for source in ("<html dir=rtl><p>abc", "<p>شكرا لكم"):
        (line,) = whole(tmp_path, source).annotation["form"]
        assert line["box"][0] > 240
    (line,) = whole(tmp_path, "<html dir=ltr><p>شكرا لكم").annotation["form"]
    assert line["box"][0] < 240


def test_long_pages_are_shown_from_further_down_too(tmp_path):
    source = "<body><div>" + "".join(f"<p>paragraph number {n}</p>" for n in range(200)) + "</div>"
    maker = made(tmp_path, source)
    first = {maker.page(number).annotation["form"][0]["text"] for number in range(12)}
    assert "paragraph number 0" in first
    assert len(first) > 3
    for number in range(3):
        page = maker.page(number)
        assert max(line["box"][3] for line in page.annotation["form"]) <= page.worn.image.height


BOMBS = {
    "comments": "<!--" * 250_000,
    "declarations": "<!" * 500_000,
    "brackets": "<" * 1_000_000,
    "open tags": "<a " * 330_000,
    "quotes": '<a x="' * 170_000,
    "ampersands": "&" * 1_000_000,
    "numbers": "&#" + "9" * 1_000_000 + ";",
    "cdata": "<![CDATA[" * 110_000,
    "instructions": "<?" * 500_000,
    "closing tags": "</a" * 330_000,
    "scripts": "<script>" + "</script " * 110_000,
    "attribute": '<p title="' + "y" * 1_000_000 + '">shown</p>',
    "attributes": "<p " + "a " * 500_000 + ">shown</p>",
    "spaces": "<p" + " " * 1_000_000 + ">shown</p>",
    "depth": "<div>" * 200_000 + "shown",
    "inline depth": "<b>" * 300_000 + "shown",
    "tables": "<table><tr><td>" * 60_000 + "shown",
    "lists": "<ul><li>" * 120_000 + "shown",
    "entities": '<!DOCTYPE x [<!ENTITY a "aaaa"><!ENTITY b "&a;&a;&a;&a;">]><p>&b;' + "&b;" * 300_000,
    "one word": "x" * 1_000_000,
    "cells": "<table><tr>" + "<td>cell" * 100_000,
    "directions": "\u202e\u2067" * 300_000 + "shown",
}


@pytest.mark.parametrize("name", BOMBS)
def test_hostile_html(tmp_path, name):
    """About a megabyte each; what takes time in the square of it would take hours."""
    started = time.process_time()
    page = whole(tmp_path, BOMBS[name])
    assert time.process_time() - started < 40
    assert all(unicodedata.category(char) != "Cs" for line in page.annotation["form"] for char in line["text"])
    if BOMBS[name].endswith(("shown", "shown</p>")) and name not in ("tables", "lists"):
        assert [line["text"] for line in page.annotation["form"]] == ["shown"]
    facts_of(page.annotation)


def test_it_is_no_deeper_than_said():
    element, depth = parse_html("<div>" * 1000), 0
    while element.children:
        element = element.children[0]
        depth += 1
    assert depth == DEEPEST


def test_no_more_elements_than_said(monkeypatch):
    monkeypatch.setattr(html, "MOST_ELEMENTS", 10)
    assert len(list(parse_html("<p>x</p>" * 50).find("p"))) == 10


def test_pages_from_files_on_the_command_line(tmp_path, pixlm):
    (tmp_path / "html").mkdir()
    for number in range(12):
        (tmp_path / "html" / f"{number}.html").write_text(f"<h1>Page {number}</h1><p>Some words of it.")
    small = ("--size", "320", "320", "--letters", "9", "11", "--pages", "6", "--dev", "2", "--format", "folder")
    code, _, error = pixlm("data", "pages", "--output", tmp_path / "out", "--html", tmp_path / "html", *small)
    assert code == 0, error
    shown = {}
    for split in ("train", "dev"):
        records = read_pages(tmp_path / "out" / split, problems=Problems())
        assert all(record.facts.label == "screens" for record in records)
        shown[split] = {line for record in records for line in record.facts.lines if line.startswith("Page")}
    assert shown["train"]
    assert not shown["train"] & shown["dev"]
    code, _, error = pixlm("data", "pages", "--output", tmp_path / "x", "--html", tmp_path / "none", *small)
    assert (code, error.count("\n")) == (2, 1)
    assert "no such file or folder" in error
