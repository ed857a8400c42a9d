"""Which versions are held back: by pyproject.toml, and by what the packages that it pins ask for themselves."""

from __future__ import annotations

import ast
import re
import tomllib
from collections.abc import Iterable, Iterator
from importlib.metadata import packages_distributions, requires
from pathlib import Path
from typing import NamedTuple

from packaging.requirements import Requirement
from packaging.specifiers import SpecifierSet
from packaging.utils import canonicalize_name
from packaging.version import Version

LOCKED = re.compile(r"^([A-Za-z0-9._-]+)==([^\s;\\]+)", re.M)
GROUPS = ("dev", "app")  # what `make lock` locks beside the dependencies
ROOMS = ("cortex_distill", "tasks", "flows", "app")


class Pin(NamedTuple):
    """One package that may not move past a version."""

    name: str
    text: str  # the requirement as it is written
    limit: Version  # the first version that is not allowed, or the only one that is
    exact: bool  # `==`: the limit itself is allowed
    by: str = ""  # the pinned package that asks for it; "" is pyproject.toml


def pin(text: str, by: str = "") -> Pin | None:
    """The pin in a requirement; None if nothing holds the package back."""
    requirement = Requirement(text)
    for specifier in requirement.specifier:
        version = specifier.version
        if specifier.operator == "==":
            return Pin(canonicalize_name(requirement.name), text, Version(version), True, by)
        if specifier.operator in ("<", "<="):
            exact = specifier.operator == "<="
            return Pin(canonicalize_name(requirement.name), text, Version(version), exact, by)
        if specifier.operator == "~=":
            return Pin(canonicalize_name(requirement.name), text, _after_series(version), False, by)
    return None


def at(text: str, version: str) -> str:
    """A requirement with another version: the same package, the same extras."""
    requirement = Requirement(text)
    requirement.specifier = SpecifierSet(f"=={version}")
    return str(requirement)


def _after_series(version: str) -> Version:
    """`~=2.0.1` allows 2.0.*, so the first version that is not allowed is 2.1."""
    head = version.split(".")[:-1]
    return Version(".".join([*head[:-1], str(int(head[-1]) + 1)]))


def own_pins(project: dict[str, object]) -> list[Pin]:
    """The pins of a parsed pyproject.toml: its dependencies and the groups that are locked; extras are not."""
    groups = _table(project, "dependency-groups")
    texts = [*_table(project, "project")["dependencies"], *(text for name in GROUPS for text in groups[name])]
    return [found for text in texts if (found := pin(text))]


def _table(project: dict[str, object], name: str) -> dict[str, list[str]]:
    table = project[name]
    assert isinstance(table, dict)
    return table


def inner_pins(own: Iterable[Pin], imported: set[str]) -> list[Pin]:
    """What packages that are pinned exactly ask for in their turn: of what the project imports and does not pin."""
    own = list(own)
    taken = {one.name for one in own}
    found: dict[str, Pin] = {}
    for outer in (one for one in own if one.exact):
        extras = Requirement(outer.text).extras or {""}
        for text in requires(outer.name) or []:
            inner = pin(text, outer.name)
            if inner and inner.name in imported - taken and _applies(text, extras):
                found.setdefault(inner.name, inner)
    return list(found.values())


def _applies(text: str, extras: Iterable[str]) -> bool:
    marker = Requirement(text).marker
    return marker is None or any(marker.evaluate({"extra": extra}) for extra in extras)


def imported(root: Path) -> set[str]:
    """Names of the installed packages that the project's rooms import."""
    known = packages_distributions()
    tops = {name.split(".")[0] for room in ROOMS for path in (root / room).rglob("*.py") for name in _imports(path)}
    return {canonicalize_name(package) for top in tops for package in known.get(top, [])}


def _imports(path: Path) -> Iterator[str]:
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module and not node.level:
            yield node.module


def all_pins(root: Path) -> list[Pin]:
    """Everything that is held back in the project in this folder."""
    own = own_pins(tomllib.loads((root / "pyproject.toml").read_text(encoding="utf-8")))
    return [*own, *inner_pins(own, imported(root))]


def locked(text: str) -> dict[str, str]:
    """Package → version of a lock; the newest of two that hold on different systems."""
    versions: dict[str, str] = {}
    for name, version in LOCKED.findall(text):
        name = canonicalize_name(name)
        versions[name] = max(version, versions.get(name, version), key=Version)
    return versions


def moved(before: str, after: str) -> list[tuple[str, str, str]]:
    """(package, version before, version after) of what differs between two locks; "–" where it is not there."""
    old, new = locked(before), locked(after)
    names = sorted(old.keys() | new.keys())
    return [(n, old.get(n, "–"), new.get(n, "–")) for n in names if old.get(n) != new.get(n)]
