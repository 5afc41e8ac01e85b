"""All vendors: each module (or package) here that has a `VENDOR`, and those that other packages bring.

Another package names its vendor as an entry point of the group `tap_reports.vendors`.
"""

from __future__ import annotations

import importlib
import pkgutil
from functools import cache
from importlib.metadata import EntryPoint, entry_points
from typing import TYPE_CHECKING

from tap_reports.exceptions import ConfigError

if TYPE_CHECKING:
    from tap_reports.vendor import Vendor

GROUP = "tap_reports.vendors"


@cache
def all_vendors() -> dict[str, Vendor]:
    """Return the vendors by block name, sorted.

    Raises:
        ConfigError: Another package brings a vendor that can't be used; the package is named.
    """
    modules = (
        importlib.import_module(f"{__name__}.{module.name}") for module in pkgutil.iter_modules(__path__)
    )
    by_name = {
        module.VENDOR.name: (module.VENDOR, "tap-reports") for module in modules if hasattr(module, "VENDOR")
    }
    for point in entry_points(group=GROUP):
        vendor, package = _loaded(point), _package(point)
        if vendor.name in by_name:
            text = (
                f'{package}: brings the vendor "{vendor.name}", which {by_name[vendor.name][1]} has already'
            )
            raise ConfigError([f"{text}; uninstall one of the two packages."])
        by_name[vendor.name] = vendor, package
    return {name: by_name[name][0] for name in sorted(by_name)}


def _loaded(point: EntryPoint) -> Vendor:
    from tap_reports.vendor import Vendor

    try:
        vendor = point.load()
    except Exception as error:
        text = f"can't be loaded ({type(error).__name__}: {error})"
        raise ConfigError(
            [f"{_package(point)}: its vendor {point.name} {text}; correct or uninstall it."]
        ) from error
    if not isinstance(vendor, Vendor) or not vendor.name.isidentifier():
        text = f"{GROUP}: {point.name} = {point.value} must name a tap_reports.vendor.Vendor"
        raise ConfigError(
            [f"{_package(point)}: the entry point {text} with a name of letters, digits and _."]
        )
    return vendor


def _package(point: EntryPoint) -> str:
    return point.dist.name if point.dist else point.value
