"""Builds the compiled inner loops of the renderer where there is a C compiler; pixlm works without them, too.

Run by hatchling for wheels and `pip install --editable`. ``PIXLM_PURE_PYTHON=1`` leaves them out.
"""

from __future__ import annotations

import os
import shutil
import sysconfig
import tempfile
from pathlib import Path
from typing import Any

from hatchling.builders.hooks.plugin.interface import BuildHookInterface

MODULE = "_inner"
FOLDER = Path("pixlm", "rendering")


class CompiledInnerLoops(BuildHookInterface):
    """Compiles `_inner.c` against Python's limited API: one wheel a platform serves every Python from 3.11."""

    PLUGIN_NAME = "custom"

    def initialize(self, version: str, build_data: dict[str, Any]) -> None:
        self._folder = Path(tempfile.mkdtemp())
        if os.environ.get("PIXLM_PURE_PYTHON", "0") not in ("", "0") or sysconfig.get_config_var("Py_GIL_DISABLED"):
            return
        source = Path(self.root, "src", FOLDER)
        try:
            built = compiled(source / f"{MODULE}.c", self._folder)
        except (Exception, SystemExit) as error:  # whatever a compiler that is not there, or old, makes of it
            self.app.display_warning(f"pixlm is installed without compiled inner loops: {error}")
            return
        if version == "editable":
            shutil.copy(built, source / built.name)
            return
        platform = sysconfig.get_platform().replace("-", "_").replace(".", "_")
        build_data["pure_python"] = False
        build_data["tag"] = f"cp311-abi3-{platform}"
        build_data["force_include"][str(built)] = (FOLDER / built.name).as_posix()

    def finalize(self, version: str, build_data: dict[str, Any], artifact_path: str) -> None:
        shutil.rmtree(self._folder, ignore_errors=True)


def compiled(source: Path, folder: Path) -> Path:
    """The module that was built from ``source``, in ``folder``."""
    from setuptools import Distribution, Extension

    distribution = Distribution({"ext_modules": [Extension(MODULE, [source.as_posix()], py_limited_api=True)]})
    command = distribution.get_command_obj("build_ext")
    command.build_lib, command.build_temp = str(folder), str(folder / "objects")
    command.ensure_finalized()
    command.run()
    return Path(command.get_ext_fullpath(MODULE))
