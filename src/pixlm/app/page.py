"""The page: tabs, what is in them, and which answer each button asks for."""

from __future__ import annotations

import contextlib
import functools
import html
from collections.abc import Iterator, Mapping
from importlib.resources import files
from typing import Any

import gradio as gr

from pixlm.app import answers, limits, links, pictures
from pixlm.app.models import KINDS, Served, missing
from pixlm.errors import UsageError

EXAMPLES = {
    "English": "The cat sat on the mat and looked out of the window.",
    "Tiếng Việt": "Hôm nay trời đẹp quá, chúng ta đi chơi nhé.",
    "Русский": "Сегодня очень хорошая погода, пойдём гулять.",
    "Ελληνικά": "Σήμερα ο καιρός είναι πολύ καλός.",
    "العربية": "الطقس جميل جدا اليوم",
    "עברית": "היום מזג האוויר יפה מאוד",
    "हिन्दी": "आज मौसम बहुत अच्छा है।",
    "தமிழ்": "இன்று வானிலை நன்றாக உள்ளது",
    "ไทย": "วันนี้อากาศดีมาก",
    "ქართული": "დღეს კარგი ამინდია",
    "አማርኛ": "ዛሬ አየሩ በጣም ጥሩ ነው።",
    "中文": "今天天气很好，我们去公园吧。",
    "日本語": "今日はとても良い天気ですね。",
    "한국어": "오늘은 날씨가 아주 좋습니다.",
}
TITLE = "pixlm: reading text as pixels"
CSS = files("pixlm.app").joinpath("page.css").read_text(encoding="utf-8")
_BUTTONS = files("pixlm.app").joinpath("page.js").read_text(encoding="utf-8")
# The last input is the patches to mask: those that are pressed, as soon as there are buttons.
_PRESSED = """(...given) => {
  const buttons = [...document.querySelectorAll("#strip button[data-patch]")];
  const pressed = buttons.filter((one) => one.getAttribute("aria-pressed") === "true").map((one) => one.dataset.patch);
  if (buttons.length) given[given.length - 1] = pressed.join(" ");
  return given;
}"""
_SHARE = """(query) => {
  const link = location.origin + location.pathname + query;
  if (query) history.replaceState(null, "", link);
  return query ? link : "";
}"""
_ADDRESS = """(text, second) => {
  const query = new URLSearchParams({tab: "TAB", text});
  if (second) query.set("second", second);
  if (query.toString().length <= MOST) history.replaceState(null, "", location.pathname + "?" + query);
}"""
_MASKINGS = [("spans of patches", "spans"), ("random patches", "random"), ("the patches that I touch", "chosen")]
# One model call at a time, whichever button asked for it.
_MODEL: dict[str, Any] = {"concurrency_id": "model", "concurrency_limit": 1}
_QUICK: dict[str, Any] = {"concurrency_id": "quick", "concurrency_limit": 4, "show_progress": "hidden"}


def theme() -> gr.themes.Base:
    """Gradio's look with the fonts of the visitor's system: no font comes from elsewhere."""
    plain = ["system-ui", "-apple-system", "Segoe UI", "Noto Sans", "sans-serif"]
    return gr.themes.Default(primary_hue="amber", font=plain, font_mono=["ui-monospace", "monospace"])


def build(models: Mapping[str, Served]) -> gr.Blocks:
    """The page for these models, by tab (:data:`pixlm.app.models.KINDS`)."""
    with gr.Blocks(title=TITLE, analytics_enabled=False, delete_cache=(60, 600)) as page:
        gr.Markdown("# pixlm\nLanguage models that read text as pixels. Everything on this page runs on this computer.")
        status = gr.HTML(elem_classes="px")
        with gr.Tabs() as tabs:
            with gr.Tab("Reconstruct", id="reconstruct"):
                opened = _reconstruct_tab(models.get("reconstruct"))
            with gr.Tab("Generate", id="generate"):
                prompt = _generate_tab(models.get("generate"))
            with gr.Tab("Fine-tuned model", id="label"):
                text, second = _label_tab(models.get("label"))
            with gr.Tab("Document", id="document"):
                _document_tab(models.get("document"))

        def told(request: gr.Request) -> Iterator[list[Any]]:
            yield from _status(models, request)

        def at(request: gr.Request) -> list[Any]:  # gradio finds the request by the annotation of a plain function
            return _open(request)

        # What the address says at once, so that nothing that was typed meanwhile is lost; then what needs the models.
        first = page.load(at, None, [tabs, *opened[:-1], prompt, text, second], api_visibility="private", **_QUICK)
        first.then(told, None, [status, opened[1], opened[-1]], api_visibility="private", **_QUICK)
    return page


def _status(models: Mapping[str, Served], request: gr.Request) -> Iterator[list[Any]]:
    """What is loading, until all is there; then the render strategies, and the strip that the address names."""
    if any(one.loading for one in models.values()):
        names = ", ".join(one.title for one in models.values() if one.loading)
        yield [
            pictures.note(f"Loading {names} ... this takes some seconds; you can type already."),
            gr.skip(),
            gr.skip(),
        ]
    ready, wrong = [], []
    for served in models.values():
        try:
            ready.append(f"{served.title} ({type(served.get().model).__name__})")
        except UsageError as error:
            wrong.append(pictures.error(str(error)))
    said = f'<p class="px-facts">Ready: {html.escape("; ".join(ready))}</p>' if ready else ""
    yield ["".join(wrong) + said, *_strategies(models.get("reconstruct"), links.from_query(dict(request.query_params)))]


def _strategies(served: Served | None, state: links.State) -> list[Any]:
    """The choice of strategies, and the strip if patches are chosen by hand."""
    known: list[str] = []
    if served is not None:
        with contextlib.suppress(UsageError):  # which stands on the page already
            known = served.strategies()
    if served is None or not known:
        return [gr.Dropdown(visible=False), gr.skip()]
    strategy = state.strategy if state.strategy in known else known[0]
    choices = [(f"{one} (the model's own)" if at == 0 else one, one) for at, one in enumerate(known)]
    chosen = gr.Dropdown(choices=choices, value=strategy, visible=len(choices) > 1)
    if state.masking != "chosen" or state.tab != "reconstruct" or not state.text:
        return [chosen, gr.skip()]
    return [chosen, gr.HTML(value=answers.strip(served, state.text, strategy, state.patches), visible=True)]


def _open(request: gr.Request) -> list[Any]:
    """The state that the address names."""
    state = links.from_query(dict(request.query_params))
    masking = state.masking if state.masking in answers.MASKINGS else "spans"
    tab = state.tab if state.tab in KINDS else "reconstruct"
    here = state.text if tab == "reconstruct" else ""
    return [
        gr.Tabs(selected=tab),
        here or EXAMPLES["English"],
        gr.skip(),
        masking,
        gr.Slider(value=_number(state.ratio, 0.25, 0.05, 0.95), visible=masking != "chosen"),
        _number(state.seed, 42, 0, 2**31 - 1),
        state.patches,
        state.text if tab == "generate" else "",
        state.text if tab == "label" else "",
        state.second if tab == "label" else "",
    ]


def _number(given: str, usual: float, low: float, high: float) -> float:
    try:
        return limits.number_of(given, "number", low, high)
    except ValueError:
        return usual


def _reconstruct_tab(served: Served | None) -> list[Any]:
    """The tab; returns what :func:`_open` fills: text, strategy, masking, ratio, seed, patches, strip."""
    there = served is not None
    if not there:
        gr.Markdown(missing("reconstruct"))
    with gr.Column(visible=there):
        text = gr.Textbox(label="Text, in any script", lines=2, max_lines=6, elem_id="text")
        _examples(text)
        with gr.Row():
            masking = gr.Radio(_MASKINGS, value="spans", label="What is masked", elem_id="masking")
            strategy = gr.Dropdown([""], value="", label="Render strategy", elem_id="strategy", allow_custom_value=True)
        with gr.Row():
            ratio = gr.Slider(0.05, 0.95, value=0.25, step=0.05, label="Mask ratio", elem_id="ratio")
            seed = gr.Number(42, label="Seed", precision=0, minimum=0, maximum=2**31 - 1, elem_id="seed")
        strip = gr.HTML(elem_id="strip", elem_classes="px", visible=False, js_on_load=_BUTTONS, min_height=20)
        patches = gr.Textbox(visible="hidden", elem_id="patches")
        run = gr.Button("Reconstruct", variant="primary", elem_id="run")
        result = gr.HTML(elem_id="result", elem_classes="px")
        query = gr.Textbox(visible="hidden")
        link = gr.Textbox(label="Link to this", interactive=False, buttons=["copy"], elem_id="link")
    inputs = [text, strategy, masking, ratio, seed, patches]
    if served is not None:
        answer = run.click(
            functools.partial(_reconstruct, served),
            inputs,
            [result, query],
            js=_PRESSED,
            api_name="reconstruct",
            **_MODEL,
        )
        answer.then(None, query, link, js=_SHARE, api_visibility="private")
        for number, event in enumerate((masking.change, text.change, strategy.change)):
            event(
                functools.partial(_show_strip, served),
                [text, strategy, masking, patches],
                [strip, ratio],
                js=_PRESSED,
                trigger_mode="always_last",
                api_name="strip" if number == 0 else None,
                api_visibility="public" if number == 0 else "private",
                **_QUICK,
            )
    return [text, strategy, masking, ratio, seed, patches, strip]


def _reconstruct(
    served: Served, text: str, strategy: str, masking: str, ratio: float, seed: int, patches: str
) -> tuple[str, str]:
    shown = answers.reconstruct(served, text, strategy, masking, ratio, seed, patches)
    own = served.strategies()[0] if not served.loading else ""
    state = links.State(
        text=str(text),
        strategy="" if strategy == own else str(strategy or ""),
        masking=str(masking),
        ratio=f"{ratio:g}" if isinstance(ratio, int | float) else "",
        seed=str(seed) if isinstance(seed, int | float) else "",
        patches=str(patches or "") if masking == "chosen" else "",
    )
    return shown, _query(state)


def _query(state: links.State) -> str:
    try:
        return links.to_query(state)
    except ValueError:
        return ""


def _show_strip(served: Served, text: str, strategy: str, masking: str, patches: str) -> tuple[Any, Any]:
    """The strip to touch, where patches are chosen by hand, and no ratio then."""
    if masking != "chosen":
        return gr.HTML(value="", visible=False), gr.Slider(visible=True)
    return gr.HTML(value=answers.strip(served, text, strategy, patches), visible=True), gr.Slider(visible=False)


def _generate_tab(served: Served | None) -> Any:
    there = served is not None
    if not there:
        gr.Markdown(missing("generate"))
    with gr.Column(visible=there):
        prompt = gr.Textbox(label="Prompt", lines=2, max_lines=6, elem_id="prompt")
        _examples(prompt)
        with gr.Row():
            longest = gr.Slider(1, 128, value=32, step=1, label="Longest continuation")
            temperature = gr.Slider(0.1, 2.0, value=1.0, step=0.1, label="Temperature")
        with gr.Row():
            drawn = gr.Checkbox(label="Draw by chance (otherwise the likeliest)")
            seed = gr.Number(0, label="Seed", precision=0, minimum=0, maximum=2**31 - 1)
        run = gr.Button("Go on", variant="primary", elem_id="go-on")
        result = gr.HTML(elem_id="generated", elem_classes="px")
    if served is not None:
        inputs = [prompt, longest, drawn, temperature, seed]
        done = run.click(functools.partial(answers.generate, served), inputs, result, api_name="generate", **_MODEL)
        done.then(None, prompt, None, js=_address("generate"), api_visibility="private")
    return prompt


def _label_tab(served: Served | None) -> tuple[Any, Any]:
    there = served is not None
    if not there:
        gr.Markdown(missing("label"))
    task = str(getattr(served.config, "finetuning_task", "") or "") if served is not None else ""
    with gr.Column(visible=there):
        gr.Markdown(f"{html.escape(served.title)}: the task `{html.escape(task)}`" if served is not None else "")
        text = gr.Textbox(label="Question" if task == "qa" else "Text", lines=2, max_lines=6, elem_id="label-text")
        second = gr.Textbox(
            label="Context" if task == "qa" else "Second text, for models of pairs",
            lines=2,
            max_lines=10,
            elem_id="label-second",
            visible=task not in ("pos", "ner", "tag", "parsing", "topic"),
        )
        if task != "qa":
            _examples(text)
        run = gr.Button("Ask the model", variant="primary", elem_id="ask")
        result = gr.HTML(elem_id="labelled", elem_classes="px")
    if served is not None:
        ask = functools.partial(answers.label, served)
        done = run.click(ask, [text, second], result, api_name="label", **_MODEL)
        done.then(None, [text, second], None, js=_address("label"), api_visibility="private")
    return text, second


def _document_tab(served: Served | None) -> None:
    there = served is not None
    if not there:
        gr.Markdown(missing("document"))
        return
    with gr.Column():
        size = limits.MOST_UPLOAD // 2**20
        page = gr.File(label=f"A page: an image or a PDF, up to {size} MB", type="filepath", elem_id="page")
        question = gr.Textbox(label="Question, for models that answer some", elem_id="question")
        run = gr.Button("Read", variant="primary", elem_id="read")
        result = gr.HTML(elem_id="document", elem_classes="px")
    run.click(functools.partial(answers.document, served), [page, question], result, api_name="document", **_MODEL)


def _address(tab: str) -> str:
    """JavaScript that puts what was typed on a tab into the address."""
    return _ADDRESS.replace("TAB", tab).replace("MOST", str(links.MOST_QUERY))


def _examples(text: Any) -> None:
    rows = [[one] for one in EXAMPLES.values()]
    gr.Examples(rows, text, label="Examples", example_labels=list(EXAMPLES), examples_per_page=len(rows))
