"""Modules stand in one line and import only from the left; heavy packages stay in place."""

import ast
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
ENVIRONMENT = os.environ | {"PYTHONPATH": str(ROOT)}
ORDER = {
    "gyro_data": "lazy errors files checks axes log quaternions orientation timestamps readers "
    "conditioning integration gravity writers",
    "stabilizer": "errors memory new_files text_files archive orientations log_file lens camera "
    "sync path convolution splines warp interior_point border output_lens crop "
    "optimal smoothing grid_solver plan plan_file motion_table frame_loop video "
    "damage filters remap flow tracks boards synchronization own_clock sync_file "
    "quality facts simulate report pipeline interruption cli __main__",
}
ALLOWED = {  # package: where it may be imported
    "av": "video readers",
    "cv2": "convolution warp remap flow boards simulate",
    "numba": "remap",
    "llvmlite": "remap",
    "pandas": "readers writers motion_table",
    "yaml": "camera",
    "typer": "cli",
    "rich": "cli",
    "skimage": "simulate",
    "vqf": "gravity",
    "matplotlib": "report",
}


def modules() -> Iterator[tuple[str, str, Path]]:
    """Yield (package, module, file); files of a sub-package belong to its name."""
    for package in ORDER:
        for path in sorted((ROOT / package).rglob("*.py")):
            inner = path.relative_to(ROOT / package).with_suffix("").parts
            if inner != ("__init__",):
                yield package, inner[0], path


def imports(path: Path) -> Iterator[str]:
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{path}: write absolute imports"
            yield from (f"{node.module}.{alias.name}" for alias in node.names)


EVERY = list(modules())


@pytest.mark.parametrize(("package", "module", "path"), EVERY, ids=[str(p[2].name) for p in EVERY])
def test_imports_come_from_the_left(package: str, module: str, path: Path) -> None:
    order = ORDER[package].split()
    assert module in order, f"{module} has no place in the line yet"
    for name in imports(path):
        root, *rest = name.split(".")
        if root == package and rest[0] != module and rest[0] in order:
            assert order.index(rest[0]) < order.index(module), f"{path.name} imports {name}"
        if package == "gyro_data":
            assert root != "stabilizer", f"{path.name} imports {name}"


@pytest.mark.parametrize(("package", "module", "path"), EVERY, ids=[str(p[2].name) for p in EVERY])
def test_heavy_packages_stay_where_they_belong(package: str, module: str, path: Path) -> None:
    for name in imports(path):
        root = name.split(".")[0]
        if root in ALLOWED:
            assert module in ALLOWED[root].split(), f"{path.name} imports {root}"


def test_the_simulator_does_not_use_what_it_tests() -> None:
    for _, module, path in EVERY:
        if module == "simulate":
            names = " ".join(imports(path))
            for forbidden in ("stabilizer.warp", "stabilizer.plan", "stabilizer.crop"):
                assert forbidden not in names


def test_help_needs_no_heavy_package() -> None:
    code = (
        "import sys; sys.argv = ['stabilizer', 'stabilize', '--help']\n"
        "from stabilizer.cli import main\n"
        "try: main()\n"
        "except SystemExit: pass\n"
        "print(sorted({'cv2', 'av', 'numba', 'pandas', 'scipy', 'numpy'} & set(sys.modules)))"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True, env=ENVIRONMENT
    )
    assert done.stdout.strip().endswith("[]")
    assert "--readout-direction" in done.stdout


def test_every_public_name_can_be_imported() -> None:
    import gyro_data
    import stabilizer

    for package in (gyro_data, stabilizer):
        assert len(package.__all__) <= 12
        for name in package.__all__:
            assert getattr(package, name).__doc__
        with pytest.raises(AttributeError, match="has no attribute 'nothing'"):
            package.nothing  # noqa: B018
