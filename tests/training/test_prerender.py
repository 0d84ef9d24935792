"""Drawing beforehand: what is drawn, restarting after a kill, processes and tasks, damage, and training on it."""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pyarrow.parquet
import pytest
from safetensors.torch import load_file

from pixlm import TextRenderer, files
from pixlm.data.pretraining import shards
from pixlm.errors import RunError, UsageError
from pixlm.training.config import RenderConfig, TextConfig
from pixlm.training.prerender import PrerenderConfig, prerender


@pytest.fixture(autouse=True)
def cache(tmp_path_factory, monkeypatch) -> None:
    monkeypatch.setenv("PIXLM_CACHE", str(tmp_path_factory.getbasetemp() / "prerender-cache"))


@pytest.fixture(scope="module")
def sources(texts, tmp_path_factory) -> Path:
    """Two languages with a dev split each."""
    folder = tmp_path_factory.mktemp("sources")
    for name in ("a", "b"):
        (folder / name).mkdir()
        for split in ("train", "dev"):
            shutil.copy(texts / f"{split}.txt", folder / name / f"{split}.txt")
    (folder / "b" / "train.txt").write_text((texts / "dev.txt").read_text())
    return folder


def settings(sources: Path, output: Path, **more) -> PrerenderConfig:
    data = TextConfig(path=str(sources))
    options = {"shard_size": 4, "render": RenderConfig(max_seq_length=64), **more}
    return PrerenderConfig(data=data, output=str(output), **options)


def contents(folder: Path) -> dict[str, bytes]:
    return {
        path.relative_to(folder).as_posix(): path.read_bytes()
        for path in folder.rglob("*")
        if path.is_file() and path.name != ".lock"
    }


@pytest.fixture(scope="module")
def parquet(sources, tmp_path_factory) -> Path:
    output = tmp_path_factory.mktemp("strips") / "parquet"
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("PIXLM_CACHE", str(tmp_path_factory.getbasetemp() / "prerender-cache"))
        done = prerender(settings(sources, output))
    assert (done.lost, done.left, done.made) == (0, 0, done.shards)
    return output


def test_shards_have_upstreams_columns_and_every_strip(parquet, sources):
    assert files.verify(parquet) is None
    assert (parquet / "text_renderer_config.json").is_file()
    plan = json.loads((parquet / "prerender.json").read_text())
    assert {entry["sha256"] for entry in plan["inputs"]["train"]} == {
        files.sha256(sources / name / "train.txt") for name in "ab"
    }
    table = pyarrow.parquet.read_table(parquet / "a" / "train-00000.parquet")
    assert table.column_names == ["pixel_values", "num_patches"]
    assert table.num_rows == 4
    import datasets

    rows = datasets.load_dataset("parquet", data_files=str(parquet / "a" / "train-*.parquet"), split="train")
    assert rows[0]["pixel_values"].size == (64 * 16, 16)
    image = np.asarray(rows[0]["pixel_values"])
    count = rows[0]["num_patches"]
    assert (image[:, 16 * count : 16 * (count + 1)] == 0).all()
    assert (image[:, 16 * (count + 1) :] == 255).all()
    text = (sources / "a" / "train.txt").read_text().split("\n\n")[0].split()
    first = TextRenderer(max_seq_length=64).render(" ".join(text)[:40]).pixel_values
    assert np.array_equal(image[:, : 16 * 8], first[:, : 16 * 8])


@pytest.mark.parametrize("form", ["parquet", "compact"])
def test_both_forms_hold_what_the_encoder_draws(sources, parquet, tmp_path, form):
    output = parquet
    if form == "compact":
        output = tmp_path / "compact"
        prerender(settings(sources, output, format="compact"))
        assert files.verify(output) is None
    from pixlm.data.encoders import RenderedText
    from pixlm.training import corpora

    encoder = RenderedText(TextRenderer(max_seq_length=64))
    drawn = corpora.load(TextConfig(path=str(output)), corpora.find(TextConfig(path=str(output)))[0], encoder)
    data = TextConfig(path=str(sources))
    texts = corpora.load(data, corpora.find(data)[0], encoder)
    assert drawn["train"].names == texts["train"].names == ("a", "b")
    for split in ("train", "dev"):
        assert drawn[split].lengths.tolist() == texts[split].lengths.tolist()
        for index, text in enumerate(texts[split]):
            wanted, found = encoder.encode(text), drawn[split][index]
            assert found.length == wanted.length
            assert np.array_equal(found.units["pixel_values"], wanted.units["pixel_values"])


def test_a_second_run_draws_nothing_and_a_damaged_shard_is_drawn_again(sources, parquet, tmp_path):
    output = tmp_path / "copy"
    shutil.copytree(parquet, output)
    before = contents(output)
    assert prerender(settings(sources, output)).made == 0
    for damage in (b"", b"x" * 10, before["a/train-00001.parquet"][:-100]):
        (output / "a" / "train-00001.parquet").write_bytes(damage)
        assert prerender(settings(sources, output)).made == 1
    (output / "b" / "dev-00000.parquet").unlink()
    assert prerender(settings(sources, output)).made == 1
    assert contents(output) == before


@pytest.mark.slow
def test_processes_and_tasks_write_what_one_process_writes(sources, parquet, tmp_path):
    wanted = contents(parquet)
    prerender(settings(sources, tmp_path / "two", workers=2))
    assert contents(tmp_path / "two") == wanted
    left = [prerender(settings(sources, tmp_path / "tasks"), rank=rank, world=3).left for rank in range(3)]
    assert left[0] > left[1] > left[2] == 0
    assert contents(tmp_path / "tasks") == wanted


@pytest.mark.slow
def test_datatroves_local_executor_writes_what_one_process_writes(sources, parquet, tmp_path):
    pytest.importorskip("datatrove")
    from datatrove.executor import LocalPipelineExecutor

    from pixlm.training.cluster import Prerender

    pipeline = [Prerender(settings(sources, tmp_path / "out"))]
    logs = str(tmp_path / "logs")
    LocalPipelineExecutor(pipeline, tasks=2, workers=2, logging_dir=logs, start_method="spawn").run()
    assert contents(tmp_path / "out") == contents(parquet)
    done = json.loads((tmp_path / "logs" / "stats.json").read_text())
    assert done[0]["stats"]["shards"]["total"] == len(list(parquet.rglob("*.parquet")))


def test_a_full_disk_keeps_finished_shards(sources, parquet, tmp_path, monkeypatch):
    output = tmp_path / "out"
    write = shards._write_parquet

    def full_disk(file, drawn):
        if drawn.shard.file == "a/train-00002.parquet":
            file.write(b"half a shard")
            raise OSError(28, "No space left on device")
        write(file, drawn)

    with monkeypatch.context() as patch:
        patch.setattr(shards, "_write_parquet", full_disk)
        with pytest.raises(RunError, match=r"a/train-00002\.parquet: No space left on device; finished"):
            prerender(settings(sources, output))
    assert sorted(path.name for path in (output / "a").glob("[!.]*")) == ["train-00000.parquet", "train-00001.parquet"]
    assert not list(output.rglob("*.partial"))
    total = len(list(parquet.rglob("*.parquet")))
    assert prerender(settings(sources, output)).made == total - 2
    assert contents(output) == contents(parquet)


@pytest.mark.slow
def test_a_killed_run_goes_on_with_what_is_left(sources, parquet, tmp_path):
    """kill -9 at several moments: what is there at the end is what a run that was not killed writes."""
    output = tmp_path / "out"
    # Every shard takes a moment, so that the kill comes in the middle of one.
    code = (
        "import sys, time\n"
        "from pixlm.data.pretraining import shards\n"
        "groups = shards.Drawing.groups\n"
        "def slow(self):\n"
        "    for group in groups(self):\n"
        "        yield group\n"
        "        time.sleep(0.15)\n"
        "shards.Drawing.groups = slow\n"
        "from pixlm.cli import main\n"
        "sys.exit(main(sys.argv[1:]))\n"
    )
    command = [sys.executable, "-c", code, "prerender", "--data", str(sources), "--output", str(output)]
    command += ["--shard-size", "4", "--render.max-seq-length", "64"]
    kills = 0
    for wanted in (1, 3):
        process = subprocess.Popen(command, stdout=subprocess.DEVNULL)
        while process.poll() is None:
            partial = any(output.rglob("*.partial"))
            if partial and len(list(output.rglob("[!.]*.parquet"))) >= wanted:
                os.kill(process.pid, signal.SIGKILL)
                kills += 1
                break
            time.sleep(0.005)
        process.wait()
    assert kills == 2
    assert list(output.rglob("*.partial"))
    kept = {path: path.stat().st_mtime_ns for path in output.rglob("[!.]*.parquet")}
    assert len(kept) >= 3
    with pytest.raises(UsageError, match="not finished"):
        shards.check_set(output, json.loads((output / "prerender.json").read_text())["renderer"])
    done = prerender(settings(sources, output))
    assert done.made == done.shards - len(kept)
    assert all(path.stat().st_mtime_ns == time_ for path, time_ in kept.items())
    assert contents(output) == contents(parquet)


def test_one_process_at_a_time_and_one_set_in_a_folder(sources, parquet, tmp_path):
    import fcntl

    with (parquet / ".lock").open("a") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        with pytest.raises(UsageError, match="another process is drawing there"):
            prerender(settings(sources, parquet))
    for other in (
        settings(sources, parquet, shard_size=5),
        settings(sources, parquet, format="compact"),
        settings(sources, parquet, render=RenderConfig(max_seq_length=64, strategy="bigrams")),
    ):
        with pytest.raises(UsageError, match=r"holds strips made with .*; name another --output"):
            prerender(other)
    other = settings(sources, parquet)
    other.data.min_patches = 5
    with pytest.raises(UsageError, match=r"another data\.min_patches: 0 there, 5 here"):
        prerender(other)
    mixed = settings(Path(os.path.relpath(sources)), parquet)  # another name of the same folder
    mixed.data.temperature = 2
    assert prerender(mixed).made == 0
    (tmp_path / "own.txt").write_text("mine")
    with pytest.raises(UsageError, match="no set of pixlm prerender"):
        prerender(settings(sources, tmp_path))
    with pytest.raises(UsageError, match="drawn already"):
        prerender(settings(parquet, tmp_path / "new"))


RUN = (
    *("pretrain", "--model", "pixel-nano", "--render.max-seq-length", "64", "--train.max-steps", "3"),
    *("--train.batch-size", "4", "--train.log-steps", "1", "--data.temperature", "2"),
)


def test_training_on_strips_is_training_on_the_text(sources, parquet, tmp_path, pixlm):
    for name, data in (("text", sources), ("strips", parquet)):
        code, _, error = pixlm(*RUN, "--data", data, "--output", tmp_path / name)
        assert code == 0, error
    one, two = (load_file(tmp_path / name / "model.safetensors") for name in ("text", "strips"))
    assert all((one[key] == two[key]).all() for key in one)
    scores = json.loads((tmp_path / "strips" / "metrics.json").read_text())
    assert set(scores) == {"dev", "dev-a", "dev-b"}


def test_a_run_goes_on_only_with_the_rows_that_it_began_with(tmp_path):
    """As after an update of a library that packs the same files to other blocks."""
    from pixlm.data.pretraining.rows import Corpus
    from pixlm.training import corpora

    rows = Corpus({"a": ["x", "y"]}, [np.array([2, 3], np.int32)])
    files.write_json(tmp_path / "inputs.json", {"train": []})
    corpora.check_unchanged(tmp_path, {"train": rows})
    corpora.check_unchanged(tmp_path, {"train": rows})
    other = Corpus({"a": ["x", "y"]}, [np.array([2, 4], np.int32)])
    with pytest.raises(UsageError, match="becomes other rows"):
        corpora.check_unchanged(tmp_path, {"train": other})


def test_strips_that_do_not_fit_the_run_are_refused(parquet, tmp_path, pixlm):
    damaged = tmp_path / "damaged"
    shutil.copytree(parquet, damaged)
    path = damaged / "b" / "train-00000.parquet"
    path.write_bytes(path.read_bytes()[:-50])
    for data, more, message in (
        (damaged, (), "b/train-00000.parquet: damaged"),
        (parquet, ("--render.strategy", "bigrams"), "was drawn with strategy continuous"),
        (parquet, ("--render.max-seq-length", "32"), "use --render.max-seq-length 6"),
        (parquet, ("--data.deduplicate",), "--data.deduplicate is about text"),
        (parquet, ("--pictures.steps", "1"), "--pictures.texts"),
    ):
        code, _, error = pixlm(*RUN, "--data", data, "--output", tmp_path / "run", *more)
        assert code == 2
        assert message in error
        assert error.count("\n") == 1


def test_upstreams_sets_are_interleaved_by_size_and_short_strips_left_out(sources, parquet, tmp_path, pixlm):
    """As two repositories of PIXEL's lie in a folder after a download."""
    folder = tmp_path / "pixel"
    for name, repository in (("a", "rendered-bookcorpus"), ("b", "rendered-wikipedia-english")):
        (folder / repository / "data").mkdir(parents=True)
        (folder / repository / "README.md").write_text("about")
        (folder / repository / "dataset_infos.json").write_text("{}")
        for path in (parquet / name).glob("[!.]*.parquet"):
            split, _, number = path.stem.partition("-")
            name_there = f"{split}-{number}-of-00009.parquet"
            shutil.copy(path, folder / repository / "data" / name_there)
    code, out, error = pixlm(*RUN, "--data", folder, "--data.min-patches", "20", "--output", tmp_path / "run")
    assert code == 0, error
    assert "rendered-bookcorpus" in out
    counts = [
        pyarrow.parquet.read_table(path, columns=["num_patches"]).column(0).to_pylist()
        for path in (parquet / "a").glob("train-*.parquet")
    ]
    long = sum(count >= 20 for each in counts for count in each)
    assert 0 < long < sum(map(len, counts))
    assert f"of {long}, rendered-wikipedia-english" in out


def test_strips_can_be_held_out():
    class Rows(list):
        pass

    strips = shards.Strips(Rows(range(1000)), np.arange(1000))
    train, dev = shards.hold_out(strips, 0.2)
    assert sorted([*train.lengths, *dev.lengths]) == list(range(1000))
    assert 64 <= len(dev) <= 320
    # Neighbours stay together, but for the borders of stretches.
    assert (np.diff(dev.lengths) > 1).sum() < len(dev) / 64
    assert len(shards.thinned(dev, 10)) == 10
    with pytest.raises(UsageError, match="too few"):
        shards.hold_out(shards.Strips(Rows(range(10)), np.arange(10)), 0.5)


def test_a_recipe_of_pretraining_says_what_to_draw(sources, parquet, tmp_path, pixlm):
    recipe = tmp_path / "recipe.yaml"
    recipe.write_text(f"command: pretrain\nmodel: pixel-nano\ndata: {sources}\nrender: {{max_seq_length: 64}}\nseed: 3")
    command = ("prerender", "--config", recipe, "--output", tmp_path / "out", "--shard-size", "4")
    code, _, error = pixlm(*command)
    assert code == 0, error
    one, two = (contents(folder) for folder in (tmp_path / "out", parquet))
    assert one.keys() == two.keys()
    assert all(one[name] == two[name] for name in one if name.endswith(".parquet"))
    recipe.write_text("command: finetune pos")
    assert "not of pixlm prerender" in pixlm(*command)[2]


def test_the_command_says_what_it_did(sources, tmp_path, pixlm):
    command = ("prerender", "--data", sources, "--output", tmp_path / "out", "--render.max-seq-length", "64")
    code, out, error = pixlm(*command)
    assert (code, error) == (0, "")
    assert "in 4 shards (4 drawn now)" in out
    assert "(0 drawn now)" in pixlm(*command)[1]
    assert pixlm("prerender", "--data", sources)[0] == 2
    assert pixlm("prerender", "--data", tmp_path / "none", "--output", tmp_path / "x")[0] == 2


def test_folders_of_datasets_are_read_drawn_and_noted(tmp_path, pixlm):
    import datasets

    saved, run, strips = (tmp_path / name for name in ("saved", "run", "strips"))
    datasets.Dataset.from_dict({"text": [f"document {n}" for n in range(8)]}).save_to_disk(saved)
    code, _, error = pixlm(*RUN, "--data", saved, "--output", run)
    assert code == 0, error
    noted = json.loads((run / "inputs.json").read_text())["train"]
    assert prerender(settings(saved, strips)).rows == 8
    about = json.loads((strips / "prerender.json").read_text())
    assert [each["sha256"] for each in about["inputs"]["train"]] == [each["sha256"] for each in noted]
    assert noted[0]["sha256"] in (run / "README.md").read_text()
