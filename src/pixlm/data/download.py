"""Fetching one file: what is there already is kept, what broke off goes on, and the result is whole or not there."""

from __future__ import annotations

import http.client
import json
import os
import time
import urllib.error
import urllib.request
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pixlm
from pixlm import files
from pixlm.errors import RunError, UsageError

_CHUNK = 1 << 16
_TRIES = 4
_TIMEOUT = 60
_SCHEMES = ("https://", "http://", "file://")

OnBytes = Callable[[int, int | None], None]
"""Told (bytes there, bytes in all or None) as a download goes on."""


def fetch(
    url: str,
    path: Path,
    *,
    sha256: str = "",
    on_bytes: OnBytes | None = None,
    wait: Callable[[float], None] = time.sleep,
) -> None:
    """Download ``url`` to ``path``, which appears only when it is complete and its checksum is right.

    Goes on with what an earlier attempt left beside ``path``, if the server says that the file has not changed since;
    tries again a few times where the connection breaks. A file that is there, with the right checksum if one is known,
    is not fetched again.

    Raises:
        UsageError: no URL of a kind that can be fetched.
        RunError: not to be had, or its checksum is another; what was wrong is deleted.
    """
    if not url.startswith(_SCHEMES):
        raise UsageError(f"{url}: fetches {', '.join(_SCHEMES)} only")
    if path.is_file() and (not sha256 or files.sha256(path) == sha256):
        return
    path.parent.mkdir(parents=True, exist_ok=True)
    partial = path.with_name(f".{path.name}.partial")
    for attempt in range(_TRIES):
        if attempt:
            wait(2.0**attempt)
        try:
            _attempt(url, partial, on_bytes)
            break
        except urllib.error.HTTPError as error:
            error.close()
            if error.code == 416:  # the part is as long as the file or longer: begin again
                _forget(partial)
                reason = "the server refused to go on"
            elif error.code < 500:
                raise RunError(f"{url}: {error.code} {error.reason}") from None
            else:
                reason = f"{error.code} {error.reason}"
        except (urllib.error.URLError, http.client.HTTPException, ConnectionError, TimeoutError) as error:
            reason = str(getattr(error, "reason", "") or error or type(error).__name__)
            if isinstance(getattr(error, "reason", None), FileNotFoundError):
                raise RunError(f"{url}: no such file") from None
    else:
        raise RunError(f"{url}: could not be fetched ({reason}); the same command goes on where it stopped")
    if sha256 and (found := files.sha256(partial)) != sha256:
        _forget(partial)
        raise RunError(f"{url}: its SHA-256 is {found}, not {sha256}: the file has changed or was damaged on its way")
    with partial.open("rb+") as file:
        os.fsync(file.fileno())
    partial.replace(path)
    _forget(partial)


def _attempt(url: str, partial: Path, on_bytes: OnBytes | None) -> None:
    """One connection; raises ConnectionError where it ends early."""
    there, validator = _resumable(partial)
    request = urllib.request.Request(url, headers={"User-Agent": f"pixlm/{pixlm.__version__}"})
    if there:
        request.add_header("Range", f"bytes={there}-")
        request.add_header("If-Range", validator)  # another file since: the whole of it comes
    with urllib.request.urlopen(request, timeout=_TIMEOUT) as response:
        going_on = there and response.status == 206
        done = there if going_on else 0
        length = response.headers.get("Content-Length")
        total = done + int(length) if length is not None and length.isdecimal() else None
        files.write_json(_note(partial), {"validator": _validator(response)})
        with partial.open("ab" if going_on else "wb") as file:
            while chunk := response.read(_CHUNK):
                file.write(chunk)
                done += len(chunk)
                if on_bytes is not None:
                    on_bytes(done, total)
    if total is not None and done < total:
        raise ConnectionError(f"the connection ended after {done} of {total} bytes")


def _validator(response: Any) -> str:
    """What tells this version of the file from others; a weak ETag does not tell byte for byte."""
    etag = response.headers.get("ETag") or ""
    return "" if etag.startswith("W/") else etag or response.headers.get("Last-Modified") or ""


def _note(partial: Path) -> Path:
    return partial.with_name(f"{partial.name}.json")


def _resumable(partial: Path) -> tuple[int, str]:
    """(bytes there, validator) of an earlier attempt; (0, "") where it cannot be gone on with."""
    try:
        validator = str(json.loads(_note(partial).read_text(encoding="utf-8"))["validator"])
        return (partial.stat().st_size, validator) if validator else (0, "")
    except (OSError, ValueError, KeyError, TypeError):
        return 0, ""


def _forget(partial: Path) -> None:
    partial.unlink(missing_ok=True)
    _note(partial).unlink(missing_ok=True)
