"""Compare pixlm with what pixparse, chug and Pix2Struct put out for recorded inputs.

    python scripts/check_documents_golden.py                            # the cases that ship with the tests
    python scripts/check_documents_golden.py ../shared/golden/documents # or another recording

Every case is worked out twice: in pixparse's way (``legacy``), and as pixlm does it unless told otherwise. Per kind:
cases, how many come out as recorded in either way, and the largest difference of a number. Cases in which pixparse
broke off count as equal in its way if pixlm gives an error too. Exit code 1 if a case that pixlm can reproduce differs.
"""

from __future__ import annotations

import argparse
import contextlib
import json
import math
import random
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image
from rich.console import Console
from rich.table import Table
from transformers import PreTrainedTokenizerFast

from pixlm.data.pages.augment import bitmap
from pixlm.data.pages.canvas import to_canvas
from pixlm.data.pages.encoders import DonutPages, PageSettings
from pixlm.data.pages.example import PageSample
from pixlm.data.pages.flatten import flatten
from pixlm.data.pages.folders import RVL_CDIP
from pixlm.data.pages.geometry import align_long_axis, grid_size, ratio_size
from pixlm.data.pages.shards.intervals import batches_per_interval, resampled_shards, shard_order
from pixlm.data.pages.shards.names import expand
from pixlm.errors import UsageError
from pixlm.tasks.documents import legacy
from pixlm.tasks.documents.tags import from_tags, tags_of, to_tags
from pixlm.tasks.scoring.short_answers import anls
from pixlm.tasks.scoring.structures import field_f1, fields, normalise, tree_accuracy
from pixlm.tasks.scoring.transcripts import legacy_clean, legacy_transcript_scores, transcript_scores
from pixlm.training.schedule import legacy_rate

SHIPPED = Path(__file__).resolve().parent.parent / "tests" / "golden" / "documents"
TOLERANCE = 1e-5

Answer = Callable[[dict[str, Any], bool], Any]


@dataclass
class Tally:
    cases: int = 0
    legacy: int = 0
    default: int = 0
    errors: int = 0
    largest: float = 0.0


class Golden:
    """The answers of pixlm to recorded inputs: a method a kind."""

    def __init__(self, folder: Path):
        self.folder = folder

    def tokenizer(self, tokens: list[str]) -> PreTrainedTokenizerFast:
        made = PreTrainedTokenizerFast.from_pretrained(str(self.folder / "tokenizer"))
        made.add_tokens(tokens, special_tokens=True)
        return made

    def encoder(self, tokens: list[str], length: int) -> DonutPages:
        return DonutPages(self.tokenizer(tokens), PageSettings(size=(8, 8), max_target_length=length))

    def learnt(self, tokens: list[str], length: int, start: str, target: str) -> tuple[list[int], list[int]]:
        """pixlm's decoder tokens and labels (not shifted), padded to ``length``."""
        encoder = self.encoder(tokens, length)
        encoded = encoder.encode(PageSample(Image.new("RGB", (8, 8)), start))
        ids, _ = encoder.sequence(encoded.units["start_ids"], target)
        labels = np.concatenate([np.full(len(encoded.units["start_ids"]), -100), ids])[: len(ids)]
        labels[len(encoded.units["start_ids"]) :] = ids[len(encoded.units["start_ids"]) :]
        rest = length - len(ids)
        return [*ids.tolist(), *[encoder.pad_id] * rest], [*labels.tolist(), *[-100] * rest]

    # Text and its targets

    def task_vocab(self, given: dict[str, Any], _: bool) -> Any:
        tokens = legacy.task_tokens(given["task"])
        return {token: given["base_vocab"] + number for number, token in enumerate(tokens)}

    def _target(self, given: dict[str, Any], text: str, is_legacy: bool) -> tuple[list[int], list[int]]:
        start, end, length = given["task_start_token"], given["prompt_end_token"], given["max_length"]
        if is_legacy:
            made = self.tokenizer(given["extra_tokens"])
            tokens, labels = legacy.text_target(text, made, max_length=length, start=start, prompt_end=end)
            return tokens.tolist(), labels.tolist()
        # pixlm is told what the prompt is, and does not look for its end in the text.
        before, found, after = text.partition(end)
        prompt, target = (start + before + found, after) if end != start and found else (start, text)
        return self.learnt(given["extra_tokens"], length, prompt, target)

    def ocr_page_target(self, given: dict[str, Any], is_legacy: bool) -> Any:
        rng = random.Random(given["generator_seed"])
        text, page = legacy.page_text(given["anno"], rng)
        tokens, labels = self._target(given, text, is_legacy)
        pages = len(given["anno"]["pages"])
        return {"text_ids": tokens, "target_ids": labels, "page_index": [page], "num_pages": pages, "orig_text": text}

    def text_target(self, given: dict[str, Any], is_legacy: bool) -> Any:
        tokens, labels = self._target(given, given["anno"], is_legacy)
        return {"text_ids": tokens, "target_ids": labels}

    def next_valid_page(self, given: dict[str, Any], _: bool) -> Any:
        return legacy.next_page(given["current"], [page in given["blank_pages"] for page in range(given["num_pages"])])

    def _collated(self, task: str, given: dict[str, Any], start: str, text: str, end: str, is_legacy: bool) -> Any:
        extra = legacy.task_tokens(task)
        parts = {"task_start_token": start, "prompt_end_token": end, "extra_tokens": extra, **given}
        tokens, labels = self._target(parts, text, is_legacy)
        return tokens[:-1], labels[1:]

    def cord_collate(self, given: dict[str, Any], is_legacy: bool) -> Any:
        text = to_tags(given["gt_parse"], sort_keys=False, legacy=is_legacy)
        return self._collated("finetune_cord", given, "<s_cord>", text, "<s_cord>", is_legacy)

    def cord_collate_json_null(self, given: dict[str, Any], is_legacy: bool) -> Any:
        import ast

        read = ast.literal_eval if is_legacy else json.loads
        return to_tags(read(given["ground_truth"])["gt_parse"], legacy=is_legacy)

    def rvlcdip_collate(self, given: dict[str, Any], is_legacy: bool) -> Any:
        text = f"<{RVL_CDIP[given['label']]}/>"
        return self._collated("finetune_rvlcdip", given, "<s_rvlcdip>", text, "<s_rvlcdip>", is_legacy)

    def docvqa_collate(self, given: dict[str, Any], is_legacy: bool) -> Any:
        return self._collated("finetune_docvqa", given, "<s_docvqa>", given["label"], "<s_answer>", is_legacy)

    # Structures

    def json2token(self, given: dict[str, Any], is_legacy: bool) -> Any:
        value, categories = given["obj"], given["known_special_tokens"]
        text = to_tags(value, sort_keys=given["sort_json_key"], categories=categories, legacy=is_legacy)
        if isinstance(value, dict) and list(value) == ["text_sequence"]:
            return {"returned_bare_string": text}
        return {"tokens": text, "new_tokens": sorted(tags_of(value))}

    def token2json(self, given: dict[str, Any], is_legacy: bool) -> Any:
        return from_tags(given["tokens"], categories=given["added_vocab"], legacy=is_legacy)

    def ted_accuracy(self, given: dict[str, Any], is_legacy: bool) -> Any:
        if is_legacy and not normalise(given["answer"]):
            return 0.0  # a division of nothing by nothing, swallowed
        return tree_accuracy(given["answer"], given["pred"])

    def field_f1_single(self, given: dict[str, Any], _: bool) -> Any:
        return field_f1([given["answer"]], [given["pred"]])

    def field_f1_corpus(self, given: dict[str, Any], _: bool) -> Any:
        return field_f1(given["answers"], given["preds"])

    def normalise(self, given: dict[str, Any], _: bool) -> Any:
        return normalise(given["obj"])

    def flatten_normalised(self, given: dict[str, Any], _: bool) -> Any:
        return [list(one) for one in fields(given["obj"])]

    # Texts

    def cer_wer(self, given: dict[str, Any], is_legacy: bool) -> Any:
        rates = legacy_transcript_scores if is_legacy else transcript_scores
        return rates(given["reference"], given["hypothesis"])

    def ocr_clean_truncate_score(self, given: dict[str, Any], is_legacy: bool) -> Any:
        references, found = legacy_clean(given["decoded_reference"], given["decoded_prediction"])
        if not references:
            return None
        rates = legacy_transcript_scores if is_legacy else transcript_scores
        return {"reference": references, "hypothesis": found, "metrics": rates(references, found)}

    def anls(self, given: dict[str, Any], is_legacy: bool) -> Any:
        if is_legacy and not all(given["answers"]):
            raise ValueError("a question without answers")
        return anls(given["answers"], given["predictions"], threshold=given["tau"], legacy=is_legacy)

    # Order

    def shuffled_shards(self, given: dict[str, Any], _: bool) -> Any:
        parts = given.get("num_sub_intervals", 1)
        return shard_order(expand(given["urls"]), seed=given["seed"], interval=given["interval"], parts=parts)

    shuffled_shards_sub_intervals = shuffled_shards

    def resampled_shards(self, given: dict[str, Any], _: bool) -> Any:
        return resampled_shards(
            expand(given["urls"]),
            seed=given["worker_seed"],
            interval=given["interval"],
            count=given["count"],
            weights=given["weights"],
        )

    def train_batch_count(self, given: dict[str, Any], _: bool) -> Any:
        batches, samples = batches_per_interval(
            given["num_samples"],
            batch_size=given["batch_size"],
            workers=given["workers"],
            world=given["world_size"],
            rounding=given["round"],
        )
        return {"num_batches": batches, "num_samples": samples}

    def page_choice_sequence(self, given: dict[str, Any], _: bool) -> Any:
        rng = random.Random(given["seed"])
        return [rng.randint(0, given["num_pages"] - 1) for _ in range(given["draws"])]

    # Images

    def resize_keep_ratio_size(self, given: dict[str, Any], _: bool) -> Any:
        width, height = given["image_wh"]
        return list(ratio_size((height, width), given["target_hw"], longest=given["longest"]))

    def align_long_axis_size(self, given: dict[str, Any], _: bool) -> Any:
        return list(align_long_axis(Image.new("L", given["image_wh"]), given["target_hw"]).size)

    def bitmap(self, given: dict[str, Any], _: bool) -> Any:
        return np.asarray(bitmap(_image(given["pixels"]), given["threshold"])).tolist()

    def task_default(self, given: dict[str, Any], _: bool, fit: Any = "stretch") -> Any:
        page = to_canvas(_image(given["pixels"]), tuple(given["target_hw"]), fit)
        values = (page - given["mean"]) / given["std"]
        return {"shape": list(values.shape), "values": values.reshape(-1).tolist()}

    def better_eval(self, given: dict[str, Any], is_legacy: bool) -> Any:
        return self.task_default(given, is_legacy, "ratio")

    def grid(self, given: dict[str, Any], _: bool) -> Any:
        width, height = given["image_wh"]
        rows, columns = grid_size((height, width), tuple(given["patch"]), given["max_patches"])
        flat = flatten(Image.new("RGB", (width, height), "gray"), tuple(given["patch"]), given["max_patches"])
        ids = {"first_ids": flat[0, :2].tolist(), "last_ids": flat[-1, :2].tolist()}
        shape = [given["max_patches"], flat.shape[1]]
        return {"rows": rows, "cols": columns, "used": len(flat), "shape": shape, **ids}

    # Training and generation

    def lr_trace(self, given: dict[str, Any], _: bool) -> Any:
        if given["scheduler"] not in ("cosine", "tanh", "poly"):
            raise ValueError("unknown schedule")
        per_interval = given["num_batches_per_interval"] // given["grad_accum_steps"]
        if not per_interval:
            raise ValueError("no update in an interval")
        steps = per_interval * given["num_intervals"]
        rates = [
            legacy_rate(
                given["scheduler"],
                step,
                highest=given["learning_rate"],
                steps=steps,
                warmup_steps=per_interval * given["num_warmup_intervals"],
                lowest_warm=given["warmup_learning_rate"],
            )
            for step in range(steps + 1)
        ]
        return {
            "steps_per_interval": per_interval,
            "num_epochs_returned": given["num_intervals"],
            "lr_after_update": rates,
        }

    def greedy_loop(self, given: dict[str, Any], is_legacy: bool) -> Any:
        scripts, eos = given["next_token_script_per_sample"], given["eos"]
        if not is_legacy:  # every row ends at its own closing token
            return [[given["start_id"], *script[: script.index(eos)]] for script in scripts]

        def next_tokens(rows: list[list[int]]) -> list[int]:
            return [script[min(len(rows[0]) - 1, len(script) - 1)] for script in scripts]

        starts = [[given["start_id"]] for _ in scripts]
        return legacy.greedy(next_tokens, starts, eos=eos, limit=given["max_recursion_length"])


def _image(rows: list[list[int]]) -> Image.Image:
    return Image.fromarray(np.array(rows, np.uint8))


def recorded(case: dict[str, Any]) -> Any:
    """The recorded output in the form of :class:`Golden`'s answers."""
    output = case["output"]
    if case["kind"] == "task_vocab":
        return output["after_setup"]
    if case["kind"].endswith("_collate"):
        found = []
        for name in ("decoder_input", "target"):
            part = output[name]
            if isinstance(part, dict):
                part = part["head"] + [part["fill"]] * (part["length"] - len(part["head"]))
            found.append(part)
        return tuple(found)
    if case["kind"] in ("task_default", "better_eval"):
        return {"shape": output["shape"], "values": np.array(output["values"]).reshape(-1).tolist()}
    return output


def difference(one: Any, other: Any) -> float:
    """The largest difference of numbers in two values; infinite where they differ in anything else."""
    if isinstance(one, dict) and isinstance(other, dict):
        if set(one) != set(other):
            return math.inf
        return max((difference(one[key], other[key]) for key in one), default=0.0)
    if isinstance(one, list | tuple) and isinstance(other, list | tuple):
        if len(one) != len(other):
            return math.inf
        return max((difference(left, right) for left, right in zip(one, other, strict=True)), default=0.0)
    if isinstance(one, int | float) and isinstance(other, int | float):
        return abs(one - other)
    return 0.0 if one == other else math.inf


def check(folder: Path) -> dict[tuple[str, str], Tally]:
    """A tally of every kind of every file."""
    golden = Golden(folder)
    tallies: dict[tuple[str, str], Tally] = {}
    for file in json.loads((folder / "index.json").read_text(encoding="utf-8"))["files"]:
        for case in json.loads((folder / f"{file}.json").read_text(encoding="utf-8"))["cases"]:
            tally = tallies.setdefault((file, case["kind"]), Tally())
            tally.cases += 1
            answer: Answer = getattr(golden, case["kind"])
            if "error" in case:
                tally.errors += 1
                for name, is_legacy in (("legacy", True), ("default", False)):
                    with contextlib.suppress(ValueError, AssertionError):
                        answer(case["input"], is_legacy)
                        continue
                    setattr(tally, name, getattr(tally, name) + 1)
                continue
            gap = difference(answer(case["input"], True), recorded(case))
            tally.legacy += gap <= TOLERANCE
            tally.largest = max(tally.largest, gap)
            with contextlib.suppress(UsageError):  # a prompt that leaves no room for its answer
                tally.default += difference(answer(case["input"], False), recorded(case)) <= TOLERANCE
    return tallies


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", nargs="?", type=Path, default=SHIPPED)
    tallies = check(parser.parse_args().folder)
    table = Table("file", "kind", "cases", "as recorded (legacy)", "by default", "largest difference (legacy)")
    for (file, kind), tally in tallies.items():
        numbers = [str(tally.cases), str(tally.legacy), str(tally.default), f"{tally.largest:.1e}"]
        table.add_row(file, kind, *numbers)
    total = [sum(getattr(tally, name) for tally in tallies.values()) for name in ("cases", "legacy", "default")]
    table.add_row("all", "", *map(str, total), f"{max(tally.largest for tally in tallies.values()):.1e}")
    Console().print(table)
    return 0 if total[0] == total[1] else 1


if __name__ == "__main__":
    sys.exit(main())
