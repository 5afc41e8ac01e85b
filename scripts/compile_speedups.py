"""Build hook of hatchling: compiles `tap_reports/speedups` into a module beside the package.

Where that is impossible (no C compiler, 32 bits, big-endian, PyPy) the install goes on without it: Python
does the same work, not as fast. One module serves all Pythons from 3.11 on: it keeps to the stable ABI.
"""

from __future__ import annotations

import sys
import sysconfig
import tempfile
from pathlib import Path
from typing import Any

from hatchling.builders.hooks.plugin.interface import BuildHookInterface
from setuptools import Distribution, Extension
from setuptools.errors import BaseError, CCompilerError, PlatformError

NAME = "_tap_reports_speedups"
SOURCES = Path("tap_reports/speedups")


class CompileHook(BuildHookInterface):
    """Adds the compiled module to a wheel, also to that of an editable install."""

    PLUGIN_NAME = "custom"

    def initialize(self, version: str, build_data: dict[str, Any]) -> None:
        """Compile, before the wheel is put together."""
        self._folder = tempfile.TemporaryDirectory()
        try:
            if sys.implementation.name != "cpython":
                raise PlatformError(f"{sys.implementation.name} has no stable ABI")
            module = self._compiled(Path(self._folder.name))
        except (BaseError, CCompilerError) as error:
            self.app.display_warning(f"{NAME} is left out, as it can't be compiled: {error}")
            return
        included = "force_include_editable" if version == "editable" else "force_include"
        build_data[included][str(module)] = module.name
        build_data["pure_python"] = False
        platform = sysconfig.get_platform().replace("-", "_").replace(".", "_")
        build_data["tag"] = f"cp311-abi3-{platform}"

    def finalize(self, version: str, build_data: dict[str, Any], artifact_path: str) -> None:
        """Remove what was compiled."""
        self._folder.cleanup()

    def _compiled(self, folder: Path) -> Path:
        sources = sorted(str(path) for path in (Path(self.root) / SOURCES).glob("*.c"))
        extension = Extension(NAME, sources, py_limited_api=True)
        command = Distribution({"name": NAME, "ext_modules": [extension]}).get_command_obj("build_ext")
        command.build_lib = command.build_temp = str(folder)
        command.ensure_finalized()
        command.run()
        return Path(command.get_ext_fullpath(NAME))
