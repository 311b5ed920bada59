"""`soulsai config`: the default file, the settings in effect, a check of them, and a JSON schema."""

from __future__ import annotations

import argparse
from pathlib import Path

from soulsai_core.cli.options import add_config_arguments, add_set_argument, config_from


def add_arguments(parser: argparse.ArgumentParser) -> None:
    actions = parser.add_subparsers(dest="action", metavar="ACTION", required=True)
    default = actions.add_parser("default", help="print every setting with its default and a comment")
    add_set_argument(default)
    add_config_arguments(actions.add_parser("show", help="print the settings in effect, without secrets"))
    check = actions.add_parser("check", help="check whether a run could start with these settings")
    add_config_arguments(check)
    check.add_argument("--json", action="store_true", help="print JSON, for programs")
    schema = actions.add_parser("schema", help="print a JSON schema for editors, to complete and check config.yaml")
    schema.add_argument(
        "-o", "--output", type=Path, metavar="FILE", help="file to write it to; prints how an editor finds it"
    )


def run(args: argparse.Namespace) -> int:
    if args.action == "check":
        from soulsai_core.cli.doctor.command import run_config_check

        return run_config_check(args)
    print(_ACTIONS[args.action](args).rstrip("\n"), flush=True)
    return 0


def _default(args: argparse.Namespace) -> str:
    from soulsai_core.config import default_yaml
    from soulsai_core.plugins.catalog import Catalog

    return default_yaml(Catalog(), args.set)


def _show(args: argparse.Namespace) -> str:
    from soulsai_core.config import resolve
    from soulsai_core.config.yaml_text import dump
    from soulsai_core.plugins.catalog import Catalog

    return dump(resolve(config_from(args), Catalog()).public())


def _schema(args: argparse.Namespace) -> str:
    import json

    from soulsai_core.config import config_schema
    from soulsai_core.errors import ConfigError
    from soulsai_core.plugins.catalog import Catalog
    from soulsai_core.run_folder import replace_text

    text = json.dumps(config_schema(Catalog()), indent=2)
    if args.output is None:
        return text
    try:
        replace_text(args.output, f"{text}\n")
    except OSError as error:
        raise ConfigError(f"{args.output} cannot be written: {error.strerror}.") from None
    return (
        f"{args.output} has the settings of all installed plugins. An editor with a YAML extension uses it for files "
        f"in its folder that begin with this line:\n# yaml-language-server: $schema={args.output.name}"
    )


_ACTIONS = {"default": _default, "show": _show, "schema": _schema}
