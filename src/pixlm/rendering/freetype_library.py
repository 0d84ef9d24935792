"""freetype-py, imported so that a system's Cairo keeps its own FreeType.

The library in freetype-py's wheel bears the system library's soname. A Cairo that is loaded after it would be bound to
it and draw other pixels, without colour bitmaps. So the system's library is loaded first, where Cairo may follow.
"""

from __future__ import annotations

import contextlib
import ctypes
import importlib.util

_SYSTEM = "libfreetype.so.6"

if importlib.util.find_spec("gi") is not None:  # the backend "pango" may be asked for
    with contextlib.suppress(OSError):
        ctypes.CDLL(_SYSTEM)

import freetype  # noqa: E402

__all__ = ["freetype", "system_is_shadowed"]


def system_is_shadowed() -> bool:
    """Whether what asks for the system's FreeType gets freetype-py's, since that was loaded first."""
    try:
        return bool(ctypes.CDLL(_SYSTEM)._handle == freetype.raw._lib._handle)
    except OSError:
        return False
