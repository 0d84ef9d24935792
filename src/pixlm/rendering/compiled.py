"""The compiled inner loops, `_inner.c`: optional, and never needed.

`inner` is the module, or None where it was not built or is not wanted (``PIXLM_PURE_PYTHON=1``). Python code does the
same then, and gives the same bytes. ``status`` says which it is, for `pixlm doctor`.
"""

from __future__ import annotations

from types import ModuleType

from pixlm.settings import wants_pure_python

_INTERFACE = 4  # of `_inner.c`


def _find() -> tuple[ModuleType | None, str]:
    if wants_pure_python():
        return None, "not used: PIXLM_PURE_PYTHON is set"
    try:
        from pixlm.rendering import _inner
    except ImportError as error:
        built = "cannot import name" not in str(error)
        return None, f"not usable: {error}" if built else "not built (no C compiler when pixlm was installed)"
    if _inner.INTERFACE != _INTERFACE:
        return None, "not used: built from another version of pixlm; install pixlm again"
    return _inner, "in use"


inner, status = _find()
