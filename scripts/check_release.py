"""Build a release and try it out in empty environments: python scripts/check_release.py (make release-check)

Writes sdist, wheel and the list of what the tested environment consists of (CycloneDX) to dist/. In environments
of their own, outside the checkout: the wheel alone draws text, and says of every verb that needs more what to install;
each extra is installed by itself, and what it is for is imported; the packages are looked up in the advisory database
of the package index. Prints a line a step; exit code 1 if one failed.

    python scripts/check_release.py --skip-extras all dev   # leave out some, such as large ones
    python scripts/check_release.py --audit core            # look up only what the wheel alone brings
"""

from __future__ import annotations

import argparse
import functools
import json
import os
import shutil
import subprocess
import sys
import tempfile
import time
import tomllib
import venv
from collections.abc import Callable, Sequence
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
CONSTRAINTS = ROOT / "constraints.txt"
DRAW = """
import sys
from pixlm import TextRenderer
renderer = TextRenderer()
batch = renderer(["a text", ("a pair", "of texts")], padding="longest", return_tensors="np")
assert batch["pixel_values"].shape[:3] == (2, 1, 16)
assert not {"torch", "transformers", "datasets"} & sys.modules.keys()
print(renderer.fingerprint["versions"])
"""
NEEDY = """
import pixlm.cli, pixlm.cli.analyze
for verb, (_, extra, _) in pixlm.cli.VERBS.items():
    if extra and verb != "analyze":
        print(verb, "x")
for name in pixlm.cli.analyze.NAMES:
    print("analyze", name)
print("demo")
print("data tokenizer --data x --output y")
"""
IMPORTS = {
    "train": "import pixlm.inference, pixlm.training.finetune, pixlm.training.pretrain; pixlm.PixelForPreTraining",
    "documents": "import apted, fsspec, pypdfium2; import pixlm.data.pages.pdf",
    "robustness": "import codespell_lib, matplotlib; import pixlm.robustness.attacks",
    "analysis": "import matplotlib.figure, umap",
    "demo": "import gradio",
    "browser": "import playwright.sync_api",
    "cluster": "import fsspec, submitit; from datatrove.pipeline.base import PipelineStep",
    "tensorboard": "import tensorboard",
    "trackio": "import trackio",
    "wandb": "import wandb",
    "pango": "import pixlm; pixlm.TextRenderer(backend='pango').render('a')",
    "pygame": "import pixlm; pixlm.TextRenderer(backend='pygame').render('a')",
    "all": "import pixlm.app.page, pixlm.inference, pixlm.analysis.report",
    "docs": "import mkdocs, material, mkdocstrings",
    "fuzz": "import atheris",
    "release": "import build, cyclonedx_py, pip_audit",
    "dev": "import hypothesis, importlinter, jiwer, mypy, pytest",
}
"""What each extra is for."""
SYSTEM = {"pango": "the system's Pango and its headers"}
"""Extras that the package index alone cannot install."""


class Environment:
    """An empty environment with pip, in a folder outside the checkout."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        venv.create(folder, with_pip=True)
        self.scripts = folder / ("Scripts" if os.name == "nt" else "bin")

    def run(self, program: str, *arguments: object, check: bool = True) -> subprocess.CompletedProcess[str]:
        """Run one of its programs where the checkout cannot be imported."""
        variables = {name: value for name, value in os.environ.items() if not name.startswith("PYTHON")}
        return run([self.scripts / program, *arguments], cwd=self.folder, env=variables, check=check)

    def install(self, asked: object) -> None:
        """Install with pip, in the tested versions."""
        quiet = ("--quiet", "--disable-pip-version-check")
        self.run("python", "-m", "pip", "install", *quiet, "--constraint", CONSTRAINTS, asked)

    def packages(self) -> list[str]:
        """`name==version` of what is installed, pip and pixlm left out."""
        listed = self.run("python", "-m", "pip", "list", "--format", "freeze", "--exclude", "pip", "--exclude", "pixlm")
        return [line for line in listed.stdout.split() if not line.startswith("setuptools==")]


def run(
    command: Sequence[object], *, cwd: Path, env: dict[str, str] | None = None, check: bool = True
) -> subprocess.CompletedProcess[str]:
    """Run a program; AssertionError with the end of what it said if it fails and ``check``."""
    done = subprocess.run([str(word) for word in command], cwd=cwd, env=env, capture_output=True, text=True)
    if check and done.returncode:
        said = [line for line in (done.stdout + done.stderr).splitlines() if line.strip()][-3:]
        raise AssertionError(f"exit code {done.returncode}: {' | '.join(said)[:600]}")
    return done


class Check:
    """The steps of one release, in a folder for their environments."""

    def __init__(self, output: Path, work: Path, audit: str) -> None:
        self.output, self.work, self.audit_of = output, work, audit
        self.failed: list[str] = []

    def step(self, name: str, action: Callable[[], str]) -> None:
        """Do one and print how it went."""
        start = time.monotonic()
        try:
            mark, said = "ok", action()
        except AssertionError as error:
            mark, said = "FAILED", str(error)
            self.failed.append(name)
        print(f"{mark:6}  {name}: {said} ({time.monotonic() - start:.0f} s)", flush=True)

    def build(self) -> str:
        """An sdist of the checkout, and a wheel of the sdist."""
        for old in self.output.glob("pixlm-*"):
            old.unlink()
        run([sys.executable, "-m", "build", "--outdir", self.output, ROOT], cwd=ROOT)
        files = sorted(self.output.glob("pixlm-*"))
        assert len(files) == 2, f"built {', '.join(file.name for file in files)}"
        return ", ".join(f"{file.name} {file.stat().st_size / 1e6:.1f} MB" for file in files)

    @property
    def wheel(self) -> Path:
        """The wheel that was built."""
        found = next(self.output.glob("pixlm-*.whl"), None)
        assert found is not None, "no wheel was built"
        return found.resolve()

    def alone(self) -> str:
        """The wheel and what it needs at least: drawing, and the verbs that need no more."""
        self.core = Environment(self.work / "core")
        self.core.install(self.wheel)
        versions = self.core.run("python", "-c", DRAW).stdout.strip()
        self.core.run("pixlm", "render", "Hello, मानव, 世界", "--grid", "--output", "hello.png")
        assert (self.core.folder / "hello.png").stat().st_size > 1000, "pixlm render wrote no picture"
        self.core.run("pixlm", "doctor")
        return f"{len(self.core.packages())} packages beside pixlm; {versions}"

    def sdist(self) -> str:
        """The sdist installs like the wheel."""
        environment = Environment(self.work / "sdist")
        environment.install(next(self.output.glob("pixlm-*.tar.gz")).resolve())
        environment.run("python", "-c", DRAW)
        return "installs and draws"

    def needy(self) -> str:
        """Verbs that need an extra say which, in one line."""
        commands = self.core.run("python", "-c", NEEDY).stdout.splitlines()
        for command in commands:
            done = self.core.run("pixlm", *command.split(), check=False)
            said = done.stderr.strip().splitlines()
            assert (done.returncode, len(said)) == (2, 1), f"pixlm {command}: {done.stderr[-300:]}"
            assert 'pip install "pixlm[train' in said[0], f"pixlm {command}: {said[0]}"
        return f"{len(commands)} commands name their extra in one line"

    def extra(self, name: str) -> str:
        """An extra by itself."""
        environment = Environment(self.work / name)
        try:
            environment.install(f"pixlm[{name}] @ {self.wheel.as_uri()}")
        except AssertionError as error:
            if name not in SYSTEM:
                raise
            return f"not installed, it needs {SYSTEM[name]} ({error})"
        environment.run("python", "-c", IMPORTS[name])
        said = f"{len(environment.packages())} packages; {IMPORTS[name]}"
        if name == "release":
            self.tools = environment
            return said
        if name == "all":
            said += f"; {self.bill(environment)}"
        shutil.rmtree(environment.folder)
        return said

    def bill(self, environment: Environment) -> str:
        """The list of what ``environment`` consists of (SBOM)."""
        written = self.output.resolve() / f"{self.wheel.name.partition('-cp')[0].partition('-py')[0]}.cdx.json"
        python = environment.scripts / "python"
        options = ("--output-format", "JSON", "--output-file", written)
        self.tools.run("cyclonedx-py", "environment", python, *options)
        components = len(json.loads(written.read_text(encoding="utf-8"))["components"])
        return f"{components} components in {written.name}"

    def audit(self) -> str:
        """Look packages up in the advisory database of the package index."""
        listed = self.work / "audited.txt"
        if self.audit_of == "core":
            listed.write_text("\n".join(self.core.packages()) + "\n", encoding="utf-8")
        else:
            shutil.copy(CONSTRAINTS, listed)
        options = ("--no-deps", "--disable-pip", "--progress-spinner", "off", "--format", "json")
        done = self.tools.run("pip-audit", "--requirement", listed, *options, check=False)
        assert done.stdout.startswith("{"), f"pip-audit: {done.stderr[-400:]}"
        found = json.loads(done.stdout)["dependencies"]
        skipped = [one["skip_reason"] for one in found if "skip_reason" in one]
        faulty = [f"{one['name']} {one['version']} ({one['vulns'][0]['id']})" for one in found if one.get("vulns")]
        assert not faulty, f"advisories: {', '.join(faulty)}"
        # What is not looked up is no success: pip-audit itself ends with 0 where the database cannot be reached.
        assert not skipped, f"{len(skipped)} of {len(found)} packages could not be looked up: {skipped[0]}"
        return f"{len(found)} packages, no advisory"


def main() -> int:
    """Do all steps."""
    extras = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]["optional-dependencies"]
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--output", type=Path, default=ROOT / "dist")
    parser.add_argument("--skip-extras", nargs="*", default=[], choices=sorted(extras))
    parser.add_argument("--audit", choices=["core", "tested", "none"], default="tested")
    asked = parser.parse_args()
    assert extras.keys() == IMPORTS.keys(), f"IMPORTS lacks, or has too many: {extras.keys() ^ IMPORTS.keys()}"
    asked.output.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(prefix="pixlm-release-") as work:
        check = Check(asked.output, Path(work), asked.audit)
        check.step("build", check.build)
        check.step("wheel in an empty environment", check.alone)
        check.step("least dependencies", check.needy)
        check.step("sdist in an empty environment", check.sdist)
        check.step("extra release", lambda: check.extra("release"))
        if asked.audit != "none":
            check.step("pip-audit", check.audit)
        for name in extras:
            if name not in ("release", *asked.skip_extras):
                check.step(f"extra {name}", functools.partial(check.extra, name))
    print(f"failed: {', '.join(check.failed)}" if check.failed else "everything passed")
    return bool(check.failed)


if __name__ == "__main__":
    sys.exit(main())
