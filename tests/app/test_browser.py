"""The page in a real browser, end to end: `pixlm demo` in a process of its own, Chromium without a screen.

Skipped where playwright (`pip install "pixlm[browser]"`) or a Chromium is missing. PIXLM_SCREENSHOTS=FOLDER keeps what
the browser showed; PIXLM_DEMO_MODELS="FOLDER FOLDER" takes these models in place of untrained ones.
"""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

import toy_pages

pytest.importorskip("gradio")
playwright = pytest.importorskip("playwright.sync_api", reason="playwright is not installed")
CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(CHROMIUM is None, reason="no Chromium on this machine (apt-get install chromium)"),
]
SENTENCE = "The cat sat on the mat and looked out of the window."
WAIT = 60_000


@pytest.fixture(scope="module")
def address(models):
    """Of a page with a model on every tab, served by the command line."""
    names = os.environ.get("PIXLM_DEMO_MODELS", "").split()
    names = names or [str(models[name]) for name in ("reconstruct", "generate", "label", "document")]
    command = [sys.executable, "-m", "pixlm.cli", "demo", *names, "--port", "0"]
    environment = {name: value for name, value in os.environ.items() if name != "DISPLAY"}
    process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, env=environment)
    assert process.stdout is not None
    said = []
    for line in process.stdout:
        said.append(line)
        found = re.match(r"(http://127\.0\.0\.1:\d+/)", line)
        if found:
            break
    else:
        pytest.fail("".join(said))
    yield found[1]
    process.terminate()
    process.wait(30)


@pytest.fixture(scope="module")
def browser():
    with playwright.sync_playwright() as p:
        opened = p.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox"])
        yield opened
        opened.close()


class Visitor:
    """A page in a browser context of its own, and all that it asked for."""

    def __init__(self, browser, address, *, query="", **context):
        self.context = browser.new_context(**{"viewport": {"width": 1200, "height": 900}, **context})
        self.page = self.context.new_page()
        self.asked, self.wrong = [], []
        self.page.on("request", lambda request: self.asked.append(request.url))
        self.page.on("console", lambda told: self.wrong.append(told.text) if told.type == "error" else None)
        self.page.on("pageerror", lambda error: self.wrong.append(str(error)))
        self.page.goto(address + query)
        self.page.wait_for_selector("text=Ready:", timeout=WAIT)

    def run(self, button, result, expected):
        self.page.click(button)
        self.page.wait_for_selector(f"{result} {expected}", timeout=WAIT)
        self.page.wait_for_timeout(300)

    def shot(self, name):
        folder = os.environ.get("PIXLM_SCREENSHOTS")
        if folder:
            Path(folder).mkdir(parents=True, exist_ok=True)
            self.page.screenshot(path=str(Path(folder) / f"{name}.png"), full_page=True)


def test_type_reconstruct_share_and_open_again(browser, address):
    one = Visitor(browser, address)
    assert "pixlm" in one.page.title()
    one.page.fill("#text textarea", SENTENCE)
    one.run("#run button, button#run", "#result", "figure")
    assert one.page.locator("#result figure").count() == 4
    assert "patches removed" in one.page.inner_text("#result")
    assert one.page.locator("#result .px-cell").count() > 10
    one.shot("reconstruct")
    one.page.click("text=random patches")
    one.page.fill("#seed input", "7")
    one.page.wait_for_timeout(300)
    first = one.page.inner_html("#result")
    one.page.click("button#run")
    one.page.wait_for_function("was => document.querySelector('#result').innerHTML !== was", arg=first, timeout=WAIT)
    one.page.wait_for_function("document.querySelector('#link textarea, #link input').value.includes('seed=7')")
    link = one.page.eval_on_selector("#link textarea, #link input", "it => it.value")
    assert "masking=random" in link
    assert one.page.url == link
    shown = one.page.inner_text("#result .px-facts")
    other = Visitor(browser, link)
    assert other.page.input_value("#text textarea") == SENTENCE
    assert other.page.input_value("#seed input") == "7"
    other.run("button#run", "#result", "figure")
    assert other.page.inner_text("#result .px-facts") == shown
    for visitor in (one, other):
        elsewhere = [url for url in visitor.asked if not url.startswith((address, "data:", "blob:"))]
        assert elsewhere == []
        assert visitor.wrong == []


@pytest.mark.parametrize("touch", [False, True])
def test_exactly_the_patches_that_are_touched_go(touch, browser, address):
    phone = {"viewport": {"width": 390, "height": 844}, "has_touch": True, "is_mobile": True}
    one = Visitor(browser, address, **(phone if touch else {}))
    one.page.fill("#text textarea", SENTENCE)
    one.page.click("text=the patches that I touch")
    one.page.wait_for_selector("#strip button", timeout=WAIT)
    for number in (2, 3, 9, 3):
        button = one.page.locator(f'#strip button[data-patch="{number}"]')
        (button.tap if touch else button.click)()
    one.run("button#run", "#result", "figure")
    assert "2 of " in one.page.inner_text("#result .px-facts")
    one.page.wait_for_function("location.search.includes('patches=2+9')")
    one.shot("touched-phone" if touch else "touched")
    if touch:
        wide = one.page.evaluate("document.documentElement.scrollWidth")
        assert wide <= 390, "the page is wider than the phone"
    again = Visitor(browser, one.page.url)
    again.page.wait_for_selector('#strip button[aria-pressed="true"]', timeout=WAIT)
    pressed = again.page.eval_on_selector_all(
        "#strip button[aria-pressed=true]", "all => all.map(b => b.dataset.patch)"
    )
    assert pressed == ["2", "9"]


def test_keys_choose_patches_too(browser, address):
    one = Visitor(browser, address)
    one.page.click("text=the patches that I touch")
    one.page.wait_for_selector("#strip button", timeout=WAIT)
    one.page.focus('#strip button[data-patch="1"]')
    one.page.keyboard.press("Space")
    assert one.page.get_attribute('#strip button[data-patch="1"]', "aria-pressed") == "true"


def test_errors_are_messages_and_the_page_lives_on(browser, address):
    one = Visitor(browser, address)
    one.page.fill("#text textarea", "x" * 100_000)
    one.run("button#run", "#result", ".px-error")
    assert "100,000 characters" in one.page.inner_text("#result")
    one.shot("error")
    one.page.fill("#text textarea", "")
    one.page.click("button#run")
    one.page.wait_for_selector("#result >> text=the text is empty", timeout=WAIT)
    one.page.fill("#text textarea", "<script>alert(1)</script>")
    one.run("button#run", "#result", "figure")
    assert one.page.locator("#result script").count() == 0


def test_the_other_tabs(browser, address, tmp_path):
    one = Visitor(browser, address)
    one.page.click("button[role=tab]:has-text('Generate')")
    one.page.fill("#prompt textarea", "the quick brown")
    one.run("button#go-on", "#generated", "img")
    one.shot("generate")
    one.page.click("button[role=tab]:has-text('Fine-tuned')")
    one.page.fill("#label-text textarea", "Hôm nay trời đẹp quá .")
    one.run("button#ask", "#labelled", ".px-tag, #labelled svg, #labelled table")
    one.shot("label")
    one.page.wait_for_function("location.search.includes('tab=label')")
    other = Visitor(browser, one.page.url)
    assert other.page.input_value("#label-text textarea") == "Hôm nay trời đẹp quá ."
    assert other.page.get_attribute("button[role=tab]:has-text('Fine-tuned')", "aria-selected") == "true"
    one.page.click("button[role=tab]:has-text('Document')")
    fake = tmp_path / "fake.png"
    fake.write_bytes(b"no image")
    one.page.set_input_files("#page input[type=file]", str(fake))
    one.page.wait_for_selector("#page >> text=fake", timeout=WAIT)
    one.run("button#read", "#document", ".px-error")
    one.page.click("#page button[aria-label*='Remove'], #page button[aria-label*='Clear']")
    one.page.set_input_files("#page input[type=file]", str(toy_pages.SOURCE / "000.jpg"))
    one.page.wait_for_selector("#page >> text=000", timeout=WAIT)
    one.page.fill("#question textarea, #question input", "What is the total?")
    one.run("button#read", "#document", "img")
    one.shot("document")
    assert [url for url in one.asked if not url.startswith((address, "data:", "blob:"))] == []


def test_two_at_once_do_not_see_each_other(browser, address):
    visitors = [Visitor(browser, address) for _ in range(2)]
    texts = ("first visitor writes this", "second one writes that")
    for visitor, text in zip(visitors, texts, strict=True):
        visitor.page.fill("#text textarea", text)
    for visitor in visitors:
        visitor.page.click("button#run")
    for visitor, text in zip(visitors, texts, strict=True):
        visitor.page.wait_for_selector("#result figure", timeout=WAIT)
        assert visitor.page.input_value("#text textarea") == text
        visitor.page.wait_for_function("document.querySelector('#link textarea, #link input').value !== ''")
        assert text.split()[0] in visitor.page.url
        wanted = "".join(
            visitor.page.eval_on_selector_all("#result .px-cell", "all => all.map(c => c.title.split(' → ')[0])")
        )
        assert wanted == text.replace(" ", "")
