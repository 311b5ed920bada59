"""`soulsai new`: a package for a new plugin."""

from __future__ import annotations

import argparse
from pathlib import Path

# Written out, because the help must not load what writes the package.
_KINDS = ("algorithm", "environment", "connector", "network", "wrapper")


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Kind and name of the plugin."""
    parser.add_argument("kind", choices=_KINDS, metavar="KIND", help=f"what to make: {', '.join(_KINDS)}")
    parser.add_argument("name", metavar="NAME", help="name of the package and of the plugin, such as my-game")
    parser.add_argument(
        "--folder",
        type=Path,
        default=Path(),
        metavar="FOLDER",
        help="where the package's folder is made (default: here)",
    )


def run(args: argparse.Namespace) -> int:
    """Write the package, and print what to do next."""
    from soulsai_core.errors import PluginError
    from soulsai_core.plugins.catalog import Catalog
    from soulsai_core.plugins.scaffold import check_unused, create, names_of, with_article

    names = names_of(args.name)
    if Catalog().has(args.kind, names.package):
        raise PluginError(
            f"There is {with_article(args.kind)} {names.package!r} installed already. Choose another name."
        )
    check_unused(names)
    folder = create(args.kind, names, args.folder)
    print(
        f"The {args.kind} {names.package} is in {folder}. Next, in that folder:\n\n"
        '    pip install -e ".[test]"\n'
        "    pytest\n"
        "    soulsai train"
    )
    return 0
