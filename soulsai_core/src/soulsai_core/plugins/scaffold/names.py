"""The names of a new package, all from the one that its author gives, and what speaks against one."""

from __future__ import annotations

import keyword
import re
import sys
from collections.abc import Callable
from importlib.metadata import PackageNotFoundError, distribution
from importlib.util import find_spec
from typing import NamedTuple

from soulsai_core.errors import PluginError

_LONGEST = 60
_FORM = re.compile(r"[a-z][a-z0-9]*([-_.][a-z0-9]+)*", re.IGNORECASE | re.ASCII)
_WINDOWS = {"con", "prn", "aux", "nul", *(f"{port}{n}" for port in ("com", "lpt") for n in range(10))}
"""Names of devices, which cannot be names of files on Windows."""
_OWN_FOLDERS = {"src", "tests", "docs", "build", "dist"}
"""Names that mean something else in the folder of a package."""


class Names(NamedTuple):
    """The names of one package.

    Attributes:
        distribution: what `pip install` gets, normalized (PEP 503).
        package: what Python imports; also the plugin's name in the configuration.
        title: the beginning of the names of its classes.
    """

    distribution: str
    package: str
    title: str


def names_of(name: str) -> Names:
    """The names for what an author wrote, such as "my-game" or "MyGame". Raises PluginError with the reason if it
    cannot be the name of a package."""
    if len(name) > _LONGEST or not _FORM.fullmatch(name):
        raise PluginError(
            f"{name!r} cannot be the name of a package: write up to {_LONGEST} letters, digits and single hyphens "
            "that begin with a letter, such as my-game."
        )
    # "MyGame" is "my-game", but "DQN" stays one word.
    words = re.sub(r"(?<=[a-z0-9])(?=[A-Z])", "-", name)
    normalized = re.sub(r"[-_.]+", "-", words).lower()
    package = normalized.replace("-", "_")
    flaw = _flaw(normalized, package)
    if flaw:
        raise PluginError(f"{name!r} cannot be the name of a package: {flaw}. Choose another one.")
    return Names(normalized, package, "".join(word.capitalize() for word in package.split("_")))


def check_unused(
    names: Names, importable: Callable[[str], bool] | None = None, installed: Callable[[str], bool] | None = None
) -> None:
    """Raise PluginError if something that is installed has one of the names, and would clash with the new package.

    Args:
        importable: whether Python finds a module of this name.
        installed: whether a distribution of this name is installed.
    """
    if (installed or _is_installed)(names.distribution):
        raise PluginError(f"A distribution {names.distribution!r} is installed already. Choose another name.")
    if (importable or _is_importable)(names.package):
        raise PluginError(f"A module {names.package!r} is installed already. Choose another name.")


def _flaw(distribution_name: str, package: str) -> str | None:
    if keyword.iskeyword(package) or keyword.issoftkeyword(package):
        return f"{package!r} is a word of the language Python"
    if package in sys.stdlib_module_names:
        return f"{package!r} is a module of Python's standard library"
    if package in _OWN_FOLDERS:
        return f"{package!r} is the name of an ordinary folder of a package"
    if package in _WINDOWS:
        return f"{package!r} cannot be a file on Windows"
    if distribution_name.split("-")[0] == "soulsai":
        return "names that begin with soulsai are those of SoulsAI itself"
    return None


def _is_importable(package: str) -> bool:
    # A folder without an `__init__.py`, such as one with this name here, is no module that was installed.
    found = find_spec(package)
    return found is not None and found.origin is not None


def _is_installed(name: str) -> bool:
    try:
        distribution(name)
    except PackageNotFoundError:
        return False
    return True
