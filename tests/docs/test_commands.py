"""Every command in README and docs is one that exists: pixlm's are parsed by the real parsers, others looked up.

Nothing is run here. ``EXECUTED`` says which test runs each of pixlm's commands, on toy data.
"""

from __future__ import annotations

import ast
import re
import tomllib

import pytest

from command_lines import PAGES, ROOT, Line, console_lines, flags_of, parse_only
from pixlm.tasks import TASKS

LINES = [line for page in PAGES for line in console_lines(page)]
OURS = [line for line in LINES if line.words and line.words[0] == "pixlm"]
EVERY_MODEL = "tests/tasks/test_every_model.py::test_train_score_predict"
EVERY_PAGE = "tests/training/test_page_runs.py::test_every_architecture_trains_on_every_task"
OWN_TASK = "tests/tasks/test_own_task.py::test_the_documented_declaration_is_a_task"
RECIPES = "tests/test_recipes.py::test_recipes_run"
REGISTRY = "tests/data/test_registry.py::test_the_command_line"
EXECUTED = {
    "analyze calibration": "tests/analysis/test_calibration.py::test_the_command_and_bad_files",
    "analyze probe": "tests/analysis/test_probing.py::test_the_command",
    "analyze projection": "tests/analysis/test_retrieval.py::test_the_commands",
    "analyze reconstruction": "tests/analysis/test_filling.py::test_the_command_writes_a_table",
    "analyze relevance": "tests/analysis/test_relevance.py::test_the_command",
    "analyze retrieval": "tests/analysis/test_retrieval.py::test_the_commands",
    "analyze uncertainty": "tests/analysis/test_calibration.py::test_the_command_draws_doubt",
    "attack": "tests/cli/test_attack.py::test_copies",
    "attack TASK": "tests/cli/test_attack.py::test_sweep",
    "bench": "tests/training/test_bench.py::test_the_table_shows_scores_and_costs",
    "convert": "tests/cli/test_convert.py::test_to_upstream_and_back",
    "data convert": REGISTRY,
    "data get": REGISTRY,
    "data list": REGISTRY,
    "data pages": "tests/data/pages/test_synthetic.py::test_an_interrupted_run_goes_on",
    "data tokenizer": "tests/data/test_tokenizer_training.py::test_the_command_writes_what_models_load",
    "demo": "tests/app/test_browser.py::address",
    "doctor": "tests/cli/test_verbs.py::test_doctor_says_what_is_there_and_what_a_text_needs",
    "embed": "tests/test_inference.py::test_embed_on_the_command_line",
    "evaluate TEXTS": EVERY_MODEL,
    "evaluate PAGES": "tests/training/test_page_runs.py::test_each_architecture_learns_receipts_exactly",
    "finetune TEXTS": EVERY_MODEL,
    "finetune PAGES": EVERY_PAGE,
    "finetune emohate": RECIPES,
    "finetune --config": RECIPES,
    "finetune OWN": OWN_TASK,
    "fonts build": "tests/cli/test_fonts.py::test_build_merges_fonts_and_builds_them_again",
    "fonts check": "tests/cli/test_fonts.py::test_check_counts_what_no_font_has",
    "fonts get": "tests/cli/test_fonts.py::test_get_copies_the_font_of_a_checkpoint",
    "fonts list": "tests/cli/test_fonts.py::test_list_shows_what_is_in_a_folder",
    "generate": "tests/tasks/test_continuation.py::test_the_command_shows_the_strip_and_its_text",
    "predict TEXTS": EVERY_MODEL,
    "predict PAGES": EVERY_PAGE,
    "predict OWN": OWN_TASK,
    "prerender": "tests/training/test_prerender.py::test_the_command_says_what_it_did",
    "pretrain": RECIPES,
    "reconstruct": "tests/analysis/test_reconstruction.py::test_the_command_writes_a_png",
    "render": "tests/cli/test_verbs.py::test_render_draws_the_patches_that_a_model_sees",
    "report": "tests/analysis/test_report.py::test_a_tagger_s_report",
    "table": "tests/analysis/test_results.py::test_runs_stand_beside_what_was_published_on_their_data",
}
"""Kind of command -> the test that runs one of its kind."""
OTHERS = {"cd", "git", "pip", "make", "python", "torchrun", "hf"}
"""Programs of others that a page may name."""


def kind(words: list[str]) -> str:
    """Which entry of EXECUTED a command belongs to."""
    verb, name = words[1], words[2] if len(words) > 2 else ""
    if verb in ("data", "fonts", "analyze"):
        return f"{verb} {name}"
    if verb == "attack":
        return verb if name.startswith("-") else "attack TASK"
    if verb not in ("finetune", "evaluate", "predict"):
        return verb
    if name.startswith("-"):
        return f"{verb} --config"
    if ":" in name:
        return f"{verb} OWN"
    if name == "emohate":
        return f"{verb} {name}"
    return f"{verb} {'PAGES' if type(TASKS[name]).__module__.startswith('pixlm.tasks.documents') else 'TEXTS'}"


def words_of(line: Line) -> list[str]:
    """Its words; TASK stands for any task."""
    return ["pos" if word == "TASK" else word for word in line.words]


def where(line: Line) -> str:
    return f"{line.page}:{line.line}"


def test_commands_are_found():
    assert len(OURS) > 70
    assert {"README.md", "docs/start.md", "docs/tasks.md"} <= {line.page for line in OURS}


@pytest.mark.parametrize("line", OURS, ids=where)
def test_pixlms_commands_parse(line, monkeypatch):
    monkeypatch.chdir(ROOT)
    settings = parse_only(words_of(line))
    # What a run without a model or an output folder is refused for, after its flags are parsed.
    needed = {"pretrain": ("model", "output"), "finetune": ("model", "output"), "evaluate": ("model",)}
    for name in needed.get(line.words[1], ()):
        assert getattr(settings, name), f"{where(line)}: no --{name}"


@pytest.mark.parametrize("line", OURS, ids=where)
def test_a_test_runs_commands_of_this_kind(line):
    assert kind(words_of(line)) in EXECUTED


@pytest.mark.parametrize("place", sorted(set(EXECUTED.values())))
def test_the_test_exists_and_runs_the_verbs(place):
    file, _, name = place.partition("::")
    text = (ROOT / file).read_text(encoding="utf-8")
    assert name in {node.name for node in ast.parse(text).body if isinstance(node, ast.FunctionDef)}
    for command in (command for command, found in EXECUTED.items() if found == place):
        for word in command.split():
            if word.islower():
                assert word in text, f"{place} says nothing of {word}"


def test_other_programs_are_called_as_they_are():
    extras = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]["optional-dependencies"]
    targets = set(re.findall(r"^([a-z-]+):", (ROOT / "Makefile").read_text(encoding="utf-8"), re.MULTILINE))
    for line in LINES:
        words = line.words
        if not words or words[0] == "pixlm":
            continue
        assert words[0] in OTHERS, f"{where(line)}: {words[0]}"
        if words[0] == "make":
            assert set(words[1:]) <= targets, where(line)
        if words[:2] == ["pip", "install"]:
            for extra in re.findall(r"pixlm\[(.*?)\]", line.text):
                assert set(extra.split(",")) <= extras.keys(), where(line)
        if words[0] == "python" and words[1].endswith(".py"):
            assert (ROOT / words[1]).is_file(), where(line)


def test_a_renamed_flag_or_verb_would_be_noticed(capsys):
    for wrong in ("pixlm finetune pos --train.learnrate 1", "pixlm rendr x", "pixlm finetune poss --model x"):
        with pytest.raises(AssertionError):
            parse_only(wrong.split())
    assert "--train.learning-rate" in flags_of(["pixlm", "finetune", "pos"])
