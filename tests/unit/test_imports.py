# Copyright (c) 2026 Lockstep contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Imports go one way, and what is pure stays pure: walks every file of plugins/."""

from __future__ import annotations

import ast
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
PACKAGE = "ansible_collections.lockstep.patching."
FILES = sorted((ROOT / "plugins").rglob("*.py"))

HOST_PARTS = (
    "module_utils/_model",
    "module_utils/_parse",
    "module_utils/_provider",
    "module_utils/_look",
    "module_utils/_transaction",
)
CORE = (
    "plugin_utils/policy",
    "plugin_utils/feeds",
    "plugin_utils/fleet",
    "plugin_utils/ledger",
    "plugin_utils/report",
    "plugin_utils/sbom",
    "plugin_utils/store.py",
)
FRONT = ("action", "callback", "filter", "inventory", "lookup")
ALLOWED: dict[str, tuple[str, ...]] = {
    "module_utils/_model": (),
    "module_utils/_parse": ("module_utils/_model",),
    "module_utils/_provider": ("module_utils/_model", "module_utils/_parse"),
    "module_utils/_look": ("module_utils/_model", "module_utils/_parse", "module_utils/_provider"),
    "module_utils/_transaction": (
        "module_utils/_model",
        "module_utils/_parse",
        "module_utils/_provider",
        "module_utils/_look",
    ),
    "modules": HOST_PARTS,
    "plugin_utils/errors.py": (),
    **dict.fromkeys(CORE, ("module_utils/_model", "plugin_utils/errors.py")),
    "plugin_utils/sbom": ("module_utils/_model", "plugin_utils/errors.py", "plugin_utils/policy"),
    "plugin_utils/fleet": (
        "module_utils/_model",
        "plugin_utils/errors.py",
        "plugin_utils/policy",
        "plugin_utils/ledger",
    ),
    "plugin_utils/feeds": ("module_utils/_model", "plugin_utils/errors.py", "plugin_utils/policy"),
    "plugin_utils/controller": ("module_utils/_model", "plugin_utils/errors.py", *CORE),
    **dict.fromkeys(FRONT, ("module_utils/_model", "plugin_utils/errors.py", "plugin_utils/controller", *CORE)),
}
"""What each part may import besides itself."""
PURE = ("module_utils/_model", "module_utils/_parse", "plugin_utils/policy")
IMPURE_MODULES = {
    "asyncio",
    "ctypes",
    "fcntl",
    "glob",
    "http",
    "io",
    "multiprocessing",
    "os",
    "pathlib",
    "random",
    "requests",
    "secrets",
    "select",
    "shutil",
    "signal",
    "socket",
    "sqlalchemy",
    "ssl",
    "subprocess",
    "tempfile",
    "threading",
    "time",
    "urllib",
    "uuid",
}
PURE_NAMES: dict[str, set[str]] = {
    "socket": {"inet_ntop", "inet_pton", "inet_ntoa", "inet_aton", "AF_INET", "AF_INET6"},
    "urllib.parse.quote": set(),
}
"""Names that only convert values, of modules that are impure otherwise."""
IMPURE_CALLS = {"open", "input", "print", "exec", "eval", "now", "today", "utcnow"}


def part_of(path: str) -> str | None:
    """The part of ALLOWED that a path below plugins/ belongs to."""
    return next((part for part in ALLOWED if path == part or path.startswith(part + "/")), None)


def imports(tree: ast.AST) -> list[str]:
    found: list[str] = []
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            found += [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"line {node.lineno}: a relative import; write it absolute"
            # `from package import module` names a module too
            found += [f"{node.module}.{alias.name}" for alias in node.names]
    return found


def names_of(path: Path) -> tuple[str, ast.AST]:
    return path.relative_to(ROOT / "plugins").as_posix(), ast.parse(path.read_text(encoding="utf-8"))


def test_every_part_is_known() -> None:
    unknown = sorted(
        {
            name
            for name, _tree in map(names_of, FILES)
            if part_of(name) is None and not name.startswith("doc_fragments/")
        }
    )
    assert unknown == [], "say in ALLOWED what these parts may import"


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.relative_to(ROOT / "plugins").as_posix())
def test_imports_go_one_way(path: Path) -> None:
    name, tree = names_of(path)
    part = part_of(name)
    if part is None:
        pytest.skip("a documentation file of a module holds no code that could import anything")
    for wanted in imports(tree):
        if wanted.startswith(PACKAGE + "plugins."):
            target = part_of(wanted[len(PACKAGE + "plugins.") :].replace(".", "/")) or part_of(
                wanted[len(PACKAGE + "plugins.") :].replace(".", "/").rpartition("/")[0] + ".py"
            )
            assert target == part or target in ALLOWED[part], f"{name} must not import {wanted}"
        elif wanted.split(".")[0] in ("ansible", "ansible_collections"):
            assert part in (*FRONT, "modules", "plugin_utils/controller"), f"{name} must not import {wanted}"
        elif part in HOST_PARTS or part == "modules":
            known = wanted.split(".")[0] in sys.stdlib_module_names or wanted.split(".")[0] in (
                "apt",
                "apt_pkg",
                "apt_inst",
                "dnf",
                "hawkey",
                "libdnf",
                "libdnf5",
                "rpm",
            )
            assert known, f"{name} runs on hosts and must not import {wanted}"


@pytest.mark.parametrize(
    "path",
    [path for path in FILES if part_of(path.relative_to(ROOT / "plugins").as_posix()) in PURE],
    ids=lambda path: path.relative_to(ROOT / "plugins").as_posix(),
)
def test_what_is_pure_reads_no_clock_file_or_network(path: Path) -> None:
    name, tree = names_of(path)
    for wanted in imports(tree):
        module = wanted.split(".")[0]
        assert module not in IMPURE_MODULES or wanted in PURE_NAMES, f"{name} must not import {wanted}"
    for node in ast.walk(tree):
        if isinstance(node, ast.Attribute) and isinstance(node.value, ast.Name) and node.value.id in PURE_NAMES:
            assert node.attr in PURE_NAMES[node.value.id], (
                f"{name}:{node.lineno} must not use {node.value.id}.{node.attr}"
            )
        if isinstance(node, ast.Call):
            called = (
                node.func.id
                if isinstance(node.func, ast.Name)
                else node.func.attr
                if isinstance(node.func, ast.Attribute)
                else ""
            )
            assert called not in IMPURE_CALLS, f"{name}:{node.lineno} must not call {called}"
