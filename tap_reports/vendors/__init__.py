"""All vendors, found by scan: a module (or package) here that has a `VENDOR` is a vendor."""

from __future__ import annotations

import importlib
import pkgutil
from functools import cache
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from tap_reports.vendor import Vendor


@cache
def all_vendors() -> dict[str, Vendor]:
    """Return the vendors by block name, sorted."""
    modules = (
        importlib.import_module(f"{__name__}.{found.name}") for found in pkgutil.iter_modules(__path__)
    )
    vendors: list[Vendor] = [module.VENDOR for module in modules if hasattr(module, "VENDOR")]
    return {vendor.name: vendor for vendor in sorted(vendors, key=lambda vendor: vendor.name)}
