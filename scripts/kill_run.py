"""Kill pixlm at random moments of a run's whole life, start it again, and compare with a life without a kill.

    python scripts/kill_run.py --times 100 [--seed 0] [--folder DIR]

A life is six commands: ``prerender`` draws a corpus, ``pretrain`` learns from text that it packs into the cache,
``pretrain`` learns from the strips, ``finetune`` (with a cache of what it encodes, evaluations, checkpoints and
predictions) goes on from it, ``evaluate`` and ``predict`` use the result. For each moment one of them is drawn, in
proportion to how long it takes. It gets what the commands before it had written in the life without a kill, runs in a
process of its own, and that gets SIGKILL: at a random time, or just before a random one of its file operations (each
second moment). Of those that go on, each third is killed again. In the end everything that the command leaves behind
is compared, byte for byte, with what it left without a kill: weights, optimizer, scores, predictions, log (without
times), and the cache; files that are left over count, too.

Imports are done once: each process is a fork. Needs fork and one core; about four seconds a moment.
"""

from __future__ import annotations

import argparse
import json
import os
import random
import shutil
import signal
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parent.parent
HANGS = 300.0
"""Seconds after which a command counts as hanging."""
OPERATIONS = ("open", "os.rename", "os.remove", "os.mkdir", "os.rmdir", "os.chmod", "os.truncate", "os.utime")
TIMES = {"data_wait", "mfu", "eta", "seconds", "patches_per_second", "tokens_per_second"}
"""Keys of a log line that say how fast it went."""
UNSTABLE = ("cache/digests/", "cache/shards/")
"""Where files are named by the time of change and inode of others: compared by what they hold."""

_SMALL = (
    *("--train.batch-size", "4", "--train.learning-rate", "1e-3", "--train.dropout", "0.1"),
    *("--train.max-steps", "8", "--train.save-steps", "2", "--train.log-steps", "3", "--train.eval-steps", "3"),
)
LIFE: dict[str, tuple[str, ...]] = {
    "prerender": (
        *("prerender", "--data", "text", "--output", "strips", "--shard-size", "8"),
        *("--render.max-seq-length", "64"),
    ),
    "pretrain": (
        *("pretrain", "--model", "pixel-nano", "--data", "text", "--output", "pretrained"),
        *("--render.max-seq-length", "64", *_SMALL, "--train.workers", "1"),
    ),
    "pretrain-strips": (
        *("pretrain", "--model", "pixel-nano", "--data", "strips", "--output", "from-strips"),
        *("--render.max-seq-length", "64", *_SMALL),
    ),
    "finetune": (
        *("finetune", "pos", "--model", "from-strips", "--data", "ud", "--output", "tagger", "--data.cache", "True"),
        *("--render.max-seq-length", "64", *_SMALL),
    ),
    "evaluate": ("evaluate", "pos", "--model", "tagger", "--data", "ud", "--split", "dev", "--output", "scores"),
    "predict": ("predict", "pos", "--model", "tagger", "--data", "ud/test.conllu", "--output", "labels"),
}
"""The commands, in order; names are inside the folder of a life."""


def write_data(folder: Path) -> None:
    """The demonstration's first lines and sentences."""
    demo = ROOT / "demo" / "data"
    (folder / "text").mkdir(parents=True)
    lines = (demo / "text" / "vi.train.txt").read_text(encoding="utf-8").splitlines()
    (folder / "text" / "train.txt").write_text("\n".join(lines[:50]) + "\n", encoding="utf-8")
    (folder / "text" / "dev.txt").write_text("\n".join(lines[50:56]) + "\n", encoding="utf-8")
    (folder / "ud").mkdir()
    for split, count in (("train", 24), ("dev", 6), ("test", 6)):
        (source,) = (demo / "UD_Vietnamese-VTB").glob(f"*-ud-{split}.conllu")
        blocks = source.read_text(encoding="utf-8").split("\n\n")[:count]
        (folder / "ud" / f"{split}.conllu").write_text("".join(f"{block}\n\n" for block in blocks), encoding="utf-8")


# ---- one process


@dataclass(frozen=True)
class Moment:
    """When a process is killed: after so many seconds, or before so many file operations; with neither, never."""

    seconds: float | None = None
    operation: int | None = None

    def __str__(self) -> str:
        return f"at {self.seconds:.2f} s" if self.seconds is not None else f"before file operation {self.operation}"


@dataclass(frozen=True)
class Ended:
    """How a command ended: exit code (minus the signal), what it printed, seconds, file operations inside its life."""

    code: int
    said: str
    seconds: float
    operations: int


def start(place: Path, arguments: tuple[str, ...], moment: Moment = Moment()) -> Ended:
    """Run one command in a fork whose working folder is ``place``, and kill it at ``moment``."""
    said, counted = place.with_suffix(".said"), place.with_suffix(".operations")
    counted.write_bytes(bytes(8))
    began = time.monotonic()
    child = os.fork()
    if child == 0:
        code = 70
        try:
            out = os.open(said, os.O_WRONLY | os.O_CREAT | os.O_TRUNC)
            os.dup2(out, 1)
            os.dup2(out, 2)
            os.setpgid(0, 0)  # data loaders' processes are found by it
            os.chdir(place)
            os.environ["PIXLM_CACHE"] = str(place / "cache")
            _count(place, counted, moment.operation)
            from pixlm.cli import main

            code = main(list(arguments))
        except BaseException as error:
            print(f"{type(error).__name__}: {error}", flush=True)
        finally:
            sys.stdout.flush()
            os._exit(code)
    end = began + (HANGS if moment.seconds is None else moment.seconds)
    while True:
        done, status = os.waitpid(child, os.WNOHANG)
        if done:
            break
        if time.monotonic() >= end:
            os.kill(child, signal.SIGKILL)
            _, status = os.waitpid(child, 0)
            if moment.seconds is None:
                raise SystemExit(f"{' '.join(arguments)}: hangs; see {place}")
            break
        time.sleep(0.005)
    seconds = time.monotonic() - began
    operations = int.from_bytes(counted.read_bytes(), "little")
    return Ended(os.waitstatus_to_exitcode(status), said.read_text(errors="replace"), seconds, operations)


def _count(place: Path, counted: Path, last: int | None) -> None:
    """Count this process's file operations inside ``place``; SIGKILL before number ``last``."""
    handle = os.open(counted, os.O_WRONLY)
    owner, inside, number = os.getpid(), str(place), 0

    def hook(event: str, arguments: tuple[Any, ...]) -> None:
        nonlocal number
        if event not in OPERATIONS or os.getpid() != owner:
            return
        if not any(isinstance(one, (str, os.PathLike)) and _within(os.fspath(one), inside) for one in arguments):
            return
        if number == last:
            os.kill(owner, signal.SIGKILL)
        number += 1
        os.pwrite(handle, number.to_bytes(8, "little"), 0)

    sys.addaudithook(hook)


def _within(path: str | bytes, folder: str) -> bool:
    path = os.fsdecode(path)
    return path.startswith(folder) or not path.startswith("/")


# ---- what is left behind


def contents(place: Path) -> dict[str, str]:
    """Every file and folder below ``place`` with a digest of what has to be the same; the log without times."""
    from pixlm.files import sha256

    found = {}
    for path in sorted(place.rglob("*")):
        name = path.relative_to(place).as_posix()
        if path.is_dir():
            found[name] = "folder"
        elif path.name == "log.jsonl":
            rows = [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]
            found[name] = json.dumps([{key: row[key] for key in row if key not in TIMES} for row in rows])
        elif name.startswith(UNSTABLE):
            found[f"{path.parent.relative_to(place)}/{path.suffix} {sha256(path)}"] = "file"
        else:
            found[name] = sha256(path)
    return found


def differences(one: dict[str, str], other: dict[str, str]) -> list[str]:
    """In what ``other`` differs from ``one``, a line each."""
    return [
        *(f"{name} is missing" for name in one if name not in other),
        *(f"{name} is left over" for name in other if name not in one),
        *(f"{name} differs" for name in one if name in other and one[name] != other[name]),
    ]


# ---- lives


@dataclass
class Straight:
    """The life without a kill: ``before`` and ``after`` each command, a copy of the folder; how each ended."""

    folder: Path
    ended: dict[str, Ended] = field(default_factory=dict)

    def before(self, name: str) -> Path:
        return self.folder / f"{list(LIFE).index(name)}-before-{name}"

    def after(self, name: str) -> Path:
        names = [*LIFE, "end"]
        follower = names[names.index(name) + 1]
        return self.folder / f"{names.index(follower)}-before-{follower}"


def live(folder: Path, place: Path) -> Straight:
    """The life without a kill, in ``place``; what it was before each command is kept in ``folder``."""
    straight = Straight(folder)
    shutil.rmtree(place, ignore_errors=True)
    write_data(place)
    for name, arguments in LIFE.items():
        shutil.copytree(place, straight.before(name))
        straight.ended[name] = start(place, arguments)
        if straight.ended[name].code:
            raise SystemExit(f"{name} failed without a kill:\n{straight.ended[name].said}")
    shutil.copytree(place, straight.after(name))
    return straight


@dataclass(frozen=True)
class Trial:
    """One command killed at ``moments`` and started again until it ended."""

    name: str
    moments: tuple[Moment, ...]
    killed: int
    problems: tuple[str, ...]


def trial(straight: Straight, place: Path, name: str, moments: tuple[Moment, ...]) -> Trial:
    """Kill command ``name`` at each of ``moments``, let it end, and compare what it left behind."""
    shutil.rmtree(place, ignore_errors=True)
    shutil.copytree(straight.before(name), place)
    killed, said = 0, ""
    for moment in (*moments, Moment()):
        ended = start(place, LIFE[name], moment)
        said = ended.said
        if ended.code == -signal.SIGKILL:
            killed += 1
        elif ended.code == 2 and "holds a finished run" in said and killed:
            break  # killed after the last of its files was written: said, not done again
        elif ended.code:
            return Trial(name, moments, killed, (f"exit code {ended.code}: {said[-500:]}",))
        else:
            break
    return Trial(name, moments, killed, tuple(differences(contents(straight.after(name)), contents(place))))


def drawn(straight: Straight, seed: int) -> Iterator[tuple[str, tuple[Moment, ...]]]:
    """Commands and moments without end, a function of the seed and of how long the commands take."""
    names = list(LIFE)
    weights = [straight.ended[name].seconds for name in names]
    number = 0
    while True:
        chance = random.Random(f"{seed} {number}")
        (name,) = chance.choices(names, weights)
        ended = straight.ended[name]
        moments = []
        while not moments or chance.random() < 1 / 3:
            if number % 2:
                moments.append(Moment(operation=chance.randrange(ended.operations)))
            else:
                moments.append(Moment(seconds=chance.uniform(0, ended.seconds)))
        yield name, tuple(moments)
        number += 1


def kill(times: int, seed: int, folder: Path, report: Callable[[Trial], None]) -> Straight:
    """Kill at ``times`` moments; tells ``report`` of each trial."""
    _import()
    # All lives have the same absolute path: run.yaml names files by it.
    place = folder / "life"
    straight, again = live(folder / "straight", place), live(folder / "again", place)
    found = differences(contents(straight.after("predict")), contents(again.after("predict")))
    if found:
        raise SystemExit(f"two lives without a kill differ: {'; '.join(found)}")
    straight.ended = again.ended  # by then all files that are imported are in memory
    killed = 0
    for name, moments in drawn(straight, seed):
        if killed >= times:
            return straight
        done = trial(straight, place, name, moments[: times - killed])
        killed += done.killed
        report(done)
    raise AssertionError("moments are drawn without end")


def _import() -> None:
    """What the commands import, once, before anything is forked."""
    os.environ["CUDA_VISIBLE_DEVICES"] = ""  # a process that has used a GPU cannot be forked
    import datasets  # noqa: F401
    import transformers.models.vit.modeling_vit  # noqa: F401

    import pixlm.cli.evaluate
    import pixlm.cli.finetune
    import pixlm.cli.predict
    import pixlm.cli.prerender
    import pixlm.cli.pretrain  # noqa: F401


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--times", type=int, default=100, help="how many kills")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--folder", type=Path, help="a new folder to work in; what differs is kept there")
    given = parser.parse_args()
    if given.folder and given.folder.exists() and any(given.folder.iterdir()):
        parser.error(f"{given.folder}: is not empty; name a new folder")
    folder = given.folder or Path(tempfile.mkdtemp(prefix="kill-run-"))
    folder.mkdir(parents=True, exist_ok=True)
    trials: list[Trial] = []

    def report(done: Trial) -> None:
        trials.append(done)
        moments = ", ".join(map(str, done.moments))
        print(f"{len(trials):4} {done.name:16} {moments}: {'; '.join(done.problems) or 'same'}", flush=True)
        if done.problems:
            shutil.copytree(folder / "life", folder / f"differs-{len(trials)}", dirs_exist_ok=True)

    began = time.monotonic()
    straight = kill(given.times, given.seed, folder, report)
    kills, runs = Counter[str](), Counter[str]()
    for done in trials:
        kills[done.name] += done.killed
        runs[done.name] += 1
    print("\ncommand           seconds  file operations  runs  kills")
    for name, ended in straight.ended.items():
        print(f"{name:16} {ended.seconds:8.1f} {ended.operations:16} {runs[name]:5} {kills[name]:6}")
    wrong = [done for done in trials if done.problems]
    print(
        f"\n{sum(kills.values())} kills in {len(trials)} runs, {time.monotonic() - began:.0f} s: "
        f"{len(wrong)} runs ended otherwise than without a kill"
    )
    if not given.folder and not wrong:
        shutil.rmtree(folder)
    return bool(wrong)


if __name__ == "__main__":
    sys.exit(main())
