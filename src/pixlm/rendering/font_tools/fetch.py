"""Copying a font from a checkpoint on the Hugging Face hub or a package on the index: the only place here that uses the
network, and only for what is named."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
import tempfile
import zipfile
from pathlib import Path, PurePosixPath

import yaml

from pixlm.errors import RunError, UsageError
from pixlm.files import sha256, write_text
from pixlm.rendering.config import CONFIG_NAME
from pixlm.rendering.font_tools.faces import SUFFIXES, faces_of

_PACKAGE = "pip:"
_LARGEST = 512 << 20  # bytes of a font in a package


def get(source: str, folder: Path, *, file: str | None = None, revision: str | None = None, expected: str = "") -> Path:
    """Copy a font into a folder and note beside it where it came from and its SHA-256.

    Args:
        source: a hub id ``owner/name``, or ``pip:name==version``, a package on the index.
        file: the font's file; None takes the one that a checkpoint's renderer names. A package's must be named.
        revision: branch, tag or commit on the hub.
        expected: SHA-256 that the file must have.

    Raises:
        UsageError: there is no such repository, package or file; it is no font; or its checksum is another.
    """
    with tempfile.TemporaryDirectory() as scratch:
        if source.startswith(_PACKAGE):
            found = _from_index(source.removeprefix(_PACKAGE), file, Path(scratch))
        else:
            found = _from_hub(source, file, revision)
        faces = faces_of(found)
        digest = sha256(found)
        if expected and digest != expected.lower():
            raise UsageError(f"{found.name} of {source} has SHA-256 {digest}, not {expected}")
        folder.mkdir(parents=True, exist_ok=True)
        target = folder / found.name
        if target.exists() and sha256(target) != digest:
            raise UsageError(f"{target} is there already and another font; give another folder")
        shutil.copyfile(found, target)
    notes = list(dict.fromkeys(note for face in faces for note in face.notes))
    record = {"file": target.name, "sha256": digest, "source": source, "revision": revision, "notes": notes}
    write_text(target.with_name(target.name + ".source.yaml"), yaml.safe_dump(record, sort_keys=False, width=120))
    return target


def _from_hub(repository: str, file: str | None, revision: str | None) -> Path:
    try:
        from huggingface_hub import hf_hub_download
    except ImportError:
        raise UsageError('fonts from the hub need huggingface_hub: pip install "pixlm[train]"') from None

    def download(name: str) -> Path:
        for local in (True, False):  # what is on this machine needs no network
            try:
                return Path(hf_hub_download(repository, name, revision=revision, local_files_only=local))
            except Exception as error:  # its many error types share no base class
                reason = str(error).strip().splitlines() or [type(error).__name__]
        raise UsageError(f"the hub did not give {name} of {repository}: {reason[0]}")

    if file is None:
        try:
            named = json.loads(download(CONFIG_NAME).read_text(encoding="utf-8"))["font_file"]
        except (ValueError, KeyError, TypeError):
            raise UsageError(f"{CONFIG_NAME} of {repository} names no font; name one with --file") from None
        file = PurePosixPath(str(named).replace("\\", "/")).name
    return download(file)


def _from_index(package: str, file: str | None, scratch: Path) -> Path:
    """A font in a wheel. Other distributions are not taken: unpacking them can mean running them."""
    command = [sys.executable, "-m", "pip", "download", "--quiet", "--no-deps", "--only-binary", ":all:"]
    if package.startswith("-") or not package.strip():
        raise UsageError(f"{package!r} is no name of a package; write pip:name==version")
    done = subprocess.run([*command, "--dest", str(scratch), package], capture_output=True, text=True)
    if done.returncode:
        lines = [line for line in done.stderr.splitlines() if line.startswith("ERROR")] or done.stderr.splitlines()
        raise RunError(f"pip did not download {package}: {lines[-1].removeprefix('ERROR: ') if lines else 'no reason'}")
    (wheel,) = scratch.glob("*.whl")
    with zipfile.ZipFile(wheel) as archive:
        fonts = [entry for entry in archive.infolist() if entry.filename.lower().endswith(SUFFIXES)]
        names = ", ".join(PurePosixPath(entry.filename).name for entry in fonts[:20]) or "none"
        chosen = [entry for entry in fonts if file in (entry.filename, PurePosixPath(entry.filename).name)]
        if file is None or not chosen:
            problem = f"{package} holds no {file}" if file else f"name a font of {package} with --file"
            raise UsageError(f"{problem}; its fonts: {names}")
        if chosen[0].file_size > _LARGEST:
            raise UsageError(f"{chosen[0].filename} of {package} is too large for a font: {chosen[0].file_size} bytes")
        target = scratch / PurePosixPath(chosen[0].filename).name
        with archive.open(chosen[0]) as inside, target.open("wb") as outside:
            shutil.copyfileobj(inside, outside)
    return target
