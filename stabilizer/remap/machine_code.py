"""The fused kernel as machine code: compiled by numba once, then kept on disk and linked.

What numba keeps takes numba to load: half a second and 50 MB. To link machine code takes LLVM
alone.
"""

import ctypes
import hashlib
import logging
import os
import sys
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import astuple
from functools import cache
from importlib.metadata import version
from importlib.util import find_spec
from pathlib import Path

import llvmlite.binding as llvm

from stabilizer.errors import StabilizerError
from stabilizer.new_files import complete_or_absent
from stabilizer.remap.layout import Layout

LOG = logging.getLogger(__name__)

Function = Callable[[int, int, int, int], None]

_ENTRY = ctypes.CFUNCTYPE(ctypes.c_int, *[ctypes.c_void_p] * 6)

_SYMBOL = "warp"
_PREFIX, _SUFFIX = "warp-", ".bin"
_WHOLE = hashlib.sha256().digest_size
_NOTHING_IS_COUNTED = "define void @NRT_MemInfo_call_dtor(ptr %memory) { ret void }"
"""What numba's code calls when nobody needs an array any more, whose memory here is not numba's."""


def check_compiler() -> None:
    """Raise ImportError where numba is missing, or whatever it raises where it is imported.

    It is not imported where kernels are kept that it compiled, whichever: it worked then.
    """
    if find_spec("numba") is None:
        raise ImportError("it is not installed")
    if next(_kept(f"{_PREFIX}*-{_machine()}{_SUFFIX}"), None) is None:
        import numba  # noqa: F401


@cache
def warp_function(layout: Layout) -> Function:
    """Return the kernel for a layout, which takes addresses, see `kernels.compiled`.

    It runs without the GIL. It takes seconds where it is not kept; raises StabilizerError where
    it cannot be compiled then.
    """
    numbers = "-".join(map(str, astuple(layout)))
    name = f"{_PREFIX}{numbers}-{_machine()}{_SUFFIX}"
    code = next(_kept(name), None)
    if code is None:
        code = _compiled(layout)
        _keep(name, code)
    return _linked(code)


def _kept(names: str) -> Iterator[bytes]:
    """Yield machine code that was kept by such names, whole, and made of the same sources."""
    paths: list[Path] = []
    for folder in _folders():
        with suppress(OSError):
            paths += folder.glob(names)
    for path in paths:
        with suppress(OSError):
            content = path.read_bytes()
            if content[:_WHOLE] == _digest(content[_WHOLE:]):
                yield content[_WHOLE:]


def _keep(name: str, code: bytes) -> None:
    for folder in _folders():
        with suppress(OSError, StabilizerError):
            folder.mkdir(parents=True, exist_ok=True)
            with complete_or_absent(folder / name) as partial:
                partial.write_bytes(_digest(code) + code)
            return
    _tell_that_nothing_is_kept()


@cache
def _tell_that_nothing_is_kept() -> None:
    LOG.warning(
        "%s cannot be written to: the warp is compiled anew at each start, which takes seconds; "
        "name another folder in the environment's NUMBA_CACHE_DIR",
        " and ".join(map(str, _folders())),
    )


def _folders() -> Iterator[Path]:
    """Yield where code may be kept: where numba is told to, beside the package, in the user's."""
    told = os.environ.get("NUMBA_CACHE_DIR")
    if told:
        yield Path(told)
        return
    yield Path(__file__).with_name("__pycache__")
    with suppress(RuntimeError):  # there is no home
        usual = {"win32": "~/AppData/Local", "darwin": "~/Library/Caches"}
        root = os.environ.get("XDG_CACHE_HOME") or usual.get(sys.platform, "~/.cache")
        yield Path(root).expanduser() / "gyro-stabilizer"


@cache
def _machine() -> str:
    """Return a short word for the processor and for what compiles."""
    versions = (version(package) for package in ("numba", "llvmlite", "numpy"))
    words = (*_processor(), llvm.get_process_triple(), *versions)
    return hashlib.sha256(" ".join(words).encode()).hexdigest()[:12]


def _processor() -> tuple[str, str]:
    """Return LLVM's name of the processor and its features, as numba chooses them."""
    name = os.environ.get("NUMBA_CPU_NAME") or llvm.get_host_cpu_name()
    features = "" if name == "generic" else llvm.get_host_cpu_features().flatten()
    return name, os.environ.get("NUMBA_CPU_FEATURES") or features


def _digest(code: bytes) -> bytes:
    """Return a checksum of code and of this package's files, of which it was made."""
    return hashlib.sha256(code + _sources()).digest()


@cache
def _sources() -> bytes:
    return b"".join(file.read_bytes() for file in sorted(Path(__file__).parent.glob("*.py")))


def _compiled(layout: Layout) -> bytes:
    """Return machine code whose only entry is the kernel, by numba's own calling convention."""
    try:
        from stabilizer.remap.kernels import compiled  # imports numba

        function = compiled(layout)
    except Exception as error:  # whatever is wrong with numba
        raise StabilizerError(
            f"numba cannot compile the warp ({error!s:.200}); install numba anew, or choose the "
            "backend opencv"
        ) from error
    module = llvm.parse_assembly(function.inspect_llvm())
    module.link_in(llvm.parse_assembly(_NOTHING_IS_COUNTED))
    entry = module.get_function(function.native_name.removeprefix("cfunc."))
    for other in module.functions:
        if not other.is_declaration and other.name != entry.name:
            other.linkage = "internal"
    entry.name = _SYMBOL
    target = _target_machine()
    passes = llvm.create_new_module_pass_manager()
    passes.add_global_dead_code_eliminate_pass()
    passes.run(module, llvm.create_pass_builder(target, llvm.create_pipeline_tuning_options()))
    called = [f.name for f in module.functions if f.is_declaration]
    unknown = [name for name in called if not name.startswith("llvm.")]
    if unknown:
        raise StabilizerError(
            f"numba {version('numba')} has the warp call {', '.join(unknown)}, which is not known "
            "here; choose the backend opencv, or another version of numba"
        )
    code: bytes = target.emit_object(module)
    return code


def _linked(code: bytes) -> Function:
    """Return the kernel in machine code."""
    engine = llvm.create_mcjit_compiler(llvm.parse_assembly(""), _target_machine())
    engine.add_object_file(llvm.ObjectFileRef.from_data(code))
    engine.finalize_object()
    entry = _ENTRY(engine.get_function_address(_SYMBOL))

    def warp(*addresses: int, _keeps: object = engine) -> None:  # its code dies with the engine
        nothing = ctypes.c_void_p()  # where numba puts a result and an error, had it any
        entry(ctypes.byref(nothing), ctypes.byref(nothing), *addresses)

    return warp


def _target_machine() -> llvm.TargetMachine:
    llvm.initialize_native_target()
    llvm.initialize_native_asmprinter()
    name, features = _processor()
    target = llvm.Target.from_triple(llvm.get_process_triple())
    return target.create_target_machine(
        cpu=name, features=features, opt=3, codemodel="jitdefault", jit=True
    )
