"""Writes the package of a new plugin from the templates in this folder.

A template is a file with the suffix `.template`, for `string.Template`. Those in `common` are for all kinds. A folder
`package` is named like the new package.
"""

from __future__ import annotations

import shutil
from collections.abc import Iterator, Mapping
from importlib.metadata import version
from importlib.resources import files
from importlib.resources.abc import Traversable
from pathlib import Path, PurePosixPath
from string import Template
from typing import NamedTuple

from soulsai_core.errors import PluginError
from soulsai_core.plugins.scaffold.names import Names

_SUFFIX = ".template"
_PYDANTIC = "pydantic>=2.8,<3"
_TORCH = "torch>=2.4,<3"
_DQN = "soulsai-dqn"


class _Kind(NamedTuple):
    """What differs among the kinds in files that all have.

    Attributes:
        group: the entry-point group.
        page: the page of the documentation, below docs/plugins.
        requires: what a plugin of this kind imports in addition to soulsai-core.
        modules: what its own modules hold, for the README: file -> text.
        trains: distributions of ours that the training of its config.yaml needs.
    """

    group: str
    page: str
    modules: Mapping[str, str]
    requires: tuple[str, ...] = ()
    trains: tuple[str, ...] = ()


KINDS: Mapping[str, _Kind] = {
    "algorithm": _Kind(
        "soulsai.algorithms",
        "algorithm.md",
        {
            "actor": "the client's half, which chooses actions",
            "learner": "the training node's half, which learns",
            "model": "what both share",
        },
        ("numpy>=1.26,<3", _PYDANTIC),
    ),
    "environment": _Kind(
        "soulsai.environments",
        "environment.md",
        {"environment": "the environment and its spaces"},
        ("numpy>=1.26,<3", _PYDANTIC),
        (_DQN,),
    ),
    "connector": _Kind(
        "soulsai.connectors", "connector.md", {"connector": "what it does with events"}, (_PYDANTIC,), (_DQN,)
    ),
    "network": _Kind("soulsai.networks", "network.md", {"network": "its layers"}, (_PYDANTIC, _TORCH), (_DQN,)),
    "wrapper": _Kind(
        "soulsai.wrappers",
        "wrapper.md",
        {"wrapper": "the gymnasium wrapper"},
        ("gymnasium>=1.4,<2", _PYDANTIC),
        (_DQN,),
    ),
}


def create(kind: str, names: Names, parent: Path, core_version: str | None = None) -> Path:
    """Write the package into a new folder of `parent`. Raises PluginError if the folder exists or cannot be written.

    Args:
        core_version: of soulsai-core; the package asks for it and what is compatible with it. None: the installed one.
    """
    values = _values(kind, names, core_version or version("soulsai-core"))
    folder = parent / names.distribution
    try:
        folder.mkdir(parents=True)
    except FileExistsError:
        raise PluginError(f"{folder} exists already, and nothing is overwritten. Choose another name.") from None
    except OSError as error:
        raise PluginError(f"The folder {folder} cannot be made: {error.strerror}.") from None
    try:
        for path, text in _rendered(kind, names, values):
            file = folder / path
            file.parent.mkdir(parents=True, exist_ok=True)
            file.write_text(text, encoding="utf-8", newline="\n")
    except OSError as error:
        shutil.rmtree(folder, ignore_errors=True)
        raise PluginError(f"The package cannot be written into {parent}: {error.strerror}.") from None
    return folder


def compatible(core_version: str) -> str:
    """The versions of soulsai-core that a plugin may ask for: this one and later ones that break no contract, which
    before 1.0 are those with the same first two numbers."""
    major, minor = (int(number) for number in core_version.split(".")[:2])
    end = f"0.{minor + 1}" if major == 0 else str(major + 1)
    return f">={major}.{minor},<{end}"


def with_article(kind: str) -> str:
    """ "an algorithm", "a network"."""
    return f"{'an' if kind[0] in 'aeiou' else 'a'} {kind}"


def _values(kind: str, names: Names, core_version: str) -> dict[str, str]:
    """What stands in the templates in place of $NAME."""
    group, page, modules, requires, trains = KINDS[kind]
    compatible_range = compatible(core_version)
    tests = (f"soulsai-core[testing]{compatible_range}", *(name + compatible_range for name in trains))
    return {
        "kind": kind,
        "a_kind": with_article(kind),
        "name": names.distribution,
        "package": names.package,
        "title": names.title,
        "group": group,
        "page": page,
        "requires": _listed((f"soulsai-core{compatible_range}", *requires)),
        "tests": _listed(tests),
        "files": "\n".join(f"| `src/{names.package}/{file}.py` | {text} |" for file, text in modules.items()),
    }


def _listed(requirements: tuple[str, ...]) -> str:
    return "\n".join(f'    "{requirement}",' for requirement in requirements)


def _rendered(kind: str, names: Names, values: Mapping[str, str]) -> Iterator[tuple[PurePosixPath, str]]:
    """Path in the new folder and text of each file."""
    root = files("soulsai_core.plugins.scaffold") / "templates"
    for folder in (root / "common", root / kind):
        for path, template in _templates(folder, PurePosixPath()):
            parts = [names.package if part == "package" else part for part in path.parts]
            text = Template(template.read_text(encoding="utf-8")).substitute(values)
            yield PurePosixPath(*parts).with_name(path.name.removesuffix(_SUFFIX)), text


def _templates(folder: Traversable, path: PurePosixPath) -> Iterator[tuple[PurePosixPath, Traversable]]:
    for found in sorted(folder.iterdir(), key=lambda item: item.name):
        if found.is_dir():
            yield from _templates(found, path / found.name)
        elif found.name.endswith(_SUFFIX):
            yield path / found.name, found
