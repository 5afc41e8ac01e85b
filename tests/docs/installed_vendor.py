"""A package with a vendor, installed beside the tap."""

from __future__ import annotations


def install(program, name, point, **modules):
    """Make what an installed package with one entry point looks like, for all runs of a program."""
    folder = program.folder / "packages"
    folder.mkdir(exist_ok=True)
    for module, code in modules.items():
        (folder / f"{module}.py").write_text(code)
    info = folder / f"{name.replace('-', '_')}-1.0.dist-info"
    info.mkdir()
    (info / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {name}\nVersion: 1.0\n")
    (info / "entry_points.txt").write_text(f"[tap_reports.vendors]\n{point}\n")
    program.environment["PYTHONPATH"] = str(folder)
