"""What the source never does, whatever it is given: the calls through which a file becomes code."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

import pixlm

SOURCE = Path(pixlm.__file__).parent
NEVER = {
    "eval",
    "exec",
    "compile",
    "os.system",
    "os.popen",
    "pickle.load",
    "pickle.loads",
    "pickle.Unpickler",
    "marshal.load",
    "marshal.loads",
    "shelve.open",
    "joblib.load",
    "dill.load",
    "yaml.load",
    "yaml.load_all",
    "yaml.unsafe_load",
    "yaml.full_load",
    "torch.hub.load",
}
WITH = {"torch.load": ("weights_only", True), "np.load": ("allow_pickle", False), "numpy.load": ("allow_pickle", False)}
SHELL = {"data/pages/shards/stream.py"}
"""Where the user's own commands are run, behind ``--data.allow-commands``."""


def offences(source: str, name: str) -> Iterator[str]:
    """Each forbidden call of a module, with its line."""
    for node in ast.walk(ast.parse(source)):
        if not isinstance(node, ast.Call):
            continue
        where, called = f"{name}:{node.lineno}", ast.unparse(node.func)
        given = {one.arg: getattr(one.value, "value", None) for one in node.keywords}
        if called in NEVER:
            yield f"{where}: {called}"
        if called in WITH:
            keyword, value = WITH[called]
            if given.get(keyword) is not value:
                yield f"{where}: {called} without {keyword}={value}"
        if given.get("trust_remote_code"):
            yield f"{where}: trust_remote_code"
        if given.get("shell") and name not in SHELL:
            yield f"{where}: a shell"


def test_no_file_becomes_code():
    paths = sorted(SOURCE.rglob("*.py"))
    assert len(paths) > 100
    found = [one for path in paths for one in offences(path.read_text("utf-8"), path.relative_to(SOURCE).as_posix())]
    assert not found


@pytest.mark.parametrize(
    "bad",
    [
        "import pickle\npickle.load(file)",
        "torch.load(path)",
        "torch.load(path, weights_only=False)",
        "np.load(path, allow_pickle=True)",
        "yaml.load(text, Loader=yaml.Loader)",
        "AutoModel.from_pretrained(name, trust_remote_code=True)",
        "subprocess.run(command, shell=True)",
        "eval(text)",
    ],
)
def test_the_check_sees_them(bad):
    assert len(list(offences(bad, "module.py"))) == 1


def test_every_foreign_part_is_in_the_notices():
    """What has a licence of its own is named, and its licence lies beside it."""
    root = SOURCE.parent.parent
    notices = (root / "THIRD_PARTY_NOTICES.md").read_text(encoding="utf-8")
    for path in sorted(SOURCE.rglob("*")):
        if path.name.lower().startswith(("licen", "ofl")):
            assert f"`{path.parent.relative_to(SOURCE).as_posix()}/`" in notices, path
            assert path.name in notices, path
    for folder in ("demo/data", "tests/golden", "tests/data"):
        assert f"`{folder}/`" in notices
        assert (root / folder).is_dir()
