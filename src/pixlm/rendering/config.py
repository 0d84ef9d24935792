"""Renderers on disk: ``text_renderer_config.json`` and the fonts beside it.

pixlm writes upstream's keys, so that upstream can read the file, and its own: which strategy, backend and compat, the
fallback fonts, and a fingerprint of fonts, versions and a rendered sample. Upstream's files do not say which of its
renderers they belong to; a table knows the published repositories.
"""

from __future__ import annotations

import fnmatch
import json
import os
import re
import shutil
import warnings
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pixlm.errors import UsageError
from pixlm.pretrained import shipped_models
from pixlm.rendering.font import split_face
from pixlm.rendering.fonts import default_fallbacks, default_font

if TYPE_CHECKING:
    from pixlm.rendering.renderer import TextRenderer

CONFIG_NAME = "text_renderer_config.json"

_PIXELGPT = {"strategy": "continuous", "backend": "pygame", "compat": "pixelgpt", "rgb": False}

#: Hub ids of upstream's checkpoints and how their images were made.
KNOWN_REPOSITORIES: dict[str, dict[str, Any]] = {
    "Team-PIXEL/pixel-base*": {"strategy": "continuous", "backend": "harfbuzz", "compat": "pixel", "rgb": False},
    "Team-PIXEL/pixel-m4*": {"strategy": "bigrams", "backend": "harfbuzz", "compat": "pixel-m4", "rgb": True},
    **{
        f"{organisation}/{name}*": _PIXELGPT
        for organisation in ("baidu", "ernie-research")
        for name in ("PixelGPT", "MonoGPT", "DualGPT")
    },
}

#: ``text_renderer_type`` where upstream notes a class. PIXEL's and PixelGPT's published files say "TextRenderer", and
#: PIXEL-M4's bigrams bear the name of PIXEL's renderer, so only one name tells something.
_PYGAME_CLASS = "PyGameTextRenderer"

#: Keys that upstream reads and that mean nothing here: it always draws black on white.
_UPSTREAM_ONLY = {
    "background_color": "white",
    "font_color": "black",
    "pad_size": 3,
    "text_renderer_type": "PangoCairoTextRenderer",
}
_NUMBERS = ("font_size", "dpi", "pixels_per_patch", "max_seq_length")
_OWN = ("strategy", "backend", "compat", "missing_glyph")
_ARGUMENTS = (*_NUMBERS, *_OWN, "rgb", "font_file", "fallback_fonts", "fallback_fonts_dir")


def save(renderer: TextRenderer, folder: Path) -> Path:
    """Write the configuration and copies of the fonts into ``folder``; returns the configuration's path."""
    files: dict[Path, str] = {}
    names: dict[Path, str] = {}
    for path in (renderer.font_file, *renderer.fallback_fonts):
        file, _ = split_face(path)
        taken = set(files.values())
        files.setdefault(file, file.name if file.name not in taken else f"{len(files)}-{file.name}")
        names[path] = files[file] + path.name.removeprefix(file.name)  # with the number of the face
    values = {
        **_UPSTREAM_ONLY,
        **{key: getattr(renderer, key) for key in (*_NUMBERS, *_OWN)},
        **({"text_renderer_type": _PYGAME_CLASS} if renderer.backend == "pygame" else {}),
        "rgb": renderer.rgb,
        "font_file": names[renderer.font_file],
        "fallback_fonts": [names[path] for path in renderer.fallback_fonts],
        "fingerprint": renderer.fingerprint,
    }
    target = folder / CONFIG_NAME
    try:
        folder.mkdir(parents=True, exist_ok=True)
        for file, name in files.items():
            copy = folder / name
            if not (copy.exists() and copy.samefile(file)):
                shutil.copyfile(file, copy)
        target.write_text(json.dumps(values, indent=2, sort_keys=True) + "\n", encoding="utf-8")
    except OSError as error:
        raise UsageError(f"cannot save the renderer to {folder}: {error.strerror or error}") from None
    return target


def load(
    source: str | os.PathLike[str], revision: str | None, overrides: dict[str, Any]
) -> tuple[dict[str, Any], dict[str, Any] | None]:
    """What to make a renderer with.

    Returns:
        the constructor's arguments, and the saved fingerprint if the overrides leave it valid.
    """
    unknown = sorted(overrides.keys() - set(_ARGUMENTS))
    if unknown:
        raise UsageError(f"TextRenderer has no argument {unknown[0]!r}; it takes {', '.join(sorted(_ARGUMENTS))}")
    path, repository = _find(source, revision)
    saved = _read(path)
    arguments = {key: saved[key] for key in (*_NUMBERS, *_OWN, "rgb") if key in saved}
    arguments["font_file"] = _font(saved.get("font_file"), path)
    if "strategy" not in saved:
        arguments.update(_upstream_arguments(saved.get("text_renderer_type"), repository, path, overrides))
    arguments["fallback_fonts"] = [_font(name, path) for name in saved.get("fallback_fonts") or ()]
    if saved.get("fallback_fonts_dir") and "fallback_fonts_dir" not in overrides:
        # Upstream notes the folder's path on the machine where the renderer was made.
        folder = path.parent / str(saved["fallback_fonts_dir"])
        if folder.is_dir():
            arguments["fallback_fonts_dir"] = folder
        else:
            warnings.warn(
                f"the fallback fonts of {path} are not here: there is no folder {folder}; pass fallback_fonts_dir=",
                stacklevel=3,
            )
    changed = {key for key in overrides if key not in ("max_seq_length", "missing_glyph")}
    fingerprint = saved.get("fingerprint")
    return {**arguments, **overrides}, fingerprint if isinstance(fingerprint, dict) and not changed else None


def check_fingerprint(saved: dict[str, Any], renderer: TextRenderer) -> None:
    """Warn, once, if a loaded renderer is not the one that was saved."""
    current = renderer.fingerprint
    parts, mend = [], []
    others = _other_fonts(saved.get("fonts"), current["fonts"])
    if others:
        parts.append(f"its font files are others ({', '.join(others)})")
        mend.append("put the saved font files back beside it")
    before, now = saved.get("versions"), current["versions"]
    before = before if isinstance(before, dict) else {}
    changed = [name for name in now if now[name] != before.get(name)]
    parts += [f"{name} is {now[name]}, was {before.get(name)}" for name in changed]
    same_pixels = saved.get("sample") == current["sample"]
    if changed and not same_pixels:
        mend.append("install the versions that it was saved with")
    if not (parts or not same_pixels):
        return
    picture = "with the same" if same_pixels else "WITH OTHER"
    advice = (
        f"; models trained on its images may do worse: {' and '.join(mend)}, or save the renderer anew" if mend else ""
    )
    warnings.warn(
        "the loaded TextRenderer differs from the one that was saved: "
        + "; ".join([*parts, f"a sample text is drawn {picture} pixels"])
        + advice,
        stacklevel=3,
    )


def _other_fonts(saved: Any, current: list[dict[str, Any]]) -> list[str]:
    """Names of the fonts whose bytes are not the saved ones; files may have changed their names."""
    before = _digests(saved)
    now = _digests(current)
    if before == now:
        return []
    return [font["file"] for font in current if font["sha256"] not in before] or ["in another order, or fewer"]


def _digests(fonts: Any) -> list[Any]:
    """SHA-256 of each font; the files' names may change when a renderer is saved."""
    return [font.get("sha256") for font in fonts if isinstance(font, dict)] if isinstance(fonts, list) else []


def _find(source: str | os.PathLike[str], revision: str | None) -> tuple[Path, str | None]:
    """Path of the configuration file, and the hub id of the repository if there is one."""
    path = Path(source).expanduser()
    if path.is_file():
        return path, _repository_of(path)
    if not path.is_dir() and str(source) in shipped_models():
        path = shipped_models()[str(source)]
    if not path.is_dir():
        if not re.fullmatch(r"[\w.-]+(/[\w.-]+)?", str(source)) or str(source).startswith("."):
            raise UsageError(f"{source} is neither a folder with {CONFIG_NAME} nor the id of a repository on the hub")
        path = _download(str(source), revision)
    if not (path / CONFIG_NAME).is_file():
        raise UsageError(f"{path} holds no renderer: there is no {CONFIG_NAME} in it")
    return path / CONFIG_NAME, _repository_of(path) if Path(source).expanduser().exists() else str(source)


def _repository_of(path: Path) -> str | None:
    """The hub id of a folder in huggingface_hub's cache, ``models--ORGANISATION--NAME/snapshots/...``."""
    for part in path.absolute().parts:
        if part.startswith("models--"):
            return part.removeprefix("models--").replace("--", "/", 1)
    return None


def _download(repository: str, revision: str | None) -> Path:
    try:
        from huggingface_hub import snapshot_download
    except ImportError:
        raise UsageError(
            f"there is no folder {repository}; to look for it on the Hugging Face hub, "
            'install huggingface_hub: pip install "pixlm[train]"'
        ) from None
    patterns = [CONFIG_NAME, "*.ttf", "*.otf", "*.ttc"]
    try:
        return Path(snapshot_download(repository, revision=revision, allow_patterns=patterns))
    except Exception as error:  # its many error types share no base class
        reason = str(error).strip().splitlines()
        raise UsageError(
            f"there is no folder {repository}, and the hub did not give a repository of that name: "
            f"{reason[0] if reason else type(error).__name__}"
        ) from None


def _read(path: Path) -> dict[str, Any]:
    try:
        values = json.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise UsageError(f"cannot read {path}: {error.strerror or error}") from None
    except (ValueError, RecursionError) as error:
        raise UsageError(f"{path} is no JSON file: {error}") from None
    if not isinstance(values, dict):
        raise UsageError(f"{path} is no renderer configuration: it holds a JSON {type(values).__name__}, not an object")
    return values


def _file_name(value: Any, path: Path) -> str:
    """Fonts lie beside their configuration; any folder in a stored name is that of the machine it was saved on."""
    name = re.split(r"[/\\]", value)[-1] if isinstance(value, str) else ""
    if name in ("", ".", "..") or len(name.encode("utf-8", "surrogatepass")) > 255:
        raise UsageError(f"{path} names no font: font_file is {value!r}")
    return name


def _font(value: Any, path: Path) -> Path:
    """A saved renderer's font; what comes with pixlm need not lie beside it (the fingerprint tells another one)."""
    name = _file_name(value, path)
    beside = path.parent / name
    known = {font.name: font for font in (default_font(), *default_fallbacks())}
    return beside if beside.exists() else known.get(name, beside)


def _upstream_arguments(
    renderer_class: Any, repository: str | None, path: Path, overrides: dict[str, Any]
) -> dict[str, Any]:
    """Strategy, backend, compat and colours of a configuration that upstream wrote."""
    found: dict[str, Any] = {}
    for pattern, known in KNOWN_REPOSITORIES.items():
        if repository is not None and fnmatch.fnmatchcase(repository, pattern):
            found = known
            break
    else:
        if renderer_class == _PYGAME_CLASS:
            found = {"strategy": "continuous", "backend": "pygame", "compat": "pixel"}
    strategy = overrides.get("strategy", found.get("strategy"))
    backend = overrides.get("backend", found.get("backend", "harfbuzz"))
    if found and (strategy, backend) == (found["strategy"], found["backend"]):
        return found
    if strategy is None:
        warnings.warn(
            f"{path} does not say how its model's images were made; assuming strategy='continuous', compat='pixel'. "
            "Pass strategy= (and compat=) to from_pretrained to say so, or save the renderer again with pixlm.",
            stacklevel=4,
        )
        strategy = "continuous"
    compat = "pixel" if strategy == "continuous" else None
    if strategy == "bigrams" and backend != "pygame":
        compat = "pixel-m4"
    return {"strategy": strategy, "compat": compat}
